package poll

import (
	"slices"
	"testing"
	"time"
)

// TestSlower: a link whose latency has grown past what was waited for, and not past the largest timeout, is polled as
// before: its late answers say how long to wait.
func TestSlower(t *testing.T) {
	for name, list := range map[string][]entry{
		"one entry":           {{0, 1, sec}},
		"two of one shape":    {{0, 1, sec}, {0, 2, sec}},
		"two devices":         {{0, 1, sec}, {1, 2, sec}},
		"one seldom":          {{0, 1, 10 * sec}},
		"two seldom, a shape": {{0, 1, 10 * sec}, {0, 2, 10 * sec}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, list, nil)
			took := 20 * ms
			w.asked = func(q []byte) { w.arrive(took, answerTo(q, 3)) }
			w.open()
			w.pass(time.Minute)
			took = 280 * ms
			w.pass(30 * sec)
			before := slices.Clone(w.good)
			w.pass(time.Minute)
			for i, e := range list {
				if n, want := w.good[i]-before[i], int(time.Minute/e.every); n < want*3/4 || n > want+1 {
					t.Errorf("entry %d was read %d times in a minute, want %d; polls %v", i, n, want, w.polls)
				}
			}
		})
	}
}

// TestSlowNeighbour: of two devices behind one link the slower one is waited for, once its late answers have told how
// long; one that takes longer than the largest timeout is left alone as a dead one is.
func TestSlowNeighbour(t *testing.T) {
	for _, tt := range []struct {
		took        time.Duration
		least, most int // readings in a minute
	}{{280 * ms, 45, 60}, {400 * ms, 0, 8}} {
		w := newWorld(t, []entry{{0, 1, sec}, {1, 2, sec}}, nil)
		w.asked = func(q []byte) {
			after := 20 * ms
			if q[1] == 1 && len(w.sent) > 20 {
				after = tt.took
			}
			w.arrive(after, answerTo(q, 3))
		}
		w.open()
		w.pass(30 * sec)
		before := slices.Clone(w.good)
		w.pass(time.Minute)
		if n := w.good[1] - before[1]; n < tt.least || n > tt.most {
			t.Errorf("answers after %s: read %d times in a minute, want %d to %d; polls %v", tt.took, n, tt.least, tt.most,
				w.polls)
		}
		if n := w.good[0] - before[0]; n < 55 || w.wrong != 0 {
			t.Errorf("answers after %s: the neighbour was read %d times in a minute, %d wrong", tt.took, n, w.wrong)
		}
	}
}
