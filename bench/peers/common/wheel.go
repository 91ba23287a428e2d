package common

import (
	"context"
	"sync"
	"time"
)

const (
	// Tick is how often a server that polls from a wheel looks at it.
	Tick  = 2 * time.Millisecond
	slots = 1 << 15 // 65.5 s; who is due later goes round more than once
)

// timer is a polled link's place in a wheel.
type timer struct {
	link       *Link
	due        int64  // on the clock of Server.Now
	next, prev *timer // in its slot; prev nil: first
	slot       int32  // slot + 1; 0: in none
}

// Due is a link that is to be asked, and when that was due.
type Due struct {
	Link *Link
	At   int64 // on the clock of Server.Now
}

// Wheel implements Timers. It holds the links of one event loop, on which alone it is used.
type Wheel struct {
	period, tick int64 // nanoseconds; number of the tick that was taken last
	slots        [slots]*timer
}

// NewWheel returns a wheel without links.
func (s *Server) NewWheel() *Wheel {
	return &Wheel{period: int64(s.Period), tick: s.Now() / int64(Tick)}
}

// Start implements Timers.
func (w *Wheel) Start(l *Link) { w.place(&l.talk.timer) }

// Stop implements Timers.
func (w *Wheel) Stop(l *Link) {
	t := &l.talk.timer
	if t.slot == 0 {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.slot-1] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.slot = nil, nil, 0
}

// place puts a timer into the slot of its due time, or into the last one before it.
func (w *Wheel) place(t *timer) {
	at := (t.due + int64(Tick) - 1) / int64(Tick)
	at = min(max(at, w.tick+1), w.tick+slots-1) % slots
	t.slot, t.prev, t.next = int32(at)+1, nil, w.slots[at]
	if t.next != nil {
		t.next.prev = t
	}
	w.slots[at] = t
}

// Next appends to list the links of the next slot in which any is due, and says whether there was one. They are due
// again a period later. It is called until it says no.
func (w *Wheel) Next(now int64, list []Due) ([]Due, bool) {
	for w.tick < now/int64(Tick) {
		w.tick++
		t := w.slots[w.tick%slots]
		w.slots[w.tick%slots] = nil
		for t != nil {
			next := t.next
			if t.due <= now {
				list = append(list, Due{t.link, t.due})
				t.due += w.period
			}
			w.place(t)
			t = next
		}
		if len(list) > 0 {
			return list, true
		}
	}
	return list, false
}

// Ticker implements Timers with a wheel for all links and a goroutine that asks them. It is for servers whose library
// lets any goroutine write.
type Ticker struct {
	server *Server
	mu     sync.Mutex // not held while links are asked
	wheel  *Wheel
}

// NewTicker returns a ticker that Run has to be called for.
func (s *Server) NewTicker() *Ticker { return &Ticker{server: s, wheel: s.NewWheel()} }

// Start implements Timers.
func (t *Ticker) Start(l *Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wheel.Start(l)
}

// Stop implements Timers.
func (t *Ticker) Stop(l *Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wheel.Stop(l)
}

// Run asks the links that are due until ctx is done.
func (t *Ticker) Run(ctx context.Context) {
	if t.server.Job != Poll {
		return
	}
	ticks := time.NewTicker(Tick)
	defer ticks.Stop()
	var list []Due
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for some := true; some; {
			t.mu.Lock()
			list, some = t.wheel.Next(t.server.Now(), list[:0])
			t.mu.Unlock()
			for _, d := range list {
				d.Link.do(func() bool { return d.Link.Ask(d.At) })
			}
		}
	}
}
