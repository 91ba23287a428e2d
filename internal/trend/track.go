package trend

import (
	"math"
	"strings"
	"time"
)

// track is lines of a fixed number of points, the oldest of which make room for new ones.
type track struct {
	every  time.Duration
	before *sample // of the point before; nil: there was none
	// worst are gauges since then: the fewest that were online and the most that were offline, so that an outage
	// between two points is seen.
	worst map[string]float64
	times []time.Time
	lines map[string][]float64 // a ring of len(times) for each line; their names are a fixed set
	next  int                  // of the ring
	count int
}

func newTrack(every time.Duration, points int) track {
	return track{every: every, times: make([]time.Time, points), lines: map[string][]float64{},
		worst: map[string]float64{}}
}

// see takes a sample, and makes a point of it when it is time.
func (t *track) see(s *sample) {
	if t.before == nil {
		t.before = s
		for name := range s.since(s) { // the memory is had at the start
			t.lines[name] = empty(len(t.times))
		}
		return
	}
	for name, worse := range map[string]func(a, b float64) float64{"online": math.Min, "offline": math.Max} {
		if v, ok := t.worst[name]; ok {
			t.worst[name] = worse(v, s.gauges[name])
		} else {
			t.worst[name] = s.gauges[name]
		}
	}
	// A ticker may be early by a little; half a step is never due.
	if s.at.Sub(t.before.at) < t.every-fine/2 {
		return
	}
	values := s.since(t.before)
	for name, v := range t.worst {
		values[name] = v
	}
	t.put(s.at, values)
	t.before = s
	clear(t.worst)
}

// put is one point.
func (t *track) put(at time.Time, values map[string]float64) {
	for name := range values {
		if t.lines[name] == nil {
			t.lines[name] = empty(len(t.times))
		}
	}
	for name, line := range t.lines {
		v, ok := values[name]
		if !ok {
			v = math.NaN()
		}
		line[t.next] = v
	}
	t.times[t.next] = at
	t.next = (t.next + 1) % len(t.times)
	t.count = min(t.count+1, len(t.times))
}

func empty(n int) []float64 {
	line := make([]float64, n)
	for i := range line {
		line[i] = math.NaN()
	}
	return line
}

// write writes the last points into s, at most so many.
func (t *track) write(s *Series, most int) {
	n := min(t.count, most)
	s.Step, s.Times = t.every, last(t.times, t.next, n)
	s.Lines, s.Closes = map[string][]float64{}, map[string][]float64{}
	for name, ring := range t.lines {
		line := last(ring, t.next, n)
		if reason, ok := strings.CutPrefix(name, closed); !ok {
			s.Lines[name] = line
		} else if happened(line) {
			s.Closes[reason] = line
		}
	}
}

// last is the n elements of a ring before next, oldest first.
func last[T any](ring []T, next, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = ring[(next-n+i+len(ring))%len(ring)]
	}
	return out
}

func happened(line []float64) bool {
	for _, v := range line {
		if v > 0 {
			return true
		}
	}
	return false
}
