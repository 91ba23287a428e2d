package server

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Connection points by trouble. There is no list in that order: a page is one walk over the points, which keeps the
// best of what comes behind the cursor. A million points take some 60 ms of a core at worst (BenchmarkTroubleMillion),
// and one walk is made at a time; what is kept is bounded by the page, and a point that changes costs nothing more.

// class is how much trouble a connection point is.
type class uint8

const (
	classFlapping class = iota
	classOffline
	classNeverSeen
	classOnline
	classDisabled
	classCount
)

// rank is the place of a connection point in the order by trouble.
type rank struct {
	class    class
	since    int64
	provider int // index in the filter's list
	point    uint32
}

func (a rank) compare(b rank) int {
	switch { // cmp.Or would compare all four, for each of a million
	case a.class != b.class:
		return cmp.Compare(a.class, b.class)
	case a.since != b.since:
		return cmp.Compare(b.since, a.since)
	case a.provider != b.provider:
		return cmp.Compare(a.provider, b.provider)
	}
	return cmp.Compare(a.point, b.point)
}

// class is the class of a connection point at a time.
func (pt *point) class(now int64) class {
	switch state := pt.state(); {
	case state == Disabled:
		return classDisabled
	case pt.flapping(now):
		return classFlapping
	case state == Online:
		return classOnline
	case pt.since == 0:
		return classNeverSeen
	}
	return classOffline
}

// best keeps the first most ranks of those that it is given.
type best struct {
	most int
	list []rank
	full bool // list begins with most ranks in order
}

func (b *best) add(r rank) {
	if b.full && r.compare(b.list[b.most-1]) >= 0 {
		return
	}
	if b.list = append(b.list, r); len(b.list) >= 4*b.most { // so that sorting is paid by many
		b.sort()
	}
}

// sort leaves the first ranks, in order.
func (b *best) sort() []rank {
	slices.SortFunc(b.list, rank.compare)
	b.list = b.list[:min(len(b.list), b.most)]
	b.full = len(b.list) == b.most
	return b.list
}

// troubled is a page of Connections by trouble, as it is at now.
func (s *Server) troubled(f *filter, q ConnQuery, now int64) (items []ConnView, next string, err error) {
	after, err := f.readRank(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	s.ranking.Lock()
	defer s.ranking.Unlock()
	found := best{most: q.Limit + 1}
	at, last := -1, (*provider)(nil)
	f.each(0, func(p *provider, n uint32, pt *point) bool {
		if p != last {
			at, last = slices.Index(f.providers, p), p
		}
		r := rank{class: pt.class(now), since: pt.since, provider: at, point: n}
		if q.Cursor == "" || r.compare(after) > 0 {
			found.add(r)
		}
		return true
	})
	page := found.sort()
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = f.cursor(page[q.Limit-1])
	}
	for _, r := range page {
		if v, ok := f.providers[r.provider].viewOf(r.point); ok {
			items = append(items, v)
		}
	}
	return items, next, nil
}

// viewOf is connection point n at this moment, unless it has been removed.
func (p *provider) viewOf(n uint32) (v ConnView, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	if pt.removed() {
		return v, false
	}
	return p.view(n, pt), true
}

// cursor is a rank as clients keep it: what comes behind it is the next page, whatever has become of it since.
func (f *filter) cursor(r rank) string {
	return fmt.Sprintf("%d:%d:%s:%d", r.class, r.since, f.providers[r.provider].name, r.point)
}

func (f *filter) readRank(c string) (r rank, err error) {
	if c == "" {
		return r, nil
	}
	parts := strings.Split(c, ":")
	if len(parts) == 4 {
		kind, err1 := strconv.ParseUint(parts[0], 10, 8)
		since, err2 := strconv.ParseInt(parts[1], 10, 64)
		n, err3 := strconv.ParseUint(parts[3], 10, 32)
		at := slices.IndexFunc(f.providers, func(p *provider) bool { return p.name == parts[2] })
		if err1 == nil && err2 == nil && err3 == nil && at >= 0 && kind < uint64(classCount) {
			return rank{class: class(kind), since: since, provider: at, point: uint32(n)}, nil
		}
	}
	return r, badCursor(c)
}
