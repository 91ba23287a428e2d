package common

import (
	"context"
	"sync"
	"time"
)

// Tick is how often peers with callbacks look for what is due.
const Tick = 2 * time.Millisecond

// Wheel has a slot for each tick of the period: a link stays in the slot of its phase.
type Wheel struct {
	s *Server

	mu    sync.Mutex
	slots []map[*Link]struct{}
	at    int64 // number of the tick that was run last

	due []*Link // of the run under way
}

// NewWheel makes an empty one.
func (s *Server) NewWheel() *Wheel {
	return &Wheel{s: s, slots: make([]map[*Link]struct{}, s.Period/Tick), at: int64(s.now() / Tick)}
}

// Add has a link polled from its first due time on.
func (w *Wheel) Add(l *Link) {
	l.First()
	l.slot = int((l.due + Tick - 1) / Tick % time.Duration(len(w.slots)))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slots[l.slot] == nil {
		w.slots[l.slot] = map[*Link]struct{}{}
	}
	w.slots[l.slot][l] = struct{}{}
}

// Remove ends that.
func (w *Wheel) Remove(l *Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.slots[l.slot], l)
}

// Run asks what has become due. One goroutine at a time may call it.
func (w *Wheel) Run() {
	now := w.s.now()
	w.due = w.due[:0]
	w.mu.Lock()
	for w.at < int64(now/Tick) {
		w.at++
		for l := range w.slots[w.at%int64(len(w.slots))] {
			w.due = append(w.due, l)
		}
	}
	w.mu.Unlock()
	for _, l := range w.due { // without the lock: what cannot be sent may close the link
		if l.due <= now && l.Ask() != nil {
			l.close()
		}
	}
}

// Every calls f each tick until ctx ends.
func Every(ctx context.Context, f func()) {
	t := time.NewTicker(Tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f()
		}
	}
}
