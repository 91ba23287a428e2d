package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// tunnelServer is a linkd with s1/c1, whose tunnel ends at far, and s1/c2, which is offline.
func tunnelServer(t *testing.T) (url string, far <-chan net.Conn) {
	t.Helper()
	ends := make(chan net.Conn, 4)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") == "":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, row1)
		case strings.HasSuffix(r.URL.Path, "/s1/c1/tunnel"):
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"+
				"Upgrade: linkd-tunnel\r\n\r\nhello")
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			t.Cleanup(func() { conn.Close() })
			ends <- conn
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"detail":"connection s1/c2: offline; it must be online for this"}`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, ends
}

// startTunnel runs the command until the test ends it, and returns the address it listens on.
func startTunnel(t *testing.T, url, point string) (addr string, stderr *lockedBuffer, end func() int) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	t.Cleanup(interrupt)
	out, errs := newLockedBuffer(), newLockedBuffer()
	status := make(chan int, 1)
	line := []string{"linkd", "tunnel", point, "--listen", "127.0.0.1:0", "--url", url}
	go func() { status <- run(ctx, line, out, errs) }()
	said := out.await(t, func(s string) bool { return strings.HasSuffix(s, "\n") })
	addr, ok := strings.CutPrefix(strings.TrimSuffix(said, " for "+point+"\n"), "listening on ")
	if !ok {
		t.Fatalf("said %q", said)
	}
	return addr, errs, func() int {
		interrupt()
		return <-status
	}
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

func wantBytes(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("got %q (%v), want %q", b, err, want)
	}
}

func TestTunnel(t *testing.T) {
	url, far := tunnelServer(t)
	addr, stderr, end := startTunnel(t, url, "s1/c1")

	c := dial(t, addr)
	device := <-far
	wantBytes(t, c, "hello")
	_, _ = io.WriteString(c, "ask\x00")
	wantBytes(t, device, "ask\x00")

	second := dial(t, addr)
	if b, err := io.ReadAll(second); len(b) > 0 {
		t.Errorf("a second client got %q (%v)", b, err)
	}
	want := fmt.Sprintf("linkd: %s: refused, as %s has the tunnel; one client at a time\n",
		second.LocalAddr(), c.LocalAddr())
	stderr.await(t, func(s string) bool { return s == want })

	_ = c.CloseWrite() // half: the answer must still come
	if b, err := io.ReadAll(device); err != nil || len(b) > 0 {
		t.Errorf("the device's side read %q (%v), want EOF", b, err)
	}
	_, _ = io.WriteString(device, "answer")
	device.Close()
	if b, err := io.ReadAll(c); err != nil || string(b) != "answer" {
		t.Errorf("got %q (%v)", b, err)
	}
	c.Close()

	if status := end(); status != 0 || stderr.String() != want {
		t.Errorf("exit status %d, stderr %q", status, stderr)
	}
}

func TestTunnelInterrupted(t *testing.T) {
	url, far := tunnelServer(t)
	addr, _, end := startTunnel(t, url, "s1/c1")
	c := dial(t, addr)
	device := <-far
	wantBytes(t, c, "hello")
	if status := end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the client's connection is alive")
	}
	if _, err := device.Read(make([]byte, 1)); err == nil {
		t.Error("the device's connection is alive")
	}
}

func TestTunnelOffline(t *testing.T) {
	url, _ := tunnelServer(t)
	addr, stderr, end := startTunnel(t, url, "s1/c2")
	c := dial(t, addr)
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("got %q (%v)", b, err)
	}
	want := fmt.Sprintf("linkd: %s: connection s1/c2: offline; it must be online for this\n", c.LocalAddr())
	stderr.await(t, func(s string) bool { return s == want })
	if status := end(); status != 0 {
		t.Errorf("exit status %d: it goes on when a client finds the device offline", status)
	}
}
