package server

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/project"
)

const threeDevices = `
project: greenhouse
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    connections:
      - {name: c1, title: "1# dev", socket_conn_id: c0001}
      - {name: c2, socket_conn_id: c0002}
      - {name: off, socket_conn_id: c0009, enabled: false}
channels:
  - {name: ch1, connection: s1/c1, driver: raw, options: {echo: true}}
`

// TestIdentity is the life of a link before it has an identity: what it sends, when, and what becomes of it.
func TestIdentity(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name string
		run  func(w *sim, l *simLink)
		want Reason // notClosed: online as c1
		id   string // of the stranger that is listed
	}{
		{name: "at once", run: func(w *sim, l *simLink) { l.send("c0001") }},
		{name: "with a newline", run: func(w *sim, l *simLink) { l.send("c0001\r\n") }},
		{name: "a byte at a time", run: func(w *sim, l *simLink) {
			for _, b := range "c0001" {
				l.send(string(b))
				w.pass(150 * time.Millisecond)
			}
		}},
		{name: "unknown", run: func(w *sim, l *simLink) { l.send("c0007\n") }, want: ReasonUnknown, id: "c0007"},
		{name: "unknown, then silence", run: func(w *sim, l *simLink) { l.send("c0007"); w.pass(200 * time.Millisecond) },
			want: ReasonUnknown, id: "c0007"},
		{name: "empty", run: func(w *sim, l *simLink) { l.send("\n"); w.pass(10 * time.Second) }, want: ReasonTimeout},
		{name: "too long", run: func(w *sim, l *simLink) { l.send(long) }, want: ReasonRubbish},
		{name: "rubbish", run: func(w *sim, l *simLink) { l.send("\xff\xfe\x80\x81\n") }, want: ReasonUnknown,
			id: `"\xff\xfe\x80\x81"`},
		{name: "disabled", run: func(w *sim, l *simLink) { l.send("c0009") }, want: ReasonDisabled, id: "c0009"},
		{name: "a byte every 5 s", run: func(w *sim, l *simLink) {
			for range 4 {
				l.send("\n")
				w.pass(5 * time.Second)
			}
		}, want: ReasonTimeout},
		{name: "nothing", run: func(w *sim, l *simLink) { w.pass(10 * time.Second) }, want: ReasonTimeout},
		{name: "reset", run: func(w *sim, l *simLink) { l.hangUp(syscall.ECONNRESET) }, want: ReasonReset},
		{name: "half-close", run: func(w *sim, l *simLink) { l.hangUp(io.EOF) }, want: ReasonPeer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newSim(t, threeDevices)
			l := w.dial(0, "10.0.0.7:5000")
			tc.run(w, l)
			if tc.want == notClosed {
				v := w.wantState("c1", Online)
				if v.RemoteAddr != "10.0.0.7:5000" || v.Channel != "ch1" {
					t.Fatalf("c1 is %+v", v)
				}
				w.wantEvents("online c1")
				return
			}
			w.wantClosed(l, tc.want)
			w.wantState("c1", Offline)
			got := w.srv.Strangers()
			if !tc.want.stranger() {
				if len(got) != 0 {
					t.Fatalf("strangers %+v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].ID != tc.id || got[0].Reason != tc.want.String() || got[0].Count != 1 {
				t.Fatalf("strangers %+v, want one with id %s for %s", got, tc.id, tc.want)
			}
			if n := w.srv.Stats().Providers[0].Strangers[tc.want.String()]; n != 1 {
				t.Fatalf("%d counted", n)
			}
		})
	}
}

// TestTimeoutIsAbsolute holds the identity timeout to ten seconds from accept, to the millisecond.
func TestTimeoutIsAbsolute(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.7:5000")
	w.pass(9990 * time.Millisecond)
	l.send("c")
	w.pass(9 * time.Millisecond)
	if l.closed {
		t.Fatal("closed early")
	}
	w.pass(2 * time.Millisecond)
	w.wantClosed(l, ReasonTimeout)
}

// TestEcho passes bytes both ways, glued to the id and after it.
func TestEcho(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.7:5000").send("c0001hello").send(", world")
	if string(l.sent) != "hello, world" {
		t.Fatalf("echoed %q", l.sent)
	}
	if v := w.view("c1"); v.BytesIn != 17 || v.BytesOut != 12 {
		t.Fatalf("%d bytes in, %d out; want 17, 12", v.BytesIn, v.BytesOut)
	}
	l.hangUp(io.EOF)
	v := w.wantState("c1", Offline)
	if v.BytesIn != 17 || v.BytesOut != 12 || v.LastClose != "peer" {
		t.Fatalf("after the close: %+v", v)
	}
}

// TestTakeover lets a second session take the connection point: the first closes with that reason, its clean-up does
// not harm the second, and what is told is told in order.
func TestTakeover(t *testing.T) {
	w := newSim(t, threeDevices)
	first := w.dial(0, "10.0.0.7:5000").send("c0001")
	second := w.dial(1, "10.0.0.8:5000").send("c0001")
	w.wantClosed(first, ReasonTakeover)
	v := w.wantState("c1", Online)
	if v.RemoteAddr != "10.0.0.8:5000" || v.Reconnects != 1 || v.LastClose != "takeover" || second.closed {
		t.Fatalf("after the takeover: %+v", v)
	}
	w.wantEvents("online c1", "offline c1 takeover", "online c1")
	second.send("x")
	if string(second.sent) != "x" {
		t.Fatalf("the newest session echoed %q", second.sent)
	}
	if n := w.p.online.Load(); n != 1 {
		t.Fatalf("%d online", n)
	}
	second.hangUp(io.EOF)
	w.wantState("c1", Offline)
	if n := w.p.online.Load(); n != 0 {
		t.Fatalf("%d online after the last left", n)
	}
}

// TestOldest keeps the session that is there.
func TestOldest(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    on_duplicate: oldest", 1))
	first := w.dial(0, "10.0.0.7:5000").send("c0001")
	second := w.dial(1, "10.0.0.8:5000").send("c0001")
	w.wantClosed(second, ReasonDuplicate)
	if first.closed || w.wantState("c1", Online).RemoteAddr != "10.0.0.7:5000" {
		t.Fatal("the older session was harmed")
	}
	if got := w.srv.Strangers(); len(got) != 0 {
		t.Fatalf("a known device is listed as a stranger: %+v", got)
	}
}

// TestFlapping raises one alarm when two devices with one id take turns.
func TestFlapping(t *testing.T) {
	w := newSim(t, threeDevices)
	for i := range 20 {
		w.dial(i%2, fmt.Sprintf("10.0.0.%d:5000", i%2+1)).send("c0001")
		w.pass(time.Second)
	}
	alarms := 0
	for _, e := range w.events() {
		if strings.HasPrefix(e, "flapping c1") {
			alarms++
		}
	}
	if alarms != 1 || w.srv.Stats().Flaps != 1 {
		t.Fatalf("%d alarms, %d counted; want 1", alarms, w.srv.Stats().Flaps)
	}
	w.wantState("c1", Online)
}

// TestSlowReader closes a device that does not take its bytes: at once when the bound is reached, after ten seconds
// when less is left; and does not close one that is merely slow.
func TestSlowReader(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.7:5000").send("c0001")
	l.stuck = true
	l.send(strings.Repeat("x", 40<<10))
	if l.closed {
		t.Fatal("closed below the bound")
	}
	l.send(strings.Repeat("x", 40<<10))
	w.wantClosed(l, ReasonSlow)

	l = w.dial(0, "10.0.0.7:5001").send("c0001")
	l.stuck = true
	l.send("hello")
	w.pass(9 * time.Second)
	l.pending = l.pending[1:] // it took one
	w.pass(9 * time.Second)
	if l.closed {
		t.Fatal("closed though it reads")
	}
	w.pass(11 * time.Second)
	w.wantClosed(l, ReasonSlow)
}

// TestIdle closes a link that is silent for the idle limit, not one that speaks.
func TestIdle(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    idle_timeout: 30s", 1))
	l := w.dial(0, "10.0.0.7:5000").send("c0001")
	for range 5 {
		w.pass(29 * time.Second)
		l.send("x")
	}
	w.pass(29999 * time.Millisecond)
	if l.closed {
		t.Fatal("closed early")
	}
	w.pass(2 * time.Millisecond)
	w.wantClosed(l, ReasonIdle)
}

// TestIdleDefault: without a word in the project the limit is an hour; 0s means never.
func TestIdleDefault(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.7:5000").send("c0001")
	w.pass(40 * time.Minute)
	l.send("x")
	w.pass(59 * time.Minute)
	if l.closed {
		t.Fatal("closed early")
	}
	w.pass(2 * time.Minute)
	w.wantClosed(l, ReasonIdle)

	w = newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    idle_timeout: 0s", 1))
	l = w.dial(0, "10.0.0.7:5000").send("c0001")
	w.pass(100 * time.Hour)
	if l.closed {
		t.Fatalf("closed for %s", l.why)
	}
}

// TestDownlinkKeepalive speaks to a device when linkd has not for a while, and only then.
func TestDownlinkKeepalive(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0",
		"local_port: 0\n    downlink_keepalive: {every: 60s, data: \"hex:00\"}", 1))
	l := w.dial(0, "10.0.0.7:5000").send("c0001")
	w.pass(59 * time.Second)
	l.send("x") // echoed: linkd has spoken
	w.pass(59 * time.Second)
	if string(l.sent) != "x" {
		t.Fatalf("sent %q", l.sent)
	}
	w.pass(62 * time.Second)
	if string(l.sent) != "x\x00\x00" {
		t.Fatalf("sent %q", l.sent)
	}
}

// TestFixIP binds by address: the exact one before the prefix, and nobody else.
func TestFixIP(t *testing.T) {
	w := newSim(t, `
project: plant
providers:
  - name: plant
    type: tcp-server
    local_port: 0
    conn_identity: fix-ip
    connections:
      - {name: boiler, remote_ip: 10.1.2.3}
      - {name: hall, remote_ip: 10.1.2.0/24}
      - {name: six, remote_ip: "2001:db8::/32"}
channels:
  - {name: "ch_{connection}", connection: plant/*, driver: raw, options: {echo: true}}
`)
	l := w.dial(0, "10.1.2.3:1").send("abc")
	w.wantState("boiler", Online)
	if string(l.sent) != "abc" {
		t.Fatalf("echoed %q", l.sent)
	}
	w.dial(1, "10.1.2.4:1")
	w.wantState("hall", Online)
	w.dial(1, "[2001:db8::7]:1")
	if v := w.wantState("six", Online); v.Channel != "ch_six" || v.RemoteAddr != "[2001:db8::7]:1" {
		t.Fatalf("six is %+v", v)
	}
	out := w.dial(0, "10.1.3.3:1")
	w.wantClosed(out, ReasonAddress)
	if got := w.srv.Strangers(); len(got) != 1 || got[0].RemoteAddr != "10.1.3.3:1" || got[0].Reason != "address" {
		t.Fatalf("strangers %+v", got)
	}
}

// TestSecret refuses an id without its secret.
func TestSecret(t *testing.T) {
	w := newSim(t, `
project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    identity: {preset: regex, pattern: '(?P<id>\w+):(?P<secret>\w+);'}
    connections:
      - {name: c1, socket_conn_id: c0001, secret: xyzzy}
`)
	for _, wrong := range []string{"c0001:xyzz;", "c0001:plugh;"} {
		w.wantClosed(w.dial(0, "10.0.0.7:5000").send(wrong), ReasonSecret)
	}
	w.dial(0, "10.0.0.7:5000").send("c0001:xyzzy;")
	w.wantState("c1", Online)
}

// TestProxyHeader takes the source address from a trusted balancer, and only from it.
func TestProxyHeader(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    proxy_from: [192.0.2.0/24]", 1))
	head := "PROXY TCP4 10.9.8.7 192.0.2.1 4321 30000\r\n"
	l := w.dial(0, "192.0.2.1:5000")
	for _, b := range head + "c0001" {
		l.send(string(b))
	}
	if v := w.wantState("c1", Online); v.RemoteAddr != "10.9.8.7:4321" {
		t.Fatalf("remote is %s", v.RemoteAddr)
	}
	w.wantClosed(w.dial(0, "192.0.2.1:5001").send("c0001"), ReasonRubbish)
	w.wantClosed(w.dial(0, "192.0.2.9:5002").send("PROXY TCP4 no.pe\r\n"), ReasonRubbish)
	l = w.dial(1, "10.0.0.1:1").send(head + "c0001")
	w.pass(time.Second)
	if v := w.view("c1"); v.RemoteAddr != "10.9.8.7:4321" || !l.closed {
		t.Fatalf("a source that is not trusted spoke for another: %+v", v)
	}
}

// panicky is a driver that panics when it is told to.
func panicky() *drivers.Driver {
	return &drivers.Driver{Name: "panicky", Title: "panics", Links: []project.LinkKind{project.TCPServer}, MaxFrame: 8,
		Compile: func(*project.Channel, []*project.Model) (drivers.Channel, error) { return panicker{}, nil }}
}

type panicker struct{}

func (panicker) Machine() drivers.Machine      { return panicker{} }
func (panicker) Open(int64, drivers.Link)      {}
func (panicker) Close(_ int64, _ drivers.Link) {}
func (panicker) Timer(int64, drivers.Link)     { panic("in a timer") }

func (panicker) Receive(_ int64, b []byte, l drivers.Link) int {
	switch b[0] {
	case 'p':
		panic("told to")
	case 't':
		l.Wake(int64(time.Second))
	case 'f':
		l.Fail("had enough")
	case 'w':
		return 0
	}
	return len(b)
}

// TestDriverFaults: a driver that panics, gives up or never finds a frame loses its own link and no other.
func TestDriverFaults(t *testing.T) {
	src := strings.Replace(threeDevices, "driver: raw, options: {echo: true}", "driver: panicky", 1)
	for _, tc := range []struct {
		send string
		want Reason
	}{{"p", ReasonPanic}, {"t", ReasonPanic}, {"f", ReasonDriver}, {"w12345678", ReasonOverflow}} {
		t.Run(tc.want.String()+" "+tc.send, func(t *testing.T) {
			w := newSim(t, src, panicky())
			other := w.dial(0, "10.0.0.8:5000").send("c0002")
			l := w.dial(0, "10.0.0.7:5000").send("c0001").send(tc.send)
			w.pass(2 * time.Second)
			w.wantClosed(l, tc.want)
			other.send("still here")
			if other.closed {
				t.Fatal("another link was harmed")
			}
			w.dial(0, "10.0.0.7:5000").send("c0001")
			w.wantState("c1", Online)
		})
	}
}

// TestWriteFails: the kernel refusing a write, inside a driver's call, ends the session once and in order.
func TestWriteFails(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.7:5000").send("c0001")
	l.broken = syscall.EPIPE
	l.send("hello")
	w.wantClosed(l, ReasonReset)
	w.wantState("c1", Offline)
	w.wantEvents("online c1", "offline c1 reset")
	if n := w.srv.sessions.Load(); n != 0 {
		t.Fatalf("%d sessions left", n)
	}
}
