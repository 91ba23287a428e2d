package routing

import (
	"math/bits"
	"sync/atomic"
)

// lengths is a set of numbers 1..MaxID. It only grows; readers need no lock.
type lengths [MaxID/64 + 1]atomic.Uint64

func (l *lengths) add(n int) {
	if !l.has(n) {
		l[n/64].Or(1 << (n % 64))
	}
}

func (l *lengths) has(n int) bool { return l[n/64].Load()>>(n%64)&1 != 0 }

// down returns the greatest member that is at most n, 0 if there is none. n is at most MaxID.
func (l *lengths) down(n int) int {
	for i := n / 64; i >= 0; i-- {
		w := l[i].Load()
		if i == n/64 {
			w &= ^uint64(0) >> (63 - n%64)
		}
		if w != 0 {
			return 64*i + bits.Len64(w) - 1
		}
	}
	return 0
}

// up returns the least member that is at least n, 0 if there is none.
func (l *lengths) up(n int) int {
	for i := n / 64; i < len(l); i++ {
		w := l[i].Load()
		if i == n/64 {
			w &= ^uint64(0) << (n % 64)
		}
		if w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
	return 0
}
