package tags_test

import (
	"math"
	"strings"
	"testing"

	"linkd/drivers/tags"
	"linkd/project"
)

// compileText makes one tag whose value comes as text.
func compileText(t testing.TB, p project.Tag) *tags.Tag {
	t.Helper()
	p.Name = "t"
	set, err := tags.CompileText(&project.Channel{Devices: []*project.Device{{Name: "d", Tags: []*project.Tag{&p}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &set.Tags[0]
}

// TestDecodeText: what each type takes, exact to its limits, and what it does not.
func TestDecodeText(t *testing.T) {
	tests := []struct{ typ, in, want string }{
		{"", "21.5", "21.5"}, {"", " -4 ", "-4"}, {"", "1e3", "1000"}, {"", "NaN", "NaN"}, {"", "-inf", "-Inf"},
		{"", "", "no"}, {"", "21,5", "no"}, {"", "1e999", "no"}, {"", "warm", "no"},
		{"float32", "3.4e38", "3.4e+38"}, {"float32", "3.5e38", "no"}, {"float32", "inf", "+Inf"},
		{"int8", "-128", "-128"}, {"int8", "128", "no"}, {"uint8", "255", "255"}, {"uint8", "256", "no"},
		{"uint8", "-1", "no"}, {"int16", "+021", "21"}, {"int16", "21.0", "21"}, {"int16", "2.1e1", "21"},
		{"int16", "21.5", "no"}, {"int16", "1e400", "no"}, {"int32", "-2147483649", "no"},
		{"uint32", "4294967295", "4294967295"},
		{"int64", "-9223372036854775808", "-9223372036854775808"}, {"int64", "9223372036854775807", "9223372036854775807"},
		{"int64", "9223372036854775808", "no"}, {"uint64", "18446744073709551615", "18446744073709551615"},
		{"uint64", "18446744073709551616", "no"}, {"uint64", "1e19", "no"}, {"int16", "0x10", "no"}, {"int16", "", "no"},
		{"bool", "ON", "true"}, {"bool", "0", "false"}, {"bool", "2", "no"}, {"bool", "", "no"},
		{"string", " ok ", "ok"}, {"string", "\xff", "\uFFFD"}, {"string", strings.Repeat("x", 241), "no"},
	}
	for _, tt := range tests {
		v, ok := compileText(t, project.Tag{Type: tt.typ}).DecodeText([]byte(tt.in))
		got := "no"
		if ok {
			got = v.String()
		}
		if got != tt.want {
			t.Errorf("%s %q: %s, want %s", tt.typ, tt.in, got, tt.want)
		}
	}
	if _, ok := compileText(t, project.Tag{Type: "string", Length: 2}).DecodeText([]byte("abc")); ok {
		t.Error("a string longer than the tag's length was taken")
	}
}

// TestAppendText: a device can read what is written.
func TestAppendText(t *testing.T) {
	tests := []struct {
		typ  string
		v    tags.Value
		want string
	}{
		{"", tags.Float(1e6), "1000000"}, {"", tags.Float(0.1), "0.1"}, {"float32",
			tags.Float(float64(float32(0.1))), "0.1"},
		{"int16", tags.Int(-5), "-5"}, {"uint64", tags.Uint(math.MaxUint64), "18446744073709551615"},
		{"bool", tags.Bool(true), "1"}, {"bool", tags.Bool(false), "0"}, {"string", tags.Text("x y"), "x y"},
	}
	for _, tt := range tests {
		if got := string(compileText(t, project.Tag{Type: tt.typ}).AppendText([]byte("="), tt.v)); got != "="+tt.want {
			t.Errorf("%s: %s, want =%s", tt.typ, got, tt.want)
		}
	}
}

// TestTextFaults: what makes no sense for values in text is refused.
func TestTextFaults(t *testing.T) {
	for want, tag := range map[string]project.Tag{
		`type is "bcd"; choose one of: bool`:      {Type: "bcd"},
		`order is "CDAB"`:                         {Order: "CDAB"},
		`length is 4, but it is for strings`:      {Length: 4},
		`length is 241; write 1 to 240`:           {Type: "string", Length: 241},
		`scale, offset, clamp, decimals and dead`: {Type: "string", Scale: 2},
	} {
		tag.Name = "t"
		d := &project.Device{Name: "d", Tags: []*project.Tag{&tag}}
		_, err := tags.CompileText(&project.Channel{Devices: []*project.Device{d}}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestDecodeTextAllocatesNothing: numbers and truth values cost no memory.
func TestDecodeTextAllocatesNothing(t *testing.T) {
	for typ, in := range map[string]string{"float64": "-21.53", "int16": "-42",
		"uint64": "18446744073709551615", "bool": "on",
		"int32": "21.0"} {
		tag, b := compileText(t, project.Tag{Type: typ}), []byte(in)
		want := 0.0
		if typ == "uint64" || typ == "int32" {
			want = 2 // what only the second way of reading understands
		}
		if n := testing.AllocsPerRun(100, func() { tag.DecodeText(b) }); n > want {
			t.Errorf("%s %s: %v allocations, want %v", typ, in, n, want)
		}
	}
}

// FuzzDecodeText: any bytes, each type: no panic, and a whole number that is taken is written as it was read.
func FuzzDecodeText(f *testing.F) {
	for _, s := range []string{"21.5", "-1", "18446744073709551615", "1e400", "on", "\xff", " ", "NaN"} {
		f.Add([]byte(s))
	}
	var list []*tags.Tag
	for _, typ := range []string{"bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
		"uint64", "float32",
		"float64", "string"} {
		list = append(list, compileText(f, project.Tag{Type: typ}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, tag := range list {
			v, ok := tag.DecodeText(b)
			if !ok || tag.Type == tags.TypeString {
				continue
			}
			again, ok := tag.DecodeText(tag.AppendText(nil, v))
			if !ok || again != v && v.Float() == v.Float() && tag.Type != tags.TypeFloat32 {
				t.Fatalf("%s: %q is %v, written and read again %v, %v", tag.Type, b, v, again, ok)
			}
		}
	})
}

// TestDevices: devices are found by unit and by id, and those that cannot be told apart are named.
func TestDevices(t *testing.T) {
	set := &tags.Set{Devices: []tags.Device{{Name: "a", Unit: 1}, {Name: "b", Unit: 2, Address: "A7"},
		{Name: "c", Unit: 2}}}
	if set.ByUnit(2) != 1 || set.ByUnit(3) != -1 || set.ByID([]byte("A7")) != 1 || set.ByID([]byte("b")) != -1 ||
		set.ByID([]byte("c")) != 2 {
		t.Error("devices are not found as they should")
	}
	if err := set.Distinct(false); err != nil {
		t.Error(err)
	}
	if err := set.Distinct(true); err == nil || !strings.Contains(err.Error(), "devices b and c both have unit 2") {
		t.Errorf("same unit: %v", err)
	}
}

// TestTemplate: places are filled in, other braces stand for themselves, unknown places are refused.
func TestTemplate(t *testing.T) {
	d := &tags.Device{Name: "d1", Address: "A7", Unit: 5}
	for in, want := range map[string]string{
		"READ":                      "READ",
		"#{unit:02}{address}{name}": "#05A7d1",
		`{"set":{"sp":{value}}}`:    `{"set":{"sp":1}}`,
		"K={value:ON|OFF}":          "K=ON",
		"{}{unit":                   "{}{unit",
	} {
		tpl, err := tags.ParseTemplate(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tpl.Append(nil, d, tags.Bool(true), []byte("1"))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	tpl, _ := tags.ParseTemplate("{value:ON|OFF} {address}")
	if on, off := tpl.Chosen(tags.Bool(true)), tpl.Chosen(tags.Bool(false)); on != "ON" || off != "OFF" {
		t.Errorf("a choice of %q and %q, want ON and OFF", on, off)
	}
	if got := string(tpl.Append(nil, d, tags.Bool(false), nil)); got != "OFF A7" || !tpl.Writes() || !tpl.Chooses() ||
		!tpl.Addresses() {
		t.Errorf("%s, want OFF A7 and a choice", got)
	}
	for in, want := range map[string]string{
		"": "write 1 to 1024", strings.Repeat("x", 1025): "is 1025 bytes long", "{units}": "has {units}; there are {unit}",
		"{unit:x}": "has {unit:x}", "{value:ON}": "has {value:ON}", "{value:A|A}": "has {value:A|A}",
		"{address:2}": "has {address:2}",
	} {
		if _, err := tags.ParseTemplate(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}
