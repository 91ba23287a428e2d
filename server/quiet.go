package server

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// QuietView is an online connection, and how long nothing has come from it.
type QuietView struct {
	ConnView
	Quiet time.Duration
}

// quietStep is how many chunks of a loop's table are looked at before the loop goes on with its links: 4,096 sessions.
const quietStep = 16

// silence is how long nothing has come from a session, in milliseconds.
type silence struct {
	ms       uint32
	session  handle
	provider *provider
	point    uint32
}

// Quietest returns the most online connections from which nothing has come for longest, the longest first. Each loop
// looks at its own sessions, a few thousand at a time. The error is ctx's.
func (s *Server) Quietest(ctx context.Context, most int) ([]QuietView, error) {
	var found []silence
	for _, l := range *s.loops.Load() {
		if l == nil || l.provider.name == localName {
			continue
		}
		for from := 0; from < len(*l.chunks.Load()); from += quietStep {
			answer := make(chan []silence, 1)
			if l.post(letter{do: func(now int64, _ *session) { answer <- l.quietest(now, from, most) }}) != nil {
				break // it has ended, or has better things to do
			}
			select {
			case some := <-answer:
				found = longest(append(found, some...), most)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	views := make([]QuietView, 0, len(found))
	for _, x := range found {
		if v, ok := x.view(); ok {
			views = append(views, v)
		}
	}
	return views, nil
}

// quietest is the most quiet sessions of quietStep chunks. On the loop.
func (l *loop) quietest(now int64, from, most int) (found []silence) {
	chunks := *l.chunks.Load()
	t := l.millis(now)
	for _, c := range chunks[from:min(from+quietStep, len(chunks))] {
		for i := range c.sessions {
			s := &c.sessions[i]
			if s.phase != phaseOnline || s.reason != notClosed {
				continue
			}
			ms := t - s.lastIn
			if len(found) == most && ms <= found[most-1].ms {
				continue
			}
			found = longest(append(found, silence{ms, s.handle(), l.provider, s.point}), most)
		}
	}
	return found
}

// longest is the most longest of list, in order.
func longest(list []silence, most int) []silence {
	slices.SortStableFunc(list, func(a, b silence) int { return cmp.Compare(b.ms, a.ms) })
	return list[:min(len(list), most)]
}

// view is the connection of a session, unless the session has gone.
func (x silence) view() (v QuietView, ok bool) {
	p := x.provider
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(x.point)
	defer p.pts.unlock(x.point)
	if pt.binding.Owner() != x.session {
		return v, false
	}
	return QuietView{p.view(x.point, pt), time.Duration(x.ms) * time.Millisecond}, true
}
