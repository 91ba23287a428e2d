package report

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of a plot, in its own units; a page shows one at 340 to 520 pixels.
const (
	plotWidth  = vg.Length(380)
	plotHeight = vg.Length(250) // of what is between title and legend
	dotHeight  = vg.Length(20)  // of each peer, where they stand below each other
	lineHeight = vg.Length(17)
	textSize   = vg.Length(11)
	titleSize  = vg.Length(12.5)
	gap        = vg.Length(8) // between legend and plot
	markSize   = vg.Length(3.2)
)

// svg draws a chart as a document of its own, on white.
func (all *Results) svg(c chart) (string, error) {
	legend := all.legendLines(c)
	height := plotHeight
	if c.kind == dots {
		height = dotHeight*vg.Length(len(c.series)) + 48
	}
	top := lineHeight*vg.Length(len(legend)+1) + gap
	height += top
	canvas := vgsvg.New(plotWidth, height)
	dc := draw.New(canvas)
	title := letters(titleSize)
	title.Color, title.YAlign = inkLight, draw.YTop
	dc.FillText(title, vg.Point{X: 4, Y: height - 2}, clip(title, c.title, plotWidth-8))
	for i, line := range legend {
		all.drawLegend(dc, line, height-lineHeight*vg.Length(i+2)+4)
	}
	p, err := all.plot(c)
	if err != nil {
		return "", fmt.Errorf("bench: plot %s: %w", c.title, err)
	}
	p.Draw(draw.Crop(dc, 2, -10, 2, -top))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("bench: plot %s: %w", c.title, err)
	}
	return named(b.String(), c.title), nil
}

// named drops what the library says before the picture, gives it fonts that are everywhere, and tells those who do not
// see it what it shows.
func named(svg, title string) string {
	svg = svg[max(0, strings.Index(svg, "<svg")):]
	head, body, _ := strings.Cut(svg, ">\n")
	_, view, _ := strings.Cut(head, "viewBox=")
	view, _, _ = strings.Cut(view, "\n")
	body = strings.ReplaceAll(body, "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal",
		"font-family:'Liberation Sans',Arial,Helvetica,sans-serif")
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=%s>\n<title>%s</title>\n%s", view,
		html.EscapeString(title), body)
}

func letters(size vg.Length) text.Style {
	return text.Style{Color: mildLight, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		Handler: plot.DefaultTextHandler}
}

// clip shortens words to a width.
func clip(s text.Style, words string, width vg.Length) string {
	if s.Width(words) <= width {
		return words
	}
	runes := []rune(words)
	for len(runes) > 0 && s.Width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

const thumb = vg.Length(22) // width of a line's sample in the legend

// legendLines breaks the legend. Where the peers stand beside the axis there is none.
func (all *Results) legendLines(c chart) (lines [][]string) {
	if c.kind == dots {
		return nil
	}
	x := plotWidth
	for _, s := range c.series {
		width := legendWidth(s.peer)
		if x+width > plotWidth {
			lines, x = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], s.peer)
		x += width
	}
	return lines
}

func legendWidth(peer string) vg.Length {
	style := letters(textSize)
	return thumb + style.Width(clip(style, peer, plotWidth/3)) + 18
}

func (all *Results) drawLegend(dc draw.Canvas, peers []string, y vg.Length) {
	x := vg.Length(6)
	words := letters(textSize)
	words.YAlign = draw.YCenter
	for _, peer := range peers {
		s := all.styles[peer]
		dc.StrokeLine2(s.line(), x, y, x+thumb, y)
		dc.DrawGlyph(s.glyph(), vg.Point{X: x + thumb/2, Y: y})
		dc.FillText(words, vg.Point{X: x + thumb + 5, Y: y + 1.5}, clip(words, peer, plotWidth/3))
		x += legendWidth(peer)
	}
}

func (s style) line() draw.LineStyle {
	return draw.LineStyle{Color: s.light, Width: s.width, Dashes: s.dashes}
}

func (s style) glyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.light, Radius: markSize, Shape: s.mark}
}

// plot is the chart without title and legend.
func (all *Results) plot(c chart) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = letters(textSize).Font, letters(textSize).Font
		a.Label.TextStyle.Color, a.Tick.Label.Color = mildLight, mildLight
		a.LineStyle.Color, a.Tick.LineStyle.Color = mildLight, mildLight
		a.Padding, a.Tick.Length, a.Label.Padding = 0, 3, 3
	}
	p.X.Label.Text, p.Y.Label.Text = c.x, c.y
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gridLight, gridLight
	p.Add(grid)
	switch c.kind {
	case sweep:
		return p, all.plotSweep(p, c)
	case latency:
		return p, all.plotLatency(p, c)
	}
	r := all.rowsOf(c)
	p.Add(r)
	p.Y.Tick.Marker, p.Y.Tick.LineStyle.Width, p.Y.LineStyle.Width = r.names(), 0, 0
	p.X.Tick.Marker = fromNothing{}
	p.Y.Padding = 2 * markSize // a mark at nothing is not to lie on its name
	return p, nil
}

// plotSweep draws lines from median to median, with bars from the least to the most.
func (all *Results) plotSweep(p *plot.Plot, c chart) error {
	var xs []float64
	most := 0.0
	for _, s := range c.series {
		look := all.styles[s.peer]
		line, bars, ends := plotter.XYs{}, plotter.XYs{}, plotter.YErrors{}
		for _, v := range s.points {
			line, bars = append(line, plotter.XY{X: v.x, Y: v.Median}), append(bars, plotter.XY{X: v.x, Y: v.Median})
			ends = append(ends, struct{ Low, High float64 }{v.Median - v.Min, v.Max - v.Median})
			xs, most = append(xs, v.x), max(most, v.Max)
		}
		l, err := plotter.NewLine(line)
		if err != nil {
			return err
		}
		l.LineStyle = look.line()
		marks, err := plotter.NewScatter(line)
		if err != nil {
			return err
		}
		marks.GlyphStyle = look.glyph()
		e, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{bars, ends})
		if err != nil {
			return err
		}
		e.Color, e.Width, e.CapWidth = look.light, 0.8, 5
		p.Add(l, e, marks)
	}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, places(xs)
	p.X.Min, p.X.Max = widen(xs)
	p.Y.Min, p.Y.Max = 0, 1.08*max(most, 1e-9)
	p.Y.Tick.Marker = fromNothing{}
	return nil
}

// widen leaves room on both sides of a logarithmic axis.
func widen(xs []float64) (low, high float64) {
	low, high = math.Inf(1), 0.0
	for _, x := range xs {
		low, high = min(low, x), max(high, x)
	}
	room := math.Pow(high/low, 0.06)
	return low / room, high * room
}

// plotLatency draws time against nines: 90 %, 99 %, 99.9 % are as far apart as each other.
func (all *Results) plotLatency(p *plot.Plot, c chart) error {
	low, high, most := math.Inf(1), leastMs, 1.0
	for _, s := range c.series {
		look := all.styles[s.peer]
		var line plotter.XYs
		for _, v := range s.points {
			at := plotter.XY{X: nines(v.x), Y: max(v.Median, leastMs)}
			line = append(line, at)
			low, high, most = min(low, at.Y), max(high, at.Y), max(most, at.X)
		}
		l, err := plotter.NewLine(line)
		if err != nil {
			return err
		}
		l.LineStyle = look.line()
		marks, err := plotter.NewScatter(marked(line))
		if err != nil {
			return err
		}
		marks.GlyphStyle = look.glyph()
		p.Add(l, marks)
	}
	p.X.Min, p.X.Max, p.X.Tick.Marker = 0, most, shares(most)
	p.Y.Scale = plot.LogScale{}
	p.Y.Min, p.Y.Max = low/1.15, high*1.15
	p.Y.Tick.Marker = decades{}
	return nil
}
