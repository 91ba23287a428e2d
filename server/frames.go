package server

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Frames of links are kept in rings, so that what passed before somebody looked is there too. Each loop has some, which
// it takes from the server in blocks as links come, until there are no more. A link without a ring costs a look at a
// number.
// A ring whose link has ended stays as it is until another link needs it: the next one of its connection point goes on
// in it. A link that somebody looks at takes one from a link that nobody does.

const (
	// DefaultFrames and MostFrames are bytes of Config.Frames.
	DefaultFrames = 4 << 20
	MostFrames    = 64 << 20

	ringBlock  = 16 // rings that a loop takes at once
	blockBytes = ringBlock * ringBytes
)

type block [ringBlock][ringBytes]byte

// blocks is the memory of all rings, which the loops take from. A loop that finds none left, and has none, makes one.
type blocks struct {
	off  bool
	left atomic.Int32 // len(free)
	mu   sync.Mutex
	free []*block
}

// make takes the memory, and has it of the system at once: what links cost is then the same whether their frames are
// kept or not.
func (b *blocks) make(bytes int) {
	b.off = bytes < 0
	all := make([]block, min(max(bytes, 0), MostFrames)/blockBytes)
	clear(all)
	for i := range all {
		b.give(&all[i])
	}
}

func (b *blocks) give(list ...*block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, list...)
	b.left.Store(int32(len(b.free)))
}

// take returns a block, nil when there is none.
func (b *blocks) take() *block {
	if b.left.Load() == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.free) - 1
	if n < 0 {
		return nil
	}
	x := b.free[n]
	b.free = b.free[:n]
	b.left.Store(int32(n))
	return x
}

// rings are those of one loop. all[0] is no ring: it holds together those without a link, the one to take first next
// to it: nobody's, then the one whose link has ended longest ago.
type rings struct {
	all   []ring
	of    map[uint32]uint16 // by connection point
	taken []*block          // of the server's
}

// record keeps b, and shows it to those who tap, or ask for what devices send.
func (s *session) record(kind frameKind, now int64, b []byte) {
	l := s.loop
	l.frameAt = max(now, l.frameAt+1) // no two frames have the same time: it tells one from another
	if s.ring != 0 {
		l.rings.all[s.ring].add(kind, l.frameAt, b)
	}
	if s.heard&byTap != 0 {
		s.tapped(kind, l.frameAt, b)
	}
	if s.heard&byAsk != 0 && kind == 0 {
		l.receive(s, b)
	}
}

// recorded reports whether somebody or something is to have what passes on the link.
func (s *session) recorded() bool { return s.heard != 0 || s.ring != 0 }

// keepFrames gives a session that is bound and has no ring one: that of its connection point, else one that is free,
// else, where somebody looks, that of a link that nobody does. Without any, nothing is kept.
func (l *loop) keepFrames(s *session, now int64, looked bool) {
	p := l.provider
	if p.srv.blocks.off || p.name == localName {
		return
	}
	if s.ring == 0 {
		l.giveRing(s, now, looked)
	}
	if s.ring != 0 && looked {
		l.rings.all[s.ring].looked = now
	}
}

func (l *loop) giveRing(s *session, now int64, looked bool) {
	rs := &l.rings
	n := rs.of[s.point]
	switch {
	case n == 0:
		if n = l.spareRing(looked); n == 0 {
			return
		}
		delete(rs.of, rs.all[n].point)
		rs.all[n].clear(s.point)
		rs.of[s.point] = n
	case rs.all[n].owner != 0: // of a session that has been taken over
		l.at(rs.all[n].owner - 1).ring = 0
	default:
		rs.unlink(n)
	}
	r := &rs.all[n]
	r.owner, s.ring = s.place+1, n
	r.begin(now, ends{session: s.number, remote: s.remote(), local: s.local()})
}

// spareRing takes a ring away from where it is needed least; 0: there is none. Only for one who looks does a link lose
// its own.
func (l *loop) spareRing(looked bool) uint16 {
	rs := &l.rings
	if len(rs.all) == 0 || rs.all[rs.all[0].next].point != noPoint {
		l.moreRings()
	}
	if n := rs.all[0].next; n != 0 {
		rs.unlink(n)
		return n
	}
	if !looked {
		return 0
	}
	found := uint16(0)
	for n := 1; n < len(rs.all); n++ {
		r := &rs.all[n]
		if l.at(r.owner-1).heard&byTap == 0 && (found == 0 || r.looked < rs.all[found].looked) {
			found = uint16(n)
		}
	}
	if found != 0 {
		l.at(rs.all[found].owner - 1).ring = 0
	}
	return found
}

// moreRings makes a block of rings, if the loop may.
func (l *loop) moreRings() {
	rs := &l.rings
	b := l.provider.srv.blocks.take()
	switch {
	case b != nil:
		rs.taken = append(rs.taken, b)
	case len(rs.all) > 0:
		return
	default:
		b = new(block)
	}
	if len(rs.all) == 0 {
		rs.all, rs.of = make([]ring, 1, 1+ringBlock), make(map[uint32]uint16, ringBlock)
		rs.all[0].point = noPoint - 1 // no one's that could be taken
	}
	for i := range b {
		rs.all = append(rs.all, ring{buf: &b[i], point: noPoint})
		rs.link(uint16(len(rs.all)-1), rs.all[0].next)
	}
}

// link puts ring n before another; before 0: at the end.
func (rs *rings) link(n, before uint16) {
	after := rs.all[before].prev
	rs.all[n].prev, rs.all[n].next = after, before
	rs.all[after].next, rs.all[before].prev = n, n
}

func (rs *rings) unlink(n uint16) {
	r := &rs.all[n]
	rs.all[r.prev].next, rs.all[r.next].prev = r.next, r.prev
}

// leaveFrames gives the ring of a session that has ended up to whoever needs it first.
func (l *loop) leaveFrames(s *session) {
	n := s.ring
	if n == 0 {
		return
	}
	s.ring = 0
	l.rings.all[n].owner = 0
	l.rings.link(n, 0)
}

// forgetFrames has the loops empty the rings of connection points that have been removed: their numbers will be used
// again.
func (p *provider) forgetFrames() {
	if len(p.pts.buried) == 0 {
		return
	}
	for _, l := range p.loops() {
		_ = l.post(letter{must: true, do: func(int64, *session) { l.forgetFrames() }}) // fails where it has ended
	}
}

// forgetFrames empties the rings of connection points that have been removed. The letters that end their links come
// before this one.
func (l *loop) forgetFrames() {
	rs := &l.rings
	for i := 1; i < len(rs.all); i++ {
		n, r := uint16(i), &rs.all[i]
		if r.point == noPoint || r.owner != 0 || !l.provider.removed(r.point) {
			continue
		}
		delete(rs.of, r.point)
		r.clear(noPoint)
		rs.unlink(n)
		rs.link(n, rs.all[0].next)
	}
}

// removed reports whether connection point n is no more.
func (p *provider) removed(n uint32) bool {
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	return pt.removed()
}

// local is the link's own address; none where it has no socket.
func (s *session) local() (a netip.AddrPort) {
	c, ok := s.conn.(interface{ Fd() int })
	if !ok {
		return a
	}
	name, _ := unix.Getsockname(c.Fd()) // nil with an error
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		a = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		a = unmapped(name.Addr, uint16(name.Port))
	}
	return a
}

// Frames returns the frames that are kept of a connection, oldest first: at most 16 KiB of each event loop that it has
// been on since, with 15 bytes beside each frame. It is looked at from now on: its frames are kept while any are.
// Errors wrap ErrNotFound or ErrBusy, or are ctx's.
func (s *Server) Frames(ctx context.Context, provider, name string) ([]Frame, error) {
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return nil, err
	}
	return p.frames(ctx, n, p.loops(), nil)
}

// frames collects what loops have of connection point n. w, where given, gets what follows on each from the very moment
// on in which it hands over.
func (p *provider) frames(ctx context.Context, n uint32, loops []*loop, w *watcher) ([]Frame, error) {
	copies := make(chan copied, len(loops))
	owner := p.pts.at(n).binding.Owner()
	for _, l := range loops {
		do := func(now int64, _ *session) {
			copies <- l.copyFrames(n, owner, now)
			p.join(w, l)
		}
		switch err := l.post(letter{do: do}); {
		case errors.Is(err, ErrBusy):
			return nil, err
		case err != nil: // the loop has ended, and its rings with it
			copies <- copied{}
			p.join(w, l)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var out []Frame
	for range loops {
		select {
		case c := <-copies:
			out = c.frames(out)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ErrBusy
			}
			return nil, ctx.Err()
		}
	}
	slices.SortStableFunc(out, func(a, b Frame) int { return a.Time.Compare(b.Time) })
	if c := p.servedAt(n); c != nil && c.explain != nil {
		for i := range out {
			if f := &out[i]; !f.Identity && len(f.Data) == f.Length {
				f.Text = c.explain.Explain(f.Dir == In, f.Data)
			}
		}
	}
	return out, nil
}

// copyFrames copies what the loop has of connection point n, whose session is owner's.
func (l *loop) copyFrames(n uint32, owner handle, now int64) copied {
	if id, _, _ := splitHandle(owner); owner != 0 && id == l.id {
		if s := l.find(owner); s != nil && s.phase == phaseOnline && s.reason == notClosed {
			l.keepFrames(s, now, true)
		}
	}
	if i := l.rings.of[n]; i != 0 {
		return l.rings.all[i].copied()
	}
	return copied{}
}

// loops are the event loops that the provider's links are on.
func (p *provider) loops() (list []*loop) {
	for _, l := range *p.srv.loops.Load() {
		if l != nil && l.provider == p {
			list = append(list, l)
		}
	}
	return list
}
