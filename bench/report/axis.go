package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"linkd/bench"
)

// leastMs is the shortest time that a logarithmic axis shows.
const leastMs = 0.001

// mostNines is where an axis of nines ends: 99.99999 %.
const mostNines = 7

// nines is where a share stands on its axis: 0.9 at 1, 0.99 at 2.
func nines(q float64) float64 { return min(-math.Log10(1-q), mostNines) }

// shares are the ticks of an axis of nines.
func shares(most float64) plot.ConstantTicks {
	ticks := plot.ConstantTicks{{Value: 0, Label: "0 %"}, {Value: nines(0.5), Label: "50 %"}}
	for i, label := range []string{"90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"} {
		if most > 5 && i%2 == 0 { // there is no room for all of them
			label = ""
		}
		if float64(i+1) <= most+0.01 {
			ticks = append(ticks, plot.Tick{Value: float64(i + 1), Label: label})
		}
	}
	return ticks
}

// marked are the first points of a line at or behind 50 %, 90 %, 99 % and so on.
func marked(line plotter.XYs) plotter.XYs {
	var out plotter.XYs
	for _, at := range []float64{nines(0.5), 1, 2, 3, 4, 5, 6, 7} {
		i := slices.IndexFunc(line, func(p plotter.XY) bool { return p.X >= at-1e-9 })
		if i >= 0 && (len(out) == 0 || out[len(out)-1].X < line[i].X) {
			out = append(out, line[i])
		}
	}
	if len(out) == 0 {
		return line[len(line)-1:]
	}
	return out
}

// places are ticks where points are; one that would run into the label before it has none.
func places(xs []float64) (ticks plot.ConstantTicks) {
	xs = slices.Compact(slices.Sorted(slices.Values(xs)))
	span, last := math.Log(xs[len(xs)-1]/xs[0]), math.Inf(-1)
	for _, x := range xs {
		tick := plot.Tick{Value: x}
		if at := math.Log(x/xs[0]) / span; at-last > 0.09 || len(xs) == 1 {
			tick.Label, last = short(x), at
		}
		ticks = append(ticks, tick)
	}
	return ticks
}

// fromNothing are round ticks from 0.
type fromNothing struct{}

// Ticks implements plot.Ticker.
func (fromNothing) Ticks(_, high float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(high/4)))
	for _, by := range []float64{1, 2, 5, 10} {
		if high/(step*by) <= 6 {
			step *= by
			break
		}
	}
	for i := 0; float64(i)*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: short(float64(i) * step)})
	}
	return ticks
}

// decades are ticks at 1, 2 and 5 of each power of ten, and between them; over three powers only 1 has a label.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	wide := high/low > 1000
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for by := 1.0; by < 10; by++ {
			v := by * math.Pow(10, e)
			if v < low || v > high {
				continue
			}
			tick := plot.Tick{Value: v}
			if by == 1 || !wide && (by == 2 || by == 5) {
				tick.Label = short(v)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// rows draws peers below each other: a bar from the least to the most, a mark at the median, and its figure.
type rows struct {
	chart
	styles map[string]style
	most   float64
}

func (all *Results) rowsOf(c chart) rows {
	r := rows{c, all.styles, 1e-9}
	for _, s := range c.series {
		r.most = max(r.most, s.points[0].Max)
	}
	return r
}

// DataRange implements plot.DataRanger. A figure stands to the right of its bar.
func (r rows) DataRange() (xmin, xmax, ymin, ymax float64) {
	return 0, 1.22 * r.most, 0.4, float64(len(r.series)) + 0.6
}

// Plot implements plot.Plotter.
func (r rows) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	words := letters(textSize)
	words.Color, words.YAlign = inkLight, draw.YCenter
	for i, s := range r.series {
		look, v := r.styles[s.peer], s.points[0]
		y := toY(float64(len(r.series) - i))
		bar := draw.LineStyle{Color: look.light, Width: 2}
		if v.Max > v.Min {
			c.StrokeLine2(bar, toX(max(v.Min, 0)), y, toX(max(v.Max, 0)), y)
		}
		c.DrawGlyph(draw.GlyphStyle{Color: look.light, Radius: markSize + 0.8, Shape: look.mark},
			vg.Point{X: toX(max(v.Median, 0)), Y: y})
		c.FillText(words, vg.Point{X: toX(max(v.Max, 0)) + 9, Y: y + 1.5}, bench.Digits(v.Median))
	}
}

// names are the peers as ticks.
func (r rows) names() (ticks plot.ConstantTicks) {
	for i, s := range r.series {
		ticks = append(ticks, plot.Tick{Value: float64(len(r.series) - i),
			Label: clip(letters(textSize), s.peer, plotWidth/3)})
	}
	return ticks
}
