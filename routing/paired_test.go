package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkPaired compares the contenders of BenchmarkLookup at 1,000,000 entries where other work disturbs the
// machine: all are filled once, then take turns in slices of about 0.1 s. It reports the medians over the slices: ns
// of an operation per contender, and the time of routing as a share of each other one's in the same turn.
//
//	go test -run '^$' -bench Paired -benchtime 30x -count 5 ./routing
func BenchmarkPaired(b *testing.B) {
	if testing.Short() {
		b.Skip("takes minutes")
	}
	const n, slice, goroutines = 1_000_000, 300_000, 2
	ids := fleet(n)
	stream := make([]byte, 0, len(ids))
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(n) {
		stream = append(stream, ids[8*i:8*i+8]...)
	}
	maps := make([]lookuper, len(contenders))
	for i, c := range contenders {
		maps[i] = c.make(n)
		fill(maps[i], ids)
	}
	for _, writes := range []uint64{0, 1} {
		b.Run(fmt.Sprintf("n=%d/w=%d", n, writes), func(b *testing.B) {
			ns, share := make([][]float64, len(maps)), make([][]float64, len(maps))
			turn := uint64(0)
			for b.Loop() {
				for i, m := range maps {
					turn++
					begin := time.Now()
					together(goroutines, func(g int) { mix(b, &countdown{slice}, m, stream, writes, turn<<8|uint64(g)) })
					t := float64(time.Since(begin).Nanoseconds()) / (slice * goroutines)
					ns[i] = append(ns[i], t)
					share[i] = append(share[i], ns[0][len(ns[0])-1]/t)
				}
			}
			for i, c := range contenders {
				b.ReportMetric(median(ns[i]), "ns/"+c.name)
				if i > 0 {
					b.ReportMetric(median(share[i]), "of-"+c.name)
				}
			}
		})
	}
}

// countdown is a testing.PB for a fixed number of operations.
type countdown struct{ left int }

// Next reports whether there is another operation to do.
func (c *countdown) Next() bool { c.left--; return c.left >= 0 }

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
