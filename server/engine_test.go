package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"linkd/drivers"
	"linkd/drivers/raw"
	"linkd/project"
)

// live runs a project on real sockets until the test ends.
func live(t *testing.T, src string, table ...*drivers.Driver) *Server {
	t.Helper()
	s := New(Config{Log: slog.New(slog.DiscardHandler), Drivers: append(drivers.Table{raw.Driver()}, table...)})
	p, err := project.Parse("live.yaml", []byte(src), s.cfg.Drivers)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.draining.Load() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// addr is the address on loopback of the only listener.
func addr(t *testing.T, s *Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Providers()[0].LocalAddr)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

func dial(t *testing.T, addr, say string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, say); err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until ok, for ten seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func stateIs(s *Server, name string, want State) func() bool {
	return func() bool {
		v, err := s.Connection("s1", name)
		return err == nil && v.State == want
	}
}

// closedByPeer reports whether the other end has closed c; bytes that come first are passed over.
func closedByPeer(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatal("the link was not closed")
	}
}

func ignoreGnet() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock")
}

// TestLive is the main job on a real socket: identity, bytes both ways, send with an answer, tap, kick, drain.
func TestLive(t *testing.T) {
	s := live(t, threeDevices)
	_, frames, stop, err := s.Tap(t.Context(), "s1", "c2")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := dial(t, addr(t, s), "c0002")
	eventually(t, "c2 online", stateIs(s, "c2", Online))
	go func() {
		line, _ := bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, "you said "+line)
	}()
	res, err := s.Send(t.Context(), "s1", "c2", []byte("hello\n"), 5*time.Second)
	if err != nil || res.Sent != 6 || string(res.Received) != "you said hello\n" {
		t.Fatalf("send: %+v, %v", res, err)
	}
	for _, want := range []string{"in! c0002", "out hello\n", "in you said hello\n"} {
		f := <-frames
		if got := frameLine(f); got != want {
			t.Fatalf("tapped %q, want %q", got, want)
		}
		if f.Remote.String() != c.LocalAddr().String() || f.Local.String() != c.RemoteAddr().String() {
			t.Errorf("tapped between %v and %v, want %v and %v", f.Remote, f.Local, c.LocalAddr(), c.RemoteAddr())
		}
	}
	kept, err := s.Frames(t.Context(), "s1", "c2")
	if err != nil || len(kept) != 3 || kept[0].Remote.String() != c.LocalAddr().String() ||
		kept[0].Local.String() != c.RemoteAddr().String() {
		t.Fatalf("kept %+v, %v; want three frames between %v and %v", kept, err, c.LocalAddr(), c.RemoteAddr())
	}
	if err := s.Kick("s1", "c2"); err != nil {
		t.Fatal(err)
	}
	closedByPeer(t, c)
	if v, _ := s.Connection("s1", "c2"); v.State != Offline || v.LastClose != "kicked" {
		t.Fatalf("after the kick: %+v", v)
	}
	if _, err := s.Send(t.Context(), "s1", "c2", []byte("x"), 0); !errors.Is(err, ErrOffline) {
		t.Fatalf("send to an offline device: %v", err)
	}
	if err := s.Kick("s1", "c2"); !errors.Is(err, ErrOffline) {
		t.Fatalf("kick of an offline device: %v", err)
	}
	if _, err := s.Send(t.Context(), "s1", "c7", []byte("x"), 0); err == nil || !strings.Contains(err.Error(), "c7") {
		t.Fatalf("send to nobody: %v", err)
	}
}

// TestTunnelLive pipes both ways and ends with the session.
func TestTunnelLive(t *testing.T) {
	s := live(t, threeDevices)
	if _, err := s.Tunnel("s1", "c2"); !errors.Is(err, ErrOffline) {
		t.Fatalf("a tunnel to an offline device: %v", err)
	}
	c := dial(t, addr(t, s), "c0002")
	eventually(t, "c2 online", stateIs(s, "c2", Online))
	tun, err := s.Tunnel("s1", "c2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tun.Close() }()
	big := strings.Repeat("0123456789", 30000) // more than the outbound bound
	go func() { _, _ = io.WriteString(tun, big) }()
	got := make([]byte, len(big))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != big {
		t.Fatalf("the device read %d bytes, %v", len(got), err)
	}
	_, _ = io.WriteString(c, "pong")
	if _, err := io.ReadFull(tun, got[:4]); err != nil || string(got[:4]) != "pong" {
		t.Fatalf("read %q, %v", got[:4], err)
	}
	_ = c.Close()
	if _, err := tun.Read(got); !errors.Is(err, io.EOF) {
		t.Fatalf("after the session: %v", err)
	}
}

// TestDrainLive stops with links open: each is closed for that reason, nothing is left running.
func TestDrainLive(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := live(t, threeDevices)
	events, stop := s.Subscribe()
	defer stop()
	c := dial(t, addr(t, s), "c0001")
	silent := dial(t, addr(t, s), "")
	eventually(t, "c1 online", stateIs(s, "c1", Online))
	eventually(t, "two links", func() bool { return s.Stats().Sessions == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	closedByPeer(t, c)
	closedByPeer(t, silent)
	var last Event
	for e := range events {
		if e.Kind == "offline" {
			last = e
		}
	}
	if last.Connection != "c1" || last.Reason != "drain" {
		t.Fatalf("the last offline event is %+v", last)
	}
	if n := s.Stats().Sessions; n != 0 {
		t.Fatalf("%d sessions after the drain", n)
	}
	goleak.VerifyNone(t, before, ignoreGnet())
}

// TestStormWithReaders lets many devices come, talk, take over and go while others read every view: what the race
// detector is for. In the end nothing is left, and every accepted link is accounted for.
func TestStormWithReaders(t *testing.T) {
	s := live(t, project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:04}", from: 1, to: 40`},
		`name: "ch_{connection}", connection: s1/*, driver: raw, options: {echo: true}`))
	done := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		events, stop := s.Subscribe()
		defer stop()
		for {
			select {
			case <-events:
			case <-done:
				return
			}
			s.Stats()
			s.Providers()
			s.Strangers()
			if _, _, err := s.Connections(ConnQuery{Search: "f1", State: Online}); err != nil {
				t.Error(err)
			}
			_, _ = s.Send(t.Context(), "s1", "f3", []byte("x"), 0)
		}
	})
	at := addr(t, s)
	var devices sync.WaitGroup
	const each = 30
	for d := range 8 {
		devices.Go(func() {
			for i := range each {
				c, err := net.Dial("tcp", at)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = fmt.Fprintf(c, "c%04dhello", (d*7+i*3)%40+1)
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err := c.Read(make([]byte, 5)); err != nil && strings.Contains(err.Error(), "timeout") {
					t.Error("no echo")
				}
				_ = c.Close()
			}
		})
	}
	devices.Wait()
	close(done)
	readers.Wait()
	eventually(t, "all gone", func() bool { return s.Stats().Sessions == 0 })
	st := s.Stats().Providers[0]
	closes := uint64(0)
	for _, n := range st.Closes {
		closes += n
	}
	if closes != 8*each || st.Online != 0 || st.Sessions["identified"] != 8*each {
		t.Fatalf("%d closes of %d links, %d identified, %d online; %v", closes, 8*each, st.Sessions["identified"], st.Online,
			st.Closes)
	}
}
