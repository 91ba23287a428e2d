package server

import (
	"net/netip"
	"time"

	"linkd/codec"
)

// What a session does until it is bound to its connection point: the balancer's header, the identity, the binding.

// accepted starts the machine. pt is the connection point of a link that linkd dialled, noPoint otherwise.
func (s *session) accepted(now int64, pt uint32, proxied bool) {
	p := s.loop.provider
	switch {
	case pt != noPoint:
		s.phase = phaseIdentifying
		s.bind(now, pt, nil)
	case proxied:
		s.phase = phaseProxy
	default:
		s.identifying(now)
	}
	if s.phase != phaseOnline && s.reason == notClosed {
		s.waits = true
		p.identifying.Add(1)
		s.loop.waiting.push(s.handle())
	}
	s.schedule(now)
}

// settled ends the counting of s among the links without identity.
func (s *session) settled() {
	if s.waits {
		s.waits = false
		s.loop.provider.identifying.Add(-1)
	}
}

// identifying begins once the source address is known.
func (s *session) identifying(now int64) {
	s.phase = phaseIdentifying
	if !s.set.fixIP {
		return
	}
	pt, ok := s.loop.provider.addrs.Lookup(s.remote().Addr())
	if !ok {
		s.fail(ReasonAddress, "")
		return
	}
	s.bind(now, pt, nil)
}

// keep holds on to what came before the identity: all of it while more may come, the beginning once it is over.
func (s *session) keep(b []byte) {
	if s.reason != notClosed {
		b = b[:min(len(b), firstBytes)]
	}
	if len(b) > 0 {
		s.in = pooled(b)
	}
}

// identity looks at all that has come before the identity was found. It returns what is left of b: for later, or for
// the driver when the session is online now.
func (s *session) identity(now int64, b []byte, quiet bool) (rest []byte) {
	if s.phase == phaseProxy {
		if b = s.proxyHeader(now, b); len(b) == 0 || s.phase == phaseProxy {
			return b
		}
	}
	if s.phase == phaseOnline || s.reason != notClosed {
		return b
	}
	l := s.loop
	got := s.set.framer.Identify(l.room(2*preIdentityBytes), b, quiet, l.provider.table)
	got.Verdict = bounded(got.Verdict, len(b))
	s.quietAt = 0
	switch got.Verdict {
	case codec.Found:
		s.identified(now, got, b[:got.Taken])
		if s.phase != phaseOnline {
			return b // a stranger: what it sent is shown
		}
		return b[got.Taken:]
	case codec.Rubbish:
		s.fail(ReasonRubbish, "")
	case codec.WaitQuiet:
		s.quietAt = l.millis(now) + s.set.quiet
	}
	return b
}

// bounded is a verdict on so many bytes: more than is kept before an id is rubbish.
func bounded(v codec.Verdict, n int) codec.Verdict {
	if v != codec.Found && n > preIdentityBytes {
		return codec.Rubbish
	}
	return v
}

// proxyHeader takes the balancer's header, which says where the device really is.
func (s *session) proxyHeader(now int64, b []byte) []byte {
	src, n, verdict, _ := codec.Proxy(b)
	switch verdict {
	case codec.Found:
		if src.IsValid() {
			s.setRemote(src)
		}
		b = b[n:]
		switch from := s.remote().Addr(); {
		case s.loop.provider.srv.rules.turnsAway(from, now):
			s.fail(ReasonBlocked, "")
		case s.loop.provider.limit.blocked(from, now):
			s.fail(ReasonLimited, "")
		default:
			s.identifying(now)
		}
	case codec.Rubbish:
		s.fail(ReasonRubbish, "no PROXY header")
	default:
		if len(b) > preIdentityBytes {
			s.fail(ReasonRubbish, "no end of the PROXY header")
		}
	}
	return b
}

// identified binds the session to the connection point of the id that was found in b, and answers where the preset has
// an answer.
func (s *session) identified(now int64, got codec.Identified, b []byte) {
	pt, ok := s.loop.provider.table.Lookup(got.ID)
	if ok {
		s.bind(now, pt, got.Secret)
	} else {
		s.fail(ReasonUnknown, "")
	}
	if s.phase == phaseOnline {
		s.stream = got.Stream
		if s.set.framer.NeedsID() {
			s.seldom().id = pooled(got.ID)
		}
		if s.recorded() {
			s.record(frameIdentity, now, b)
		}
		if reply := s.set.framer.Accept(s.loop.work[:0], got.ID); len(reply) > 0 {
			s.loop.work = reply
			if s.recorded() {
				s.record(frameIdentity|frameOut, now, reply)
			}
			s.write(now, reply)
		}
		s.start(now)
		return
	}
	if p := s.loop.provider; s.reason.stranger() && !p.srv.rules.none() &&
		p.srv.rules.applies(Block, strangeness(p, got.ID, netip.Addr{}), now) {
		s.reason = ReasonBlocked
		return
	}
	if reply := s.set.framer.Refuse(s.loop.work[:0], got.ID); len(reply) > 0 {
		s.loop.work = reply
		s.write(now, reply)
	}
	s.seldom().id = pooled(got.ID[:min(len(got.ID), preIdentityBytes)])
}

// bind makes the session the one of connection point pt, or fails it.
func (s *session) bind(now int64, pt uint32, secret []byte) {
	if r := s.loop.provider.bind(s, pt, secret, now); r != notClosed {
		s.point = pt
		s.fail(r, "")
		return
	}
	s.settled()
	s.phase = phaseOnline // from here on a driver that panics is one of an online link
	s.loop.keepFrames(s, now, s.heard&byTap != 0)
	if s.machine == nil && s.served != nil {
		s.machine = s.served.compile.Machine()
	}
	s.loop.counters.identified(time.Duration(s.loop.millis(now)-s.acceptedAt) * time.Millisecond)
	if !s.set.common {
		s.start(now)
	}
}

// start opens the driver's machine on the link that has just come online.
func (s *session) start(now int64) {
	if s.machine != nil && s.reason == notClosed {
		s.machine.Open(now, s)
		s.takeQueued(now)
	}
}
