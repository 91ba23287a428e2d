package server

import "slices"

// gatherings are what the first questions of polls have brought while the last is still to be answered: a poll is one
// report, of however many questions it is made. Touched on the loop alone.
type gatherings struct {
	of    map[uint64]*gathering // by number of session
	spare []*gathering
}

type gathering struct {
	head  reportHead
	cells []reportCell
}

// gather puts the report that is being made aside while more of the device's poll is to come, and adds what was put
// aside to it when that was all.
func (l *loop) gather(s *session, device int, more bool) {
	g := l.gathered.of[s.number]
	if g != nil && g.head.device != device { // the rest of that one never came
		l.ungather(s)
		g = nil
	}
	made := l.batch != nil && l.batch.goesOn(s.number, device)
	switch {
	case more && made:
		if g == nil {
			g = l.gathered.begin(s.number)
		}
		l.batch.takeLast(g)
	case !more && g != nil && made:
		l.batch.addLast(g.cells)
		l.gathered.end(s.number, g)
	case !more && g != nil:
		l.ungather(s)
	}
}

// ungather reports what was put aside for a session whose poll goes no further.
func (l *loop) ungather(s *session) {
	g := l.gathered.of[s.number]
	if g == nil {
		return
	}
	l.beginReport(g.head)
	l.batch.cells = append(l.batch.cells, g.cells...)
	l.reported()
	l.gathered.end(s.number, g)
}

// takeLast moves the last report to g.
func (b *batch) takeLast(g *gathering) {
	last := len(b.heads) - 1
	g.head = b.heads[last]
	first := g.head.cells
	g.drop(b.cells[first:])
	g.cells = append(g.cells, b.cells[first:]...)
	clear(b.cells[first:])
	b.heads, b.cells = b.heads[:last], b.cells[:first]
}

// addLast adds cells to the last report, but for those of tags that it has already: they are older.
func (b *batch) addLast(cells []reportCell) {
	own := b.cells[b.heads[len(b.heads)-1].cells:]
	for _, c := range cells {
		if !slices.ContainsFunc(own, func(o reportCell) bool { return o.tag == c.tag }) {
			b.cells = append(b.cells, c)
		}
	}
}

// drop forgets the cells of tags that newer has.
func (g *gathering) drop(newer []reportCell) {
	g.cells = slices.DeleteFunc(g.cells, func(c reportCell) bool {
		return slices.ContainsFunc(newer, func(o reportCell) bool { return o.tag == c.tag })
	})
}

func (g *gatherings) begin(session uint64) *gathering {
	if g.of == nil {
		g.of = map[uint64]*gathering{}
	}
	var one *gathering
	if n := len(g.spare); n > 0 {
		one, g.spare = g.spare[n-1], g.spare[:n-1]
	} else {
		one = new(gathering)
	}
	g.of[session] = one
	return one
}

func (g *gatherings) end(session uint64, one *gathering) {
	delete(g.of, session)
	clear(one.cells)
	one.head, one.cells = reportHead{}, one.cells[:0]
	if len(g.spare) < maxSpare {
		g.spare = append(g.spare, one)
	}
}
