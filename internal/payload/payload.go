// Package payload owns what a report looks like to those outside: the bytes that go on the bus and to outputs. It
// encodes, and must never do I/O or keep anything of a report.
package payload

import (
	"math"
	"strconv"
	"time"

	"linkd/drivers/tags"
	"linkd/server"
)

// AppendJSON appends a report to dst as one JSON object and returns the extended slice. It allocates nothing where dst
// has room, but for integers of over 53 bits.
//
//	{"ts":"2026-01-02T03:04:05.678Z","connection":"s1/c1","id":"c0001","channel":"ch_dev1","device":"d1",
//	 "tags":{"temperature":{"v":21.5,"q":"good"},"humidity":{"v":null,"q":"bad","r":"not polled yet"}}}
//
// All keys are there always but for r, which is there when q is not good. ts is UTC, its milliseconds cut, not rounded.
// connection and id are empty where the channel has no connection. v is null where there was never a value, and for
// numbers that JSON has not (NaN, infinities). Bytes that are no UTF-8 become U+FFFD.
func AppendJSON(dst []byte, r *server.Report) []byte {
	dst = append(dst, `{"ts":"`...)
	dst = AppendTime(dst, r.Time)
	dst = append(dst, `","connection":"`...)
	if len(r.Connection) > 0 {
		dst = appendText(dst, r.Provider)
		dst = append(dst, '/')
		dst = appendText(dst, r.Connection)
	}
	dst = append(dst, `","id":"`...)
	dst = appendText(dst, r.ID)
	dst = AppendOrigin(dst, r.Channel, r.Device)
	for i := range r.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTag(dst, &r.Values[i])
	}
	return append(dst, '}', '}')
}

// AppendOrigin appends the part of AppendJSON's object that says which device of which channel it is of. Those bytes
// stand nowhere else in it.
func AppendOrigin[C, D ~string | ~[]byte](dst []byte, channel C, device D) []byte {
	dst = append(dst, `","channel":"`...)
	dst = appendText(dst, channel)
	dst = append(dst, `","device":"`...)
	dst = appendText(dst, device)
	return append(dst, `","tags":{`...)
}

func appendTag(dst []byte, v *server.ReportValue) []byte {
	dst = append(dst, '"')
	dst = appendText(dst, v.Tag.Name)
	dst = append(dst, `":{"v":`...)
	dst = appendValue(dst, &v.Value)
	if v.Quality == tags.Good {
		return append(dst, `,"q":"good"}`...)
	}
	dst = append(dst, `,"q":"`...)
	dst = append(dst, v.Quality.String()...)
	dst = append(dst, `","r":"`...)
	dst = appendText(dst, v.Reason.String())
	return append(dst, '"', '}')
}

// exact is the bound below which a float64 holds every integer.
const exact = 1 << 53

func appendValue(dst []byte, v *tags.Value) []byte {
	switch v.Kind {
	case tags.KindBool:
		return strconv.AppendBool(dst, v.Float() != 0)
	case tags.KindInt, tags.KindUint:
		f := v.Float()
		if -exact < f && f < exact {
			return strconv.AppendInt(dst, int64(f), 10)
		}
		return append(dst, v.String()...)
	case tags.KindFloat:
		return AppendFloat(dst, v.Float())
	case tags.KindText:
		dst = append(dst, '"')
		dst = appendText(dst, v.String())
		return append(dst, '"')
	}
	return append(dst, "null"...)
}

// AppendFloat appends the shortest decimal that reads back as f, in the notation of JSON; null where JSON has none.
func AppendFloat(dst []byte, f float64) []byte {
	// Most measurements have at most three decimals. Where n/1000 is f, n has at most 15 digits, and two decimals of at
	// most 15 digits never read as the same float64, n/1000 is the shortest: no search for it is needed.
	const most = 1e15
	if n := math.Round(f * 1000); -most < n && n < most && n/1000 == f && (n != 0 || !math.Signbit(f)) {
		return appendMilli(dst, int64(n))
	}
	a := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendMilli appends n thousandths without zeros at the end.
func appendMilli(dst []byte, n int64) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, n/1000, 10)
	m := byte(n % 10)
	c := byte(n / 10 % 10)
	d := byte(n / 100 % 10)
	switch {
	case m != 0:
		return append(dst, '.', '0'+d, '0'+c, '0'+m)
	case c != 0:
		return append(dst, '.', '0'+d, '0'+c)
	case d != 0:
		return append(dst, '.', '0'+d)
	}
	return dst
}

// AppendTime appends nanoseconds since the Unix epoch as RFC 3339 in UTC with milliseconds.
func AppendTime(dst []byte, ns int64) []byte {
	t := time.Unix(0, ns).UTC() // years 1677 to 2262: four digits
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	milli := t.Nanosecond() / 1e6
	dst = two(two(dst, year/100), year%100)
	dst = two(append(dst, '-'), int(month))
	dst = two(append(dst, '-'), day)
	dst = two(append(dst, 'T'), hour)
	dst = two(append(dst, ':'), minute)
	dst = two(append(dst, ':'), second)
	return append(two(append(dst, '.', '0'+byte(milli/100)), milli%100), 'Z')
}

func two(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10), '0'+byte(n%10)) }
