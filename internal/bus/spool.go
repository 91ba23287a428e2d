package bus

import (
	"encoding/binary"
	"math"
	"sync"
	"time"
)

const (
	chunkRecords = 1024      // a server that gets more than 10,000 at once drops what it cannot queue
	chunkBytes   = 256 << 10 // of a full chunk; the last record may go beyond
	mostPayload  = 512 << 10 // bytes of a record; half of what a NATS server takes by default
	recordHead   = 2 + 4 + 4 // lengths of subject, payload and live
	asStored     = 1<<32 - 1 // length of a live that is not there: the payload stands for it
	keepBytes    = 2 * chunkBytes
	keepChunks   = window + 1 // empty chunks that are kept for use again
)

// chunk is a batch of records in the order in which they came, back to back:
//
//	subject length 2 bytes | payload length 4 | live length 4 | subject | payload | live
//
// The payload is what the stream gets, live what those get who listen now, where that is something else.
type chunk struct {
	buf     []byte
	n       int       // records
	biggest int       // bytes of the largest payload or live
	to      *subjects // of its records; they are all of one project
	opened  time.Time // when its first record came
	heard   uint64    // the connection over which listeners were sent its records: generation + 1; 0: none yet
	flight            // the sender's
}

// record is one of a chunk, and a part of it.
type record struct {
	subject, payload, live []byte
	size                   int // of the record in the chunk
}

// recordOf is the record that b begins with.
func recordOf(b []byte) (r record) {
	s, p := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint32(b[2:]))
	l := binary.LittleEndian.Uint32(b[6:])
	at := recordHead + s
	r = record{subject: b[recordHead:at:at], payload: b[at : at+p : at+p], size: at + p}
	r.live = r.payload
	if l != asStored {
		r.size += int(l)
		r.live = b[at+p : r.size : r.size]
	}
	return r
}

// records yields each record's subject and payload, in order; they are parts of the chunk.
func (c *chunk) records(yield func(subject, payload []byte) bool) {
	for b := c.buf; len(b) > 0; {
		r := recordOf(b)
		if !yield(r.subject, r.payload) {
			return
		}
		b = b[r.size:]
	}
}

// told yields each record's subject and what those are told who listen to it, where there is anything to tell.
func (c *chunk) told(yield func(subject, live []byte) bool) {
	for b := c.buf; len(b) > 0; {
		r := recordOf(b)
		if len(r.live) > 0 && !yield(r.subject, r.live) {
			return
		}
		b = b[r.size:]
	}
}

// strip takes out the records with over limit bytes in a message, and returns how many there were.
func (c *chunk) strip(limit int) (gone int) {
	left, n := c.buf[:0], c.n
	c.n, c.biggest = 0, 0
	for b := c.buf; len(b) > 0; {
		r := recordOf(b)
		if most := max(len(r.payload), len(r.live)); most <= limit {
			left = append(left, b[:r.size]...)
			c.n++
			c.biggest = max(c.biggest, most)
		}
		b = b[r.size:]
	}
	c.buf = left
	return n - c.n
}

// spool holds records until they are sent, in chunks. It has a bound in bytes; beyond it the oldest chunk goes that is
// not on its way. One goroutine takes, any may put.
type spool struct {
	most int64         // bytes of all chunks, those on their way included
	wake chan struct{} // there is a first record, or a full chunk

	mu      sync.Mutex
	to      *subjects // of what is put
	open    *chunk    // being filled; nil: none
	full    []*chunk  // oldest first
	empty   []*chunk
	bytes   int64 // of all chunks but the empty ones
	waiting int   // records of open and full
	dropped uint64
	closed  bool // what is put is dropped
}

func newSpool(most int64) *spool { return &spool{most: most, wake: make(chan struct{}, 1)} }

// put has encode append a record's subject, then its payload, and return where the payload begins, counted from where
// the subject began; and live append what is told in the payload's place to those who listen (nil: the payload is). The
// caller holds mu.
func (s *spool) put(encode func(dst []byte) (out []byte, payload int), live func(dst []byte) []byte) {
	if s.closed {
		s.dropped++
		return
	}
	c := s.open
	if c == nil {
		c = s.fresh()
	}
	start, was := len(c.buf), cap(c.buf)
	c.buf = append(c.buf, make([]byte, recordHead)...)
	out, at := encode(c.buf)
	size, told := len(out)-start-recordHead-at, asStored
	most := size
	if live != nil {
		end := len(out)
		out = live(out)
		told = len(out) - end
		most = max(size, told)
	}
	c.buf = out
	s.bytes += int64(cap(c.buf) - was)
	if at > math.MaxUint16 || most > mostPayload {
		c.buf = c.buf[:start]
		s.dropped++
		if c.n == 0 {
			s.open = nil
			s.release(c)
		}
		s.fit()
		return
	}
	binary.LittleEndian.PutUint16(out[start:], uint16(at))
	binary.LittleEndian.PutUint32(out[start+2:], uint32(size))
	binary.LittleEndian.PutUint32(out[start+6:], uint32(told))
	c.n++
	c.biggest = max(c.biggest, most)
	s.waiting++
	if c.n == 1 {
		c.opened = time.Now()
		poke(s.wake)
	}
	if c.n >= chunkRecords || len(c.buf) >= chunkBytes {
		s.full, s.open = append(s.full, c), nil
		poke(s.wake)
	}
	s.fit()
}

// putBytes has s take data as it is, for the subject of a provider's connection. The caller holds mu.
func putBytes[B ~string | ~[]byte](s *spool, prefix, provider string, connection B, data []byte) {
	s.put(func(dst []byte) ([]byte, int) {
		start := len(dst)
		dst = appendSubject(dst, prefix, provider, connection)
		at := len(dst) - start
		return append(dst, data...), at
	}, nil)
}

// fresh opens a chunk.
func (s *spool) fresh() *chunk {
	s.open = &chunk{}
	if n := len(s.empty); n > 0 {
		s.open, s.empty = s.empty[n-1], s.empty[:n-1]
	}
	s.open.to = s.to
	s.bytes += int64(cap(s.open.buf))
	return s.open
}

// turn has what is put from now on go to other subjects.
func (s *spool) turn(to *subjects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	if s.open != nil && s.open.n > 0 {
		s.full, s.open = append(s.full, s.open), nil
		poke(s.wake)
	}
}

// fit drops the oldest chunks while there are too many bytes.
func (s *spool) fit() {
	for s.bytes > s.most && len(s.full) > 0 {
		c := s.full[0]
		s.full = append(s.full[:0], s.full[1:]...)
		s.dropped += uint64(c.n)
		s.waiting -= c.n
		s.release(c)
	}
}

// take returns the oldest chunk: a full one, or the open one when its first record has waited for linger; else nil,
// and how long the open one has still to wait (0: there is none). The caller gives it back with done.
func (s *spool) take(now time.Time, linger time.Duration) (c *chunk, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.full) > 0:
		c = s.full[0]
		s.full = append(s.full[:0], s.full[1:]...)
	case s.open != nil && s.open.n > 0:
		if wait = linger - now.Sub(s.open.opened); wait > 0 && wait <= linger {
			return nil, wait
		}
		c, s.open = s.open, nil
	default:
		return nil, 0
	}
	s.waiting -= c.n
	return c, 0
}

// done takes back a chunk that was taken.
func (s *spool) done(c *chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(c)
}

// drop counts n records that were taken, and will not be sent.
func (s *spool) drop(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += uint64(n)
}

func (s *spool) release(c *chunk) {
	s.bytes -= int64(cap(c.buf))
	if cap(c.buf) > keepBytes || len(s.empty) >= keepChunks {
		return
	}
	*c = chunk{buf: c.buf[:0]}
	s.empty = append(s.empty, c)
}

func (s *spool) stats(kind string) KindStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return KindStats{Kind: kind, Dropped: s.dropped, Waiting: s.waiting, Spooled: s.bytes}
}

// close has put drop everything from now on.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// poke wakes who waits on c, or will wait.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
