package api

import (
	"sync"

	"linkd/server"
)

const mostRecent = 250 // events that are kept for a support bundle; the oldest make way

// recent is the last events.
type recent struct {
	mu   sync.Mutex
	ring []server.Event // the newest is at next-1
	next int
}

// take keeps an event.
func (r *recent) take(e server.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < mostRecent {
		r.ring = append(r.ring, e)
		return
	}
	r.ring[r.next] = e
	r.next = (r.next + 1) % mostRecent
}

// all returns them in order.
func (r *recent) all() []server.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]server.Event{}, r.ring[r.next:]...), r.ring[:r.next]...)
}
