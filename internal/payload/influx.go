package payload

import (
	"math"
	"strconv"
	"unicode/utf8"

	"linkd/drivers/tags"
	"linkd/server"
)

// AppendInflux appends a report to dst as one line of InfluxDB's line protocol, its line end included, and returns the
// extended slice. It allocates nothing where dst has room, but for integers of over 53 bits.
//
//	ch_dev1,connection=s1/c1,id=c0001,device=d1 temperature=21.5,count=7i,open=true,mode="auto" 1767323045678000000
//
// The measurement is the channel's name. Good values alone are fields: a series has no place for a quality, and a value
// that is not believed is a gap in it. A report without one appends nothing. Integers end in i, those over the largest
// int64 in u; the time is nanoseconds. The protocol has no escape for some bytes of tags: control characters, and a
// backslash before what is escaped or at the end, become _. A line end in a text field is written as \n, which
// newer parsers read as one, so that one report is one line always.
func AppendInflux(dst []byte, r *server.Report) []byte {
	start, fields := len(dst), 0
	dst = appendKey(dst, r.Channel, false)
	if len(r.Connection) > 0 {
		dst = append(dst, ",connection="...)
		dst = appendKey(dst, r.Provider, true)
		dst = append(dst, '/')
		dst = appendKey(dst, r.Connection, true)
	}
	if len(r.ID) > 0 {
		dst = append(dst, ",id="...)
		dst = appendKey(dst, r.ID, true)
	}
	dst = append(dst, ",device="...)
	dst = appendKey(dst, r.Device, true)
	for i := range r.Values {
		v := &r.Values[i]
		if v.Quality != tags.Good || !written(&v.Value) {
			continue
		}
		dst = append(dst, " ,"[min(fields, 1)])
		dst = appendKey(dst, v.Tag.Name, true)
		dst = appendField(append(dst, '='), &v.Value)
		fields++
	}
	if fields == 0 {
		return dst[:start]
	}
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, r.Time, 10)
	return append(dst, '\n')
}

// AppendInfluxEvent appends an event as a line of the measurement linkd_events.
func AppendInfluxEvent(dst []byte, e *server.Event) []byte {
	dst = append(dst, "linkd_events,provider="...)
	dst = appendKey(dst, e.Provider, true)
	if e.Connection != "" {
		dst = append(dst, ",connection="...)
		dst = appendKey(dst, e.Provider, true)
		dst = append(dst, '/')
		dst = appendKey(dst, e.Connection, true)
	}
	if e.ID != "" {
		dst = append(dst, ",id="...)
		dst = appendKey(dst, e.ID, true)
	}
	dst = append(dst, ` kind="`...)
	dst = appendQuoted(dst, e.Kind)
	dst = append(dst, `",session=`...)
	dst = strconv.AppendUint(dst, min(e.Session, math.MaxInt64), 10)
	dst = append(dst, `i,remote_addr="`...)
	dst = appendQuoted(dst, e.RemoteAddr)
	dst = append(dst, `",reason="`...)
	dst = appendQuoted(dst, e.Reason)
	dst = append(dst, '"', ' ')
	dst = strconv.AppendInt(dst, e.Time.UnixNano(), 10)
	return append(dst, '\n')
}

// written: the protocol has no null and no NaN.
func written(v *tags.Value) bool {
	f := v.Float()
	return v.Kind == tags.KindText || v.Kind != tags.None && !math.IsNaN(f) && !math.IsInf(f, 0)
}

func appendField(dst []byte, v *tags.Value) []byte {
	switch v.Kind {
	case tags.KindText:
		dst = append(dst, '"')
		dst = appendQuoted(dst, v.String())
		return append(dst, '"')
	case tags.KindUint:
		dst = appendValue(dst, v)
		if v.Float() >= math.MaxInt64 {
			return append(dst, 'u')
		}
		return append(dst, 'i')
	case tags.KindInt:
		return append(appendValue(dst, v), 'i')
	}
	return appendValue(dst, v)
}

// appendKey appends a measurement, a tag's key or value, or a field's key. = has a meaning in all but measurements.
func appendKey[S ~string | ~[]byte](dst []byte, s S, equals bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := decodeRune(s, i)
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case c < ' ' || c == 0x7f:
			dst = append(dst, '_')
		case c == '\\' && (i+1 == len(s) || s[i+1] == '\\' || special(s[i+1], equals)):
			dst = append(dst, '_')
		case special(c, equals):
			dst = append(dst, '\\', c)
		case c == '#' && i == 0 && !equals: // a line that begins with it is a comment
			dst = append(dst, '_')
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

func special(c byte, equals bool) bool { return c == ',' || c == ' ' || c == '=' && equals }

// appendQuoted appends the inside of a text field.
func appendQuoted(dst []byte, s string) []byte {
	for _, r := range s { // what is no UTF-8 is ranged over as U+FFFD
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// decodeRune decodes the rune that begins at s[i].
func decodeRune[S ~string | ~[]byte](s S, i int) (r rune, size int) {
	var b [utf8.UTFMax]byte
	n := copy(b[:], s[i:])
	return utf8.DecodeRune(b[:n])
}
