package loadgen

import (
	"testing"
	"time"
)

// TestMissedCycles: a device that is polled every second; what happens is written as moments in milliseconds. The
// traffic begins at 0 and ends with the last moment.
func TestMissedCycles(t *testing.T) {
	const up, ask, other, down = 'u', 'a', 'o', 'd'
	type moment struct {
		at   int64
		what rune
	}
	for _, c := range []struct {
		name      string
		moments   []moment
		end       int64
		missed    int64
		intervals int64
	}{
		{"regular", []moment{{-500, up}, {300, ask}, {1300, ask}, {2290, ask}, {3310, ask}}, 4000, 0, 3},
		{"one late by less than half a period", []moment{{-500, up}, {300, ask}, {1700, ask}, {2300, ask}}, 3000, 0, 2},
		{"moved to its place by the second", []moment{{-500, up}, {300, ask}, {1750, ask}, {2750, ask}}, 3000, 0, 2},
		{"one missed", []moment{{-500, up}, {300, ask}, {2300, ask}, {3300, ask}}, 4000, 1, 2},
		{"three missed at once", []moment{{-500, up}, {300, ask}, {4300, ask}}, 5000, 3, 1},
		{"asked before the traffic", []moment{{-2500, up}, {-1700, ask}, {-700, ask}, {300, ask}}, 1000, 0, 1},
		{"missed across its beginning", []moment{{-2500, up}, {-1700, ask}, {300, ask}}, 1000, 1, 1},
		{"the first comes after more than a period", []moment{{-500, up}, {2600, ask}, {3600, ask}}, 4000, 2, 1},
		{"up long before the traffic", []moment{{-9000, up}, {900, ask}}, 1500, 0, 0},
		{"none comes any more", []moment{{-500, up}, {300, ask}, {1300, ask}}, 5300, 3, 1},
		{"never asked", []moment{{-500, up}}, 5000, 4, 0},
		{"never up", nil, 5000, 0, 0},
		{"the end comes within a period", []moment{{-500, up}, {300, ask}}, 1200, 0, 0},
		{"down for five seconds", []moment{{-500, up}, {300, ask}, {1300, ask}, {1400, down}, {6400, up}, {6900, ask},
			{7900, ask}}, 8500, 0, 2},
		{"down twice, at once back", []moment{{-500, up}, {300, ask}, {400, down}, {800, up}, {1300, ask}, {1400, down},
			{1500, up}, {2300, ask}}, 3000, 0, 0},
		{"missed before the link went", []moment{{-500, up}, {300, ask}, {3300, down}, {8000, up}, {8500, ask}}, 9000, 2, 0},
		{"missed after it came back", []moment{{-500, up}, {300, ask}, {400, down}, {5000, up}, {8000, ask}}, 8500, 2, 0},
		{"down at the end", []moment{{-500, up}, {300, ask}, {500, down}}, 9000, 0, 0},
		{"other questions do not count", []moment{{-500, up}, {300, ask}, {1300, other}, {2300, ask}}, 3000, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := askedWorker(t)
			d := &w.devs[0]
			w.goAt = int64(time.Hour)
			moment := func(at int64) int64 { return w.goAt + at*int64(time.Millisecond) }
			for _, m := range c.moments {
				now := moment(m.at)
				if w.phase = connecting; m.at >= 0 {
					w.phase = traffic
				}
				switch m.what {
				case up:
					w.slave.linked(d)
					w.slave.gapBegins(now, d)
				case ask, other:
					w.interval(now, &w.slave.asked[0], &request{unit: 1, pdu: []byte{3, 0, byte(m.what), 0, 4}})
				case down:
					w.gapEnds(now, d)
				}
			}
			w.phase = traffic
			w.gapsEnd(moment(c.end))
			got := jitter(w.out.Asked, w.out.Placed, w.out.Edges, int64(time.Second))
			if n := got.Count + got.First; got.Missed != c.missed || n != c.intervals {
				t.Errorf("%d missed in %d intervals, want %d in %d", got.Missed, n, c.missed, c.intervals)
			}
		})
	}
}

// TestMissedWithoutPeriod: without a period the median is one, and an empty run has missed nothing.
func TestMissedWithoutPeriod(t *testing.T) {
	asked, placed, edges := newFineHistogram(), newFineHistogram(), newHistogram()
	if got := jitter(asked, placed, edges, 0); got != (Interval{}) {
		t.Errorf("of nothing: %+v", got)
	}
	for _, s := range []int64{2, 2, 2, 2, 6} {
		asked.record(s * int64(time.Second))
	}
	edges.record(int64(4 * time.Second))
	if got := jitter(asked, placed, edges, 0); got.Missed != 3 {
		t.Errorf("%d missed, want two in an interval and one at an edge", got.Missed)
	}
}

// TestFirstIntervals are in no distance, but they are cycles; where there is nothing else their median is the period.
func TestFirstIntervals(t *testing.T) {
	asked, placed, edges := newFineHistogram(), newFineHistogram(), newHistogram()
	for _, s := range []int64{2, 2, 6} {
		placed.record(s * int64(time.Second))
	}
	if got := jitter(asked, placed, edges, 0); got.Count != 0 || got.First != 3 || got.Missed != 2 || got.Max != 0 {
		t.Errorf("nothing but first intervals: %+v", got)
	}
	asked.record(int64(2 * time.Second))
	if got := jitter(asked, placed, edges, 0); got.Count != 1 || got.First != 3 || got.Missed != 2 || got.Max > 1 {
		t.Errorf("with another: %+v", got)
	}
}

// askedWorker is a worker with one device that answers, and that nobody asks.
func askedWorker(t *testing.T) *worker {
	t.Helper()
	cfg := Config{Target: "127.0.0.1:1", Devices: 1, ID: "c{n}", Mode: ModbusRTU, Duration: time.Second}.withDefaults()
	speech, err := newSpeech(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorker(&cfg, speech, 0, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.poll.close)
	return w
}
