package server

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/raw"
	"linkd/project"
)

// sim runs one provider of a project on simulated event loops: its clock and its network are the test's.
type sim struct {
	t     testing.TB
	srv   *Server
	p     *provider
	now   int64
	hosts []*simHost
	sub   <-chan Event
}

// simHost is an event loop that runs when the test says so.
type simHost struct {
	sim   *sim
	loop  *loop
	mu    sync.Mutex
	tasks []func()
	wakes int64 // when to tick; 0: not asked
	links []*simLink
}

// simLink is a device's end of a link.
type simLink struct {
	host    *simHost
	s       *session
	sent    []byte // by linkd, taken by the kernel
	stuck   bool   // the device reads nothing: what is sent stays in the outbound buffer
	pending []byte
	closed  bool
	why     Reason
	broken  error  // the next write fails and closes the link with this error
	unread  string // what the device has sent and the loop has not come to
}

func newSim(t testing.TB, src string, table ...*drivers.Driver) *sim {
	t.Helper()
	return newSimWith(t, Config{Log: slog.New(slog.DiscardHandler), Capacity: 1000,
		Drivers: append(drivers.Table{raw.Driver()}, table...)}, 2, src)
}

func newSimWith(t testing.TB, cfg Config, loops int, src string) *sim {
	t.Helper()
	w := &sim{t: t, srv: New(cfg), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()}
	t.Cleanup(w.srv.events.close)
	t.Cleanup(w.srv.reports.close)
	t.Cleanup(w.srv.keeper.close)
	conf := w.parse(src)
	w.p = w.srv.newProvider(conf.Providers[0])
	w.srv.providers = []*provider{w.p}
	w.p.state = stateListening
	w.apply(conf)
	for range loops {
		h := &simHost{sim: w}
		h.loop = w.srv.addLoop(w.p, h, func() int64 { return w.now })
		w.hosts = append(w.hosts, h)
	}
	sub, stop := w.srv.Subscribe()
	w.sub = sub
	t.Cleanup(stop)
	return w
}

func (w *sim) parse(src string) *project.Project {
	w.t.Helper()
	p, err := project.Parse("sim.yaml", []byte(src), w.srv.cfg.Drivers)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// apply is Server.change for the simulated provider.
func (w *sim) apply(conf *project.Project) {
	w.t.Helper()
	set, err := compileSettings(conf.Providers[0])
	if err != nil {
		w.t.Fatal(err)
	}
	chans, err := w.srv.compileChannels(conf)
	if err != nil {
		w.t.Fatal(err)
	}
	w.p.adoptSettings(conf.Providers[0], set)
	w.srv.project = conf
	w.p.reconcile(w.now, conf, chans)
}

func (h *simHost) run(task func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tasks = append(h.tasks, task)
	return nil
}

func (h *simHost) wake(after time.Duration) { h.wakes = h.sim.now + int64(after) }

func (h *simHost) drop(c conn) { c.(*simLink).end(nil) }

func (h *simHost) unread(c conn) bool { return c.(*simLink).unread != "" }

func (l *simLink) Write(b []byte) (int, error) {
	if l.broken != nil {
		err := l.broken
		l.end(err)
		return 0, err
	}
	if l.stuck {
		l.pending = append(l.pending, b...)
	} else {
		l.sent = append(l.sent, b...)
	}
	return len(b), nil
}

func (l *simLink) OutboundBuffered() int { return len(l.pending) }

// end closes the link from below, as gnet does.
func (l *simLink) end(err error) {
	if l.closed {
		return
	}
	l.closed = true
	if l.s != nil {
		if l.s.reason == notClosed {
			l.why = closeReason(err)
		} else {
			l.why = l.s.reason
		}
		l.s.closed(err)
	}
}

// settle does what the adapter does after a callback.
func (l *simLink) settle() {
	l.host.loop.rest()
	if !l.closed && l.s.ending() {
		l.end(nil)
	}
}

// dial is a device connecting from an address to loop i.
func (w *sim) dial(i int, from string) *simLink { return w.link(i, from, noPoint) }

// link is a new link on loop i; pt is the connection point of one that linkd dialled.
func (w *sim) link(i int, from string, pt uint32) *simLink {
	h := w.hosts[i]
	l := &simLink{host: h}
	l.s = h.loop.enter(l, netip.MustParseAddrPort(from), pt)
	if l.s == nil {
		l.closed = true
		return l
	}
	h.links = append(h.links, l)
	h.loop.begin(l.s, pt)
	l.settle()
	w.drain()
	return l
}

// send is a device sending bytes.
func (l *simLink) send(b string) *simLink {
	if l.closed {
		return l
	}
	l.host.sim.now++ // nothing is answered in the moment in which it is asked
	l.host.loop.traffic(l.s, []byte(b))
	l.settle()
	l.host.sim.drain()
	return l
}

// hangUp is a device closing, or its network breaking, with the kernel's error.
func (l *simLink) hangUp(err error) {
	l.end(err)
	l.host.sim.drain()
}

// drain runs posted tasks until there are none.
func (w *sim) drain() {
	for again := true; again; {
		again = false
		for _, h := range w.hosts {
			for task := h.task(); task != nil; task = h.task() {
				task()
				again = true
			}
		}
	}
}

// task takes the next posted task, nil when there is none.
func (h *simHost) task() func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tasks) == 0 {
		return nil
	}
	task := h.tasks[0]
	h.tasks = h.tasks[1:]
	return task
}

// pass lets time go by, waking loops when they asked for it.
func (w *sim) pass(d time.Duration) {
	end := w.now + int64(d)
	for {
		next := (*simHost)(nil)
		for _, h := range w.hosts {
			if h.wakes != 0 && h.wakes <= end && (next == nil || h.wakes < next.wakes) {
				next = h
			}
		}
		if next == nil {
			break
		}
		w.now = max(w.now, next.wakes)
		next.wakes = 0
		next.loop.tick()
		w.drain()
	}
	w.now = end
}

// events returns what was told since the last call, as "online c1", "offline c1 takeover".
func (w *sim) events() (out []string) {
	w.t.Helper()
	w.srv.events.publish(record{kind: kindProvider, provider: w.p, detail: "end of test"})
	for e := range w.sub {
		if e.Kind == "provider" && e.Reason == "end of test" {
			break
		}
		line := e.Kind
		for _, part := range []string{e.Connection, e.Reason} {
			if part != "" {
				line += " " + part
			}
		}
		out = append(out, line)
	}
	return out
}

func (w *sim) view(name string) ConnView {
	w.t.Helper()
	v, err := w.srv.Connection(w.p.name, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *sim) wantClosed(l *simLink, r Reason) {
	w.t.Helper()
	if !l.closed || l.why != r {
		w.t.Fatalf("closed %v for %q; want closed for %q", l.closed, l.why, r)
	}
}

func (w *sim) wantState(name string, want State) ConnView {
	w.t.Helper()
	v := w.view(name)
	if v.State != want {
		w.t.Fatalf("%s is %s (last close %q), want %s", name, v.State, v.LastClose, want)
	}
	return v
}

func (w *sim) wantEvents(want ...string) {
	w.t.Helper()
	if got := w.events(); !slices.Equal(got, want) {
		w.t.Fatalf("events %q, want %q", got, want)
	}
}

// simAddr is where devices dial from when it does not matter.
var simAddr = netip.MustParseAddrPort("10.0.0.1:4000")
