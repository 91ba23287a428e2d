package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dialTunnel opens a tunnel and returns the client's end, and a reader that has what came after the answer.
func dialTunnel(t *testing.T, base, point string, early ...string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	return dialTunnelAs(t, "operator", base, point, early...)
}

func dialTunnelAs(t *testing.T, token, base, point string, early ...string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	host := strings.TrimPrefix(base, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "GET /api/v1/connections/%s/tunnel HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"+
		"Upgrade: linkd-tunnel\r\nAuthorization: Bearer %s\r\n\r\n%s", point, host, token, strings.Join(early, ""))
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "linkd-tunnel" {
		t.Fatalf("answer %s, Upgrade %q", resp.Status, resp.Header.Get("Upgrade"))
	}
	return c.(*net.TCPConn), r
}

// farEnd is the device's end of the newest tunnel.
func (f *fakeCore) farEnd(t *testing.T) net.Conn {
	t.Helper()
	select {
	case c := <-f.far:
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		t.Fatal("no tunnel was opened")
		return nil
	}
}

func wantBytes(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("got %q (%v), want %q", b, err, want)
	}
}

func TestTunnelCarriesBothWays(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	c, r := dialTunnel(t, base, "s1/c1", "early")
	device := f.farEnd(t)
	wantBytes(t, device, "early") // sent with the request: it must not be lost in a buffer
	_, _ = io.WriteString(device, "\x00answer\xff")
	wantBytes(t, r, "\x00answer\xff")
	_, _ = io.WriteString(c, "more")
	wantBytes(t, device, "more")
}

func TestTunnelDeviceEnds(t *testing.T) {
	f := newFakeCore()
	a, base := start(t, f)
	_, r := dialTunnel(t, base, "s1/c1")
	device := f.farEnd(t)
	_, _ = io.WriteString(device, "last words")
	device.Close()
	rest, err := io.ReadAll(r)
	if err != nil || string(rest) != "last words" {
		t.Errorf("got %q (%v)", rest, err)
	}
	a.tunnels.Wait() // the client keeps its half: the time of linger bounds it
}

func TestTunnelClientEnds(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		f := newFakeCore()
		_, base := start(t, f, func(a *API) { a.linger = time.Millisecond })
		c, _ := dialTunnel(t, base, "s1/c1")
		device := f.farEnd(t)
		c.Close()
		if _, err := device.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the device's side: %v, want EOF", err)
		}
	})
	t.Run("half, and still gets the answer", func(t *testing.T) {
		f := newFakeCore()
		_, base := start(t, f)
		c, r := dialTunnel(t, base, "s1/c1")
		device := f.farEnd(t)
		_, _ = io.WriteString(c, "ask")
		_ = c.CloseWrite()
		wantBytes(t, device, "ask")
		_, _ = io.WriteString(device, "answer")
		device.Close()
		rest, err := io.ReadAll(r)
		if err != nil || string(rest) != "answer" {
			t.Errorf("got %q (%v)", rest, err)
		}
	})
}

func TestTunnelRefusals(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	const tunnel = "/api/v1/connections/s1/%s/tunnel"
	upgrade := []string{"Connection: Upgrade", "Upgrade: linkd-tunnel"}
	for _, c := range []struct {
		name   string
		header []string
		status int
		detail string
	}{
		{"c1", nil, 426, `header.Upgrade: expected linkd-tunnel, not ""`},
		{"c1", []string{"Connection: Upgrade", "Upgrade: websocket"}, 426,
			`header.Upgrade: expected linkd-tunnel, not "websocket"`},
		{"c2", upgrade, 409, "connection s1/c2: offline; it must be online for this"},
		{"c9", upgrade, 404, `provider s1 has no connection "c9"`},
	} {
		resp, got := ask(t, "GET", base+fmt.Sprintf(tunnel, c.name), "", c.header...)
		wantProblem(t, resp, got, c.status, c.detail)
		if c.status == 426 && resp.Header.Get("Upgrade") != "linkd-tunnel" {
			t.Errorf("Upgrade %q", resp.Header.Get("Upgrade"))
		}
	}
}
