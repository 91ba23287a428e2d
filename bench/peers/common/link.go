package common

import (
	"io"
	"sync"
	"time"
)

// Link is one connection of a device.
//
// Its mutex is for servers that read, ask and command on goroutines of their own: they hold it while they call Input,
// Ask or Command. A server that does all of that for one link on one event loop leaves it alone.
type Link struct {
	sync.Mutex
	Conn io.WriteCloser // of the server; it may be closed more than once

	server   *Server
	counters *Counters
	timers   Timers
	talk     *exchange // nil while there is nothing to be answered
	number   int32     // of the device; 0: not bound
	have     uint8     // bytes of the id
	ended    bool
	id       [idBytes]byte
}

// Timers have links asked when they are due. Start and Stop are called on the goroutine of Input and End.
type Timers interface {
	// Start has Ask called for a link, with l.FirstDue and then once a period.
	Start(l *Link)
	// Stop ends that. It is called for started links, once.
	Stop(l *Link)
}

// NewLink is for a connection that was accepted.
func (s *Server) NewLink(conn io.WriteCloser, c *Counters, t Timers) *Link {
	return &Link{Conn: conn, server: s, counters: c, timers: t}
}

// FirstDue is when the link, which is bound and polled, is to be asked first, on the clock of Now.
func (l *Link) FirstDue() int64 { return l.talk.timer.due }

// Input does with bytes what the job is. It says false when the link is to be closed. It does not keep b.
func (l *Link) Input(b []byte) bool {
	s := l.server
	s.waitWhileHeld()
	if l.have < idBytes {
		n := copy(l.id[l.have:], b)
		l.have += uint8(n)
		b = b[n:]
		if l.have == idBytes && !l.bind() {
			return false
		}
	}
	if len(b) == 0 {
		return true
	}
	l.counters.bytesIn.Add(uint64(len(b)))
	switch {
	case s.Job == Echo:
		_, err := l.Conn.Write(b)
		return err == nil
	case l.talk != nil:
		if l.talk.answers(b, l.counters) && s.Job == Poll {
			l.counters.lost.Add(1)
		}
	case s.Job == Poll: // nobody has asked
		l.counters.lost.Add(1)
	}
	return true
}

// bind finds the device whose id has come, and closes the link that it had before.
func (l *Link) bind() bool {
	s := l.server
	n := s.ids[l.id]
	if n == 0 || l.ended {
		return false
	}
	l.number = n
	if s.polled(n) {
		l.talk = new(exchange)
		l.talk.timer = timer{link: l, due: s.firstDue(l.id)}
	}
	if old := s.links[n-1].Swap(l); old != nil {
		_ = old.Conn.Close()
	} else {
		s.bound.Add(1)
	}
	if s.polled(n) {
		l.timers.Start(l)
	}
	return true
}

// End is told that the link was closed, once. The caller does not hold the mutex.
func (l *Link) End() {
	l.Lock()
	l.ended = true
	n := l.number
	l.Unlock()
	if n == 0 {
		return
	}
	if l.server.links[n-1].CompareAndSwap(l, nil) {
		l.server.bound.Add(-1)
	}
	if l.server.polled(n) {
		l.timers.Stop(l)
	}
}

// Ask sends the question that is due, on the clock of Now, unless another is in flight and has not been waited for long
// enough. It says false when the link is to be closed.
func (l *Link) Ask(due int64) bool {
	s, x := l.server, l.talk
	s.waitWhileHeld()
	if x.askedAt != 0 {
		l.counters.lost.Add(1)
		if due-x.askedAt < int64(patience) {
			return true
		}
	}
	l.counters.late(time.Duration(s.Now() - due))
	x.askedAt, x.have = due, 0
	_, err := l.Conn.Write(question[:])
	return err == nil
}

// Command sends a frame. It says false when the link is to be closed.
func (l *Link) Command(f *Frame) bool {
	if l.talk == nil {
		l.talk = new(exchange)
	}
	l.talk.command = f
	_, err := l.Conn.Write(f[:])
	return err == nil
}

// do calls f, which is Input, Ask or Command, with the mutex held, and closes the link if f says so.
func (l *Link) do(f func() bool) {
	l.Lock()
	ok := f()
	l.Unlock()
	if !ok {
		_ = l.Conn.Close()
	}
}
