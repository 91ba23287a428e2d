package server

import (
	"crypto/subtle"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"linkd/codec"
	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/routing"
)

// provider is one ConnProvider while it runs: its connection points, its table, and the links that come through it.
type provider struct {
	srv   *Server
	name  string
	table *routing.Table
	addrs routing.Addrs
	pts   *points

	live  atomic.Pointer[settings]     // what a new link gets
	rate  atomic.Pointer[rate.Limiter] // accept_rate; nil: no limit
	limit *addressLimit
	// dialer dials the connection points of a tcp-client provider; nil for a tcp-server.
	dialer *dialer
	// supervisor runs the listener of a tcp-server provider; nil for a tcp-client.
	supervisor *supervisor
	closing    atomic.Uint32 // Reason for which all links are being closed; no new ones then

	// mu guards conf, the shape of pts, and the state below; it is taken before a stripe of pts, never after.
	mu       sync.RWMutex
	conf     *project.Provider
	listed   []*project.ConnPt // of conf, as the connection points are
	state    string
	fault    string
	addr     string      // of the listener, with the port that it really has
	counters []*counters // one a loop, those of ended loops too

	served      atomic.Pointer[[]*served] // by point.channel; 0 is nil
	sessions    atomic.Int64              // links
	identifying atomic.Int64              // of these, without identity
	online      atomic.Int64              // connection points with a session
	refused     atomic.Uint64
	accepts     atomic.Uint64
	// dialFailures counts dials that failed (tcp-client).
	dialFailures atomic.Uint64

	secrets atomic.Bool // some connection point has a secret
	watch   watchers

	asked    map[uint32]struct{} // connection points whose bytes are asked for; the server's asking guards it
	askedAll atomic.Bool         // all are
}

// settings is what a link takes from its provider when it is accepted, compiled; immutable.
type settings struct {
	framer        *codec.Framer // nil: no identity in the bytes, transparent
	common, fixIP bool
	oldest        bool // on_duplicate: oldest
	timeout       uint32
	quiet         uint32
	idle          uint32
	downlinkEvery uint32
	downlink      []byte
	userTimeout   time.Duration
	keepalive     time.Duration
	maxSessions   int64
	conf          *project.Provider
}

// served is a channel as the links that it serves see it.
type served struct {
	channel  *project.Channel
	driver   *drivers.Driver
	compile  drivers.Channel
	explain  drivers.Explainer // nil: the driver has no words for frames
	set      *tags.Set         // nil: the channel has no tags
	number   int               // of the driver in the table
	idle     uint32            // the idle limit in milliseconds; 0: none
	polls    bool              // a driver of it speaks first and at intervals
	maxFrame int               // the most bytes that are kept for it
}

func compileSettings(c *project.Provider) (*settings, error) {
	s := &settings{
		common: c.Type == project.TCPServer && c.ConnIdentity != project.FixIP,
		fixIP:  c.Type == project.TCPServer && c.ConnIdentity == project.FixIP,
		oldest: c.OnDuplicate == project.Oldest,

		timeout: milliseconds(c.Identity.Timeout), quiet: milliseconds(c.Identity.Quiet),
		idle: milliseconds(c.IdleTimeout), userTimeout: c.UserTimeout, keepalive: c.Keepalive,
		maxSessions: int64(c.MaxConnections), conf: c,
	}
	if c.Downlink != nil {
		s.downlinkEvery, s.downlink = milliseconds(c.Downlink.Every), c.Downlink.Data
	}
	if s.timeout == 0 {
		s.timeout = 10_000 // a PROXY header has to come in time too, where there is no identity
	}
	if !s.common {
		return s, nil
	}
	framer, err := codec.New(c.Identity)
	s.framer = framer
	return s, err
}

func milliseconds(d time.Duration) uint32 {
	return uint32(min(max(d/time.Millisecond, 0), farthest))
}

func (p *provider) newCounters() *counters {
	c := &counters{drivers: make([]driverCounters, len(p.srv.cfg.Drivers))}
	p.mu.Lock()
	p.counters = append(p.counters, c)
	p.mu.Unlock()
	return c
}

const (
	flapWindow = 60 // seconds
	flapCount  = 5  // takeovers within the window that make an alarm
	flapMemory = 600
)

// bind makes s the session of connection point n, or says why not. What people are told of it is told in the order in
// which it happens: the stripe's lock is held over the change of owner and its events.
func (p *provider) bind(s *session, n uint32, secret []byte, now int64) Reason {
	set := s.set
	known := !p.secrets.Load() || p.secretIs(n, secret) // before the stripe: p.mu comes first
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	if r := pt.refuses(known, set.oldest); r != notClosed {
		return r
	}
	h, old := s.handle(), pt.binding.Owner()
	if old != 0 {
		if !pt.binding.Takeover(old, h) {
			return ReasonDuplicate // cannot be: the stripe is locked
		}
		pt.closed = ReasonTakeover
		p.srv.events.publish(record{kind: kindOffline, time: now, provider: p, point: n, origin: pt.origin,
			session: pt.session, addr: pt.addr, port: pt.port, reason: ReasonTakeover})
		p.flapping(pt, n, now)
		p.end(old, ReasonTakeover)
	} else {
		pt.binding.Bind(h)
		p.online.Add(1)
	}
	pt.session, pt.since = s.number, now
	pt.addr, pt.port = s.source()
	pt.sessions++
	s.point = n
	s.hear(byTap, pt.flags&pointWatched != 0)
	s.hear(byAsk, p.asks(pt))
	s.served = (*p.served.Load())[pt.channel]
	p.inherit(s, n)
	p.limit.forgive(s.remote().Addr(), now)
	p.srv.events.publish(record{kind: kindOnline, time: now, provider: p, point: n, origin: pt.origin,
		session: s.number, addr: pt.addr, port: pt.port})
	p.note(pt, n)
	s.plain()
	return notClosed
}

// refuses says why a connection point takes no new link, or notClosed. known: the link has sent its secret.
func (pt *point) refuses(known, oldest bool) Reason {
	switch {
	case pt.removed():
		return ReasonUnknown
	case pt.flags&pointDisabled != 0:
		return ReasonDisabled
	case !known:
		return ReasonSecret
	case oldest && pt.binding.Owner() != 0:
		return ReasonDuplicate
	}
	return notClosed
}

// secretIs compares the secret of a connection point, if it has one, in constant time.
func (p *provider) secretIs(n uint32, secret []byte) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(n)
	c := p.pts.conn(pt.origin)
	p.pts.unlock(n)
	return c == nil || c.Secret == "" || subtle.ConstantTimeCompare([]byte(c.Secret), secret) == 1
}

// flapping raises an alarm when one connection point is taken over again and again: two devices share an id.
func (p *provider) flapping(pt *point, n uint32, now int64) {
	second := uint32(now / int64(time.Second))
	if pt.flaps == 0 || second-pt.flapFrom > flapWindow {
		if !pt.flapping(now) {
			pt.flags &^= pointFlapped
		}
		pt.flapFrom, pt.flaps = second, 0
	}
	if pt.flaps++; pt.flaps == flapCount {
		pt.flags |= pointFlapped
		p.srv.flaps.Add(1)
		p.srv.events.publish(record{kind: kindFlapping, time: now, provider: p, point: n, origin: pt.origin,
			session: pt.session, addr: pt.addr, port: pt.port})
	}
	if pt.flaps > flapCount {
		pt.flaps = flapCount + 1 // one alarm a window
	}
}

// flapping reports whether devices fight over pt: there was an alarm, and no flapMemory without a takeover since.
func (pt *point) flapping(now int64) bool {
	return pt.flags&pointFlapped != 0 && uint32(now/int64(time.Second))-pt.flapFrom <= flapMemory
}

// left settles a link that has closed. was is the phase it was in.
func (p *provider) left(s *session, was phase, now int64) {
	p.sessions.Add(-1)
	p.srv.sessions.Add(-1)
	s.settled()
	c := s.loop.counters
	c.closes[s.reason].Add(1)
	switch {
	case was == phaseOnline:
		p.release(s, now)
		return
	case s.reason.stranger():
		c.strangers[s.reason].Add(1)
		p.limit.failed(s.remote().Addr(), now)
		p.srv.strangers.note(p, s, now)
	case s.reason == ReasonBlocked:
		p.limit.failed(s.remote().Addr(), now)
	}
	switch {
	case s.reason == ReasonTimeout:
		c.sessions[resultTimeout].Add(1)
	case s.reason.stranger():
		c.sessions[resultStranger].Add(1)
	case s.reason.refused():
		c.sessions[resultRefused].Add(1)
	default:
		c.sessions[resultClosed].Add(1)
	}
}

// release frees the connection point of a session that was online, unless a newer session has it.
func (p *provider) release(s *session, now int64) {
	if v := p.freed(s, now); v != nil {
		s.tellAll(v)
	}
}

// freed does the part of release that the stripe guards, and returns the values that the session leaves, nil for none.
func (p *provider) freed(s *session, now int64) *values {
	pt := p.pts.lock(s.point)
	defer p.pts.unlock(s.point)
	pt.bytesIn += s.bytesIn.Load()
	pt.bytesOut += s.bytesOut.Load()
	if !pt.binding.Release(s.handle()) {
		return nil
	}
	p.online.Add(-1)
	pt.since, pt.closed = now, s.reason
	p.note(pt, s.point)
	p.srv.events.publish(record{kind: kindOffline, time: now, provider: p, point: s.point, origin: pt.origin,
		session: s.number, addr: pt.addr, port: pt.port, reason: s.reason, detail: s.reasonDetail()})
	if p.dialer != nil {
		p.dialer.lost(s.point)
	}
	return p.bequeath(s, s.point)
}
