package server

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type flatNodes []timerNode

func (f flatNodes) node(n uint32) *timerNode { return &f[n] }
func (f flatNodes) ahead(_, _ uint32)        {}

// foresight is told what comes.
type foresight struct {
	flatNodes
	told [][2]uint32
}

func (f *foresight) ahead(n, after uint32) { f.told = append(f.told, [2]uint32{n, after}) }

// TestWheelTellsAhead: before each node of a slot fires, the wheel names the two that follow.
func TestWheelTellsAhead(t *testing.T) {
	f := &foresight{flatNodes: make(flatNodes, 5)}
	w := &wheel{nodes: f}
	for n := range uint32(4) {
		w.arm(n+1, 3)
	}
	var fired []uint32
	w.advance(3, func(n uint32) { fired = append(fired, n) })
	want := [][2]uint32{{fired[1], fired[2]}, {fired[2], fired[3]}, {fired[3], 0}}
	if len(fired) != 4 || !slices.Equal(f.told, want) {
		t.Fatalf("fired %v, told %v, want %v", fired, f.told, want)
	}
}

// TestWheelFiresWhenDue holds the wheel against a plain list: each node fires exactly once, at its due millisecond,
// whatever the steps in which the clock moves, across the wrap of the clock too.
func TestWheelFiresWhenDue(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		const n = 400
		nodes := make(flatNodes, n+1)
		w := &wheel{nodes: nodes, now: ^uint32(0) - rnd.Uint32N(1<<22)}
		start := w.now
		want := map[uint32]uint32{} // node -> due
		arm := func(i uint32) {
			after := int64(1 + rnd.Uint32N(1<<rnd.UintN(25)))
			w.arm(i, after)
			want[i] = w.now + uint32(after)
		}
		for i := uint32(1); i <= n; i++ {
			arm(i)
		}
		for i := uint32(1); i <= n; i += 7 {
			w.disarm(i)
			delete(want, i)
		}
		for i := uint32(3); i <= n; i += 11 {
			arm(i) // armed again, whether it was or not
		}
		if w.count != len(want) {
			t.Fatalf("seed %d: %d armed, want %d", seed, w.count, len(want))
		}
		rearmed := 0
		for len(want) > 0 {
			to := w.now + 1 + rnd.Uint32N(1<<rnd.UintN(18))
			if next, ok := w.untilNext(); !ok || next == 0 {
				t.Fatalf("seed %d: nothing next with %d armed", seed, len(want))
			}
			w.advance(to, func(i uint32) {
				due, ok := want[i]
				if !ok || due != w.now {
					t.Fatalf("seed %d: node %d fired at %d, due %d (armed %v)", seed, i, w.now-start, due-start, ok)
				}
				delete(want, i)
				if rearmed < 50 {
					rearmed++
					arm(i)
				}
			})
			if w.now != to {
				t.Fatalf("seed %d: clock at %d, want %d", seed, w.now, to)
			}
			for i, due := range want {
				if int32(due-w.now) <= 0 {
					t.Fatalf("seed %d: node %d missed", seed, i)
				}
			}
		}
		if w.count != 0 || slices.ContainsFunc(w.full[:], func(x uint64) bool { return x != 0 }) {
			t.Fatalf("seed %d: %d left after all fired", seed, w.count)
		}
	}
}

// TestWheelFarthest holds delays beyond the wheel's reach to their time.
func TestWheelFarthest(t *testing.T) {
	nodes := make(flatNodes, 2)
	w := &wheel{nodes: nodes}
	w.arm(1, reach*3+17)
	fired := uint32(0)
	for fired == 0 {
		next, ok := w.untilNext()
		if !ok {
			t.Fatal("lost")
		}
		w.advance(w.now+next, func(uint32) { fired = w.now })
	}
	if fired != reach*3+17 {
		t.Fatalf("fired at %d, want %d", fired, reach*3+17)
	}
}

// TestArmWhileLate: a timer that is armed from a slot which runs late, for exactly one turn of the first level after
// that slot, does not run before its time. It would be found in the slot that is being run, and armed again, for ever.
func TestArmWhileLate(t *testing.T) {
	l := benchLoop(t, 0)
	at := func(ms int64) int64 { return l.epoch + ms*int64(time.Millisecond) }
	n := timerNumber(l.open(1, at(0)).place, driverTimer)
	l.arm(n, at(0), int64(10*time.Millisecond))
	fired := 0
	advance := func(ms int64) {
		l.wheel.advance(l.millis(at(ms)), func(uint32) {
			if fired++; fired == 1 {
				l.arm(n, at(ms), int64(251*time.Millisecond))
			}
		})
	}
	for _, step := range []struct {
		ms   int64
		want int
	}{{15, 1}, {265, 1}, {266, 2}} {
		if advance(step.ms); fired != step.want {
			t.Fatalf("at %d ms it has run %d times, want %d", step.ms, fired, step.want)
		}
	}
}

func BenchmarkWheelRearm(b *testing.B) {
	nodes := make(flatNodes, 20001)
	w := &wheel{nodes: nodes}
	for i := uint32(1); i <= 20000; i++ {
		w.arm(i, int64(i%10000)+1)
	}
	b.ReportAllocs()
	i := uint32(1)
	for b.Loop() {
		w.arm(i, 10000)
		i = i%20000 + 1
	}
}
