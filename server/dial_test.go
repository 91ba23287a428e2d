package server

import (
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/project"
)

// TestDialledLink: a link that linkd dialled is online at once, and keeps the same times as others; one whose
// connection point has been disabled meanwhile is closed.
func TestDialledLink(t *testing.T) {
	w := newSim(t, `
project: p
providers:
  - name: s1
    type: tcp-client
    idle_timeout: 30s
    downlink_keepalive: {every: 10s, data: ping}
    connections:
      - {name: c1, host: 127.0.0.1, port: 1}
      - {name: off, host: 127.0.0.1, port: 2, enabled: false}
channels:
  - {name: ch, connection: s1/c1, driver: raw, options: {echo: true}}
`)
	n, _ := w.p.pts.find("c1")
	l := w.link(0, "10.0.0.1:502", n).send("abc")
	if w.wantState("c1", Online); string(l.sent) != "abc" {
		t.Fatalf("echoed %q", l.sent)
	}
	w.pass(11 * time.Second)
	if string(l.sent) != "abcping" {
		t.Fatalf("sent %q", l.sent)
	}
	w.pass(20 * time.Second)
	w.wantClosed(l, ReasonIdle)
	n, _ = w.p.pts.find("off")
	w.wantClosed(w.link(0, "10.0.0.2:502", n), ReasonDisabled)
	if n := w.srv.sessions.Load(); n != 0 {
		t.Fatalf("%d sessions left", n)
	}
}

// stillborn is a channel whose machines cannot be made.
type stillborn struct{}

func (stillborn) Machine() drivers.Machine { panic("no machine") }

// TestStillborn: a driver that panics while its machine is made loses the link, and the connection point is free.
func TestStillborn(t *testing.T) {
	d := panicky()
	d.Compile = func(*project.Channel, []*project.Model) (drivers.Channel, error) { return stillborn{}, nil }
	w := newSim(t, strings.Replace(threeDevices, "driver: raw, options: {echo: true}", "driver: panicky", 1), d)
	w.wantClosed(w.dial(0, "10.0.0.7:5000").send("c0001"), ReasonPanic)
	w.wantState("c1", Offline)
	w.wantEvents("online c1", "offline c1 panic")
	if n := w.p.online.Load(); n != 0 {
		t.Fatalf("%d online", n)
	}
}
