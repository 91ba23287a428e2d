package routing

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkFind looks up one id after the other among 100,000 in random order, on one goroutine: in a table, in the Go
// map, behind no lock, that it takes the place of, and in a table with so much room that few ids meet. The last one
// takes nearly the same instructions whatever the seed of its hash: make bench-guard counts it.
func BenchmarkFind(b *testing.B) {
	const n = 100_000
	ids := fleet(n)
	table, roomy, plain := NewTable(n), NewTable(4*n), make(map[string]uint32, n)
	for i := range n {
		table.Insert(ids[8*i:8*i+8], uint32(i))
		roomy.Insert(ids[8*i:8*i+8], uint32(i))
		plain[string(ids[8*i:8*i+8])] = uint32(i)
	}
	order := rand.New(rand.NewPCG(1, 1)).Perm(n)
	find := func(name string, load func(id []byte) (uint32, bool)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				at := order[i]
				if pt, ok := load(ids[8*at : 8*at+8]); !ok || pt != uint32(at) {
					b.Fatalf("finds %d, %v for id %d", pt, ok, at)
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
	find("table", table.Lookup)
	find("map", func(id []byte) (uint32, bool) { pt, ok := plain[string(id)]; return pt, ok })
	find("roomy", roomy.Lookup)
}
