package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"
)

// A handle names one session for ever: the number of its loop, its place in the loop's table and its generation. A
// message for a session that has gone finds another generation there and is dropped.
type handle = uint64

const (
	loopBits  = 12 // event loops of a process, restarted ones included while links of theirs live
	placeBits = 20 // sessions of one loop
	maxPlaces = 1<<placeBits - 1
	chunkBits = 8 // sessions are made in chunks that never move
)

func makeHandle(loop, place, generation uint32) handle {
	return handle(loop)<<(placeBits+32) | handle(place)<<32 | handle(generation)
}

func splitHandle(h handle) (loop, place, generation uint32) {
	return uint32(h >> (placeBits + 32)), uint32(h>>32) & maxPlaces, uint32(h)
}

// host is what a loop asks of the event loop that it lives on: gnet's, or the simulated one of the tests.
type host interface {
	run(task func()) error    // runs task on the event loop soon; from any goroutine
	wake(after time.Duration) // calls tick after that long, in place of an earlier wake
	drop(c conn)              // closes c and calls closed for it before it returns
	unread(c conn) bool       // bytes of c wait in the kernel that the loop has not come to
}

// conn is the socket of one session as the session sees it.
type conn interface {
	Write(b []byte) (int, error) // takes all of b, now or later; copies what it keeps
	OutboundBuffered() int       // bytes taken and not yet given to the kernel
}

// chunk is some places of a loop's table. Their timers stand apart from the sessions: to arm one touches its neighbours
// in the wheel, which are then few lines of memory for many links.
type chunk struct {
	sessions [1 << chunkBits]session
	timers   [timerKinds][1 << chunkBits]timerNode
}

// loop is all that lives on one event loop: its sessions, their timers, its clock and its mailbox. Everything but the
// mailbox, the chunks and the counters is touched only there.
type loop struct {
	id       uint32
	provider *provider
	host     host
	clock    func() int64 // nanoseconds since the Unix epoch; never goes back
	epoch    int64        // the wheel's millisecond 0
	now      int64        // of the step that runs
	spare    []*rare      // for the next links
	wheel    wheel
	wakeAt   uint32 // wheel time of the wake asked for; valid while waking
	waking   bool
	dirty    bool        // a timer was armed, or the wake has come: rest must look
	begun    atomic.Bool // there is a batch
	gathered gatherings
	counters *counters
	rings    rings
	frameAt  int64 // time of the newest frame

	chunks  atomic.Pointer[[]*chunk] // grows only; a copy is published
	free    []uint32                 // places without a session
	waiting fifo                     // handles of links without identity, oldest first; some have one by now

	scratch, work []byte // reused by one step: what codec writes to
	frame         []byte // reused by one step: what a driver builds its frames in
	batch         *batch // of reports; nil: none since the last was handed over
	traded        int    // sends and receipts that nobody waits for, since the pace was decided last
	good, bad     uint64 // tag values since the last poll was counted

	mail struct {
		sync.Mutex
		letters []letter
		spare   []letter
		asked   bool // run has been asked for
		closed  bool
	}
}

// letter is a task for one session, or for the loop when handle is 0. do gets nil when the session has gone.
type letter struct {
	handle handle
	do     func(now int64, s *session)
	must   bool // not refused for want of room: there are at most a few such letters a session
}

// maxLetters bounds a loop's mailbox; more are refused with ErrBusy.
const maxLetters = 1 << 16

func newLoop(id uint32, p *provider, h host, clock func() int64) *loop {
	l := &loop{id: id, provider: p, host: h, clock: clock, epoch: clock(), counters: p.newCounters(),
		frame: make([]byte, 0, 512)}
	l.wheel.nodes = l
	l.wheel.now = 1 // 0 stands for "not set" in the sessions' times
	l.chunks.Store(new([]*chunk))
	return l
}

// read reads the clock, once for the steps of one callback.
func (l *loop) read() int64 {
	l.now = l.clock()
	return l.now
}

// millis is the wheel's time at now.
func (l *loop) millis(now int64) uint32 { return uint32((now-l.epoch)/int64(time.Millisecond)) + 1 }

// open makes a session for a new link; nil when the loop's table is full.
func (l *loop) open(number uint64, now int64) *session {
	if len(l.free) == 0 && !l.grow() {
		return nil
	}
	place := l.free[len(l.free)-1]
	l.free = l.free[:len(l.free)-1]
	s := l.at(place)
	s.loop, s.place, s.number = l, place, number
	s.generation.Store(max(uint32(number), 1))
	s.acceptedAt = l.millis(now)
	s.lastIn, s.lastOut = s.acceptedAt, s.acceptedAt
	return s
}

// grow adds one chunk of sessions.
func (l *loop) grow() bool {
	chunks := *l.chunks.Load()
	first := uint32(len(chunks)) << chunkBits
	if first+1<<chunkBits > maxPlaces {
		return false
	}
	grown := slices.Concat(chunks, []*chunk{new(chunk)})
	l.chunks.Store(&grown)
	for place := first + 1<<chunkBits; place > first; place-- {
		l.free = append(l.free, place-1)
	}
	return true
}

// recycle gives the place of a closed session back.
func (l *loop) recycle(s *session) {
	place := s.place
	l.ungather(s)
	s.reset()
	l.free = append(l.free, place)
}

// room returns an empty slice with room for n bytes, valid until the next call.
func (l *loop) room(n int) []byte {
	l.scratch = slices.Grow(l.scratch[:0], n)
	return l.scratch
}

func (l *loop) at(place uint32) *session {
	return &(*l.chunks.Load())[place>>chunkBits].sessions[place&(1<<chunkBits-1)]
}

// find returns the session that a handle names, nil when it has gone. Off the loop, only its atomic fields may be read.
func (l *loop) find(h handle) *session {
	_, place, generation := splitHandle(h)
	chunks := *l.chunks.Load()
	if int(place>>chunkBits) >= len(chunks) {
		return nil
	}
	s := &chunks[place>>chunkBits].sessions[place&(1<<chunkBits-1)]
	if s.generation.Load() != generation {
		return nil
	}
	return s
}

// node implements nodeTable: each session has two timers, its own (odd numbers) and its driver's.
func (l *loop) node(n uint32) *timerNode {
	place := (n - 1) >> 1
	return &(*l.chunks.Load())[place>>chunkBits].timers[(n-1)&1][place&(1<<chunkBits-1)]
}

const (
	sessionTimer = 0
	driverTimer  = 1
	timerKinds   = 2
)

func timerNumber(place uint32, which uint32) uint32 { return place<<1 + which + 1 }

// tick runs the timers that are due.
func (l *loop) tick() {
	l.waking, l.dirty = false, true
	now := l.read()
	if l.wheel.count > 0 {
		if next, ok := l.wheel.untilNext(); ok {
			if due := l.epoch + int64(l.wheel.now+next-1)*int64(time.Millisecond); now >= due {
				l.counters.lag(time.Duration(now - due))
			}
		}
	}
	l.wheel.advance(l.millis(now), func(n uint32) {
		s := l.at((n - 1) >> 1)
		l.step(s, func() {
			if (n-1)&1 == driverTimer {
				s.driverTimer(now)
			} else {
				s.timer(now)
			}
		})
	})
	l.rest()
}

// arm sets a timer of a session, d nanoseconds from now.
func (l *loop) arm(n uint32, now, d int64) {
	l.wheel.follow(l.millis(now))
	behind := int64(l.millis(now) - l.wheel.now)
	l.dirty = true
	l.wheel.arm(n, (d+int64(time.Millisecond)-1)/int64(time.Millisecond)+behind)
}

// rest asks the host to wake the loop for the next timer, unless it already will in time.
func (l *loop) rest() {
	if !l.dirty {
		return
	}
	l.dirty = false
	next, ok := l.wheel.untilNext()
	if !ok {
		return
	}
	at := l.wheel.now + next
	if l.waking && int32(at-l.wakeAt) >= 0 {
		return
	}
	l.waking, l.wakeAt = true, at
	after := l.epoch + int64(at-1)*int64(time.Millisecond) - l.clock()
	l.host.wake(time.Duration(max(after, 0)))
}

// post puts a letter into the mailbox. From any goroutine.
func (l *loop) post(m letter) error {
	l.mail.Lock()
	defer l.mail.Unlock()
	switch {
	case l.mail.closed:
		return ErrClosed
	case len(l.mail.letters) >= maxLetters && !m.must:
		return ErrBusy
	}
	l.mail.letters = append(l.mail.letters, m)
	if l.mail.asked {
		return nil
	}
	if err := l.host.run(l.deliver); err != nil {
		l.mail.letters = l.mail.letters[:len(l.mail.letters)-1]
		return ErrClosed
	}
	l.mail.asked = true
	return nil
}

// deliver empties the mailbox on the loop.
func (l *loop) deliver() {
	l.mail.Lock()
	letters := l.mail.letters
	l.mail.letters, l.mail.spare = l.mail.spare[:0], nil
	l.mail.asked = false
	l.mail.Unlock()
	now := l.read()
	for _, m := range letters {
		s := (*session)(nil)
		if m.handle != 0 {
			s = l.find(m.handle)
		}
		l.step(s, func() { m.do(now, s) })
	}
	l.rest()
	clear(letters)
	l.mail.Lock()
	l.mail.spare = letters[:0]
	l.mail.Unlock()
}

// retire refuses further letters and answers those that wait: their sessions have gone.
func (l *loop) retire() {
	l.mail.Lock()
	l.mail.closed = true
	letters := l.mail.letters
	l.mail.letters = nil
	l.mail.Unlock()
	now := l.clock()
	for _, m := range letters {
		m.do(now, nil)
	}
}

// step runs f, which may act on s, and afterwards closes s if it is to be closed. A panic in f closes s.
func (l *loop) step(s *session, f func()) {
	if s == nil {
		f()
		return
	}
	s.guard(f)
	if s.ending() {
		l.host.drop(s.conn)
	}
}

// each calls f for every session that has a link.
func (l *loop) each(f func(s *session)) {
	for _, c := range *l.chunks.Load() {
		for i := range c.sessions {
			if s := &c.sessions[i]; s.conn != nil {
				f(s)
			}
		}
	}
}

// fifo is a queue of handles that reuses its array.
type fifo struct {
	items []handle
	head  int
}

func (q *fifo) push(h handle) {
	if q.head > 1024 && q.head*2 > len(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, h)
}

// front returns the oldest handle, 0 when there is none.
func (q *fifo) front() handle {
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		return 0
	}
	return q.items[q.head]
}

func (q *fifo) pop() { q.head++ }

// pooled copies b into a buffer of the pool; the caller gives it back with release.
func pooled(b []byte) *bytebufferpool.ByteBuffer {
	buf := bytebufferpool.Get()
	buf.B = append(buf.B[:0], b...)
	return buf
}

// release gives *buf back to the pool, if there is one.
func release(buf **bytebufferpool.ByteBuffer) {
	if *buf != nil {
		bytebufferpool.Put(*buf)
		*buf = nil
	}
}
