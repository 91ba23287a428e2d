package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"linkd/bench"
)

// style is how a peer looks in every plot and table. Colours are far apart in lightness or in blue and yellow, which
// all eyes tell apart; mark and dashes say the same once more.
type style struct {
	light, dark color.NRGBA // on a white page, and on a dark one
	mark        draw.GlyphDrawer
	dashes      []vg.Length // nil: a whole line
	width       vg.Length
}

// Colours of what is no peer, on a white page and on a dark one.
var (
	inkLight, inkDark   = rgb(0x2B333B), rgb(0xDDE3E9)
	mildLight, mildDark = rgb(0x68727C), rgb(0x9AA5B0)
	gridLight, gridDark = rgb(0xE2E6EA), rgb(0x363E47)
)

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// styleOf is how a known peer looks.
func styleOf(peer string) (style, bool) {
	dots, dash, long := []vg.Length{1.5, 2.5}, []vg.Length{4, 2.5}, []vg.Length{8, 3}
	s, ok := map[string]style{
		bench.Linkd:    {rgb(0x0067B1), rgb(0x4FA8EC), draw.CircleGlyph{}, nil, 2.4},
		bench.WithBus:  {rgb(0x5C7FA3), rgb(0x8FB4DA), outline{12, 0}, dash, 1.8},
		bench.CEpoll:   {rgb(0x15191D), rgb(0xF4F6F8), draw.BoxGlyph{}, nil, 1.4},
		"epoll":        {rgb(0x15191E), rgb(0xF4F6F9), draw.BoxGlyph{}, nil, 1.4}, // the name it had
		bench.CPaced:   {rgb(0x868E96), rgb(0xA9B2BB), outline{4, math.Pi / 4}, dash, 1.4},
		bench.Gnet:     {rgb(0xD1480C), rgb(0xFF8552), draw.PyramidGlyph{}, nil, 1.4},
		bench.Net:      {rgb(0x00876A), rgb(0x2CC79F), strokes{math.Pi / 4}, dash, 1.4},
		bench.NBIO:     {rgb(0xC466A1), rgb(0xEC9CCB), outline{3, math.Pi / 2}, long, 1.4},
		bench.Netpoll:  {rgb(0xD99A00), rgb(0xF5C242), strokes{0}, nil, 1.4},
		bench.Java:     {rgb(0x6B3FA0), rgb(0xB69AF0), outline{24, 0}, dots, 1.4},
		bench.External: {rgb(0x3FA9D9), rgb(0x93D6F7), outline{4, 0}, dots, 1.4},
	}[peer]
	return s, ok
}

// stylesOf gives each peer a style; those that are not known get the others in the order of their names.
func stylesOf(peers []string) map[string]style {
	marks := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, outline{6, 0}}
	others := []color.NRGBA{rgb(0x7A4A1E), rgb(0x4C6B1F), rgb(0x9B2335), rgb(0x2F6F8F)}
	all := map[string]style{}
	n := 0
	for _, peer := range peers {
		s, ok := styleOf(peer)
		if !ok {
			c := others[n%len(others)]
			c.B += uint8(n / len(others)) // no two peers share a colour, as their names in the page's style are by colour
			s = style{c, color.NRGBA{c.R/2 + 120, c.G/2 + 120, c.B/2 + 120, 255}, marks[n%len(marks)],
				[]vg.Length{vg.Length(2 + 2*n), 2}, 1.4}
			n++
		}
		all[peer] = s
	}
	return all
}

// outline is a mark that is not filled: a regular polygon, turned so far.
type outline struct {
	corners int
	turn    float64
}

// DrawGlyph implements draw.GlyphDrawer.
func (o outline) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	var p vg.Path
	for i := range o.corners {
		p.Line(onCircle(at, 1.15*s.Radius, o.turn+2*math.Pi*float64(i)/float64(o.corners)))
	}
	p[0].Type = vg.MoveComp
	p.Close()
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: 1.2})
	c.Stroke(p)
}

// strokes is a mark of two lines that cross, turned so far.
type strokes struct{ turn float64 }

// DrawGlyph implements draw.GlyphDrawer.
func (m strokes) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	for _, turn := range []float64{m.turn, m.turn + math.Pi/2} {
		a, b := onCircle(at, 1.2*s.Radius, turn), onCircle(at, 1.2*s.Radius, turn+math.Pi)
		c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: 1.4}, a.X, a.Y, b.X, b.Y)
	}
}

func onCircle(at vg.Point, r vg.Length, turn float64) vg.Point {
	sin, cos := math.Sincos(turn)
	return vg.Point{X: at.X + r*vg.Length(cos), Y: at.Y + r*vg.Length(sin)}
}

// shade is a colour of a page: its name there, and what it is in both lights.
type shade struct {
	name        string
	light, dark color.NRGBA
}

// shades lists the colours that a page defines: ink, mild, grid, and one for each peer, by its number.
func (all *Results) shades() []shade {
	list := []shade{{"ink", inkLight, inkDark}, {"mild", mildLight, mildDark}, {"grid", gridLight, gridDark}}
	for i, peer := range all.peers() {
		s := all.styles[peer]
		list = append(list, shade{fmt.Sprintf("p%d", i), s.light, s.dark})
	}
	return list
}

// inPage makes a plot's own colours those of the page, which depend on its light.
func (all *Results) inPage(svg string) string {
	for _, s := range all.shades() {
		svg = strings.ReplaceAll(svg, hex(s.light), "var(--"+s.name+")")
	}
	return svg
}
