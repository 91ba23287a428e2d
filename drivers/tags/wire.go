package tags

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"
)

// Decode reads the tag's Size bytes as they come on the wire, big-endian registers in the tag's order. False when b is
// too short or holds no value of the type. b is not kept.
func (t *Tag) Decode(b []byte) (Value, bool) {
	if len(b) < t.Size {
		return Value{}, false
	}
	b = b[:t.Size]
	switch t.Type {
	case TypeString:
		s, _, _ := bytes.Cut(b, []byte{0})
		return Text(strings.TrimSpace(strings.ToValidUTF8(string(s), "\uFFFD"))), true
	case TypeBytes:
		return Text(hex.EncodeToString(b)), true
	case TypeDate:
		return decodeDate(b)
	}
	var w [8]byte
	b = t.reorder(w[:0], b)
	if t.Type == TypeBCD {
		return decodeBCD(b)
	}
	u := uint64(0)
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	switch t.Type {
	case TypeBool:
		return Bool(u != 0), true
	case TypeInt8:
		return Int(int64(int8(u))), true
	case TypeInt16:
		return Int(int64(int16(u))), true
	case TypeInt32:
		return Int(int64(int32(u))), true
	case TypeInt64:
		return Int(int64(u)), true
	case TypeFloat32:
		return Float(float64(math.Float32frombits(uint32(u)))), true
	case TypeFloat64:
		return Float(math.Float64frombits(u)), true
	}
	return Uint(u), true
}

// reorder appends b in big-endian order to dst. It is its own inverse.
func (t *Tag) reorder(dst, b []byte) []byte {
	for i := range b {
		switch t.Order {
		case BADC:
			i ^= 1
		case CDAB:
			i = (len(b)-1-i)&^1 | i&1
		case DCBA:
			i = len(b) - 1 - i
		}
		if i < 0 || i >= len(b) {
			return append(dst, b...) // one byte: it has no order
		}
		dst = append(dst, b[i])
	}
	return dst
}

func decodeBCD(b []byte) (Value, bool) {
	u := uint64(0)
	for _, c := range b {
		if c>>4 > 9 || c&15 > 9 {
			return Value{}, false
		}
		u = u*100 + uint64(c>>4*10+c&15)
	}
	return Uint(u), true
}

// dateLayout is how a date reads: no zone is told by the device.
const dateLayout = "2006-01-02T15:04:05"

// decodeDate reads six bytes of BCD: year since 2000, month, day, hour, minute, second.
func decodeDate(b []byte) (Value, bool) {
	var n [6]int
	for i, c := range b {
		if c>>4 > 9 || c&15 > 9 {
			return Value{}, false
		}
		n[i] = int(c>>4*10 + c&15)
	}
	d := time.Date(2000+n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if int(d.Month()) != n[1] || d.Day() != n[2] || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return Value{}, false
	}
	return Text(d.Format(dateLayout)), true
}

// Encode appends the tag's Size bytes as they go on the wire. v is one that Invert gave.
func (t *Tag) Encode(dst []byte, v Value) ([]byte, error) {
	if v.Kind == KindText {
		return t.encodeText(dst, v.text)
	}
	u := v.bits
	switch t.Type {
	case TypeFloat32:
		u = uint64(math.Float32bits(float32(v.Float())))
	case TypeFloat64:
		u = math.Float64bits(v.Float())
	case TypeBCD:
		u = 0
		for i, rest := 0, v.bits; i < 2*t.Size; i, rest = i+1, rest/10 {
			u |= rest % 10 << (4 * i)
		}
	}
	var w [8]byte
	binary.BigEndian.PutUint64(w[:], u)
	return t.reorder(dst, w[8-min(t.Size, 8):]), nil
}

func (t *Tag) encodeText(dst []byte, s string) ([]byte, error) {
	b := []byte(s)
	switch t.Type {
	case TypeBytes:
		var err error
		if b, err = hex.DecodeString(s); err != nil || len(b) != t.Size {
			return dst, fmt.Errorf("%w: %q; write %s", ErrValue, s, t.wants())
		}
	case TypeDate:
		d, err := time.Parse(dateLayout, s)
		if err != nil || d.Year() < 2000 || d.Year() > 2099 {
			return dst, fmt.Errorf("%w: %q; write a date as %s", ErrValue, s, dateLayout)
		}
		b = b[:0]
		for _, n := range []int{d.Year() - 2000, int(d.Month()), d.Day(), d.Hour(), d.Minute(), d.Second()} {
			b = append(b, byte(n/10<<4|n%10))
		}
	}
	dst = append(dst, b...)
	for i := len(b); i < t.Size; i++ {
		dst = append(dst, 0)
	}
	return dst, nil
}
