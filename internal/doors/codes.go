package doors

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// How long and how many codes wait to be used.
const (
	// CodeLife is how long a code is good, unless it is used before.
	CodeLife  = 15 * time.Minute
	mostCodes = 20 // of one token; beyond it the oldest ends. There are at most mostTokens times as many
)

// codes are the one-time codes that nobody has used yet.
type codes struct {
	mu      sync.Mutex
	waiting map[[sha256.Size]byte]code // by digest
}

type code struct {
	who   Identity
	until time.Time
}

// Code makes a code that stands for somebody once, for CodeLife: for a link, which may be seen, but not for long.
func (k *Keeper) Code(who Identity) string {
	written := newSecret()
	now := k.now()
	c := &k.codes
	c.mu.Lock()
	defer c.mu.Unlock()
	own := 0
	var oldest [sha256.Size]byte
	for at, other := range c.waiting {
		switch {
		case !other.good(now):
			delete(c.waiting, at)
		case other.who.ID == who.ID:
			if own++; own == 1 || other.until.Before(c.waiting[oldest].until) {
				oldest = at
			}
		}
	}
	if own >= mostCodes {
		delete(c.waiting, oldest)
	}
	c.waiting[digest(written)] = code{who: who, until: now.Add(CodeLife)}
	return written
}

// Redeem says whom a code that came from an address stands for, and ends it. The error is ErrBadCode or *SlowDown:
// wrong codes count as wrong tokens do.
func (k *Keeper) Redeem(written string, from netip.Addr) (Identity, error) {
	now := k.now()
	if err := k.limit.take(from, now); err != nil {
		return Identity{}, err
	}
	at := digest(written)
	c := &k.codes
	c.mu.Lock()
	found, ok := c.waiting[at]
	delete(c.waiting, at)
	c.mu.Unlock()
	if !ok || !found.good(now) {
		return Identity{}, ErrBadCode
	}
	k.limit.giveBack(from)
	return found.who, nil
}

// good reports whether it may be used still: its time is not over, and its token not revoked.
func (c code) good(now time.Time) bool {
	return now.Before(c.until) && (c.who.life == nil || c.who.life.Err() == nil)
}
