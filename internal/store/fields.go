package store

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// errRecord is what a record is that cannot be read.
var errRecord = errors.New("a record cannot be read")

// Records are fields one after another: numbers as varints, text and bytes behind their length.

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// noTime stands for the zero time.Time.
const noTime = math.MinInt64

// appendTime keeps nanoseconds of the years 1678 to 2262, and the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, noTime)
	}
	return binary.AppendVarint(b, t.UnixNano())
}

// fields reads a record. After the first field that is not as it must be, all are zero and end returns an error. What
// it returns lies in the record and is not copied.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) fail() {
	f.rest, f.bad = nil, true
}

func (f *fields) byte() byte {
	if len(f.rest) == 0 {
		f.fail()
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *fields) bool() bool {
	b := f.byte()
	if b > 1 {
		f.fail()
	}
	return b == 1
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) signed() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) time() time.Time {
	v := f.signed()
	if f.bad || v == noTime {
		return time.Time{}
	}
	return time.Unix(0, v).UTC()
}

// fixed returns the next n bytes.
func (f *fields) fixed(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.fail()
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) bytes() []byte { return f.fixed(f.number()) }

func (f *fields) text() string { return string(f.bytes()) }

// end says whether all was read, and nothing is left.
func (f *fields) end() error {
	if f.bad || len(f.rest) > 0 {
		return errRecord
	}
	return nil
}
