package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linkd/project"
	"linkd/routing"
)

// noPoint stands for "no connection point" where a number of one is asked for.
const noPoint = ^uint32(0)

// point is what linkd keeps of one connection point while it runs, session or not. It holds no pointer, so that a
// million of them cost the garbage collector nothing. The stripe of its number guards all fields but binding.
type point struct {
	binding  routing.Binding
	session  uint64 // number of the newest session
	since    int64  // nanoseconds since the Unix epoch: when it went online or offline
	bytesIn  uint64 // of closed sessions
	bytesOut uint64
	addr     [16]byte // of the newest session
	origin   uint32   // index of its ConnPt, or of its span with fromSpan set; 0: free
	channel  uint32   // index into the provider's served channels, 0: none
	sessions uint32   // that were bound to it
	flapFrom uint32   // seconds since the Unix epoch: when the takeovers below began
	port     uint16
	flaps    uint8 // takeovers since flapFrom
	closed   Reason
	flags    pointFlags
}

type pointFlags uint8

const (
	pointDisabled pointFlags = 1 << iota
	pointWatched             // somebody taps it
	pointGone                // removed; its session is being closed
	pointFlapped             // devices fought over it; flapFrom says how long ago
	pointChanged             // it came or went, and that is not told yet
	pointAsked               // what its device sends is asked for
)

// fromSpan marks an origin that is the index of a span.
const fromSpan = 1 << 31

// span is numbers from..to of a fleet, whose connection points have the numbers base, base+1, …. Of these, lo..hi are
// configured still; a span that has none left stays, so that late events find its names.
type span struct {
	fleet    *project.Fleet
	from, to int
	lo, hi   int
	base     uint32
}

func (f *span) point(n int) uint32 { return f.base + uint32(n-f.from) }

// removed reports whether the point is configured no more; the last session may be there still.
func (pt *point) removed() bool { return pt.origin == 0 || pt.flags&pointGone != 0 }

const (
	pointChunkBits = 10
	stripeCount    = 64
)

// pointChunk is points with numbers in a row; 80 KiB, which is whole pages.
type pointChunk struct {
	points  *[1 << pointChunkBits]point
	changed *atomic.Bool // one of them did; see changes.go
}

// points is the connection points of one provider by number, from 1. Points never move. The provider's mutex guards
// everything but chunks, the points themselves, and what is by stripe.
type points struct {
	chunks  atomic.Pointer[[]pointChunk]
	stripes [stripeCount]sync.Mutex
	next    uint32   // the first number never used
	free    []uint32 // numbers given back, oldest first
	buried  []uint32 // numbers of removed points that may have a session yet
	conns   []*project.ConnPt
	spare   []uint32 // indexes of conns given back
	spans   []span
	byName  map[string]uint32
	kept    [stripeCount]map[uint32]legacy   // of points that are offline
	queued  [stripeCount]map[uint32][]*order // writes that wait for points that are offline
}

func newPoints() *points {
	p := &points{next: 1, conns: make([]*project.ConnPt, 1), byName: map[string]uint32{}}
	p.chunks.Store(new([]pointChunk))
	return p
}

func (p *points) at(n uint32) *point {
	return &p.chunk(n).points[n&(1<<pointChunkBits-1)]
}

func (p *points) chunk(n uint32) pointChunk { return (*p.chunks.Load())[n>>pointChunkBits] }

// lock locks the stripe of connection point n and returns its point; the caller unlocks with unlock(n).
func (p *points) lock(n uint32) *point {
	p.stripes[n%stripeCount].Lock()
	return p.at(n)
}

func (p *points) unlock(n uint32) { p.stripes[n%stripeCount].Unlock() }

// take returns count unused numbers in a row.
func (p *points) take(count uint32) uint32 {
	if count == 1 && len(p.free) > 0 {
		n := p.free[0]
		p.free = p.free[1:]
		return n
	}
	first := p.next
	p.next += count
	p.reach(p.next)
	return first
}

// reach makes the chunks of all numbers below n.
func (p *points) reach(n uint32) {
	chunks := *p.chunks.Load()
	if uint32(len(chunks))<<pointChunkBits >= n {
		return
	}
	chunks = slices.Clone(chunks)
	for uint32(len(chunks))<<pointChunkBits < n {
		chunks = append(chunks, pointChunk{new([1 << pointChunkBits]point), new(atomic.Bool)})
	}
	p.chunks.Store(&chunks)
}

// expect makes room for so many listed connection points, where there were none.
func (p *points) expect(count int) {
	if len(p.byName) > 0 || count == 0 {
		return
	}
	p.byName = make(map[string]uint32, count)
	p.conns = slices.Grow(p.conns, count)
	p.reach(p.next + uint32(count))
}

// addConn gives a configured connection point a number.
func (p *points) addConn(c *project.ConnPt) uint32 {
	i := uint32(len(p.conns))
	if len(p.spare) > 0 {
		i = p.spare[0]
		p.spare = p.spare[1:]
		p.conns[i] = c
	} else {
		p.conns = append(p.conns, c)
	}
	n := p.take(1)
	p.byName[c.Name] = n
	pt := p.lock(n)
	*pt = point{origin: i, flags: connFlags(c)}
	p.unlock(n)
	return n
}

func connFlags(c *project.ConnPt) (f pointFlags) {
	if c.Disabled {
		f |= pointDisabled
	}
	return f
}

// addSpan gives numbers from..to of a fleet their connection points.
func (p *points) addSpan(f *project.Fleet, from, to int) span {
	count := uint32(to - from + 1)
	s := span{fleet: f, from: from, to: to, lo: from, hi: to, base: p.take(count)}
	p.spans = append(p.spans, s)
	for n := s.base; n < s.base+count; n++ {
		pt := p.lock(n)
		*pt = point{origin: uint32(len(p.spans)-1) | fromSpan}
		p.unlock(n)
	}
	return s
}

// find returns the number of the connection point with a name.
func (p *points) find(name string) (uint32, bool) {
	if n, ok := p.byName[name]; ok {
		return n, true
	}
	for i := range p.spans {
		s := &p.spans[i]
		if s.lo > s.hi {
			continue
		}
		if n, ok := s.fleet.Name.Match([]byte(name)); ok && n >= s.lo && n <= s.hi {
			return s.point(n), true
		}
	}
	return 0, false
}

// mark sets or clears a flag of connection point n. It returns the session of n, 0 for none, and whether it had to.
func (p *points) mark(n uint32, f pointFlags, on bool) (owner handle, changed bool) {
	pt := p.lock(n)
	defer p.unlock(n)
	was := pt.flags
	if pt.flags &^= f; on {
		pt.flags |= f
	}
	return pt.binding.Owner(), pt.flags != was
}

// bury takes connection point n out of use and returns the session that it still has, 0 for none.
func (p *points) bury(n uint32) handle {
	pt := p.lock(n)
	defer p.unlock(n)
	pt.flags |= pointGone
	p.buried = append(p.buried, n)
	return pt.binding.Owner()
}

// restTime is how long the number of a removed point is not given to another after its last session has ended: events
// and reports of that are on their way for some milliseconds, and get their names at the end of it.
const restTime = time.Minute

// reclaim gives back the numbers of buried points whose sessions have gone and that have rested, and returns the writes
// that waited for them.
func (p *points) reclaim(now int64) (orphans []*order) {
	kept := p.buried[:0]
	for _, n := range p.buried {
		pt := p.lock(n)
		if pt.binding.Owner() != 0 || now-pt.since < int64(restTime) {
			p.unlock(n)
			kept = append(kept, n)
			continue
		}
		if c := pt.origin; c&fromSpan == 0 {
			p.conns[c] = nil
			p.spare = append(p.spare, c)
		}
		*pt = point{}
		delete(p.kept[n%stripeCount], n)
		orphans = append(orphans, p.queued[n%stripeCount][n]...)
		delete(p.queued[n%stripeCount], n)
		p.unlock(n)
		p.free = append(p.free, n)
	}
	p.buried = kept
	return orphans
}

// conn returns the ConnPt of an origin, nil for one of a fleet.
func (p *points) conn(origin uint32) *project.ConnPt {
	if origin == 0 || origin&fromSpan != 0 {
		return nil
	}
	return p.conns[origin]
}

// number returns the span of an origin and n's number in its fleet; the origin must be of a span.
func (p *points) number(origin, n uint32) (*span, int) {
	s := &p.spans[origin&^fromSpan]
	return s, s.from + int(n-s.base)
}

// appendName appends the name of connection point n; nothing for one that has been removed and forgotten.
func (p *points) appendName(dst []byte, origin, n uint32) []byte {
	if c := p.conn(origin); c != nil {
		return append(dst, c.Name...)
	}
	if origin&fromSpan == 0 {
		return dst
	}
	s, k := p.number(origin, n)
	return s.fleet.Name.Append(dst, k)
}

// appendID appends the Socket Conn Id of connection point n; nothing for one that has none.
func (p *points) appendID(dst []byte, origin, n uint32) []byte {
	if c := p.conn(origin); c != nil {
		return append(dst, c.SocketConnID...)
	}
	if origin&fromSpan == 0 {
		return dst
	}
	s, k := p.number(origin, n)
	return s.fleet.SocketConnID.Append(dst, k)
}
