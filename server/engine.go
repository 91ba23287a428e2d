package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// engine is one run of a provider's gnet engine: the thin adapter between gnet's callbacks and the loops.
type engine struct {
	gnet.BuiltinEventEngine
	p         *provider
	numLoops  int
	keepalive time.Duration // set on the listener
	started   time.Time

	booted chan gnet.Engine
	ended  chan struct{} // run has returned
	stops  atomic.Bool   // asked to stop: its return is no fault

	loops   atomic.Pointer[[]*eventLoop]
	loopsMu sync.Mutex
}

// eventLoop is a loop's host: gnet's event loop.
type eventLoop struct {
	gnet  gnet.EventLoop
	loop  *loop
	timer *time.Timer
	paces bool // the bell has been rung: the next turn comes by itself; touched on the loop, as bell is
	bell  *bell
	// opened says that a link has come since the last turn.
	opened bool
	grid   time.Duration // on which the loop paces itself; 0: it does not
	// decidedAt is the loop's time when grid was decided last.
	decidedAt int64
	// boundary of the grid to which the loop has napped, or past which it has worked.
	boundary int64
	// ticked is when the timers were run last, and ticking how long that took, in nanoseconds.
	ticked, ticking int64
}

func newEngine(p *provider, loops int) *engine {
	e := &engine{p: p, numLoops: loops, keepalive: p.live.Load().keepalive, started: time.Now(),
		booted: make(chan gnet.Engine, 1), ended: make(chan struct{})}
	e.loops.Store(new([]*eventLoop))
	return e
}

// options are the same for listeners and for links that linkd dials.
func (e *engine) options() []gnet.Option {
	return []gnet.Option{
		gnet.WithNumEventLoop(e.numLoops), gnet.WithReusePort(true), gnet.WithReuseAddr(true),
		gnet.WithTCPKeepAlive(e.keepalive), gnet.WithTCPKeepInterval(probeEvery(e.keepalive)), gnet.WithTCPKeepCount(3),
		gnet.WithLogger(gnetLog{e.p.srv.log}),
	}
}

// probeEvery is the pause between the probes of a link that was silent for keepalive: three unanswered ones close it.
// The kernel counts in whole seconds.
func probeEvery(keepalive time.Duration) time.Duration { return max(keepalive/6, time.Second) }

// run listens on addr until stop, or until gnet gives up. It returns nil only after stop.
func (e *engine) run(addr string) error {
	defer close(e.ended)
	err := gnet.Run(e, "tcp://"+addr, e.options()...)
	for _, l := range *e.loops.Load() {
		l.end()
	}
	if err == nil && !e.stops.Load() {
		err = errors.New("the event loops ended by themselves: accepting failed")
	}
	return err
}

// stop ends the engine: gnet closes what links there still are.
func (e *engine) stop(ctx context.Context) error {
	e.stops.Store(true)
	select {
	case g := <-e.booted:
		if err := g.Stop(ctx); err != nil {
			return fmt.Errorf("server: provider %s did not stop in time: %w", e.p.name, err)
		}
	case <-e.ended:
	}
	<-e.ended
	return nil
}

// OnBoot implements gnet.EventHandler.
func (e *engine) OnBoot(g gnet.Engine) gnet.Action {
	e.booted <- g
	return gnet.None
}

// host returns the loop on which a callback of c runs, made when its first link comes.
func (e *engine) host(c gnet.Conn) *eventLoop {
	el := c.EventLoop()
	for _, h := range *e.loops.Load() {
		if h.gnet == el {
			return h
		}
	}
	h := &eventLoop{gnet: el}
	h.loop = e.p.srv.addLoop(e.p, h, monotonic(e.started))
	h.decidedAt = h.loop.read()
	h.timer = time.AfterFunc(time.Hour, func() { _ = h.run(h.turn) })
	h.timer.Stop()
	e.loopsMu.Lock()
	loops := append(slices.Clone(*e.loops.Load()), h)
	e.loops.Store(&loops)
	e.loopsMu.Unlock()
	return h
}

// monotonic is a wall clock that never goes back: start's time of day plus what has passed since.
func monotonic(start time.Time) func() int64 {
	base := start.UnixNano()
	return func() int64 { return base + int64(time.Since(start)) }
}

// OnOpen implements gnet.EventHandler. The accept and this call are one step on one loop, so that the capacity is
// not overrun by a burst.
func (e *engine) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if b, ok := c.Context().(*bell); ok {
		b.open = true
		return nil, gnet.None
	}
	h := e.host(c)
	h.opened = true
	pt := noPoint
	if d, ok := c.Context().(*dialled); ok {
		pt = d.point
	}
	c.SetContext(nil)
	s := h.loop.enter(c, addrPort(c.RemoteAddr()), pt)
	if s == nil {
		return nil, gnet.Close
	}
	c.SetContext(s)
	set := s.set
	if set.userTimeout > 0 {
		_ = unix.SetsockoptInt(c.Fd(), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(set.userTimeout/time.Millisecond))
	}
	if set.keepalive != e.keepalive && set.keepalive > 0 { // changed since the listener was opened
		_ = c.SetKeepAlive(true, set.keepalive, probeEvery(set.keepalive), 3)
	}
	h.loop.begin(s, pt)
	return nil, h.settle(s)
}

// OnTraffic implements gnet.EventHandler.
func (e *engine) OnTraffic(c gnet.Conn) gnet.Action {
	s, ok := c.Context().(*session)
	if !ok {
		return heard(c)
	}
	s.expect()
	b, err := c.Next(-1) // everything: gnet's buffer stays empty, what is kept is kept by the session
	if err != nil || len(b) == 0 {
		return gnet.None
	}
	l := s.loop
	h, traded := l.host.(*eventLoop), l.traded
	l.traffic(s, b)
	if l.traded != traded {
		h.stir()
	}
	return h.settle(s)
}

// heard is called when c, which is no link, has something to read: the loop's bell has rung.
func heard(c gnet.Conn) gnet.Action {
	b, ok := c.Context().(*bell)
	if _, err := c.Next(-1); err != nil || !ok {
		return gnet.Close
	}
	b.host.turn()
	return gnet.None
}

// traffic runs the step for bytes that came: as step does, without its closure.
func (l *loop) traffic(s *session, b []byte) {
	s.inStep = true
	defer s.endStep()
	s.received(l.read(), b)
}

// settle ends a callback: the loop's next timer is asked for, and a session that is over is closed.
func (h *eventLoop) settle(s *session) gnet.Action {
	h.loop.rest()
	if s.ending() {
		return gnet.Close
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (e *engine) OnClose(c gnet.Conn, err error) gnet.Action {
	switch x := c.Context().(type) {
	case *session:
		x.closed(err)
	case *bell:
		x.open = false
	}
	return gnet.None
}

// run implements host.
func (h *eventLoop) run(task func()) error {
	return h.gnet.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		task()
		return nil
	}))
}

// wake implements host.
func (h *eventLoop) wake(after time.Duration) {
	if !h.paces { // else the next turn comes by itself
		h.timer.Reset(after)
	}
}

// drop implements host.
func (h *eventLoop) drop(c conn) { _ = h.gnet.Close(c.(gnet.Conn)) }

// unread implements host.
func (h *eventLoop) unread(c conn) bool {
	n, err := unix.IoctlGetInt(c.(gnet.Conn).Fd(), unix.TIOCINQ)
	return err == nil && n > 0
}

// end is called when gnet's event loop has ended and closed its links.
func (h *eventLoop) end() {
	h.timer.Stop()
	h.bell.take()
	h.loop.provider.srv.dropLoop(h.loop)
}

// addrPort is a socket address as netip has it, IPv4 unmapped.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// gnetLog passes gnet's log lines on. gnet keeps one logger for the process, so all engines give it the same. It warns
// of one thing, an event of a connection that was closed after epoll reported it: no news, as devices hang up and a
// loop's turn may find out first.
type gnetLog struct{ log *slog.Logger }

func (g gnetLog) Debugf(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Infof(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Warnf(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Errorf(format string, args ...any) {
	g.log.Error("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLog) Fatalf(format string, args ...any) {
	g.log.Error("gnet: " + fmt.Sprintf(format, args...))
}

// claim makes sure that nobody listens on addr, which SO_REUSEPORT alone would not notice, and holds a name for it so
// that two linkds that start at once cannot both believe it. It returns the address with the port that it really has
// and a function that gives the name back. The error says what would be right.
func claim(addr netip.AddrPort) (netip.AddrPort, func(), error) {
	host := ""
	if addr.Addr().IsValid() {
		host = addr.Addr().String()
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(addr.Port())))
	if err != nil {
		return addr, nil, listenError(addr, err)
	}
	addr = netip.AddrPortFrom(addr.Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port())
	name, err := net.Listen("unix", fmt.Sprintf("@linkd/tcp/%s/%d", host, addr.Port()))
	_ = l.Close()
	if err != nil {
		return addr, nil, listenError(addr, syscall.EADDRINUSE)
	}
	return addr, func() { _ = name.Close() }, nil
}

// listenError names the address and what would be right.
func listenError(addr netip.AddrPort, err error) error {
	where := net.JoinHostPort("", fmt.Sprint(addr.Port()))
	if addr.Addr().IsValid() {
		where = addr.String()
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: the address is in use; stop who listens there, or give local_port "+
			"another value", where)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("cannot listen on %s: local_ip is no address of this machine; give one of its own, or "+
			"leave local_ip empty for all", where)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("cannot listen on %s: permission denied; ports below 1024 need the right to bind them "+
			"(CAP_NET_BIND_SERVICE)", where)
	}
	return fmt.Errorf("cannot listen on %s: %w", where, err)
}
