package server

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/bytebufferpool"

	"linkd/codec"
	"linkd/drivers"
)

// phase is where a session stands: accepted → identifying → online → closed, or closed from any of them.
type phase uint8

const (
	phaseFree        phase = iota // a place without a link
	phaseProxy                    // accepted; the balancer's PROXY header comes first
	phaseIdentifying              // who it is is not known yet
	phaseOnline                   // bound to its connection point
	phaseClosed                   // over; its place is given back when the step ends
)

const (
	// outboundBytes bounds what a device may leave untaken; outboundTime how long it may take none of it.
	outboundBytes = 64 << 10
	outboundTime  = 10 * time.Second
	// preIdentityBytes bounds what is kept of a link before it has said who it is.
	preIdentityBytes = 1 << 10
	// firstBytes is how much of a stranger's bytes is shown.
	firstBytes = 64
)

// session is one link, from accept to close: a state machine without I/O, stepped on its loop. It is a place in the
// loop's table, used again after the link has gone; generation tells one use from the next.
type session struct {
	// What a poll touches stands together.
	bytesIn, bytesOut atomic.Uint64 // read by other goroutines too
	conn              conn
	loop              *loop
	set               *settings // of the provider, at accept
	served            *served   // the channel that serves it; nil when none does
	machine           drivers.Machine
	values            *values                    // of the channel's tags; nil when it has none
	in                *bytebufferpool.ByteBuffer // before identity: all that came; later: what the preset cannot use yet
	frame             *bytebufferpool.ByteBuffer // what the driver has not taken yet
	stream            codec.Stream
	place, point      uint32
	lastIn            uint32 // times are the wheel's milliseconds; 0: not set
	lastOut           uint32
	quietAt           uint32 // silence until then decides what the bytes in hand mean
	stallAt           uint32 // the outbound buffer must have moved by then
	stallMark         uint32 // low bits of the bytes that the kernel had taken when stallAt was set
	phase             phase
	reason            Reason
	inStep            bool    // a step of this session is running
	gone              bool    // the socket has closed
	waits             bool    // counted among the links without identity
	heard             hearing // who is to have what passes
	ring              uint16  // of the loop, which keeps its frames; 0: none does

	generation atomic.Uint32
	acceptedAt uint32
	number     uint64 // of the session, in this process
	rare       *rare
}

// reset makes the place ready for the next link. Its timers must be disarmed.
func (s *session) reset() {
	release(&s.in)
	release(&s.frame)
	s.plain()
	loop, place := s.loop, s.place
	s.generation.Store(0)
	s.bytesIn.Store(0)
	s.bytesOut.Store(0)
	s.conn, s.set, s.served, s.machine, s.values = nil, nil, nil, nil, nil
	s.number, s.stream = 0, codec.Stream{}
	s.acceptedAt, s.lastIn, s.lastOut, s.quietAt, s.stallAt, s.stallMark = 0, 0, 0, 0, 0, 0
	s.point = 0
	s.phase, s.reason = phaseFree, notClosed
	s.inStep, s.gone, s.waits, s.heard = false, false, false, 0
	s.loop, s.place = loop, place
}

func (s *session) handle() handle { return makeHandle(s.loop.id, s.place, s.generation.Load()) }

// guard runs one step. A panic in it, which can only come from a codec or a driver, closes this link alone.
func (s *session) guard(f func()) {
	s.inStep = true
	defer s.endStep()
	f()
}

// endStep is deferred by every step.
func (s *session) endStep() {
	if p := recover(); p != nil {
		s.loop.provider.srv.panicked(s, p, debug.Stack())
		s.fail(ReasonPanic, "")
		s.machine = nil // it is in no state to be asked to close
	}
	s.inStep = false
	if s.gone {
		s.finish()
	}
}

// fail asks for the link to be closed after this step; the first reason stands.
func (s *session) fail(r Reason, detail string) {
	if s.reason != notClosed {
		return
	}
	s.reason = r
	if detail != "" {
		s.seldom().detail = detail
	}
}

// ending says that the link is to be closed and has not been yet.
func (s *session) ending() bool { return s.reason != notClosed && s.phase != phaseFree && !s.gone }

// received is given what came from the socket. b is valid until it returns.
func (s *session) received(now int64, b []byte) {
	s.bytesIn.Add(uint64(len(b)))
	s.loop.counters.bytesIn.Add(uint64(len(b)))
	if s.reason != notClosed {
		return
	}
	s.lastIn = s.loop.millis(now)
	if s.phase == phaseOnline {
		s.online(now, b, false)
		return
	}
	held := s.in
	if held != nil {
		_, _ = held.Write(b) // at most preIdentityBytes and one read of the socket
		b, s.in = held.B, nil
	}
	rest := s.identity(now, b, false)
	if s.phase == phaseOnline {
		if len(rest) > 0 && s.reason == notClosed {
			s.online(now, rest, false)
		}
	} else {
		s.keep(rest)
	}
	release(&held)
	s.schedule(now)
}

// online passes what the device sent through the preset to the driver.
func (s *session) online(now int64, b []byte, quiet bool) {
	if s.set.framer == nil || s.set.framer.Transparent() {
		s.deliver(now, b)
		return
	}
	held := s.in
	if held != nil {
		_, _ = held.Write(b)
		b, s.in = held.B, nil
	}
	s.quietAt = 0
	for len(b) > 0 && s.reason == notClosed {
		d := s.set.framer.Decode(s.loop.room(len(b)+16), b, s.idBytes(), quiet, &s.stream)
		if len(d.Reply) > 0 {
			s.write(now, d.Reply)
		}
		if len(d.Payload) > 0 {
			s.deliver(now, d.Payload)
		}
		if d.End != "" {
			s.fail(ReasonFraming, d.End)
		}
		b = b[d.Taken:]
		if d.Held {
			s.quietAt = s.loop.millis(now) + s.set.quiet
		}
		if d.Taken == 0 {
			break
		}
	}
	if len(b) > s.set.framer.MaxHeld() {
		s.fail(ReasonFraming, codec.TooLong)
	} else if len(b) > 0 && s.reason == notClosed {
		s.in = pooled(b)
	}
	release(&held)
	if s.quietAt != 0 {
		s.schedule(now)
	}
}

// deliver gives payload to those who tap and to the driver, and keeps what the driver does not take.
func (s *session) deliver(now int64, b []byte) {
	if s.recorded() {
		s.record(0, now, b)
	}
	if s.machine == nil {
		return
	}
	polls, said := s.served.polls, s.bytesOut.Load()
	held := s.frame
	if held != nil {
		_, _ = held.Write(b)
		b, s.frame = held.B, nil
	}
	for len(b) > 0 && s.reason == notClosed {
		n := s.machine.Receive(now, b, s)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	if len(b) > s.served.maxFrame {
		s.fail(ReasonOverflow, "")
	} else if len(b) > 0 && s.reason == notClosed {
		s.frame = pooled(b)
	}
	release(&held)
	if polls || s.bytesOut.Load() == said { // who is answered at once waits for it: a loop must not sleep over that
		s.loop.traded++
	}
}

// closed is called when the socket has closed, with the socket's error; nil when linkd closed it.
func (s *session) closed(err error) {
	s.gone = true
	s.fail(closeReason(err), "")
	if !s.inStep {
		s.finish()
	}
}

// closeReason is what the kernel's error means.
func closeReason(err error) Reason {
	switch {
	case err == nil:
		return ReasonEngine
	case errors.Is(err, syscall.ETIMEDOUT):
		return ReasonKeepalive
	case errors.Is(err, io.EOF):
		return ReasonPeer
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return ReasonReset
	}
	return ReasonReset
}

// finish settles a session whose socket has closed, and gives its place back.
func (s *session) finish() {
	l := s.loop
	now := l.clock()
	l.wheel.disarm(timerNumber(s.place, sessionTimer))
	l.wheel.disarm(timerNumber(s.place, driverTimer))
	was := s.phase
	s.phase = phaseClosed
	if s.machine != nil && was == phaseOnline && !s.guardClose(now, s.machine) {
		s.machine = nil
	}
	l.provider.left(s, was, now)
	l.leaveFrames(s)
	l.recycle(s)
}

// guardClose tells the driver that the link is over. whole is false when it panicked.
func (s *session) guardClose(now int64, m drivers.Machine) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			s.loop.provider.srv.panicked(s, p, debug.Stack())
		}
	}()
	m.Close(now, s)
	return true
}
