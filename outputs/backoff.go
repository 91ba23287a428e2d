package outputs

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between tries: from Low, doubling to High, of which a random half is left out, so that
// many who failed at the same moment do not come back at the same moment.
type Backoff struct {
	Low, High time.Duration
	tries     int
}

// Next is the time until the next try.
func (b *Backoff) Next() time.Duration {
	d := b.High
	if b.tries < 32 && b.Low<<b.tries < b.High {
		d = b.Low << b.tries
	}
	b.tries++
	return d/2 + rand.N(d/2+1)
}

// Reset begins anew: a try has succeeded.
func (b *Backoff) Reset() { b.tries = 0 }

// Sleep waits, and returns ctx's error when ctx ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
