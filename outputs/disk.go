package outputs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	segmentCount = 16                     // the bound on disk is so many segments
	flushWait    = 200 * time.Millisecond // what the process may lose when it is killed
	flushBytes   = 256 << 10
	closeWait    = 2 * time.Second // for what is in memory to reach the disk
)

// disk is a queue in files behind a spool in memory: a goroutine moves what the spool has to the newest segment, at the
// latest 200 ms after it came; from then on it survives the process, and a loss of power once the kernel has written
// it. What does not fit removes the oldest segment. Where nothing can be written, the spool holds what it can.
type disk struct {
	dir   string
	limit int64 // bytes of a segment
	spool *Spool
	log   *slog.Logger
	stop  context.CancelFunc
	moved chan struct{} // closed when nothing more will be moved
	news  chan struct{}

	mu      sync.Mutex
	list    []*segment // oldest first
	last    int64      // number of the newest segment there ever was
	file    *os.File   // the last of list, open to append; nil: the next write begins a new one
	count   int        // frames not taken
	bytes   int64      // of their records
	dropped [classes]uint64
	problem error // of the last write

	// Of who takes:
	reader *os.File // of list[0]
	offset int64    // of the next frame in list[0]
	place  *os.File
	buf    []byte // a record
}

// openDisk opens the queue in dir, of at most limit bytes, with what an earlier process has left there.
func openDisk(dir string, limit int64, spool *Spool, log *slog.Logger) (*disk, error) {
	if dir == "" {
		return nil, errors.New("outputs: spool_disk needs a data directory; leave it out, or start linkd with one")
	}
	dir = filepath.Join(dir, "spool")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	d := &disk{dir: dir, limit: limit / segmentCount, spool: spool, log: log, moved: make(chan struct{}),
		news: make(chan struct{}, 1)}
	if err := d.recover(); err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	go func() {
		defer close(d.moved)
		d.move(ctx)
	}()
	return d, nil
}

// move brings what the spool has to the disk until that is closed and empty, or ctx ends.
func (d *disk) move(ctx context.Context) {
	var b Batch
	var buf []byte
	for d.spool.Take(ctx, &b, Limits{Records: 1 << 16, Bytes: flushBytes, Linger: flushWait}) == nil {
		buf = buf[:0]
		for i := range b.Len() {
			buf = appendFrame(buf, b.record(i))
		}
		retry := Backoff{Low: 100 * time.Millisecond, High: 10 * time.Second}
		for !d.write(&b, buf) {
			if Sleep(ctx, retry.Next()) != nil {
				d.give(&b)
				return
			}
		}
		d.wake()
	}
}

// give counts a batch that could not be written as dropped.
func (d *disk) give(b *Batch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range b.Len() {
		d.dropped[b.At(i).Class]++
	}
}

// write appends the frames of a batch, whole or not at all.
func (d *disk) write(b *Batch, frames []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.append(frames)
	if (err == nil) != (d.problem == nil) {
		if err != nil {
			d.log.Warn("output: the spool on disk cannot be written, memory holds what it can", "error", err)
		} else {
			d.log.Info("output: the spool on disk is written again")
		}
	}
	if d.problem = err; err != nil {
		return false
	}
	last := d.list[len(d.list)-1]
	for i := range b.Len() {
		last.left[b.At(i).Class]++
	}
	last.bytes += int64(b.Bytes())
	d.count += b.Len()
	d.bytes += int64(b.Bytes())
	return true
}

func (d *disk) append(frames []byte) error {
	if n := len(d.list); d.file != nil && d.list[n-1].size > 0 && d.list[n-1].size+int64(len(frames)) > d.limit {
		if err := d.file.Close(); err != nil {
			return err
		}
		d.file = nil
	}
	if d.file == nil {
		if err := d.begin(); err != nil {
			return err
		}
	}
	last := d.list[len(d.list)-1]
	if _, err := d.file.Write(frames); err != nil {
		return errors.Join(err, d.file.Truncate(last.size))
	}
	last.size += int64(len(frames))
	return nil
}

// begin makes the next segment, and room for it.
func (d *disk) begin() error {
	for len(d.list) >= segmentCount {
		for c, n := range d.list[0].left {
			d.dropped[c] += uint64(n)
		}
		d.remove()
	}
	s := &segment{number: d.last + 1}
	f, err := os.OpenFile(d.path(s), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	d.file, d.list, d.last = f, append(d.list, s), s.number
	return nil
}

// remove removes the oldest segment and what is left in it.
func (d *disk) remove() {
	s := d.list[0]
	if d.reader != nil {
		d.reader.Close()
		d.reader = nil
	}
	if len(d.list) == 1 && d.file != nil {
		d.file.Close()
		d.file = nil
	}
	for _, n := range s.left {
		d.count -= n
	}
	d.bytes -= s.bytes
	d.list, d.offset = d.list[1:], 0
	if err := os.Remove(d.path(s)); err != nil {
		d.log.Warn("output: a delivered part of the spool stays on disk", "error", err)
	}
}

func (d *disk) wake() {
	select {
	case d.news <- struct{}{}:
	default:
	}
}

// Take implements Queue.
func (d *disk) Take(ctx context.Context, b *Batch, l Limits) error {
	b.reset()
	if err := d.await(ctx, 1, 1, nil); err != nil {
		return err
	}
	if l.Linger > 0 {
		t := time.NewTimer(l.Linger)
		defer t.Stop()
		if err := d.await(ctx, l.Records, int64(l.Bytes), t.C); err != nil {
			return err
		}
	}
	d.mu.Lock()
	for d.count > 0 && b.Len() < l.Records && d.next(b, l.Bytes) {
	}
	d.mu.Unlock()
	if b.Len() > 0 {
		return nil
	}
	return d.Take(ctx, b, l) // all that there was is damaged, or gone to make room
}

// await returns when there are so many records or bytes, at the timeout, or when nothing more will come.
func (d *disk) await(ctx context.Context, records int, bytes int64, timeout <-chan time.Time) error {
	for {
		ended := false
		select {
		case <-d.moved:
			ended = true
		default:
		}
		d.mu.Lock()
		count, enough := d.count, d.count >= records || d.bytes >= bytes
		d.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case enough, ended && count > 0:
			return nil
		case ended:
			return ErrDrained
		}
		select {
		case <-d.news:
		case <-d.moved:
		case <-timeout:
			return nil
		case <-ctx.Done():
		}
	}
}

// next takes a frame into b, unless it is too large for what is there already.
func (d *disk) next(b *Batch, limit int) bool {
	s := d.list[0]
	if d.offset >= s.size {
		if len(d.list) == 1 {
			return false
		}
		return d.skip(b)
	}
	record, err := d.read(s)
	if err != nil {
		d.log.Warn("output: a part of the spool on disk is damaged and dropped", "file", d.path(s), "error", err)
		for c, n := range s.left {
			d.dropped[c] += uint64(n)
			d.count -= n
			s.left[c] = 0
		}
		d.bytes -= s.bytes
		s.bytes, s.size = 0, d.offset
		if d.file != nil && len(d.list) == 1 { // what follows goes into another file
			d.file.Close()
			d.file = nil
		}
		return true
	}
	if b.Len() > 0 && b.Bytes()+len(record) > limit {
		return false
	}
	b.add(record)
	s.left[record[0]]--
	s.bytes -= int64(len(record))
	d.count--
	d.bytes -= int64(len(record))
	d.offset += int64(frameHead + len(record))
	return true
}

// skip goes on to the next segment. What was read of this one may not be delivered yet: it ends the batch.
func (d *disk) skip(b *Batch) bool {
	if b.Len() > 0 {
		return false
	}
	d.remove()
	return true
}

func (d *disk) read(s *segment) ([]byte, error) {
	if d.reader == nil {
		f, err := os.Open(d.path(s))
		if err != nil {
			return nil, err
		}
		d.reader = f
	}
	var head [frameHead]byte
	if _, err := d.reader.ReadAt(head[:], d.offset); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(head[4:]))
	if d.offset+frameHead+n > s.size {
		return nil, errDamaged
	}
	d.buf = slices.Grow(d.buf[:0], int(n))[:n]
	record := d.buf
	if _, err := d.reader.ReadAt(record, d.offset+frameHead); err != nil {
		return nil, err
	}
	if crc32.Checksum(record, castagnoli()) != binary.LittleEndian.Uint32(head[:]) || recordSize(record) != len(record) {
		return nil, errDamaged
	}
	return record, nil
}

// Done implements Queue: it notes on disk how far all is delivered.
func (d *disk) Done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		return
	}
	if err := d.note(); err != nil {
		d.log.Debug("output: what is delivered could not be noted; a restart delivers it again", "error", err)
	}
}

// putBack: what was taken of b from the record from on is not delivered, and stays for the next process.
func (d *disk) putBack(b *Batch, from int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := from; i < b.Len(); i++ {
		d.count++
		d.bytes += int64(len(b.record(i)))
	}
}

// level is what is on disk, and what was dropped there.
func (d *disk) level() (count int, bytes int64, dropped [classes]uint64, problem error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count, d.bytes, d.dropped, d.problem
}

// close waits until what is in memory is on disk, and closes the files.
func (d *disk) close() {
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-d.moved:
	case <-t.C:
	}
	d.stop()
	<-d.moved
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range []*os.File{d.file, d.reader, d.place} {
		if f == nil {
			continue
		}
		if err := f.Close(); err != nil {
			d.log.Warn("output: closing the spool on disk", "error", err)
		}
	}
	d.file, d.reader, d.place = nil, nil, nil
}
