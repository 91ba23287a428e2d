package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"linkd/bench"
)

// chart is a plot to be drawn.
type chart struct {
	kind   chartKind
	title  string
	file   string // its name as a file, without the ending
	x, y   string // what the axes show
	series []series
}

type chartKind int

const (
	sweep   chartKind = iota // a figure along an axis, with its extremes
	dots                     // a figure of one case, peer by peer
	latency                  // time against the share that took no longer
)

// series is what one peer came to.
type series struct {
	peer   string
	points []point
}

// point is a median with its extremes. In a latency chart x is the quantile, and there are no extremes.
type point struct {
	x float64
	bench.Summary
}

// maxCharts bounds what a page shows; maxCases alone would allow for thousands.
const maxCharts = 150

// charts lists the plots of a section: costs along an axis where several cases stand on one, else case by case; then
// latencies.
func (sec *section) charts() (list []chart) {
	units := []string{}
	for _, c := range sec.cases {
		for _, f := range c.figures {
			if (isCPU(f.unit) || isMemory(f.unit)) && !slices.Contains(units, f.unit) {
				units = append(units, f.unit)
			}
		}
	}
	for _, unit := range units {
		along := alongRate
		if isMemory(unit) || strings.HasSuffix(unit, "/device") {
			along = alongDevices
		}
		list = append(list, sec.costs(unit, along)...)
	}
	for _, c := range sec.cases {
		for _, key := range slices.Sorted(maps.Keys(c.curves)) {
			list = append(list, sec.latencies(c, key))
		}
	}
	return list
}

// costs charts one figure of all cases that have it.
func (sec *section) costs(unit string, along axis) (list []chart) {
	var groups []string
	byGroup := map[string][]*caseResult{}
	for _, c := range sec.cases {
		if !c.has(unit) {
			continue
		}
		_, shared, ok := position(c.name, along)
		if !ok {
			shared = c.name
		}
		if byGroup[shared] == nil {
			groups = append(groups, shared)
		}
		byGroup[shared] = append(byGroup[shared], c)
	}
	for _, shared := range groups {
		cases := byGroup[shared]
		if c := sec.sweep(unit, along, shared, cases); c.spread() {
			list = append(list, c)
			continue
		}
		for _, c := range cases {
			list = append(list, sec.dots(unit, c))
		}
	}
	return list
}

func (c *caseResult) has(unit string) bool {
	return slices.ContainsFunc(c.figures, func(f *figureResult) bool { return f.unit == unit })
}

func (sec *section) sweep(unit string, along axis, shared string, cases []*caseResult) chart {
	made := chart{kind: sweep, title: join(sec.name+": "+unit, shared), file: slug(sec.name, unit, shared), y: unit,
		x: "devices"}
	if along == alongRate {
		_, what, _ := strings.Cut(unit, "/")
		made.x = what + "/s"
	}
	for _, peer := range sec.peers {
		s := series{peer: peer}
		for _, c := range cases {
			x, _, ok := position(c.name, along)
			if sum, measured := c.figure(unit).summary(peer); ok && measured {
				s.points = append(s.points, point{x, sum})
			}
		}
		slices.SortStableFunc(s.points, func(a, b point) int { return int(math.Copysign(1, a.x-b.x)) })
		if len(s.points) > 0 {
			made.series = append(made.series, s)
		}
	}
	return made
}

// spread says whether the points stand at more than one place of the axis.
func (c chart) spread() bool {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range c.series {
		for _, p := range s.points {
			low, high = min(low, p.x), max(high, p.x)
		}
	}
	return high > low
}

func (sec *section) dots(unit string, c *caseResult) chart {
	made := chart{kind: dots, title: join(sec.name+": "+unit, c.name), file: slug(sec.name, unit, c.name), x: unit}
	for _, peer := range sec.peers {
		if s, measured := c.figure(unit).summary(peer); measured {
			made.series = append(made.series, series{peer, []point{{0, s}}})
		}
	}
	return made
}

func (sec *section) latencies(c *caseResult, key string) chart {
	made := chart{kind: latency, title: join(sec.name+": "+key, c.name), file: slug(sec.name, key, c.name),
		x: "share that took no longer", y: "ms"}
	for _, peer := range sec.peers {
		if points := medianCurve(c.curves[key][peer]); len(points) > 0 {
			made.series = append(made.series, series{peer, points})
		}
	}
	return made
}

// medianCurve is the median of the rounds at each quantile that more than half of them reach. A quantile that a round
// has not got takes its next higher one.
func medianCurve(rounds [][]bench.CurvePoint) (out []point) {
	at := map[float64]bool{}
	for _, curve := range rounds {
		for _, p := range curve {
			if p.Quantile < 1 { // the slowest of all has no place on an axis of nines
				at[p.Quantile] = true
			}
		}
	}
	for _, q := range slices.Sorted(maps.Keys(at)) {
		var values []float64
		for _, curve := range rounds {
			if i := slices.IndexFunc(curve, func(p bench.CurvePoint) bool { return p.Quantile >= q }); i >= 0 {
				values = append(values, curve[i].Ms)
			}
		}
		if 2*len(values) > len(rounds) {
			out = append(out, point{q, bench.Summarise(values)})
		}
	}
	return out
}

func join(title, more string) string {
	if more == "" {
		return title
	}
	return title + ", " + more
}

// slug makes the name of a file.
func slug(parts ...string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.Join(parts, "-")) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// charts lists the plots of all sections, by section. Their files have names of their own.
func (all *Results) charts() map[string][]chart {
	out, seen, n := map[string][]chart{}, map[string]bool{}, 0
	for _, sec := range all.sections {
		for _, c := range sec.charts() {
			if n++; n > maxCharts {
				break
			}
			for name, i := c.file, 2; seen[c.file]; i++ {
				c.file = fmt.Sprintf("%s-%d", name, i)
			}
			seen[c.file] = true
			out[sec.name] = append(out[sec.name], c)
		}
	}
	return out
}

// peers lists all that were measured, in order.
func (all *Results) peers() []string {
	return slices.SortedFunc(maps.Keys(all.styles), comparePeers)
}
