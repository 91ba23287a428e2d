package poll

import (
	"slices"
	"testing"
	"time"

	"linkd/drivers"
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

// TestLateLoop: an answer that came in time and waits for a loop that is late is the answer, and nothing is asked
// twice. Rubbish that waits there holds the question up once, for UnreadTime.
func TestLateLoop(t *testing.T) {
	for _, rubbish := range []bool{false, true} {
		w := newWorld(t, []entry{{0, 1, 10 * sec}}, nil)
		late := false
		w.asked = func(q []byte) {
			comes := answerTo(q, 3)
			if late && rubbish {
				comes = []byte("rubbish")
			}
			w.arrive(20*ms, comes)
		}
		w.open()
		w.pass(time.Minute)
		late = true
		for asked := len(w.sent); len(w.sent) == asked; {
			w.pass(ms)
		}
		w.stall(200 * ms)
		late = false
		asked, good := len(w.sent), w.good[0]
		w.pass(100 * ms)
		if len(w.sent) != asked {
			t.Errorf("rubbish %v: asked again while bytes wait", rubbish)
		}
		if !rubbish {
			if w.good[0] != good+1 || w.polls["late"]+w.polls["timeout"] > 0 {
				t.Errorf("the answer that waited was not taken: %v", w.polls)
			}
			continue
		}
		w.pass(drivers.UnreadTime - 50*ms)
		if len(w.sent) != asked+1 || w.good[0] != good+1 {
			t.Errorf("after rubbish asked %d times more, answered %d; want once", len(w.sent)-asked, w.good[0]-good)
		}
	}
}
