package common

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"sync"
	"time"
)

const (
	idBytes    = 8 // of every id: c0000001, c0000002, …
	registers  = 10
	frameBytes = 8
	answer     = 5 + 2*registers
	patience   = 3 * time.Second // for an answer
)

// lagBounds are the upper bounds of the histogram of lags, those of linkd's metrics.
var lagBounds = [...]time.Duration{250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	1500 * time.Microsecond, 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Link is one link without its I/O. What it does may come from two goroutines: the one that reads, and the one that asks.
type Link struct {
	s     *Server
	write func([]byte) error
	close func()
	slot  int // of the wheel
	// Post, where given, sends a frame from any goroutine; else write may.
	Post func([]byte) error

	mu     sync.Mutex
	device *device
	buf    [answer]byte // of the id, then of an answer
	have   int
	asked  time.Duration // when; 0: nothing is in flight
	due    time.Duration // of the next question
	order  *[frameBytes]byte
	told   bool // that it is to be polled
}

// NewLink begins a link. write sends all of a frame; close ends the link, from any goroutine.
func (s *Server) NewLink(write func([]byte) error, closed func()) *Link {
	return &Link{s: s, write: write, close: closed}
}

// Take is given what came. It returns what to send back, which is part of b, and whether the link may stay.
func (l *Link) Take(b []byte) (reply []byte, stay bool) {
	if l.device == nil {
		n := copy(l.buf[l.have:idBytes], b)
		l.have += n
		if l.have < idBytes {
			return nil, true
		}
		if !l.bind() {
			return nil, false
		}
		b = b[n:]
	}
	if len(b) == 0 {
		return nil, true
	}
	l.device.bytesIn.Add(uint64(len(b)))
	if l.s.Job == Echo {
		return b, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked > 0 || l.order != nil {
		l.answered(b)
	} else if l.s.Job == Poll {
		l.s.lost.Add(1)
	}
	return nil, true
}

// bind finds the device; an older link of it ends.
func (l *Link) bind() bool {
	d := l.s.devices[string(l.buf[:idBytes])]
	if d == nil {
		return false
	}
	l.device, l.have = d, 0
	if old := d.link.Swap(l); old != nil {
		old.close()
	}
	return true
}

// Gone is called when the link has ended.
func (l *Link) Gone() {
	if l.device != nil {
		l.device.link.CompareAndSwap(l, nil)
	}
}

// Polled reports, once, that the link has been bound and is to be polled.
func (l *Link) Polled() bool {
	if l.s.Job != Poll || l.device == nil || l.device.number%l.s.Share != 0 || l.told {
		return false
	}
	l.told = true
	return true
}

// Waited reports whether somebody polls the link.
func (l *Link) Waited() bool { return l.told }

// First is how long from now on the link is polled first: each has a phase of its own on a grid of periods.
func (l *Link) First() time.Duration {
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(l.device.number)*0x9E3779B97F4A7C15))
	phase := time.Duration(h.Sum64() % uint64(l.s.Period))
	now := l.s.now()
	l.due = now - now%l.s.Period + phase
	if l.due <= now {
		l.due += l.s.Period
	}
	return l.due - now
}

// Ask sends the question that is due, unless one is in flight, and moves on to the next.
func (l *Link) Ask() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.s.now()
	late := now - l.due
	l.due += l.s.Period
	if l.asked > 0 {
		l.s.lost.Add(1)
		if now-l.asked < patience {
			return nil
		}
	}
	i := 0
	for i < len(lagBounds) && late > lagBounds[i] {
		i++
	}
	l.s.lag[i].Add(1)
	l.asked, l.have = now, 0
	return l.write(l.s.question[:])
}

// Next is the time until the next question.
func (l *Link) Next() time.Duration { return l.due - l.s.now() }

// answered collects the answer to what was sent last. What is none is thrown away.
func (l *Link) answered(b []byte) {
	size := answer
	if l.order != nil {
		size = frameBytes
	}
	if l.have+len(b) > size {
		l.have = 0
		l.s.lost.Add(1)
		return
	}
	l.have += copy(l.buf[l.have:], b)
	if l.have < size {
		return
	}
	l.have = 0
	if l.order != nil {
		if bytes.Equal(l.buf[:size], l.order[:]) {
			l.s.commands.Add(1)
		} else {
			l.s.lost.Add(1)
		}
		l.order = nil
		return
	}
	a, q := l.buf[:size], &l.s.question
	if a[0] != q[0] || a[1] != q[1] || a[2] != 2*registers || binary.LittleEndian.Uint16(a[size-2:]) != crc16(a[:size-2]) {
		l.s.lost.Add(1)
		return
	}
	l.asked = 0
	for i := range l.device.values {
		l.device.values[i] = float64(int16(binary.BigEndian.Uint16(a[3+2*i:]))) / 10
	}
	l.s.ok.Add(1)
}

// orderAll sends one frame to every device that is there: a value that all take, 5.0 to 40.0 degrees.
func (s *Server) orderAll() {
	value := uint16(50 + s.order.Add(1)%350)
	frame := seal([frameBytes]byte{1, 6, 0, 0, byte(value >> 8), byte(value)})
	for _, d := range s.list {
		if l := d.link.Load(); l != nil {
			l.mu.Lock()
			l.order, l.have = &frame, 0
			l.mu.Unlock()
			send := l.write
			if l.Post != nil {
				send = l.Post
			}
			if send(frame[:]) != nil {
				l.close()
			}
		}
	}
}

// seal puts the checksum behind a frame.
func seal(b [frameBytes]byte) [frameBytes]byte {
	binary.LittleEndian.PutUint16(b[frameBytes-2:], crc16(b[:frameBytes-2]))
	return b
}

// crcTable is of CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

func crc16(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c = c>>8 ^ crcTable[byte(c)^x]
	}
	return c
}
