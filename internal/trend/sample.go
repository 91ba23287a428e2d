package trend

import (
	"math"
	"time"

	"linkd/server"
)

// sample is the counters at one moment.
type sample struct {
	at     time.Time
	gauges map[string]float64
	counts map[countKey]uint64
	// curves are histograms: cumulative counts by bound, the last for all.
	curves map[string]curve
}

// countKey is one counter: a provider's, or a driver's, may begin at 0 again while others go on.
type countKey struct{ of, line string }

type curve struct {
	bounds []float64 // seconds
	counts []uint64
}

// closed is what the lines of closes begin with; their reason follows.
const closed = "closed "

func read(st server.Stats, at time.Time) *sample {
	s := &sample{at: at, gauges: map[string]float64{"online": 0, "offline": 0, "disabled": 0, "identifying": 0},
		counts: map[countKey]uint64{}, curves: map[string]curve{}}
	for i := range st.Providers {
		p := &st.Providers[i]
		s.gauges["online"] += float64(p.Online)
		s.gauges["offline"] += float64(p.Offline)
		s.gauges["disabled"] += float64(p.Disabled)
		s.gauges["identifying"] += float64(p.Identifying)
		s.counts[countKey{p.Provider, "opened"}] = p.Sessions["identified"]
		for reason, n := range p.Closes {
			s.counts[countKey{p.Provider, "closed"}] += n
			s.counts[countKey{p.Provider, closed + reason}] = n
		}
		for _, n := range p.Strangers {
			s.counts[countKey{p.Provider, "strangers"}] += n
		}
	}
	for i := range st.Drivers {
		d := &st.Drivers[i]
		s.counts[countKey{d.Driver, "polls_ok"}] = d.Polls["ok"]
		s.counts[countKey{d.Driver, "polls_failed"}] = d.Polls["refused"] + d.Polls["timeout"]
		s.counts[countKey{d.Driver, "polls_missed"}] = d.Polls["missed"]
		for _, n := range d.TagValues {
			s.counts[countKey{d.Driver, "values"}] += n
		}
		s.add("poll", server.PollBounds, d.Poll)
		s.add("lateness", server.LagBounds, d.PollLag)
	}
	s.add("loop_lag", server.LagBounds, st.LoopLag)
	return s
}

// add adds a histogram to a curve.
func (s *sample) add(name string, bounds []float64, counts []uint64) {
	c, ok := s.curves[name]
	if !ok {
		c = curve{bounds, make([]uint64, len(bounds)+1)}
		s.curves[name] = c
	}
	for i, n := range counts {
		c.counts[i] += n
	}
}

// since are the lines between two samples: what there is now, what happened a second, and how long it took.
func (s *sample) since(before *sample) map[string]float64 {
	lines := make(map[string]float64, 2*len(s.gauges))
	seconds := s.at.Sub(before.at).Seconds()
	for name, v := range s.gauges {
		lines[name] = v
	}
	for key, n := range s.counts {
		if was := before.counts[key]; was <= n { // else it has begun anew, and n is all of it
			n -= was
		}
		lines[key.line] += float64(n) / seconds
	}
	for name, c := range s.curves {
		between := c.since(before.curves[name])
		lines[name+"_p50"] = between.quantile(0.5)
		lines[name+"_p99"] = between.quantile(0.99)
	}
	return lines
}

// since is what a histogram counted since it was before; nothing where it has begun anew.
func (c curve) since(before curve) curve {
	d := curve{c.bounds, make([]uint64, len(c.counts))}
	for i, n := range c.counts {
		if i < len(before.counts) {
			if n < before.counts[i] {
				return curve{c.bounds, make([]uint64, len(c.counts))}
			}
			n -= before.counts[i]
		}
		d.counts[i] = n
	}
	return d
}

// quantile estimates a quantile as Prometheus does: evenly within a bucket, and the highest bound beyond it. NaN when
// nothing was counted.
func (c curve) quantile(q float64) float64 {
	last := len(c.bounds)
	if c.counts[last] == 0 {
		return math.NaN()
	}
	rank := q * float64(c.counts[last])
	low, below := 0.0, 0.0
	for i, bound := range c.bounds {
		n := float64(c.counts[i])
		if n >= rank && n > below {
			return low + (bound-low)*(rank-below)/(n-below)
		}
		low, below = bound, n
	}
	return c.bounds[last-1]
}
