package server

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// reserveShare is the part of the capacity that is kept for known ids: one in twenty. When only that is left, the
// links without identity may hold no more than the reserve, and the oldest of them makes way for each new one.
const reserveShare = 20

// enter makes a session for a new link, or returns nil where there is no room for it: it is to be closed at once. pt is
// the connection point of a link that linkd dialled, noPoint otherwise. What follows an enter is begin.
func (l *loop) enter(c conn, remote netip.AddrPort, pt uint32) *session {
	p := l.provider
	set, now := p.live.Load(), l.read()
	p.sessions.Add(1)
	p.srv.sessions.Add(1)
	p.accepts.Add(1)
	r := notClosed
	if pt == noPoint {
		r = p.admit(l, set, remote.Addr(), now)
	}
	var s *session
	if r == notClosed {
		if s = l.open(p.srv.numbers.Add(1), now); s == nil {
			r = ReasonCapacity
		}
	}
	if s == nil {
		p.sessions.Add(-1)
		p.srv.sessions.Add(-1)
		p.refused.Add(1)
		l.counters.closes[r].Add(1)
		l.counters.sessions[resultRefused].Add(1)
		return nil
	}
	s.conn, s.set = c, set
	s.setRemote(remote)
	return s
}

// begin starts the session of a link that has entered.
func (l *loop) begin(s *session, pt uint32) {
	proxied := pt == noPoint && s.set.trusts(s.remote().Addr())
	s.guard(func() { s.accepted(l.now, pt, proxied) })
	l.forget()
}

// trusts reports whether links from this source must begin with a balancer's PROXY header.
func (set *settings) trusts(a netip.Addr) bool {
	for _, net := range set.conf.ProxyFrom {
		if net.Contains(a) {
			return true
		}
	}
	return false
}

// admit decides whether a new link may stay, before anything is spent on it. The caller has counted it already.
func (p *provider) admit(l *loop, set *settings, addr netip.Addr, now int64) Reason {
	srv := p.srv
	all, mine := srv.sessions.Load(), p.sessions.Load()
	capacity := int64(srv.capacity)
	reserve := capacity / reserveShare
	switch {
	case srv.draining.Load():
		return ReasonDrain
	case p.closing.Load() != 0:
		return Reason(p.closing.Load())
	case !srv.rules.none() && !set.trusts(addr) && srv.rules.turnsAway(addr, now):
		return ReasonBlocked
	case set.maxSessions > 0 && mine > set.maxSessions:
		return ReasonCapacity
	case all > capacity:
		if !l.evict() {
			return ReasonCapacity
		}
	case all > capacity-reserve && p.identifying.Load() > reserve:
		l.evict()
	}
	if !set.trusts(addr) && p.limit.blocked(addr, now) {
		return ReasonLimited
	}
	if r := p.rate.Load(); r != nil && !r.AllowN(time.Unix(0, now), 1) {
		return ReasonAcceptRate
	}
	return notClosed
}

// evict closes the oldest link of this loop that has no identity yet; false when there is none.
func (l *loop) evict() bool {
	for h := l.waiting.front(); h != 0; h = l.waiting.front() {
		l.waiting.pop()
		if s := l.find(h); s != nil && s.waits && s.reason == notClosed {
			l.step(s, func() { s.fail(ReasonPressure, "") })
			return true
		}
	}
	return false
}

// forget drops those from the front of the queue that have identified or gone, so that it stays short.
func (l *loop) forget() {
	for h := l.waiting.front(); h != 0; h = l.waiting.front() {
		if s := l.find(h); s != nil && s.waits {
			return
		}
		l.waiting.pop()
	}
}

const (
	limitFailures = 50               // failures …
	limitWindow   = 10 * time.Second // … in this long, and the address has to wait
	limitFirst    = 10 * time.Second // how long, doubling each time …
	limitLongest  = 5 * time.Minute  // … to this
	limitProbe    = time.Second      // while it waits, one link this often may try
	limitForgive  = 5                // failures that one known device makes up for
	limitPerShard = 1 << 12
	limitShards   = 16
	limitCost     = int64(limitWindow / limitFailures)
)

// addressLimit holds source addresses back that fail again and again. Only failures count (unknown id, rubbish,
// silence): a carrier's address with thousands of honest devices is never held back by their number. A link of a
// known device makes up for failures, and one link a second is let through while an address waits, so that honest
// devices behind it free it.
//
// Failures are counted by the generic cell rate algorithm: 50, and one more each 200 ms. The table is bounded; when
// it is full an address that is not waiting is forgotten.
type addressLimit struct {
	known  atomic.Int64 // addresses in the table: none, and nobody locks
	shards [limitShards]struct {
		sync.Mutex
		m map[netip.Addr]*penalty
	}
}

// penalty is one address's record; times in nanoseconds since the Unix epoch.
type penalty struct {
	arrival int64 // theoretical arrival time of the next failure
	until   int64 // waits until then
	probe   int64 // the next link let through while it waits
	strikes uint8
}

func (a *addressLimit) shard(addr netip.Addr) int {
	b := addr.As16()
	return int(b[15]^b[14]^b[7]^b[5]) % limitShards
}

// failed counts a failure of addr.
func (a *addressLimit) failed(addr netip.Addr, now int64) {
	s := &a.shards[a.shard(addr)]
	s.Lock()
	defer s.Unlock()
	p := s.m[addr]
	if p == nil {
		if s.m == nil {
			s.m = map[netip.Addr]*penalty{}
		}
		if len(s.m) >= limitPerShard {
			a.makeRoom(s.m, now)
		}
		p = new(penalty)
		s.m[addr] = p
		a.known.Add(1)
	}
	p.arrival = max(p.arrival, now) + limitCost
	if p.arrival-now <= int64(limitWindow) {
		return
	}
	wait := min(limitFirst<<min(p.strikes, 10), limitLongest)
	p.until, p.probe, p.arrival = now+int64(wait), now+int64(limitProbe), now
	p.strikes++
}

// makeRoom forgets one address, one that is not waiting if a short look finds one.
func (a *addressLimit) makeRoom(m map[netip.Addr]*penalty, now int64) {
	looked := 0
	for addr, p := range m {
		if looked++; p.until <= now || looked > 16 {
			delete(m, addr)
			a.known.Add(-1)
			return
		}
	}
}

// blocked reports whether a new link from addr has to wait.
func (a *addressLimit) blocked(addr netip.Addr, now int64) bool {
	if a.known.Load() == 0 {
		return false
	}
	s := &a.shards[a.shard(addr)]
	s.Lock()
	defer s.Unlock()
	p := s.m[addr]
	switch {
	case p == nil || p.until <= now:
		return false
	case p.probe <= now:
		p.probe = now + int64(limitProbe)
		return false
	}
	return true
}

// forgive is told that a known device has identified from addr.
func (a *addressLimit) forgive(addr netip.Addr, now int64) {
	if a.known.Load() == 0 {
		return
	}
	s := &a.shards[a.shard(addr)]
	s.Lock()
	defer s.Unlock()
	p := s.m[addr]
	if p == nil {
		return
	}
	p.until, p.strikes = 0, p.strikes/2
	if p.arrival -= limitForgive * limitCost; p.arrival <= now && p.strikes == 0 {
		delete(s.m, addr)
		a.known.Add(-1)
	}
}
