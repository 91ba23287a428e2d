package loadgen

import (
	"sync"
	"time"
)

const (
	mostShown = 16 << 10 // values that wait for a worker
	fullPause = time.Millisecond
)

// inbox holds values until their worker looks. Any goroutine may put; the worker alone takes and closes.
type inbox struct {
	mu     sync.Mutex
	list   []shown
	spare  []shown
	closed bool
}

// put waits while the inbox is full. It reports false when the worker has ended.
func (b *inbox) put(v shown) bool {
	for {
		b.mu.Lock()
		room, closed := len(b.list) < mostShown, b.closed
		if room && !closed {
			b.list = append(b.list, v)
		}
		b.mu.Unlock()
		if room || closed {
			return !closed
		}
		time.Sleep(fullPause)
	}
}

// take returns what has come since; it is valid until the next take.
func (b *inbox) take() []shown {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list, b.spare = b.spare[:0], b.list
	return b.spare
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
