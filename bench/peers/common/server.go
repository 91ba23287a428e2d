package common

import (
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"
)

// idBytes is the length of every id: c0000001, c0000002, …
const idBytes = 8

// Server is what a server knows and counts.
type Server struct {
	Options
	// Stall holds up for a time whatever handles what devices send, and returns when that has begun. By default Input
	// and Ask wait. It may be set before Ready.
	Stall func(time.Duration)
	// Command sends a frame to every bound device. By default that happens on the caller's goroutine. It may be set
	// before Ready.
	Command func(*Frame)

	start    time.Time
	ids      map[[idBytes]byte]int32 // to numbers; written before the server starts, read only then
	links    []atomic.Pointer[Link]  // the bound link of device number n is at n-1
	bound    atomic.Int64
	heldTill atomic.Int64 // on the clock of Now; 0: all runs

	mu       sync.Mutex
	counters []*Counters
	ordered  int // commands
}

func newServer(o Options) *Server {
	s := &Server{Options: o, start: time.Now(), ids: make(map[[idBytes]byte]int32, o.Devices),
		links: make([]atomic.Pointer[Link], o.Devices)}
	for n := 1; n <= o.Devices; n++ {
		s.ids[idOf(n)] = int32(n)
	}
	s.Stall = s.hold
	s.Command = func(f *Frame) { s.Each(func(l *Link) { l.do(func() bool { return l.Command(f) }) }) }
	return s
}

func idOf(n int) (id [idBytes]byte) {
	copy(id[:], fmt.Sprintf("c%07d", n))
	return id
}

// Now is the time since the server started, in nanoseconds. It is monotonic.
func (s *Server) Now() int64 { return int64(time.Since(s.start)) }

// Each calls f for every bound link.
func (s *Server) Each(f func(*Link)) {
	for i := range s.links {
		if l := s.links[i].Load(); l != nil {
			f(l)
		}
	}
}

// polled says whether the device with a number is asked for its registers.
func (s *Server) polled(n int32) bool { return s.Job == Poll && int(n)%s.Share == 0 }

// firstDue is the next time, on the clock of Now, of the device's own grid.
func (s *Server) firstDue(id [idBytes]byte) int64 {
	h := fnv.New64a()
	_, _ = h.Write(id[:])
	now, period := s.Now(), int64(s.Period)
	due := now - now%period + int64(h.Sum64()%uint64(period))
	if due <= now {
		due += period
	}
	return due
}

// hold has Input and Ask wait until a time has passed.
func (s *Server) hold(d time.Duration) { s.heldTill.Store(s.Now() + int64(d)) }

func (s *Server) waitWhileHeld() {
	till := s.heldTill.Load()
	if till == 0 {
		return
	}
	if left := till - s.Now(); left > 0 {
		time.Sleep(time.Duration(left))
	}
	s.heldTill.CompareAndSwap(till, 0)
}

// lagBounds are the upper bounds of the histogram of lags, those of linkd's metrics.
var lagBounds = [...]time.Duration{250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	1500 * time.Microsecond, 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Counters are what is counted on links. An event loop that has its own shares no line of memory with others.
type Counters struct {
	bytesIn, polls, lost, commands atomic.Uint64
	lag                            [len(lagBounds) + 1]atomic.Uint64
	_                              [32]byte
}

// NewCounters returns counters that Stats adds up with all others.
func (s *Server) NewCounters() *Counters {
	c := new(Counters)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters = append(s.counters, c)
	return c
}

func (c *Counters) late(d time.Duration) {
	i := 0
	for i < len(lagBounds) && d > lagBounds[i] {
		i++
	}
	c.lag[i].Add(1)
}

// stats is the answer to GET /stats.
type stats struct {
	Bound    int64                      `json:"bound"`
	BytesIn  uint64                     `json:"bytes_in"`
	Polls    uint64                     `json:"polls"`
	Lost     uint64                     `json:"lost"`
	Lag      [len(lagBounds) + 1]uint64 `json:"lag"`
	Commands uint64                     `json:"commands"`
}

func (s *Server) stats() stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := stats{Bound: s.bound.Load()}
	for _, c := range s.counters {
		sum.BytesIn += c.bytesIn.Load()
		sum.Polls += c.polls.Load()
		sum.Lost += c.lost.Load()
		sum.Commands += c.commands.Load()
		for i := range c.lag {
			sum.Lag[i] += c.lag[i].Load()
		}
	}
	return sum
}
