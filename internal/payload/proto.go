package payload

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/drivers/tags"
	"linkd/server"
)

// Numbers of the fields in report.proto that others build on.
const (
	EntryReport  protowire.Number = 1
	EntryEvent   protowire.Number = 2
	BatchEntries protowire.Number = 1
)

// AppendProto appends a report to dst as the message Entry of report.proto and returns the extended slice. It allocates
// nothing where dst has room, but for integers of over 53 bits. Text that is no UTF-8 gets U+FFFD in its place.
func AppendProto(dst []byte, r *server.Report) []byte {
	dst = protowire.AppendTag(dst, EntryReport, protowire.BytesType)
	start := len(dst)
	dst = appendFixed(dst, 1, r.Time)
	dst = appendString(dst, 2, r.Provider)
	dst = appendString(dst, 3, r.Connection)
	if len(r.ID) > 0 {
		dst = protowire.AppendBytes(protowire.AppendTag(dst, 4, protowire.BytesType), r.ID)
	}
	dst = appendString(dst, 5, r.Channel)
	dst = appendString(dst, 6, r.Device)
	dst = appendUint(dst, 7, r.Session)
	for i := range r.Values {
		dst = protowire.AppendTag(dst, 8, protowire.BytesType)
		inner := len(dst)
		dst = appendProtoValue(dst, r.Time, &r.Values[i])
		dst = Prefix(dst, inner)
	}
	return Prefix(dst, start)
}

// AppendProtoEvent appends an event as the message Entry of report.proto.
func AppendProtoEvent(dst []byte, e *server.Event) []byte {
	dst = protowire.AppendTag(dst, EntryEvent, protowire.BytesType)
	start := len(dst)
	dst = appendFixed(dst, 1, e.Time.UnixNano())
	for i, s := range [...]string{e.Kind, e.Provider, e.Connection, e.ID} {
		dst = appendString(dst, protowire.Number(2+i), s)
	}
	dst = appendUint(dst, 6, e.Session)
	dst = appendString(dst, 7, e.RemoteAddr)
	dst = appendString(dst, 8, e.Reason)
	return Prefix(dst, start)
}

func appendProtoValue(dst []byte, now int64, v *server.ReportValue) []byte {
	dst = appendString(dst, 1, v.Tag.Name)
	switch v.Value.Kind {
	case tags.KindBool:
		dst = protowire.AppendTag(dst, 2, protowire.VarintType)
		dst = protowire.AppendVarint(dst, protowire.EncodeBool(v.Value.Float() != 0))
	case tags.KindInt:
		dst = protowire.AppendTag(dst, 3, protowire.VarintType)
		dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(bits(&v.Value))))
	case tags.KindUint:
		dst = protowire.AppendTag(dst, 4, protowire.VarintType)
		dst = protowire.AppendVarint(dst, bits(&v.Value))
	case tags.KindFloat:
		dst = protowire.AppendTag(dst, 5, protowire.Fixed64Type)
		dst = protowire.AppendFixed64(dst, math.Float64bits(v.Value.Float()))
	case tags.KindText:
		dst = protowire.AppendTag(dst, 6, protowire.BytesType)
		dst = appendUTF8(dst, v.Value.String())
	}
	dst = appendUint(dst, 7, uint64(v.Quality))
	if v.Quality != tags.Good {
		dst = appendString(dst, 8, v.Reason.String())
	}
	if v.TS != now {
		dst = appendFixed(dst, 9, v.TS)
	}
	return dst
}

// bits are those of an integer.
func bits(v *tags.Value) uint64 {
	if f := v.Float(); -exact < f && f < exact {
		return uint64(int64(f))
	}
	if u, ok := v.Any().(uint64); ok {
		return u
	}
	i, _ := v.Any().(int64)
	return uint64(i)
}

func appendFixed(dst []byte, n protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendFixed64(protowire.AppendTag(dst, n, protowire.Fixed64Type), uint64(v))
}

func appendUint(dst []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
}

func appendString[S ~string | ~[]byte](dst []byte, n protowire.Number, s S) []byte {
	if len(s) == 0 {
		return dst
	}
	return appendUTF8(protowire.AppendTag(dst, n, protowire.BytesType), s)
}

// appendUTF8 appends a text with its length before it.
func appendUTF8[S ~string | ~[]byte](dst []byte, s S) []byte {
	start := len(dst)
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			dst = append(dst, s[i])
			i++
			continue
		}
		r, n := decodeRune(s, i)
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return Prefix(dst, start)
}

// Prefix puts the length of dst[start:] before it, as protobuf has it before messages and texts.
func Prefix(dst []byte, start int) []byte {
	n := len(dst) - start
	var length [10]byte
	head := protowire.AppendVarint(length[:0], uint64(n))
	dst = append(dst, head...)
	copy(dst[start+len(head):], dst[start:start+n])
	copy(dst[start:], head)
	return dst
}
