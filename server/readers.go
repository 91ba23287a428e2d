package server

import (
	"slices"
	"sync"
	"sync/atomic"
)

// readers are those who follow tag values. A loop hands each a copy and waits for nobody: a full queue loses the
// newest, counted with the lost events.
type readers struct {
	anyone atomic.Int32
	mu     sync.RWMutex
	list   []*valueReader
}

type valueReader struct {
	c     chan TagView
	query TagQuery
}

// wants reports whether a value is among those that the reader asked for.
func (r *valueReader) wants(v *TagView) bool {
	q := &r.query
	if q.Channel != "" { // it has one connection, or none
		return q.Channel == v.Channel && (q.Device == "" || q.Device == v.Device)
	}
	return (q.Device == "" || q.Device == v.Device) && (q.Provider == "" || q.Provider == v.Provider) &&
		(q.Connection == "" || q.Connection == v.Connection)
}

// SubscribeValues returns the values of the tags that q selects as they are read, from now on, and a function that ends
// them and must be called. A tag with on_change comes when it has changed, any other with every poll; a tag that goes
// bad comes once, and so does one that goes stale, at the next poll that its driver misses. A reader that falls more
// than 4,096 values behind loses the newest; Stats counts them with the events. The channel is not closed when the
// server stops.
// The error wraps ErrNotFound.
func (s *Server) SubscribeValues(q TagQuery) (<-chan TagView, func(), error) {
	if _, err := s.tagged(&q); err != nil {
		return nil, nil, err
	}
	r := &valueReader{c: make(chan TagView, maxSubscribed), query: q}
	s.readers.mu.Lock()
	s.readers.list = append(s.readers.list, r)
	s.readers.mu.Unlock()
	s.readers.anyone.Add(1)
	return r.c, sync.OnceFunc(func() {
		s.readers.anyone.Add(-1)
		s.readers.mu.Lock()
		s.readers.list = slices.DeleteFunc(s.readers.list, func(o *valueReader) bool { return o == r })
		s.readers.mu.Unlock()
	}), nil
}

// tellValue hands one tag of the session's connection point to those who follow it.
func (s *session) tellValue(v *values, tag int) {
	l := s.loop
	p := l.provider
	view := v.served.tagView(p.name, p.connName(s.point), tag)
	view.fill(v.block.Get(tag, l.now))
	rs := &p.srv.readers
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, r := range rs.list {
		if !r.wants(&view) {
			continue
		}
		select {
		case r.c <- view:
		default:
			p.srv.events.lost.Add(1)
		}
	}
}

// news hands one tag of the session's connection point to those who follow values and to those who follow reports.
func (s *session) news(v *values, tag int) {
	srv := s.loop.provider.srv
	if srv.readers.anyone.Load() > 0 {
		s.tellValue(v, tag)
	}
	if srv.reports.anyone.Load() {
		s.loop.report(s, v, tag)
	}
}

// tellAll hands all tags over: they have gone bad together.
func (s *session) tellAll(v *values) {
	s.loop.ungather(s)
	for i := range v.served.set.Tags {
		s.news(v, i)
	}
	s.loop.reported()
}
