package routing

import (
	"math/rand/v2"
	"testing"
)

// TestPlace fills arenas with entries of random sizes: no word is given out twice, every entry lies within its part,
// and there is room exactly as long as hasRoom says so.
func TestPlace(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 8))
		var a arena
		a.alloc(r.Int64N(500), r.Int64N(300))
		taken := make([]bool, len(a.words))
		for range 1000 {
			n := uint64(1 + r.IntN(longWords+4))
			room := a.hasRoom(n)
			e, ok := a.place(r.Uint64(), n)
			if ok != room {
				t.Fatalf("seed %d: place of %d words is %t, hasRoom said %t", seed, n, ok, room)
			}
			if !ok {
				continue
			}
			if short := e+n <= 2*a.pairs; e+n > uint64(len(a.words)) || short != (n <= longWords) {
				t.Fatalf("seed %d: %d words at %d of %d", seed, n, e, len(a.words))
			}
			for i := e; i < e+n; i++ {
				if taken[i] {
					t.Fatalf("seed %d: word %d is given out twice", seed, i)
				}
				taken[i] = true
			}
		}
	}
}

// TestPlaceNear: in an arena as full as it gets, an entry of two words lies on average within two cache lines of the
// place where readers ask for it.
func TestPlaceNear(t *testing.T) {
	const n = 8192
	var a arena
	a.alloc(2*n, 0)
	r := rand.New(rand.NewPCG(1, 9))
	far := uint64(0)
	for range n {
		h := r.Uint64()
		e, ok := a.place(h, 2)
		if !ok {
			t.Fatal("the arena is full early")
		}
		far += (e + uint64(len(a.words)) - a.wish(h)) % uint64(len(a.words))
	}
	if mean := far / n; mean > 16 {
		t.Errorf("entries lie %d words from their wish on average, want at most 16", mean)
	}
}

func TestRun(t *testing.T) {
	tests := []struct{ w, n, want uint64 }{
		{0, 1, 64},
		{1, 1, 0},
		{^uint64(0), 16, 0},
		{0b110, 2, 64}, // at an odd place
		{0b1100, 2, 2},
		{0b111_0110, 3, 4},
		{0b110 << 61, 3, 64}, // would pass the end
		{1 << 63, 1, 63},
	}
	for _, tt := range tests {
		if got := run(tt.w, tt.n); got != tt.want {
			t.Errorf("run(%b, %d) = %d, want %d", tt.w, tt.n, got, tt.want)
		}
	}
}
