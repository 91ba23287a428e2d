package doors

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many wrong tokens are looked at. A token that was verified once is never limited.
const (
	failEvery     = 5 * time.Second // one address, in the long run
	failBurst     = 20              // one address, at once
	mostAddresses = 4096            // remembered; beyond it the one that has the least to wait is forgotten
	hashesASecond = 20              // from everywhere together: some 3 % of a core
	hashesAtOnce  = 100
)

// SlowDown says that too many wrong tokens came lately, and when the next one will be looked at.
type SlowDown struct{ After time.Duration }

func (e *SlowDown) Error() string {
	return fmt.Sprintf("doors: too many tokens that are not valid; try again in %v",
		max(e.After.Round(time.Second), time.Second))
}

// limiter makes guessing slow, and bounds what the hashing of wrong tokens costs. For each address it keeps the time at
// which all its failures will be forgiven (GCRA).
type limiter struct {
	all *rate.Limiter

	mu       sync.Mutex
	forgiven map[netip.Addr]time.Time
}

func newLimiter() *limiter {
	return &limiter{all: rate.NewLimiter(hashesASecond, hashesAtOnce), forgiven: map[netip.Addr]time.Time{}}
}

// take counts a token from an address as wrong until giveBack; an error says that it is not to be looked at.
func (l *limiter) take(from netip.Addr, now time.Time) error {
	from = network(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	until, known := l.forgiven[from]
	if !known && len(l.forgiven) >= mostAddresses {
		l.forget(now)
	}
	if until.Before(now) {
		until = now
	}
	if wait := until.Add(failEvery).Sub(now) - failBurst*failEvery; wait > 0 {
		return &SlowDown{After: wait}
	}
	if !l.all.AllowN(now, 1) {
		return &SlowDown{After: time.Second}
	}
	l.forgiven[from] = until.Add(failEvery)
	return nil
}

// giveBack says that the token was right.
func (l *limiter) giveBack(from netip.Addr) {
	from = network(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until, ok := l.forgiven[from]; ok {
		l.forgiven[from] = until.Add(-failEvery)
	}
}

// forget makes room: all that have nothing to wait, and the one that has the least.
func (l *limiter) forget(now time.Time) {
	var least netip.Addr
	var soonest time.Time
	for addr, until := range l.forgiven {
		if !until.After(now) {
			delete(l.forgiven, addr)
		} else if soonest.IsZero() || until.Before(soonest) {
			least, soonest = addr, until
		}
	}
	if len(l.forgiven) >= mostAddresses {
		delete(l.forgiven, least)
	}
}

// network is what counts as one address: an IPv6 host has a /64 to itself.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
