package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"linkd/drivers"
	"linkd/drivers/raw"
	"linkd/project"
)

// TestListenErrors: an address that is taken, by anybody, is refused in words in spite of SO_REUSEPORT.
func TestListenErrors(t *testing.T) {
	s := live(t, threeDevices)
	_, port, _ := net.SplitHostPort(addr(t, s))
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	_, taken, _ := net.SplitHostPort(other.Addr().String())
	for _, tc := range []struct{ at, want string }{
		{"local_port: " + port, "cannot listen on :" + port + ": the address is in use"},
		{"local_ip: 127.0.0.1\n    local_port: " + port, "cannot listen on 127.0.0.1:" + port + ": the address is in use"},
		{"local_port: " + taken, "cannot listen on :" + taken + ": the address is in use"},
		{"local_ip: 192.0.2.1\n    local_port: 0", "cannot listen on 192.0.2.1:0: local_ip is no address of this machine"},
	} {
		second := New(Config{Log: slog.New(slog.DiscardHandler), Drivers: drivers.Table{raw.Driver()}})
		src := strings.Replace(threeDevices, "local_port: 0", tc.at, 1)
		p, err := project.Parse("x.yaml", []byte(src), second.cfg.Drivers)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Apply(p); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.at, err, tc.want)
		}
		if second.Ready() == nil {
			t.Error("ready without a listener")
		}
		if err := second.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestLocalIP listens on that address and no other.
func TestLocalIP(t *testing.T) {
	s := live(t, strings.Replace(threeDevices, "local_port: 0", "local_ip: 127.0.0.9\n    local_port: 0", 1))
	at := s.Providers()[0].LocalAddr
	if !strings.HasPrefix(at, "127.0.0.9:") {
		t.Fatalf("listens on %s", at)
	}
	dial(t, at, "c0001")
	eventually(t, "c1 online", stateIs(s, "c1", Online))
	if c, err := net.Dial("tcp", addr(t, s)); err == nil {
		_ = c.Close()
		t.Fatal("it listens on 127.0.0.1 too")
	}
}

// TestHalfOpenDefaults: without a word in the project, a link has the kernel look for a device that vanished.
func TestHalfOpenDefaults(t *testing.T) {
	s := live(t, threeDevices)
	dial(t, addr(t, s), "c0001")
	eventually(t, "c1 online", stateIs(s, "c1", Online))
	owner := s.providers[0].pts.at(1).binding.Owner()
	got := make(chan [3]int, 1)
	err := s.post(owner, func(_ int64, ses *session) {
		fd := ses.conn.(gnet.Conn).Fd()
		alive, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		idle, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
		user, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		got <- [3]int{alive, idle, user}
	})
	if err != nil {
		t.Fatal(err)
	}
	if g := <-got; g != [3]int{1, 60, 90_000} {
		t.Fatalf("SO_KEEPALIVE, TCP_KEEPIDLE, TCP_USER_TIMEOUT are %v; want 1, 60 s, 90000 ms", g)
	}
}

// TestSupervision: an engine that ends by itself is started again, its links closed with a reason, others untouched.
func TestSupervision(t *testing.T) {
	s := live(t, threeDevices)
	c := dial(t, addr(t, s), "c0001")
	eventually(t, "c1 online", stateIs(s, "c1", Online))
	v := s.providers[0].supervisor
	e := <-v.engine
	g := <-e.booted
	e.booted <- g
	v.engine <- e
	go func() { _ = g.Stop(context.Background()) }() // as if accepting had failed: nobody asked this engine to stop
	closedByPeer(t, c)
	eventually(t, "restarted", func() bool { return s.Stats().Restarts == 1 && s.Ready() == nil })
	if v, _ := s.Connection("s1", "c1"); v.LastClose != "engine" {
		t.Fatalf("c1 closed for %q", v.LastClose)
	}
	dial(t, addr(t, s), "c0001")
	eventually(t, "c1 online again", stateIs(s, "c1", Online))
}

// TestProvidersLive adds, removes and moves providers while a link of another one goes on.
func TestProvidersLive(t *testing.T) {
	provider := func(name, ip string) string {
		return fmt.Sprintf("  - {name: %s, type: tcp-server, local_ip: %s, local_port: 0, "+
			"connections: [{name: c1, socket_conn_id: c0001}]}\n", name, ip)
	}
	s := live(t, "project: p\nproviders:\n"+provider("s1", "127.0.0.1")+provider("s2", "127.0.0.1")+
		"channels:\n  - {name: ch, connection: s1/c1, driver: raw, options: {echo: true}}\n")
	at := func(name string) string {
		for _, p := range s.Providers() {
			if p.Name == name {
				return p.LocalAddr
			}
		}
		t.Fatalf("no provider %s", name)
		return ""
	}
	stays, goes := dial(t, at("s1"), "c0001"), dial(t, at("s2"), "c0001")
	eventually(t, "both online", func() bool {
		a, _ := s.Connection("s1", "c1")
		b, _ := s.Connection("s2", "c1")
		return a.State == Online && b.State == Online
	})
	old := at("s2")
	next, err := project.Parse("next.yaml", []byte("project: p\nproviders:\n"+provider("s3", "127.0.0.3")+
		provider("s1", "127.0.0.1")+"channels:\n  - {name: ch, connection: s1/c1, driver: raw, options: {echo: true}}\n"),
		s.cfg.Drivers)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(next); err != nil {
		t.Fatal(err)
	}
	closedByPeer(t, goes)
	if c, err := net.Dial("tcp", old); err == nil {
		_ = c.Close()
		t.Fatal("a removed provider still listens")
	}
	dial(t, at("s3"), "c0001")
	eventually(t, "s3/c1 online", func() bool { v, _ := s.Connection("s3", "c1"); return v.State == Online })
	_, _ = io.WriteString(stays, "still here")
	got := make([]byte, 10)
	if _, err := io.ReadFull(stays, got); err != nil || string(got) != "still here" {
		t.Fatalf("the link of s1 echoed %q, %v", got, err)
	}
	if v, _ := s.Connection("s1", "c1"); v.Session != 1 && v.Reconnects != 0 {
		t.Fatalf("the link of s1 was touched: %+v", v)
	}
}

// TestDialOut keeps a tcp-client connection up: it dials, is served like any other link, and redials when it is lost.
func TestDialOut(t *testing.T) {
	device, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	_, port, _ := net.SplitHostPort(device.Addr().String())
	s := live(t, fmt.Sprintf(`
project: p
providers:
  - name: s1
    type: tcp-client
    local_ip: 127.0.0.5
    redial_min: 10ms
    redial_max: 50ms
    connections:
      - {name: c1, host: 127.0.0.1, port: %s}
      - {name: dead, host: 127.0.0.1, port: 1}
channels:
  - {name: ch, connection: s1/c1, driver: raw, options: {echo: true}}
`, port))
	for range 3 {
		c, err := device.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(c.RemoteAddr().String(), "127.0.0.5:") {
			t.Fatalf("dialled from %s", c.RemoteAddr())
		}
		_, _ = io.WriteString(c, "hello")
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
			t.Fatalf("echoed %q, %v", got, err)
		}
		if !stateIs(s, "c1", Online)() {
			t.Fatal("c1 is not online")
		}
		_ = c.Close()
	}
	eventually(t, "failures of the dead one counted", func() bool { return s.providers[0].dialFailures.Load() > 2 })
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
}
