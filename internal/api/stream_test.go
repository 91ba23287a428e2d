package api

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"linkd/server"
)

// open starts a stream and returns its answer and a reader of its lines. The stream ends with the test.
func open(t *testing.T, url string) (*http.Response, *bufio.Reader) {
	t.Helper()
	return openAs(t, url, "viewer")
}

func openAs(t *testing.T, url, token string) (*http.Response, *bufio.Reader) {
	t.Helper()
	return openWith(t, url, "Authorization: Bearer "+token)
}

// openWith opens a stream with header lines.
func openWith(t *testing.T, url string, header ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

func wantLines(t *testing.T, r *bufio.Reader, want ...string) {
	t.Helper()
	for _, w := range want {
		got, err := r.ReadString('\n')
		if err != nil || got != w+"\n" {
			t.Fatalf("got %q (%v), want %q", got, err, w)
		}
	}
}

func TestEvents(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	resp, lines := open(t, base+"/api/v1/events?provider=s1")
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
	wantLines(t, lines, ": linkd", "")
	f.events <- server.Event{Kind: "online", Provider: "other"}
	f.events <- server.Event{
		Kind: "offline", Time: moment, Provider: "s1", Connection: "c1", ID: "c0001", Session: 3,
		RemoteAddr: "10.0.0.9:4000", Reason: "a\nb",
	}
	f.events <- server.Event{Kind: "lost", Time: moment, Reason: "7 events"}
	wantLines(t, lines, "event: offline", `data: {"time":"2026-03-01T11:00:00.5Z","kind":"offline","provider":"s1",`+
		`"connection":"c1","id":"c0001","session":3,"remote_addr":"10.0.0.9:4000","reason":"a\nb"}`, "",
		"event: lost", `data: {"time":"2026-03-01T11:00:00.5Z","kind":"lost","provider":"","connection":"","id":"",`+
			`"session":0,"remote_addr":"","reason":"7 events"}`, "")
	resp.Body.Close()
	if what := f.stopped(t); what != "events" {
		t.Errorf("stopped %s", what)
	}
}

func TestStreamHeartbeat(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f, func(a *API) { a.heartbeat = time.Millisecond })
	_, lines := open(t, base+"/api/v1/events")
	wantLines(t, lines, ": linkd", "", ": still here", "", ": still here", "")
}

func TestStreamHead(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	resp, _ := ask(t, "HEAD", base+"/api/v1/events", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("status %d, %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	f.stopped(t)
}

func TestStreamsAreBounded(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f, func(a *API) { a.streams = make(chan struct{}, 1) })
	resp, lines := open(t, base+"/api/v1/events")
	wantLines(t, lines, ": linkd")
	second, got := ask(t, "GET", base+"/api/v1/connections/s1/c1/tap", "")
	wantProblem(t, second, got, 503, "too many streams, taps and tunnels at once; close one of them first")
	resp.Body.Close()
	f.stopped(t)
}

func TestStreamPlaceIsGivenBack(t *testing.T) {
	f := newFakeCore()
	a, base := start(t, f, func(a *API) { a.streams = make(chan struct{}, 1) })
	for range 3 {
		for _, path := range []string{"s1/c9/tap", "s1/c9/tunnel", "s1/c2/tunnel"} {
			resp, got := ask(t, "GET", base+"/api/v1/connections/"+path, "",
				"Connection: Upgrade", "Upgrade: linkd-tunnel")
			if resp.StatusCode == 503 {
				t.Fatalf("%s: %s", path, got)
			}
		}
	}
	if len(a.streams) != 0 {
		t.Errorf("%d places are kept", len(a.streams))
	}
}

func TestCloseEndsStreams(t *testing.T) {
	f := newFakeCore()
	a, base := start(t, f)
	_, lines := open(t, base+"/api/v1/events")
	wantLines(t, lines, ": linkd", "")
	conn, _ := dialTunnel(t, base, "s1/c1")
	closeAPI(t, a)
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("stream after Close: %v, want EOF", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the tunnel is alive after Close")
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		t.Error("it still listens after Close")
	}
}
