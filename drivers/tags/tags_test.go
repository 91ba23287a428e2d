package tags_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"linkd/drivers/tags"
	"linkd/project"
)

// compile makes one tag; scale 0 stands for 1.
func compile(t testing.TB, p project.Tag) (*tags.Set, *tags.Tag) {
	t.Helper()
	p.Name = "t"
	set, err := tags.Compile(&project.Channel{Poll: time.Second,
		Devices: []*project.Device{{Name: "d1", Tags: []*project.Tag{&p}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set, &set.Tags[0]
}

// TestWire: bytes to values and back, in each type and order.
func TestWire(t *testing.T) {
	tests := []struct {
		typ, order string
		length     int
		wire       string
		want       any
	}{
		{"int16", "", 0, "ffd8", int64(-40)},
		{"uint16", "", 0, "ffd8", uint64(65496)},
		{"uint16", "BADC", 0, "0102", uint64(0x0201)},
		{"uint16", "CDAB", 0, "0102", uint64(0x0102)},
		{"int8", "", 0, "80", int64(-128)},
		{"uint8", "DCBA", 0, "80", uint64(128)},
		{"uint32", "ABCD", 0, "01020304", uint64(0x01020304)},
		{"uint32", "BADC", 0, "02010403", uint64(0x01020304)},
		{"uint32", "CDAB", 0, "03040102", uint64(0x01020304)},
		{"uint32", "DCBA", 0, "04030201", uint64(0x01020304)},
		{"uint64", "CDAB", 0, "0708050603040102", uint64(0x0102030405060708)},
		{"int64", "", 0, "ffffffffffffffff", int64(-1)},
		{"float32", "", 0, "41200000", 10.0},
		{"float32", "CDAB", 0, "00004120", 10.0},
		{"float64", "DCBA", 0, "0000000000002440", 10.0},
		{"bcd", "", 0, "12345678", uint64(12345678)},
		{"bcd", "", 2, "0042", uint64(42)},
		{"string", "", 6, "616263000000", "abc"},
		{"bytes", "", 3, "00ff7f", "00ff7f"},
		{"date", "", 0, "260102030405", "2026-01-02T03:04:05"},
	}
	for _, tt := range tests {
		t.Run(tt.typ+tt.order, func(t *testing.T) {
			_, tag := compile(t, project.Tag{Type: tt.typ, Order: tt.order, Length: tt.length, Writable: true})
			wire, _ := hex.DecodeString(tt.wire)
			v, ok := tag.Decode(wire)
			if !ok || v.Any() != tt.want {
				t.Fatalf("decoded %v (%v), want %v", v.Any(), ok, tt.want)
			}
			back, err := tag.Encode(nil, v)
			if err != nil || hex.EncodeToString(back) != tt.wire {
				t.Errorf("encoded % x, %v; want %s", back, err, tt.wire)
			}
			if _, ok := tag.Decode(wire[:len(wire)-1]); ok {
				t.Error("a value was decoded from too few bytes")
			}
		})
	}
	for typ, wire := range map[string]string{"bcd": "1a000000", "date": "261301000000"} {
		_, tag := compile(t, project.Tag{Type: typ})
		b, _ := hex.DecodeString(wire)
		if v, ok := tag.Decode(b); ok {
			t.Errorf("%s %s was decoded as %v", typ, wire, v)
		}
	}
}

// TestConvert: what people read, and what goes back on the wire.
func TestConvert(t *testing.T) {
	two := 2
	tests := []struct {
		name string
		tag  project.Tag
		raw  tags.Value
		want string // the value, or the reason
		back string // raw again; empty: it cannot be written
	}{
		{"plain", project.Tag{Type: "int16", Writable: true}, tags.Int(-5), "-5", "-5"},
		{"exact", project.Tag{Type: "uint64", Writable: true}, tags.Uint(1<<63 + 1), "9223372036854775809",
			"9223372036854775809"},
		{"tenth", project.Tag{Type: "int16", Scale: 0.1, Writable: true}, tags.Int(215), "21.5", "215"},
		{"thousandth", project.Tag{Type: "int16", Scale: 0.001, Writable: true}, tags.Int(1003), "1.003", "1003"},
		{"offset", project.Tag{Type: "uint16", Scale: 2, Offset: -40, Writable: true}, tags.Uint(30), "20", "30"},
		{"decimals", project.Tag{Type: "float32", Scale: 1, Decimals: &two}, tags.Float(1.23456), "1.23", ""},
		{"clamp", project.Tag{Type: "int16", Scale: 1, Clamp: &[2]float64{0, 100}}, tags.Int(-3), "0", ""},
		{"NaN", project.Tag{Type: "float32"}, tags.Float(math.NaN()), "not a number", ""},
		{"infinity", project.Tag{Type: "float32"}, tags.Float(math.Inf(-1)), "not a number", ""},
		{"expression", project.Tag{Type: "int16", Expr: "value * 9 / 5 + 32"}, tags.Int(100), "212", ""},
		{"words", project.Tag{Type: "int16", Expr: `value > 3 ? "open" : "shut"`}, tags.Int(4), "open", ""},
		{"division by zero", project.Tag{Type: "int16", Expr: "1 / value"}, tags.Int(0), "not a number", ""},
		{"memory", project.Tag{Type: "int16", Expr: `len(1..100000) + value`}, tags.Int(0), "expression failed", ""},
		{"bool", project.Tag{Type: "bool", Writable: true}, tags.Bool(true), "true", "true"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, tag := compile(t, tt.tag)
			v, why := tag.Convert(tt.raw)
			if got := v.String() + why.String(); got != tt.want {
				t.Fatalf("converted to %s, want %s", got, tt.want)
			}
			if why != tags.Fine {
				return
			}
			raw, err := tag.Invert(v)
			switch {
			case tt.back == "" && err == nil:
				t.Error("a read-only tag was inverted")
			case tt.back != "" && (err != nil || raw.String() != tt.back):
				t.Errorf("inverted to %v, %v; want %s", raw, err, tt.back)
			}
		})
	}
}

// TestWriteRefused: what does not fit is refused with words that say what would.
func TestWriteRefused(t *testing.T) {
	tests := []struct {
		tag   project.Tag
		value any
		want  string
	}{
		{project.Tag{Type: "int16", Scale: 0.1, Writable: true}, 4000.0, "from -3276.8 to 3276.7"},
		{project.Tag{Type: "int16", Clamp: &[2]float64{5, 40}, Writable: true}, "41", "from 5 to 40"},
		{project.Tag{Type: "uint8", Writable: true}, -1.0, "from 0 to 255"},
		{project.Tag{Type: "bcd", Length: 2, Writable: true}, "10000", "from 0 to 9999"},
		{project.Tag{Type: "uint16", Writable: true}, "warm", "a number from 0 to 65535"},
		{project.Tag{Type: "float32", Writable: true}, "NaN", "a number from"},
		{project.Tag{Type: "bool", Writable: true}, "maybe", "true or false"},
		{project.Tag{Type: "string", Length: 3, Writable: true}, "four", "at most 3 bytes"},
		{project.Tag{Type: "uint16", Writable: true}, []any{1}, "a number"},
		{project.Tag{Type: "uint16"}, 1.0, "read-only"},
	}
	for _, tt := range tests {
		_, tag := compile(t, tt.tag)
		v, err := tag.Parse(tt.value)
		if err == nil {
			_, err = tag.Invert(v)
		}
		if !errors.Is(err, tags.ErrValue) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s = %v: %v, want %q", tt.tag.Type, tt.value, err, tt.want)
		}
	}
}

// TestCompileFaults: every fault of a channel's tags is told at once, each with its field.
func TestCompileFaults(t *testing.T) {
	ch := &project.Channel{Devices: []*project.Device{{Name: "d1", Tags: []*project.Tag{
		{Name: "a", Type: "int17"},
		{Name: "b", Order: "ABDC"},
		{Name: "c", Type: "string"},
		{Name: "d", Expr: "value +"},
		{Name: "e", Expr: "value", Writable: true},
		{Name: "f", Type: "bool", Scale: 2},
		{Name: "g", Readback: true},
		{Name: "h", Expr: "nosuch * 2"},
	}}}}
	_, err := tags.Compile(ch, nil)
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 8 {
		t.Fatalf("faults: %v, want 8", err)
	}
	for i, e := range joined.Unwrap() {
		var f *project.FieldError
		if want := fmt.Sprintf("devices.d1.tags.%c", 'a'+i); !errors.As(e, &f) || f.Field != want {
			t.Errorf("%v is at %+v, want %s", e, f, want)
		}
	}
}

// TestReadBack: what is written, encoded, decoded and converted is the same, and another value is not.
func TestReadBack(t *testing.T) {
	for _, tt := range []struct {
		tag          project.Tag
		value, other any
	}{
		{project.Tag{Type: "uint16"}, "7", "8"},
		{project.Tag{Type: "uint16", Scale: 0.1}, "6553.5", "6553.4"},
		{project.Tag{Type: "int16", Scale: 0.1}, "-5.5", "5.5"},
		{project.Tag{Type: "uint32", Order: "CDAB"}, "4000000001", "4000000000"},
		{project.Tag{Type: "uint64"}, "18446744073709551615", "18446744073709551614"},
		{project.Tag{Type: "int64"}, "-9223372036854775808", "-9223372036854775807"},
		{project.Tag{Type: "float32", Order: "DCBA"}, "0.1", "0.2"},
		{project.Tag{Type: "float32", Scale: 0.1}, "0.3", "0.4"},
		{project.Tag{Type: "float64"}, "0.1", "0.2"},
		{project.Tag{Type: "bcd"}, "12345678", "12345679"},
		{project.Tag{Type: "string", Length: 6}, " on ", "off"},
		{project.Tag{Type: "bytes", Length: 2}, "ABcd", "abce"},
		{project.Tag{Type: "date"}, "2026-01-02T03:04:05", "2026-01-02T03:04:06"},
		{project.Tag{Type: "bool"}, true, false},
	} {
		tt.tag.Writable = true
		_, tag := compile(t, tt.tag)
		after := func(value any) (read, wanted tags.Value) {
			v, err := tag.Parse(value)
			if err == nil {
				v, err = tag.Invert(v)
			}
			var wire []byte
			if err == nil {
				wire, err = tag.Encode(nil, v)
			}
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := tag.Decode(wire)
			read, _ = tag.Convert(raw)
			wanted, _ = tag.Convert(v)
			return read, wanted
		}
		read, wanted := after(tt.value)
		if !tag.Same(read, wanted) {
			t.Errorf("%s: %v was written and %v read back", tag.Type, wanted, read)
		}
		if read, _ = after(tt.other); tag.Same(read, wanted) {
			t.Errorf("%s: %v was written and %v read back, which is not the same", tag.Type, wanted, read)
		}
	}
	_, tag := compile(t, project.Tag{Type: "float32"})
	if !tag.Same(tags.Float(0.1), tags.Float(float64(float32(0.1)))) {
		t.Error("a float32 that came as text is not the same")
	}
}

// TestBlock: quality, reason and times through the life of a value.
func TestBlock(t *testing.T) {
	set, _ := compile(t, project.Tag{Type: "int16", Scale: 1, Deadband: 2})
	b := tags.NewBlock(set)
	at := func(s int64) int64 { return 1_700_000_000_000_000_000 + s*int64(time.Second) }
	check := func(now int64, want string) {
		t.Helper()
		s := b.Get(0, now)
		got := fmt.Sprintf("%v %s %q", s.Value.Any(), s.Quality, s.Reason)
		if s.TS != 0 {
			got += fmt.Sprintf(" %d %d", (s.TS-at(0))/int64(time.Second), (s.Changed-at(0))/int64(time.Second))
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check(at(0), `<nil> bad "not polled yet"`)
	if !b.Put(0, tags.Int(10), at(1)) {
		t.Error("the first value is no change")
	}
	check(at(1), `10 good "" 1 1`)
	if b.Put(0, tags.Int(11), at(2)) {
		t.Error("a move within the deadband is a change")
	}
	check(at(2), `10 good "" 2 1`)
	if !b.Put(0, tags.Int(12), at(3)) {
		t.Error("a move of the deadband is no change")
	}
	check(at(16), `12 good "" 3 3`)
	if b.Expire(0, at(16)) {
		t.Error("a value expires before it is stale")
	}
	check(at(17), `12 stale "missed polls" 3 3`)
	if !b.Expire(0, at(17)) || b.Expire(0, at(18)) {
		t.Error("expiring is news once")
	}
	check(at(17), `12 stale "missed polls" 3 3`)
	if !b.Put(0, tags.Int(12), at(3)) {
		t.Error("good again is no news")
	}
	if !b.Mark(0, tags.Timeout, at(18)) || b.Mark(0, tags.Timeout, at(19)) {
		t.Error("going bad is news once")
	}
	check(at(19), `12 bad "timeout" 3 3`)
	if !b.Put(0, tags.Int(12), at(20)) {
		t.Error("the same value, good again, is no change")
	}
	b.MarkAll(tags.Offline)
	check(at(21), `12 bad "offline" 20 3`)
	b.Put(0, tags.Text("words"), at(22))
	check(at(22), `words good "" 22 22`)
}

// TestBlockKeeps: every value, state and time comes back as it went in.
func TestBlockKeeps(t *testing.T) {
	set, _ := compile(t, project.Tag{Type: "int16", Scale: 1})
	b := tags.NewBlock(set)
	reasons := []tags.Reason{tags.NotPolled, tags.Timeout, tags.NegativeAcknowledge}
	for _, now := range []int64{0, 1, 1_700_000_000_123, 1 << 32, 1<<42 - 1} { // milliseconds
		for _, v := range []tags.Value{tags.Bool(true), tags.Int(-1), tags.Int(math.MinInt64), tags.Uint(math.MaxUint64),
			tags.Float(-0.1), tags.Text("words")} {
			read := now * int64(time.Millisecond)
			b.Put(0, v, read)
			s := b.Get(0, read)
			if s.Value != v || s.Quality != tags.Good || s.Reason != tags.Fine || s.TS != read || s.Changed != read {
				t.Errorf("%v put at %d is %+v", v, now, s)
			}
			for _, r := range reasons {
				b.Mark(0, r, read)
				if got := b.Get(0, read); got.Value != v || got.Quality != tags.Bad || got.Reason != r || got.TS != read ||
					got.Changed != read {
					t.Errorf("%v put at %d and marked %v is %+v", v, now, r, got)
				}
			}
		}
	}
}

// TestNoAllocation pins 0 allocations from bytes to stored value.
func TestNoAllocation(t *testing.T) {
	set, tag := compile(t, project.Tag{Type: "int16", Scale: 0.1})
	b, wire, now := tags.NewBlock(set), []byte{0, 215}, int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += int64(time.Second)
		wire[1]++
		raw, _ := tag.Decode(wire)
		v, _ := tag.Convert(raw)
		b.Put(0, v, now)
	}); n != 0 {
		t.Errorf("%v allocations a value, want 0", n)
	}
}

// FuzzDecode: any bytes of any type give a value that encodes to bytes which give it again, or none.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(3), uint8(2), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint8(14), uint8(0), []byte{0x26, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, typ, order uint8, wire []byte) {
		name := tags.Type(typ % 15).String()
		p := project.Tag{Type: name, Order: []string{"ABCD", "BADC", "CDAB", "DCBA"}[order%4], Writable: true}
		if name == "string" || name == "bytes" {
			p.Length = 8
		}
		_, tag := compile(t, p)
		v, ok := tag.Decode(wire)
		if !ok || v.Kind == tags.KindFloat && math.IsNaN(v.Float()) || name == "string" || name == "bool" {
			return
		}
		b, err := tag.Encode(nil, v)
		if err != nil {
			t.Fatalf("%s: %v does not encode: %v", name, v, err)
		}
		if again, ok := tag.Decode(b); !ok || again != v {
			t.Fatalf("%s: %v became %v", name, v, again)
		}
	})
}
