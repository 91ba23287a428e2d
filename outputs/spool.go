package outputs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// A record in a block, before its topic and data:
//
//	0      class
//	1..8   when it was put, nanoseconds since the Unix epoch, little-endian
//	9..10  bytes of the topic
//	11..14 bytes of the data
const (
	recordHead = 15
	blockSize  = 64 << 10
	maxTopic   = 1<<16 - 1
)

// Record is one message on its way out.
type Record struct {
	Class Class
	Time  int64  // when it was put, nanoseconds since the Unix epoch
	Topic []byte // empty where the output has no use for it
	Data  []byte
}

func appendRecord(dst []byte, r *Record) []byte {
	dst = append(dst, byte(r.Class))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(r.Topic)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Data)))
	dst = append(dst, r.Topic...)
	return append(dst, r.Data...)
}

// recordSize is the size of the record at the beginning of b; 0 when b does not hold all of it.
func recordSize(b []byte) int {
	if len(b) < recordHead {
		return 0
	}
	n := recordHead + int(binary.LittleEndian.Uint16(b[9:])) + int(binary.LittleEndian.Uint32(b[11:]))
	if n > len(b) || b[0] >= byte(classes) {
		return 0
	}
	return n
}

func decodeRecord(b []byte) Record {
	topic := recordHead + int(binary.LittleEndian.Uint16(b[9:]))
	return Record{Class: Class(b[0]), Time: int64(binary.LittleEndian.Uint64(b[1:])), Topic: b[recordHead:topic],
		Data: b[topic:]}
}

// Batch is some records, oldest first. It owns its memory and is used again for the next.
type Batch struct {
	buf  []byte
	ends []int // of each record in buf
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.ends) }

// Bytes is the size of all records.
func (b *Batch) Bytes() int { return len(b.buf) }

// At returns a record; it is valid until the batch is filled again.
func (b *Batch) At(i int) Record { return decodeRecord(b.record(i)) }

func (b *Batch) record(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.buf[start:b.ends[i]]
}

// Detach gives the batch memory of its own, so that nothing that still looks at the old one sees it change.
func (b *Batch) Detach() { b.buf = bytes.Clone(b.buf) }

func (b *Batch) reset() { b.buf, b.ends = b.buf[:0], b.ends[:0] }

func (b *Batch) add(record []byte) {
	b.buf = append(b.buf, record...)
	b.ends = append(b.ends, len(b.buf))
}

// Limits of a batch: it is handed out when it has so many records or bytes, or when its first has waited so long.
type Limits struct {
	Records int
	Bytes   int // one record that is larger comes alone
	Linger  time.Duration
}

// ErrDrained is the error of a queue that was closed and is empty.
var ErrDrained = errors.New("outputs: the spool is closed and empty")

// Queue hands out what was put, oldest first. One goroutine uses it.
type Queue interface {
	// Take fills b with the next records and waits until there is one. Its error is ctx's, or ErrDrained.
	Take(ctx context.Context, b *Batch, l Limits) error
	// Done: what the last Take gave is delivered, or given up, and needs not be kept.
	Done()
}

// Spool is a queue in memory, bounded in bytes: what does not fit pushes out the oldest.
type Spool struct {
	limit int64

	mu      sync.Mutex
	blocks  [][]byte // records, oldest first
	from    int      // of what is left of blocks[0]
	spare   []byte   // an empty block
	count   int
	bytes   int64
	dropped [classes]uint64
	closed  bool

	wanted      int // records and bytes that whoever waits in Take wants to be woken for
	wantedBytes int64
	ready       chan struct{}
}

// NewSpool makes a spool of at most limit bytes.
func NewSpool(limit int64) *Spool {
	return &Spool{limit: limit, ready: make(chan struct{}, 1), wanted: 1}
}

// Put copies r into the spool. It never waits. After Close it does nothing and returns false.
func (s *Spool) Put(r *Record) bool {
	size := recordHead + len(r.Topic) + len(r.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if int64(size) > s.limit || len(r.Topic) > maxTopic {
		s.dropped[r.Class]++
		return true
	}
	for s.bytes+int64(size) > s.limit {
		s.dropped[Class(s.front()[0])]++
		s.pop()
	}
	last := len(s.blocks) - 1
	if last < 0 || cap(s.blocks[last])-len(s.blocks[last]) < size {
		s.blocks, last = append(s.blocks, s.block(size)), last+1
	}
	s.blocks[last] = appendRecord(s.blocks[last], r)
	s.count++
	s.bytes += int64(size)
	if s.count >= s.wanted || s.bytes >= s.wantedBytes {
		s.wake()
	}
	return true
}

func (s *Spool) block(size int) []byte {
	if b := s.spare; cap(b) >= size {
		s.spare = nil
		return b[:0]
	}
	return make([]byte, 0, max(size, int(min(blockSize, s.limit))))
}

// front is the oldest record; there must be one.
func (s *Spool) front() []byte {
	b := s.blocks[0][s.from:]
	return b[:recordSize(b)]
}

func (s *Spool) pop() {
	n := len(s.front())
	s.count--
	s.bytes -= int64(n)
	if s.from += n; s.from < len(s.blocks[0]) {
		return
	}
	if s.spare == nil && cap(s.blocks[0]) <= blockSize {
		s.spare = s.blocks[0]
	}
	s.blocks[0] = nil // the array behind blocks must not hold it
	s.blocks, s.from = s.blocks[1:], 0
}

func (s *Spool) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Take implements Queue.
func (s *Spool) Take(ctx context.Context, b *Batch, l Limits) error {
	b.reset()
	if err := s.await(ctx, 1, 1, nil); err != nil {
		return err
	}
	if l.Linger > 0 {
		t := time.NewTimer(l.Linger)
		defer t.Stop()
		if err := s.await(ctx, l.Records, int64(l.Bytes), t.C); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.count > 0 && b.Len() < l.Records && (b.Len() == 0 || b.Bytes()+len(s.front()) <= l.Bytes) {
		b.add(s.front())
		s.pop()
	}
	if b.Len() == 0 {
		return ErrDrained
	}
	return nil
}

// await returns when there are so many records or bytes, at the timeout, or when the spool is closed.
func (s *Spool) await(ctx context.Context, records int, bytes int64, timeout <-chan time.Time) error {
	for {
		s.mu.Lock()
		enough := s.count >= records || s.bytes >= bytes || s.closed
		s.wanted, s.wantedBytes = records, bytes
		s.mu.Unlock()
		if enough {
			return ctx.Err()
		}
		select {
		case <-s.ready:
		case <-timeout:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Done implements Queue: what was taken is not in the spool any more.
func (s *Spool) Done() {}

// Close ends Put. What is in the spool can still be taken.
func (s *Spool) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wake()
}

func (s *Spool) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Clear drops what is in the spool, counted.
func (s *Spool) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.count > 0 {
		s.dropped[Class(s.front()[0])]++
		s.pop()
	}
}

// level is what is in the spool, and what it has dropped since it was made.
func (s *Spool) level() (count int, bytes int64, dropped [classes]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.bytes, s.dropped
}
