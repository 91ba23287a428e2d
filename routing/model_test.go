package routing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// model is Table done simply: what every method must return when nothing happens beside it.
type model map[string]uint32

func (m model) longest(b string) (n int) {
	for id := range m {
		if len(id) > n && strings.HasPrefix(b, id) {
			n = len(id)
		}
	}
	return n
}

func (m model) extends(b string) bool {
	for id := range m {
		if len(id) > len(b) && strings.HasPrefix(id, b) {
			return true
		}
	}
	return false
}

// pair is a table and the model it must agree with.
type pair struct {
	t *testing.T
	m model
	*Table
}

func newPair(t *testing.T, hint int) *pair { return &pair{t, model{}, NewTable(hint)} }

// step applies one operation, chosen by op, to both sides and compares the results.
func (p *pair) step(op byte, id string, pt uint32) {
	p.t.Helper()
	want, there := p.m[id]
	switch op % 5 {
	case 0, 1:
		if got, want := p.Insert([]byte(id), pt), !there && len(id) > 0 && len(id) <= MaxID; got != want {
			p.t.Fatalf("Insert(%q) = %t, want %t", id, got, want)
		} else if want {
			p.m[id] = pt
		}
	case 2:
		if got, ok := p.Replace([]byte(id), pt); got != want || ok != there {
			p.t.Fatalf("Replace(%q) = %d, %t, want %d, %t", id, got, ok, want, there)
		}
		if there {
			p.m[id] = pt
		}
	case 3:
		if got, ok := p.Delete([]byte(id)); got != want || ok != there {
			p.t.Fatalf("Delete(%q) = %d, %t, want %d, %t", id, got, ok, want, there)
		}
		delete(p.m, id)
	case 4:
		p.probe(id)
	}
}

// probe compares the answers about b.
func (p *pair) probe(b string) {
	p.t.Helper()
	want, there := p.m[b]
	if got, ok := p.Lookup([]byte(b)); got != want || ok != there {
		p.t.Fatalf("Lookup(%q) = %d, %t, want %d, %t", b, got, ok, want, there)
	}
	long := p.m.longest(b)
	if got := p.Longest([]byte(b)); got != long {
		p.t.Fatalf("Longest(%q) = %d, want %d", b, got, long)
	}
	got, ext := p.Extends([]byte(b)), p.m.extends(b)
	if got && !ext || long > 0 && !got && ext {
		p.t.Fatalf("Extends(%q) = %t, want %t (longest %d)", b, got, ext, long)
	}
}

// compare checks all of the table against the model.
func (p *pair) compare() {
	p.t.Helper()
	if p.Len() != len(p.m) {
		p.t.Fatalf("Len() = %d, want %d", p.Len(), len(p.m))
	}
	seen := model{}
	p.Range(func(id []byte, pt uint32) bool {
		if _, twice := seen[string(id)]; twice {
			p.t.Fatalf("Range visits %q twice", id)
		}
		seen[string(id)] = pt
		return true
	})
	for id, pt := range p.m {
		if got, ok := seen[id]; !ok || got != pt {
			p.t.Fatalf("Range gives %d, %t for %q, want %d", got, ok, id, pt)
		}
	}
	if len(seen) != len(p.m) {
		p.t.Fatalf("Range visits %d ids, want %d", len(seen), len(p.m))
	}
}

// checkIndex recounts the prefixes and checks what index promises of the tracked lengths.
func (p *pair) checkIndex() {
	p.t.Helper()
	x, want := &p.index, model{}
	for id := range p.m {
		if !x.tracked.has(len(id)) || !x.present.has(len(id)) {
			p.t.Fatalf("length %d of %q is not tracked", len(id), id)
		}
		based := false
		for m := 1; m < len(id); m++ {
			if x.tracked.has(m) {
				want[id[:m]]++
			}
			if _, ok := p.m[id[:m]]; ok {
				based = true
			}
			if based && !x.tracked.has(m) {
				p.t.Fatalf("length %d of %q, which extends an id, is not tracked", m, id)
			}
		}
	}
	got := 0
	x.prefixes.each(func(prefix []byte, n uint32) bool {
		if got++; want[string(prefix)] != n {
			p.t.Fatalf("prefix %q is counted %d times, want %d", prefix, n, want[string(prefix)])
		}
		return true
	})
	if got != len(want) {
		p.t.Fatalf("%d prefixes are counted, want %d", got, len(want))
	}
}

func TestTableModel(t *testing.T) {
	word := func(r *rand.Rand, letters string, most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	tests := map[string]func(r *rand.Rand) string{
		"short ids that extend each other": func(r *rand.Rand) string { return word(r, "ab", 6) },
		"numbers":                          func(r *rand.Rand) string { return fmt.Sprintf("c%d", r.IntN(300)) },
		"one length":                       func(r *rand.Rand) string { return fmt.Sprintf("c%07d", r.IntN(300)) },
		"two lengths": func(r *rand.Rand) string {
			return fmt.Sprintf([]string{"c%07d", "%015d"}[r.IntN(2)], r.IntN(200))
		},
		"long ids": func(r *rand.Rand) string {
			return strings.Repeat("x", r.IntN(3)*60) + word(r, "xy", 6)
		},
		"zero bytes": func(r *rand.Rand) string { return word(r, "\x00a", 10) },
		"few of each length": func(r *rand.Rand) string {
			return strings.Repeat(word(r, "ab", 1), r.IntN(40)) + word(r, "ab", 3)
		},
	}
	for name, gen := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				r := rand.New(rand.NewPCG(seed, 1))
				p := newPair(t, r.IntN(3)*100)
				for i := range 2500 {
					p.step(byte(r.IntN(5)), gen(r), r.Uint32())
					if i%500 == 0 {
						p.checkIndex()
					}
				}
				p.compare()
				p.checkIndex()
				for id := range p.m {
					p.step(3, id, 0)
				}
				p.compare()
				p.checkIndex()
			}
		})
	}
}

// TestMixedLoad loads ids of several lengths in the orders that are hard for the index, and checks what extends what.
func TestMixedLoad(t *testing.T) {
	const n = 20000
	orders := map[string]func(i int) int{
		"ascending":  func(i int) int { return i + 1 },
		"descending": func(i int) int { return n - i },
		"shuffled":   func(i int) int { return i*7919%n + 1 },
	}
	for name, nth := range orders {
		t.Run(name, func(t *testing.T) {
			table := NewTable(0)
			for i := range n {
				if id := fmt.Sprintf("c%d", nth(i)); !table.Insert([]byte(id), uint32(nth(i))) {
					t.Fatalf("Insert(%q) is false", id)
				}
			}
			if table.index.scans > maxReachScans {
				t.Errorf("%d scans for the longest extension, want at most %d", table.index.scans, maxReachScans)
			}
			for i := 1; i <= 2*n; i++ {
				id := fmt.Appendf(nil, "c%d", i)
				want := i*10 <= n // then there is one with another digit
				if got := table.Extends(id); got != want {
					t.Fatalf("Extends(%q) = %t, want %t", id, got, want)
				}
				if got, ok := table.Lookup(id); ok != (i <= n) || ok && got != uint32(i) {
					t.Fatalf("Lookup(%q) = %d, %t", id, got, ok)
				}
			}
		})
	}
}

// TestLongFirst loads pairs of which the longer id comes first, among ids that are longer still: the search for the
// longest extension must not be repeated for each pair.
func TestLongFirst(t *testing.T) {
	table := NewTable(0)
	for i := range 2000 {
		table.Insert(fmt.Appendf(nil, "86%013d", i), 0)
	}
	for i := range 500 {
		table.Insert(fmt.Appendf(nil, "gw%04dxy", i), 0)
		table.Insert(fmt.Appendf(nil, "gw%04d", i), 0)
	}
	for i := range 500 {
		for b, want := range map[string]bool{
			fmt.Sprintf("gw%04d", i): true, fmt.Sprintf("gw%04dx", i): true, fmt.Sprintf("gw%04dxy", i): false,
			fmt.Sprintf("gw%04dy", i): false,
		} {
			if got := table.Extends([]byte(b)); got != want {
				t.Fatalf("Extends(%q) = %t, want %t", b, got, want)
			}
		}
	}
	if table.index.scans > maxReachScans {
		t.Errorf("%d scans, want at most %d", table.index.scans, maxReachScans)
	}
}
