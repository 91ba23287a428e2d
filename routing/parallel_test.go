package routing

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// together runs f in n goroutines and waits for them.
func together(n int, f func(g int)) {
	var wg sync.WaitGroup
	for g := range n {
		wg.Go(func() { f(g) })
	}
	wg.Wait()
}

// TestInsertOnce: of goroutines that insert the same ids while the table grows, exactly one wins each id.
func TestInsertOnce(t *testing.T) {
	for name, format := range map[string]string{"one length": "c%07d", "mixed lengths": "c%d"} {
		t.Run(name, func(t *testing.T) {
			const goroutines, n = 4, 4000
			table := NewTable(0)
			winners := make([]atomic.Int32, n)
			together(goroutines, func(g int) {
				for _, i := range rand.New(rand.NewPCG(uint64(g), 3)).Perm(n) {
					id := fmt.Appendf(nil, format, i)
					if table.Insert(id, uint32(g*n+i)) {
						if old := winners[i].Swap(int32(g + 1)); old != 0 {
							t.Errorf("%q was inserted by %d and %d", id, old-1, g)
						}
					}
				}
			})
			if table.Len() != n {
				t.Errorf("Len() = %d, want %d", table.Len(), n)
			}
			for i := range winners {
				want := uint32(winners[i].Load()-1)*n + uint32(i)
				if got, ok := table.Lookup(fmt.Appendf(nil, format, i)); !ok || got != want {
					t.Fatalf("Lookup of %d = %d, %t, want the winner's %d", i, got, ok, want)
				}
			}
		})
	}
}

// TestReadersBesideGrowth: ids that are there stay found, with a value that someone gave them, while others come and
// go, values change and every shard grows and shrinks.
func TestReadersBesideGrowth(t *testing.T) {
	for name, format := range map[string]string{"one length": "%c%07d", "mixed lengths": "%c%d"} {
		t.Run(name, func(t *testing.T) {
			const fixed, moving = 500, 6000
			table := NewTable(0)
			for i := range fixed {
				table.Insert(fmt.Appendf(nil, format, 'f', i), uint32(i))
			}
			var stop atomic.Bool
			var readers sync.WaitGroup
			for g := range 2 {
				readers.Go(func() {
					r := rand.New(rand.NewPCG(uint64(g), 4))
					for !stop.Load() {
						i := r.IntN(fixed)
						id := fmt.Appendf(nil, format, 'f', i)
						if pt, ok := table.Lookup(id); !ok || pt%fixed != uint32(i) {
							t.Errorf("Lookup(%q) = %d, %t", id, pt, ok)
							return
						}
						if n := table.Longest(append(id, '/')); n != len(id) {
							t.Errorf("Longest(%q/) = %d, want %d", id, n, len(id))
							return
						}
						// "f1" has "f10" to "f19" beyond it, all the while.
						if i > 0 && i < fixed/10 && format == "%c%d" && !table.Extends(id) {
							t.Errorf("Extends(%q) is false", id)
							return
						}
					}
				})
			}
			together(2, func(g int) {
				r := rand.New(rand.NewPCG(uint64(g), 5))
				for i := range moving {
					table.Insert(fmt.Appendf(nil, format, 'a'+g, i), 0)
					if j := r.IntN(fixed); true {
						table.Replace(fmt.Appendf(nil, format, 'f', j), uint32(j+fixed*r.IntN(1000)))
					}
				}
				for i := range moving {
					if _, ok := table.Delete(fmt.Appendf(nil, format, 'a'+g, i)); !ok {
						t.Errorf("Delete of %c%d is false", 'a'+g, i)
					}
				}
			})
			stop.Store(true)
			readers.Wait()
			if table.Len() != fixed {
				t.Errorf("Len() = %d, want %d", table.Len(), fixed)
			}
		})
	}
}

// TestBalance: for each id, the inserts and deletes that succeeded alternate, so that they differ by what is left.
func TestBalance(t *testing.T) {
	const goroutines, n, steps = 4, 40, 20000
	table := NewTable(0)
	balance := make([]atomic.Int32, n)
	together(goroutines, func(g int) {
		r := rand.New(rand.NewPCG(uint64(g), 6))
		for range steps {
			i := r.IntN(n)
			id := binary.BigEndian.AppendUint64(nil, uint64(i))
			if r.IntN(2) == 0 {
				if table.Insert(id, uint32(i)) {
					balance[i].Add(1)
				}
			} else if _, ok := table.Delete(id); ok {
				balance[i].Add(-1)
			}
			// Ids nobody else uses, so that shards are renewed all the time.
			own := fmt.Appendf(nil, "%d%07d", g, r.IntN(500))
			if !table.Insert(own, 0) {
				table.Delete(own)
			}
		}
	})
	for i := range balance {
		_, ok := table.Lookup(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if left := balance[i].Load(); left != 0 && left != 1 || ok != (left == 1) {
			t.Errorf("id %d: inserts less deletes %d, found %t", i, left, ok)
		}
	}
}

// TestOldGeneration: whoever still holds a generation that has been replaced can read it as it was, and not write it.
func TestOldGeneration(t *testing.T) {
	var s store
	s.alloc(0)
	id, gone, other := []byte("c0000001"), []byte("c0000002"), []byte("c0000003")
	sh := s.shard(s.hash(id))
	s.put(id, 1, false)
	old := sh.gen.Load()
	old.put(s.hash(gone), gone, 2)
	old.change(s.hash(gone), gone, header(len(gone), 0)&^live)
	s.renew(sh, old, 0)
	if sh.gen.Load() == old {
		t.Fatal("renew has not replaced the generation")
	}
	if e, ok := old.find(s.hash(id), id); !ok || uint32(old.load(e)) != 1 {
		t.Errorf("the old generation gives %d, %t, want 1", uint32(old.load(e)), ok)
	}
	if o := old.put(s.hash(other), other, 3); o != retired {
		t.Errorf("put of a new id in the old generation: %d, want retired", o)
	}
	if o := old.put(s.hash(gone), gone, 3); o != retired {
		t.Errorf("put of a deleted id in the old generation: %d, want retired", o)
	}
	if o := old.put(s.hash(id), id, 3); o != present {
		t.Errorf("put of a present id in the old generation: %d, want present", o)
	}
	if _, o := old.change(s.hash(id), id, header(len(id), 3)); o != retired {
		t.Errorf("change in the old generation: %d, want retired", o)
	}
	current := sh.gen.Load()
	if current.claimed.Load() != 1 {
		t.Errorf("%d claims in the new generation, want 1: deleted ids stay behind", current.claimed.Load())
	}
	s.renew(sh, old, 0)
	if sh.gen.Load() != current {
		t.Error("renew of an old generation has replaced the current one")
	}
}
