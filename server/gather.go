package server

import "slices"

// gatherings are what the first questions of polls have brought while the last is still to be answered: a poll is one
// report, of however many questions it is made. Touched on the loop alone.
type gatherings struct {
	of    map[uint64]*gathering // by number of session
	spare []*gathering
}

type gathering struct {
	head   reportHead
	values []ReportValue
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
		l.batch.addLast(g.values)
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
	l.batch.values = append(l.batch.values, g.values...)
	l.reported()
	l.gathered.end(s.number, g)
}

// takeLast moves the last report to g.
func (b *batch) takeLast(g *gathering) {
	last := len(b.heads) - 1
	g.head = b.heads[last]
	first := g.head.first
	g.drop(b.values[first:])
	g.values = append(g.values, b.values[first:]...)
	clear(b.values[first:])
	b.heads, b.values = b.heads[:last], b.values[:first]
}

// addLast adds values to the last report, but for those of tags that it has already: they are older.
func (b *batch) addLast(values []ReportValue) {
	own := b.values[b.heads[len(b.heads)-1].first:]
	for _, c := range values {
		if !slices.ContainsFunc(own, func(o ReportValue) bool { return o.Tag == c.Tag }) {
			b.values = append(b.values, c)
		}
	}
}

// drop forgets the values of tags that newer has.
func (g *gathering) drop(newer []ReportValue) {
	g.values = slices.DeleteFunc(g.values, func(c ReportValue) bool {
		return slices.ContainsFunc(newer, func(o ReportValue) bool { return o.Tag == c.Tag })
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
	clear(one.values)
	one.head, one.values = reportHead{}, one.values[:0]
	if len(g.spare) < maxSpare {
		g.spare = append(g.spare, one)
	}
}
