package prefetch

import (
	"io"
	"strings"
	"testing"
)

// TestHarmless fetches what is there, what is not, and beyond the end: nothing may come of it but time.
func TestHarmless(t *testing.T) {
	var nobody io.Reader
	var somebody io.Reader = strings.NewReader("abc")
	block := [3]uint64{1, 2, 3}
	Of(&block)
	Of((*[1000]byte)(nil))
	Slice(block[:])
	Slice(block[:0])
	Slice([]byte(nil))
	Head(&nobody, 200)
	Head(&somebody, 1<<16)
	if b, err := io.ReadAll(somebody); err != nil || string(b) != "abc" || block != [3]uint64{1, 2, 3} {
		t.Fatalf("changed: %q, %v, %v", b, err, block)
	}
}

var kept uint64

// BenchmarkFleet touches five lines each of 100,000 links, with some work between two of them, as polls do.
func BenchmarkFleet(b *testing.B) {
	type link struct{ lines [5][8]uint64 }
	fleet := make([]*link, 100_000)
	for i := range fleet {
		fleet[i*7919%len(fleet)] = new(link)
	}
	work := func(x uint64) uint64 {
		for range 500 {
			x = x*6364136223846793005 + 1
		}
		return x
	}
	for _, ahead := range []bool{false, true} {
		name := "as-it-comes"
		if ahead {
			name = "ahead"
		}
		b.Run(name, func(b *testing.B) {
			sum := uint64(0)
			for i := 0; b.Loop(); i++ {
				if ahead {
					Of(fleet[(i+1)%len(fleet)])
				}
				l := fleet[i%len(fleet)]
				at := uint64(0)
				for j := range l.lines { // each is known when the one before has come
					at = l.lines[j][at&7] + l.lines[j][7]
					l.lines[j][1]++
				}
				sum += work(sum + at)
			}
			kept = sum
		})
	}
}
