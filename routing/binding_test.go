package routing

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
)

func TestBindingLinearizable(t *testing.T) {
	for range 8 {
		var b Binding
		history := record(4, 250, func(g, i int, r *rand.Rand) call {
			c := call{op: []string{"bind", "takeover", "release", "lookup"}[r.IntN(4)], arg: uint64(g*1000 + i + 1)}
			switch c.op {
			case "takeover":
				c.old = b.Owner()
			case "release":
				c.arg = b.Owner()
			}
			if c.op == "takeover" && c.old == 0 {
				c.op = "bind"
			}
			return c
		}, func(c call) answer { return applyBinding(&b, c) })
		if !porcupine.CheckOperations(registers(), history) {
			t.Fatal("a history is not linearizable")
		}
	}
}

func applyBinding(b *Binding, c call) (a answer) {
	switch c.op {
	case "bind":
		a.ok = b.Bind(c.arg)
	case "takeover":
		a.ok = b.Takeover(c.old, c.arg)
	case "release":
		a.ok = b.Release(c.arg)
	case "lookup":
		a.value = b.Owner()
		a.ok = a.value != 0
	}
	return a
}

// TestNewestUnharmed: the newest session is never harmed by the clean-up of an older one. Sessions take the binding
// from each other and all release it afterwards, some twice. Each session's ownership must end exactly once, by its
// own release or by the takeover that names it; the one that is left must own it.
func TestNewestUnharmed(t *testing.T) {
	const goroutines, rounds = 4, 3000
	var b Binding
	ends := make([]atomic.Int32, goroutines*rounds+1)
	together(goroutines, func(g int) {
		var late []uint64 // sessions that clean up long after they were taken over
		for i := range rounds {
			me := uint64(g*rounds + i + 1)
			old := b.Owner()
			for !b.Takeover(old, me) {
				old = b.Owner()
			}
			ends[old].Add(1)
			if late = append(late, me); len(late) == 3 || i == rounds-1 {
				for _, session := range late {
					for range 2 {
						if b.Release(session) {
							ends[session].Add(1)
						}
					}
				}
				late = late[:0]
			}
			if i%64 == 0 {
				runtime.Gosched()
			}
		}
	})
	if owner := b.Owner(); owner != 0 {
		t.Errorf("session %d owns the binding after all have released it", owner)
	}
	for session := range ends[1:] {
		if n := ends[session+1].Load(); n != 1 {
			t.Fatalf("the ownership of session %d has ended %d times, want once", session+1, n)
		}
	}
}

func TestBinding(t *testing.T) {
	var b Binding
	steps := []struct {
		name  string
		do    func() bool
		want  bool
		owner uint64
	}{
		{"nobody may bind as 0", func() bool { return b.Bind(0) }, false, 0},
		{"0 is never released", func() bool { return b.Release(0) }, false, 0},
		{"a free one is bound", func() bool { return b.Bind(1) }, true, 1},
		{"an owned one is not", func() bool { return b.Bind(2) }, false, 1},
		{"takeover from another than the owner", func() bool { return b.Takeover(2, 3) }, false, 1},
		{"takeover by 0", func() bool { return b.Takeover(1, 0) }, false, 1},
		{"takeover", func() bool { return b.Takeover(1, 3) }, true, 3},
		{"release by the older", func() bool { return b.Release(1) }, false, 3},
		{"release", func() bool { return b.Release(3) }, true, 0},
		{"release again", func() bool { return b.Release(3) }, false, 0},
		{"takeover of a free one", func() bool { return b.Takeover(0, 4) }, true, 4},
	}
	for _, s := range steps {
		if got := s.do(); got != s.want || b.Owner() != s.owner {
			t.Fatalf("%s: %t, owner %d, want %t, owner %d", s.name, got, b.Owner(), s.want, s.owner)
		}
	}
}
