package server

import (
	"syscall"
	"time"
	"unsafe"

	"linkd/drivers"
)

// What a driver may do to its link: session implements drivers.Link.
var _ drivers.Link = (*session)(nil)

// Send implements drivers.Link.
func (s *session) Send(b []byte) error {
	if s.reason != notClosed || s.phase != phaseOnline {
		return drivers.ErrSlow
	}
	if s.served.polls {
		s.loop.traded++
	}
	if !s.send(s.loop.now, b) {
		s.fail(ReasonSlow, "")
		return drivers.ErrSlow
	}
	return nil
}

// Wake implements drivers.Link.
func (s *session) Wake(d int64) {
	n := timerNumber(s.place, driverTimer)
	if d <= 0 || s.reason != notClosed {
		s.loop.wheel.disarm(n)
		return
	}
	s.loop.arm(n, s.loop.now, d)
}

// Unread implements drivers.Link.
func (s *session) Unread() bool { return s.loop.host.unread(s.conn) }

// Fail implements drivers.Link.
func (s *session) Fail(detail string) { s.fail(ReasonDriver, detail) }

// send passes payload through the preset to the device. False, with nothing sent, when the outbound bound is reached.
func (s *session) send(now int64, payload []byte) bool {
	b := payload
	if f := s.set.framer; f != nil {
		s.stream.Sent()
		if f.Encodes() {
			s.loop.work = f.Encode(s.loop.work[:0], payload, s.idBytes())
			b = s.loop.work
		}
	}
	if s.conn.OutboundBuffered()+len(b) > outboundBytes {
		return false
	}
	if s.recorded() {
		s.record(frameOut, now, payload)
	}
	s.write(now, b)
	return true
}

// write gives b to the socket as it is.
func (s *session) write(now int64, b []byte) {
	if s.gone {
		return
	}
	n, err := s.give(b)
	if err != nil {
		return // the socket closes and says so itself
	}
	s.bytesOut.Add(uint64(n))
	s.loop.counters.bytesOut.Add(uint64(n))
	s.lastOut = s.loop.millis(now)
	if !s.gone && s.stallAt == 0 && s.conn.OutboundBuffered() > 0 {
		s.stallAt, s.stallMark = s.lastOut+uint32(outboundTime/time.Millisecond), s.drained()
		s.schedule(now)
	}
}

// give is conn.Write, by one send(2) past gnet where nothing waits before b: without the layer of files, and without
// telling the Go scheduler, as it does not block. What the kernel does not take goes the long way, errors too.
func (s *session) give(b []byte) (int, error) {
	sent := 0
	if c, ok := s.conn.(interface{ Fd() int }); ok && len(b) > 0 && s.conn.OutboundBuffered() == 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.Fd()), uintptr(unsafe.Pointer(&b[0])),
			uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			sent = int(n)
		}
		if sent == len(b) {
			return sent, nil
		}
	}
	n, err := s.conn.Write(b[sent:])
	return sent + n, err
}

// drained is the low bits of the number of bytes that the kernel has taken from this session.
func (s *session) drained() uint32 {
	return uint32(s.bytesOut.Load()) - uint32(s.conn.OutboundBuffered())
}

// schedule arms the session's timer for the first of the times that it waits for. Idle and downlink limits are
// looked at when they may have passed, not moved with every byte.
func (s *session) schedule(now int64) {
	n := timerNumber(s.place, sessionTimer)
	if s.reason != notClosed {
		return
	}
	l := s.loop
	at, any := uint32(0), false
	first := func(t uint32) {
		if !any || int32(t-at) < 0 {
			at, any = t, true
		}
	}
	if s.phase == phaseOnline {
		if idle := s.idle(); idle > 0 {
			first(s.idleAt(l.millis(now), idle))
		}
		if s.set.downlinkEvery > 0 {
			first(s.lastOut + s.set.downlinkEvery)
		}
	} else {
		first(s.acceptedAt + s.set.timeout)
	}
	if s.quietAt != 0 {
		first(s.quietAt)
	}
	if s.stallAt != 0 {
		first(s.stallAt)
	}
	armed := l.node(n)
	switch {
	case !any:
		l.wheel.disarm(n)
	case armed.slot == 0 || armed.due != at:
		l.arm(n, now, int64(int32(at-l.millis(now)))*int64(time.Millisecond))
	}
}

// idle is the idle limit in milliseconds, 0 for none: the provider's, or the driver's where that is shorter.
func (s *session) idle() uint32 {
	if s.served == nil || s.served.idle == 0 {
		return s.set.idle
	}
	if s.set.idle == 0 {
		return s.served.idle
	}
	return min(s.set.idle, s.served.idle)
}

// overdue reports whether nothing has come for the idle limit. Where the limit is the driver's, a device that has not
// been asked so often as that takes is not silent: it was left alone for a while, or it is linkd that is late.
func (s *session) overdue(t uint32) bool {
	past := func(limit uint32) bool { return limit > 0 && int32(t-s.lastIn-limit) >= 0 }
	if s.phase != phaseOnline || !past(s.idle()) {
		return false
	}
	q, asks := s.machine.(drivers.Questioner)
	return !asks || past(s.set.idle) || q.Unheard() >= unanswered
}

// unaskedTime is how often a link is looked at that has been silent for its limit and was not asked, in milliseconds.
const unaskedTime = 15_000

// idleAt is when the idle limit is to be looked at.
func (s *session) idleAt(t, limit uint32) uint32 {
	if at := s.lastIn + limit; int32(at-t) > 0 {
		return at
	}
	return t + unaskedTime
}

// timer is called when the first of the session's times has come.
func (s *session) timer(now int64) {
	if s.reason != notClosed {
		return
	}
	t := s.loop.millis(now)
	passed := func(at uint32) bool { return int32(t-at) >= 0 }
	anonymous := s.phase != phaseOnline && passed(s.acceptedAt+s.set.timeout)
	idle := s.overdue(t)
	quiet := s.quietAt != 0 && passed(s.quietAt)
	switch {
	case (anonymous || idle || quiet) && s.Unread(): // it is the loop that is late
		s.loop.arm(timerNumber(s.place, sessionTimer), now, int64(drivers.UnreadTime))
		return
	case anonymous:
		s.fail(ReasonTimeout, "")
		return
	}
	if quiet {
		s.silent(now)
	}
	if s.reason == notClosed && s.phase == phaseOnline {
		if idle {
			s.fail(ReasonIdle, "")
		}
		if every := s.set.downlinkEvery; every > 0 && passed(s.lastOut+every) {
			s.lastOut = t
			s.write(now, s.set.downlink)
		}
	}
	if s.stallAt != 0 && passed(s.stallAt) && !s.gone {
		switch {
		case s.conn.OutboundBuffered() == 0:
			s.stallAt = 0
		case s.drained() == s.stallMark:
			s.fail(ReasonSlow, "")
		default:
			s.stallAt, s.stallMark = t+uint32(outboundTime/time.Millisecond), s.drained()
		}
	}
	s.schedule(now)
}

// silent is called when nothing has come for the preset's quiet time, which decides what the bytes in hand mean.
func (s *session) silent(now int64) {
	s.quietAt = 0
	held := s.in
	if held == nil {
		return
	}
	s.in = nil
	if s.phase == phaseOnline {
		s.online(now, held.B, true)
		release(&held)
		return
	}
	rest := s.identity(now, held.B, true)
	if s.phase != phaseOnline {
		s.keep(rest)
	} else if len(rest) > 0 && s.reason == notClosed {
		s.online(now, rest, false)
	}
	release(&held)
}

// driverTimer is called when the time that the driver asked for has come.
func (s *session) driverTimer(now int64) {
	if s.machine != nil && s.reason == notClosed {
		s.machine.Timer(now, s)
	}
}
