package payload

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"linkd/drivers/tags"
	"linkd/server"
)

func report(values ...server.ReportValue) *server.Report {
	return &server.Report{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.UTC).UnixNano(), Provider: "s1", Connection: []byte("c1"),
		ID: []byte("c0001"), Channel: []byte("ch_dev1"), Device: "d1", Values: values,
	}
}

func value(name string, v tags.Value, q tags.Quality, r tags.Reason) server.ReportValue {
	return server.ReportValue{Tag: &tags.Tag{Name: name}, Sample: tags.Sample{Value: v, Quality: q, Reason: r}}
}

func good(v tags.Value) server.ReportValue { return value("t", v, tags.Good, tags.Fine) }

func TestAppendJSON(t *testing.T) {
	const head = `{"ts":"2026-01-02T03:04:05.678Z","connection":"s1/c1","id":"c0001","channel":"ch_dev1","device":"d1",`
	odd := report()
	odd.Connection, odd.ID, odd.Device = nil, []byte("\x00\"\\\xff\xc3\n\xe2\x82\xac<"), "d\xed\xa0\x80"
	for _, c := range []struct {
		name string
		r    *server.Report
		want string
	}{
		{"one", report(value("temperature", tags.Float(21.5), tags.Good, tags.Fine)),
			head + `"tags":{"temperature":{"v":21.5,"q":"good"}}}`},
		{"none", report(), head + `"tags":{}}`},
		{"two", report(value("a", tags.Bool(true), tags.Good, tags.Fine), value("b", tags.Bool(false), tags.Stale,
			tags.MissedPolls)),
			head + `"tags":{"a":{"v":true,"q":"good"},"b":{"v":false,"q":"stale","r":"missed polls"}}}`},
		{"never read", report(value("a", tags.Value{}, tags.Bad, tags.NotPolled)),
			head + `"tags":{"a":{"v":null,"q":"bad","r":"not polled yet"}}}`},
		{"not a number", report(good(tags.Float(math.NaN()))), head + `"tags":{"t":{"v":null,"q":"good"}}}`},
		{"infinite", report(good(tags.Float(math.Inf(-1)))), head + `"tags":{"t":{"v":null,"q":"good"}}}`},
		{"text", report(good(tags.Text("a\tb\"\x80"))), head + `"tags":{"t":{"v":"a\u0009b\"�","q":"good"}}}`},
		{"large", report(good(tags.Int(math.MinInt64)), good(tags.Uint(math.MaxUint64)), good(tags.Int(-7))), head +
			`"tags":{"t":{"v":-9223372036854775808,"q":"good"},"t":{"v":18446744073709551615,"q":"good"},` +
			`"t":{"v":-7,"q":"good"}}}`},
		{"odd bytes", odd, `{"ts":"2026-01-02T03:04:05.678Z","connection":"","id":"\u0000\"\\��\u000a€<",` +
			`"channel":"ch_dev1","device":"d���","tags":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AppendJSON(nil, c.r)
			if string(got) != c.want {
				t.Errorf("got\n%s, want\n%s", got, c.want)
			}
			if !json.Valid(got) {
				t.Errorf("no JSON: %s", got)
			}
		})
	}
}

// floats are those where the fast path begins, ends, or could be taken for another number.
var floats = []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 0.001, 0.0001, 21.5, -21.55, 999.999, 0.3, 0.1 + 0.2, 1e-6,
	9.9e-7, 1e15, 999999999999.999, 1e12 + 0.001, 1e20, 1e21, 1e22, math.MaxFloat64, math.SmallestNonzeroFloat64,
	4503599627370.497, 1.0005, 2.675, 1e-300, 123456.789}

func FuzzAppendFloat(f *testing.F) {
	for _, v := range floats {
		f.Add(math.Float64bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		v := math.Float64frombits(bits)
		for _, v := range []float64{v, math.Round(v*1000) / 1000, math.Round(v*10) / 10} {
			got := string(AppendFloat(nil, v))
			if math.IsNaN(v) || math.IsInf(v, 0) {
				if got != "null" {
					t.Fatalf("%v: got %s, want null", v, got)
				}
				continue
			}
			format := byte('f')
			if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
				format = 'e'
			}
			if want := strconv.FormatFloat(v, format, -1, 64); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\x1f\"\\", "\xff\xfe", "€\xe2\x82", "\xed\xa0\x80", "\u2028<&>\x7f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		got := append(appendText([]byte{'"'}, s), '"')
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if want := string([]rune(string(s))); back != want {
			t.Fatalf("%q reads as %q, want %q", got, back, want)
		}
		if got := string(appendText(nil, string(s))); `"`+got+`"` != string(append(appendText([]byte{'"'}, s), '"')) {
			t.Fatalf("a string is written as %q", got)
		}
	})
}

func TestAppendTime(t *testing.T) {
	for _, ns := range []int64{0, -1, 1, math.MinInt64, math.MaxInt64, 951782399_999_000_000, 1767323045_678_000_000} {
		got, want := string(AppendTime(nil, ns)), time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z07:00")
		if got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
}

func tenTags() *server.Report {
	r := report()
	for i := range 10 {
		r.Values = append(r.Values, value("tag_"+strconv.Itoa(i), tags.Float(float64(200+i)/10), tags.Good, tags.Fine))
	}
	return r
}

func TestNoAllocation(t *testing.T) {
	r, buf := tenTags(), make([]byte, 0, 4096)
	r.ID = []byte("\xff")
	if n := testing.AllocsPerRun(100, func() { AppendJSON(buf, r) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r, buf := tenTags(), make([]byte, 0, 4096)
	b.SetBytes(int64(len(AppendJSON(buf, r))))
	b.ReportAllocs()
	for b.Loop() {
		AppendJSON(buf, r)
	}
}
