package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// The grids on which a loop that polls looks at its timers and sockets: a busy loop on the first, one that has less to
// do on the second, where several polls share one wake. To be woken costs far more than a poll.
const (
	paceTick  = 2 * time.Millisecond
	quietTick = 8 * time.Millisecond
)

// busyTick is how many sends and receipts that nobody waits for put a loop on a grid, in each tick of it: those of
// polling drivers, and frames that no answer goes back to at once. paceWindow is how long they are counted before that
// is decided anew; at every stirEvery of them a loop that does not pace itself looks whether it should.
const (
	busyTick   = 2
	paceWindow = 32 * time.Millisecond
	stirEvery  = 32
)

// turn runs the timers that are due. A loop that polls then paces itself: it sleeps to the next boundary of its grid
// and rings its bell, so that gnet's epoll_wait never blocks and finds what has come meanwhile in one batch, and the
// next turn behind it. Each block costs the Go scheduler more than the poll itself: it takes the processor away and
// gives it back. A loop with next to nothing to do leaves a timer for the next due time and blocks in epoll as ever.
func (h *eventLoop) turn() {
	l := h.loop
	began := l.clock()
	if h.givesWay(began) {
		h.opened = false
		h.bell.ring()
		return
	}
	l.tick()
	h.ticked = l.clock()
	h.ticking = h.ticked - began
	if l.now-h.decidedAt >= int64(paceWindow) {
		h.grid = gridFor(l.traded, time.Duration(l.now-h.decidedAt))
		l.traded, h.decidedAt = 0, l.now
	}
	if h.grid > 0 && h.bell == nil {
		h.hang()
	}
	if h.paces = h.grid > 0 && h.bell.hangs(); !h.paces {
		l.waking, l.dirty = false, true
		l.rest()
		return
	}
	if !h.opened { // else more links may wait: gnet accepts one between two turns
		if d := h.rests(h.ticked); d > 0 {
			nap(d)
		}
	}
	h.opened = false
	h.bell.ring()
}

// wayTime is for how long timers wait for links that dial in, in times of what they took last: the answers to what was
// sent then take about as long to handle, and what is left is the links'.
const wayTime = 3

// givesWay reports whether the timers of a loop that paces itself wait for the links that dial in. gnet accepts one
// link each time it has been through all sockets that have something, and a loop with more polls than it can do always
// has thousands of them: it would accept a handful of links in a second.
func (h *eventLoop) givesWay(now int64) bool {
	return h.paces && h.opened && now-h.ticked < wayTime*h.ticking
}

// rests is how long a loop naps: to the next boundary of its grid, but not where it has worked past one since its last
// nap. What has come meanwhile is then handled at once: else a turn that was long once would stay as long for good, as
// there is the more to do after it. Grids begin at epoch, as the wheel's milliseconds do, so that what is due by a
// boundary is run at it.
func (h *eventLoop) rests(now int64) time.Duration {
	passed := (now - h.loop.epoch) % int64(h.grid)
	last := now - passed
	if last > h.boundary {
		h.boundary = last
		return 0
	}
	h.boundary = last + int64(h.grid)
	return h.grid - time.Duration(passed)
}

// stir has the loop take a turn soon where enough has come: without timers that are due it would have none.
func (h *eventLoop) stir() {
	if !h.paces && h.loop.traded%stirEvery == 0 {
		h.timer.Reset(0)
	}
}

// gridFor is the grid for what was sent and received in a time, 0 for none.
func gridFor(traded int, passed time.Duration) time.Duration {
	for _, grid := range [...]time.Duration{paceTick, quietTick} {
		if time.Duration(traded) >= busyTick*(passed/grid) {
			return grid
		}
	}
	return 0
}

// nap sleeps without telling the Go scheduler, so that the processor stays with this thread. A signal ends it early: so
// the scheduler interrupts a loop that it wants to stop, for the collector or after 10 ms, and the turn that follows
// naps again. To sleep what is left of d instead would be to sleep for ever, as the kernel adds its timers' slack to
// what it says is left, and the collector interrupts again before that has passed.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// pacing counts one more loop that paces itself, or one less. Such a loop keeps its processor (a P of the Go scheduler)
// while it naps, so that there has to be one beyond all of them, for everything else. There is none to spare before: a
// loop that blocks in epoll lets go of its own, and each time would wake another that finds nothing to do, which was a
// tenth of an echo.
func (s *Server) pacing(more int) {
	s.loopsMu.Lock()
	defer s.loopsMu.Unlock()
	s.paced += more
	if most := s.paced + 1; most > runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(most)
	}
}

// bell is a pair of sockets by which a loop calls itself again once it has looked at all its others. A task that posts
// itself would not do: gnet runs tasks until there are none before it looks at any socket. The bell is rung after the
// nap, and so stands behind what has come in it. Touched on the loop alone.
type bell struct {
	host *eventLoop
	end  int // of the socket to write to
	open bool
}

// hangs reports whether the bell can be rung.
func (b *bell) hangs() bool { return b != nil && b.open }

// ring has the loop's turn run again.
func (b *bell) ring() {
	_, _ = unix.Write(b.end, []byte{1}) // no room: it has been rung and not been heard yet
}

// hang gives the loop a bell, which can be rung a little later. Without one, for want of descriptors, the loop does not
// pace itself.
func (h *eventLoop) hang() {
	h.loop.provider.srv.pacing(1)
	h.bell = &bell{host: h, end: -1}
	if err := h.bell.make(); err != nil {
		h.loop.provider.srv.log.Warn("a loop polls at a higher cost, as it cannot pace itself", "error", err)
	}
}

func (b *bell) make() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("server: socketpair: %w", err)
	}
	b.end = pair[0]
	f := os.NewFile(uintptr(pair[1]), "bell")
	c, err := net.FileConn(f) // a copy, of which gnet takes another
	_ = f.Close()
	if err == nil {
		_, err = b.host.gnet.Enroll(gnet.NewContext(context.Background(), b), c)
	}
	if err != nil {
		return fmt.Errorf("server: enrol a bell: %w", err)
	}
	return nil
}

// take removes the bell when the event loop has ended; gnet has closed its own end.
func (b *bell) take() {
	if b == nil {
		return
	}
	b.host.loop.provider.srv.pacing(-1)
	if b.end >= 0 {
		_ = unix.Close(b.end)
	}
}
