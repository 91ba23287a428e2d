package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"linkd/drivers"
	"linkd/project"
)

// restless is a driver that speaks every few milliseconds on every link, answered or not.
type restless struct{ heard atomic.Int64 }

func (r *restless) driver() *drivers.Driver {
	return &drivers.Driver{Name: "restless", Links: []project.LinkKind{project.TCPServer}, MaxFrame: 64, Polls: true,
		Compile: func(*project.Channel, []*project.Model) (drivers.Channel, error) { return r, nil }}
}

func (r *restless) Machine() drivers.Machine { return r }

func (r *restless) Open(_ int64, l drivers.Link) { l.Wake(1) }

func (r *restless) Timer(_ int64, l drivers.Link) {
	_ = l.Send([]byte("?"))
	l.Wake(int64(l.Number()%3+1) * int64(time.Millisecond))
}

func (r *restless) Receive(_ int64, b []byte, _ drivers.Link) int {
	r.heard.Add(int64(len(b)))
	return len(b)
}

func (r *restless) Close(int64, drivers.Link) {}

// TestPacedLoopHears: a loop that has something to send in every tick still looks at its sockets between two ticks:
// it hears answers, accepts links, does what is posted to it, and stops. It keeps its processor, and there is another.
func TestPacedLoopHears(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := &restless{}
	s := live(t, project1(nil, []string{`name: "c{n}", socket_conn_id: "c{n:04}", from: 1, to: 200`},
		`name: "ch_{connection}", connection: s1/*, driver: restless`), r.driver())
	for n := range 200 {
		c := dial(t, addr(t, s), fmt.Sprintf("c%04d", n+1))
		go func() { _, _ = io.Copy(c, c) }()
	}
	eventually(t, "c200 online", stateIs(s, "c200", Online))
	from := r.heard.Load()
	eventually(t, "answers heard", func() bool { return r.heard.Load() > from+1000 })
	paces := 0
	for _, l := range *s.loops.Load() {
		if h, ok := l.host.(*eventLoop); ok {
			done := make(chan bool)
			if err := l.post(letter{do: func(int64, *session) { done <- h.paces || h.bell.hangs() }}); err != nil {
				t.Fatal(err)
			}
			if <-done {
				paces++
			}
		}
	}
	if n := runtime.GOMAXPROCS(0); paces == 0 || n <= paces {
		t.Errorf("%d loops pace themselves, on %d processors; want one or more, and one processor beyond them", paces, n)
	}
}

// reactor is an event loop that only notes what it is asked for.
type reactor struct {
	gnet.EventLoop
	tasks    int
	enrolled net.Conn
}

func (r *reactor) Execute(context.Context, gnet.Runnable) error {
	r.tasks++
	return nil
}

func (r *reactor) Enroll(_ context.Context, c net.Conn) (<-chan gnet.RegisteredResult, error) {
	r.enrolled = c
	return nil, nil
}

// TestBusyTurnPostsNoTask: gnet runs tasks until there are none before it looks at a socket, so that a busy loop calls
// itself again by a socket and not by a task; a loop that has grown quiet leaves a timer.
func TestBusyTurnPostsNoTask(t *testing.T) {
	r := &reactor{}
	h := &eventLoop{gnet: r, loop: benchLoop(t, 0), timer: time.AfterFunc(time.Hour, func() {})}
	defer h.timer.Stop()
	window := func(traded int) {
		h.loop.traded, h.decidedAt = traded, h.loop.read()-int64(paceWindow)
		h.turn()
	}
	const busy = busyTick * int(paceWindow/paceTick)
	window(busy)
	if h.paces || r.enrolled == nil {
		t.Fatalf("the first busy turn: paces %v, enrolled %v; want a bell that is being hung", h.paces, r.enrolled)
	}
	defer func() { _ = r.enrolled.Close() }()
	defer h.bell.take()
	h.bell.open = true // gnet's OnOpen
	window(busy)
	rung := make([]byte, 8)
	if n, err := r.enrolled.Read(rung); n != 1 || err != nil || !h.paces {
		t.Errorf("a busy turn: paces %v, %d bytes from the bell, %v; want true, 1, none", h.paces, n, err)
	}
	if window(0); h.paces {
		t.Error("a quiet loop paces itself")
	}
	if r.tasks != 0 {
		t.Errorf("%d tasks were posted, want 0", r.tasks)
	}
}

func TestGridFor(t *testing.T) {
	for _, tt := range []struct {
		traded int
		passed time.Duration
		want   time.Duration
	}{
		{32, paceWindow, paceTick},
		{31, paceWindow, quietTick},
		{8, paceWindow, quietTick},
		{7, paceWindow, 0},
		{2000, time.Second, paceTick},
		{600, time.Second, quietTick},
		{100, time.Second, 0},
		{0, time.Hour, 0},
	} {
		if got := gridFor(tt.traded, tt.passed); got != tt.want {
			t.Errorf("%d in %v: a grid of %v, want %v", tt.traded, tt.passed, got, tt.want)
		}
	}
}

// TestRests: a loop naps to the next boundary; where it has worked past one, it does not, until it is in time again.
func TestRests(t *testing.T) {
	h := &eventLoop{loop: benchLoop(t, 0), grid: paceTick}
	at := func(d time.Duration) int64 { return h.loop.epoch + int64(time.Hour+d) }
	h.boundary = at(0)
	for _, step := range []struct{ at, want time.Duration }{
		{500 * time.Microsecond, 1500 * time.Microsecond}, // to 2 ms
		{3900 * time.Microsecond, 100 * time.Microsecond}, // to 4 ms
		{15 * time.Millisecond, 0},                        // past 6 ms
		{19 * time.Millisecond, 0},                        // past 16 ms
		{19500 * time.Microsecond, 500 * time.Microsecond},
		{21 * time.Millisecond, time.Millisecond},
	} {
		if got := h.rests(at(step.at)); got != step.want {
			t.Errorf("at %v a loop naps for %v, want %v", step.at, got, step.want)
		}
	}
}

// TestTimersGiveWay: while links come, a loop's timers do not run again before some time has passed, by what they took.
func TestTimersGiveWay(t *testing.T) {
	h := &eventLoop{ticked: 1000, ticking: 500, paces: true, opened: true}
	if !h.givesWay(2499) || h.givesWay(2500) {
		t.Error("timers that took 500 ns wait for less than 1500, or for more")
	}
	if h.opened = false; h.givesWay(2499) {
		t.Error("timers wait although no link has come")
	}
	if h.opened, h.paces = true, false; h.givesWay(2499) {
		t.Error("timers wait for a turn that does not come by itself")
	}
}

// TestSignalEndsNap: the collector interrupts a thread every few microseconds until its goroutine can be looked at.
// That is less than the slack by which the kernel lengthens what it says is left of a sleep: a nap that slept on would
// end when the signals do, and the collection when the nap does.
func TestSignalEndsNap(t *testing.T) {
	thread, woken := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		thread <- unix.Gettid()
		nap(time.Minute)
		close(woken)
	}()
	id := <-thread
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		if err := unix.Tgkill(unix.Getpid(), id, unix.SIGURG); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
		select {
		case <-woken:
			return
		default:
		}
	}
	t.Fatal("a nap of a minute has slept through 10 s of signals")
}
