package outputs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment is a file NUMBER.seg of frames, and a frame is
//
//	0..3  CRC-32C of the record, little-endian
//	4..7  bytes of the record
//	8..   the record
//
// The file position has two numbers, in decimal: a segment and the offset there up to which all is delivered.
const (
	frameHead = 8
	maxFrame  = 64 << 20 // bytes; what claims to be longer is damaged
	placeForm = "%020d %020d\n"
)

var errDamaged = errors.New("outputs: a damaged frame")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // the library makes it once

// segment is one file of a disk. Its counts are those of frames that are not taken.
type segment struct {
	number int64
	size   int64 // up to the end of the last whole frame
	left   [classes]int
	bytes  int64 // of records
}

func (d *disk) path(s *segment) string {
	return filepath.Join(d.dir, fmt.Sprintf("%020d.seg", s.number))
}

func appendFrame(dst, record []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(record, castagnoli()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(record)))
	return append(dst, record...)
}

// recover reads what an earlier process has left: what it has delivered is removed, what is damaged is left out.
func (d *disk) recover() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".seg")
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil && len(digits) == 20 && n > 0 {
			d.list = append(d.list, &segment{number: n})
		}
	}
	slices.SortFunc(d.list, func(a, b *segment) int { return int(min(max(a.number-b.number, -1), 1)) })
	if d.place, err = os.OpenFile(filepath.Join(d.dir, "position"), os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return err
	}
	var number, offset int64
	if _, err := fmt.Fscanf(io.LimitReader(d.place, 64), "%d %d", &number, &offset); err != nil {
		number, offset = 0, 0 // all is delivered again: twice is better than not at all
	}
	d.last = max(number, 0)
	if n := len(d.list); n > 0 {
		d.last = max(d.last, d.list[n-1].number)
	}
	for len(d.list) > 0 && d.list[0].number < number {
		d.remove()
	}
	for i, s := range d.list {
		from := int64(0)
		if i == 0 && s.number == number {
			from, d.offset = offset, offset
		}
		if err := d.scan(s, from); err != nil {
			return err
		}
	}
	if len(d.list) > 0 {
		d.offset = min(d.offset, d.list[0].size)
	}
	return nil
}

// scan counts the whole frames of a segment from an offset on.
func (d *disk) scan(s *segment, from int64) error {
	f, err := os.Open(d.path(s))
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if from < 0 || from > st.Size() {
		from = 0
		d.offset = 0
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, st.Size()-from), 1<<16)
	var record []byte
	for s.size = from; ; {
		if record, err = readFrame(r, record); err != nil {
			break
		}
		s.left[record[0]]++
		s.bytes += int64(len(record))
		s.size += int64(frameHead + len(record))
		d.count++
		d.bytes += int64(len(record))
	}
	if !errors.Is(err, io.EOF) {
		d.log.Warn("output: the end of a part of the spool on disk is damaged and dropped", "file", f.Name(), "bytes",
			st.Size()-s.size, "error", err)
	}
	return nil
}

// readFrame reads a frame and returns its record, in buf where that is large enough; io.EOF at the end of the last.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[4:])
	if n < recordHead || n > maxFrame {
		return nil, errDamaged
	}
	buf = slices.Grow(buf[:0], int(n))[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, errDamaged
	}
	if crc32.Checksum(buf, castagnoli()) != binary.LittleEndian.Uint32(head[:]) || recordSize(buf) != len(buf) {
		return nil, errDamaged
	}
	return buf, nil
}

// note writes how far all is delivered.
func (d *disk) note() error {
	_, err := d.place.WriteAt(fmt.Appendf(nil, placeForm, d.list[0].number, d.offset), 0)
	return err
}
