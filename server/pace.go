package server

import (
	"syscall"
	"time"
	"unsafe"
)

// paceTick is how long a busy loop sleeps at most between two looks at its sockets.
const paceTick = 2 * time.Millisecond

// busyTick is how many sends and receipts of polling drivers in one tick make a loop a busy one.
const busyTick = 2

// turn runs the timers that are due. A loop that is busy with polls then paces itself: it sleeps to the next boundary
// of paceTick inside this task and posts the task again, so that gnet's epoll_wait never blocks and finds what has come
// meanwhile in one batch. Each block costs the Go scheduler more than the poll itself: it takes the processor away and
// gives it back. A loop that has grown quiet leaves a timer for the next due time and blocks in epoll as ever.
func (h *eventLoop) turn() {
	l := h.loop
	l.tick()
	if l.traded < busyTick || h.ending.Load() {
		h.paces, l.traded = false, 0
		l.waking, l.dirty = false, true
		l.rest()
		return
	}
	h.paces, l.traded = true, 0
	nap(paceTick - time.Duration(l.clock()%int64(paceTick)))
	if err := h.run(h.turn); err != nil {
		h.paces = false // the event loop has ended
	}
}

// nap sleeps without telling the Go scheduler, so that the processor stays with this thread. A stop of the world waits
// for it: d must be short.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0) // a signal ends it early
}
