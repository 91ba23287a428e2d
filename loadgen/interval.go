package loadgen

import "fmt"

// Interval is how regularly each device was asked its first question again, during the traffic: the distance of each
// interval from Period, but for the first of each link.
type Interval struct {
	Count  int64   `json:"count"`
	First  int64   `json:"first"`     // first intervals of links, which are in none of the distances
	Period float64 `json:"period_ms"` // as given, or the median
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	Max    float64 `json:"max_ms"`
	// Missed counts the cycles in which a device that was up was not asked: a gap of k periods holds k-1 of them.
	Missed int64 `json:"missed"`
}

func (i *Interval) String() string {
	return fmt.Sprintf("%.3f ms; off by %.3f ms (p50), %.3f ms (p99), %.3f ms at most; %d seen, %d missed", i.Period,
		i.P50, i.P99, i.Max, i.Count, i.Missed)
}

// result words p. placed is the histogram of the first intervals of links, asked that of the others, edges that of the
// gaps at both ends of a link.
func (p *polled) result(s *Slave, asked, placed, edges histogram) *Polls {
	return &Polls{Received: p.Received, Answered: p.Answered, Exceptions: p.Exceptions, Late: p.Late,
		Dropped: p.Dropped, Dead: p.Dead, Fragmented: p.Fragmented, Garbage: p.Garbage, BeatInside: p.BeatInside,
		Churned: p.Churned, OtherUnit: p.OtherUnit, Flooded: p.Flooded, Unsent: p.Unsent, Skipped: p.Skipped,
		Interval: jitter(asked, placed, edges, int64(s.Period))}
}

// jitter turns asked intervals into their distances from period, or from their median when period is 0, and counts the
// cycles that were missed in all of them and at their edges.
func jitter(asked, placed, edges histogram, period int64) Interval {
	if period == 0 {
		period = asked.ValueAtPercentile(50)
	}
	if period == 0 { // there is nothing but first intervals
		period = placed.ValueAtPercentile(50)
	}
	off := newHistogram()
	for _, bar := range asked.Distribution() {
		if bar.Count > 0 {
			d := (bar.From+bar.To)/2 - period
			_ = off.RecordValues(min(max(d, -d), highestTime), bar.Count)
		}
	}
	l := off.latency()
	return Interval{Count: l.Count, First: placed.TotalCount(), Period: ms(period), P50: l.P50, P99: l.P99, Max: l.Max,
		Missed: cyclesMissed(asked, period) + cyclesMissed(placed, period) + cyclesMissed(edges, period)}
}

// cyclesMissed counts the cycles of period without a question in these gaps, each rounded to whole periods.
func cyclesMissed(gaps histogram, period int64) (missed int64) {
	if period <= 0 {
		return 0
	}
	for _, bar := range gaps.Distribution() {
		cycles := ((bar.From+bar.To)/2 + period/2) / period
		missed += bar.Count * max(0, cycles-1)
	}
	return missed
}
