package payload

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"linkd/drivers/tags"
	"linkd/server"
)

// decoder makes empty messages of report.proto.
func decoder(t testing.TB, name string) func(b []byte) (*dynamicpb.Message, error) {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := c.Compile(context.Background(), "report.proto")
	if err != nil {
		t.Fatal(err)
	}
	d := files[0].Messages().ByName(protoreflect.Name(name))
	return func(b []byte) (*dynamicpb.Message, error) {
		m := dynamicpb.NewMessage(d)
		return m, proto.Unmarshal(b, m)
	}
}

// flat is a message as NAME=VALUE of what is set, in the order of the fields' numbers.
func flat(m protoreflect.Message, prefix string, into map[string]any) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := prefix + string(f.Name())
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				flat(v.List().Get(i).Message(), name+string(rune('0'+i))+".", into)
			}
		case f.Message() != nil:
			flat(v.Message(), name+".", into)
		case f.Enum() != nil:
			into[name] = string(f.Enum().Values().ByNumber(v.Enum()).Name())
		case f.Kind() == protoreflect.BytesKind:
			into[name] = string(v.Bytes())
		default:
			into[name] = v.Interface()
		}
		return true
	})
}

func TestAppendProto(t *testing.T) {
	r := report(value("f", tags.Float(-0.5), tags.Good, tags.Fine), value("i", tags.Int(math.MinInt64), tags.Good,
		tags.Fine),
		value("u", tags.Uint(math.MaxUint64), tags.Stale, tags.MissedPolls), value("b", tags.Bool(false), tags.Good,
			tags.Fine),
		value("s", tags.Text(strings.Repeat("x", 200)+"\xff"), tags.Good, tags.Fine), value("n", tags.Value{}, tags.Bad,
			tags.NotPolled))
	r.Session, r.ID, r.Values[0].TS, r.Values[1].TS = 7, []byte("c\xff"), r.Time, 5
	m, err := decoder(t, "Entry")(AppendProto(nil, r))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	flat(m, "", got)
	want := map[string]any{"report.time": r.Time, "report.provider": "s1", "report.connection": "c1",
		"report.id": "c\xff", "report.channel": "ch_dev1", "report.device": "d1", "report.session": uint64(7),
		"report.values0.tag": "f", "report.values0.double_value": -0.5, "report.values0.quality": "GOOD",
		"report.values1.tag": "i", "report.values1.int_value": int64(math.MinInt64), "report.values1.quality": "GOOD",
		"report.values1.time": int64(5),
		"report.values2.tag":  "u", "report.values2.uint_value": uint64(math.MaxUint64), "report.values2.quality": "STALE",
		"report.values2.reason": "missed polls",
		"report.values3.tag":    "b", "report.values3.bool_value": false, "report.values3.quality": "GOOD",
		"report.values4.tag": "s", "report.values4.text_value": strings.Repeat("x", 200) + "�",
		"report.values4.quality": "GOOD", "report.values5.tag": "n", "report.values5.reason": "not polled yet"}
	same(t, got, want)

	e := &server.Event{Kind: "online", Time: moment(), Provider: "s1", Connection: "c1", ID: "c0001", Session: 3,
		RemoteAddr: "192.0.2.7:1", Reason: "r"}
	if m, err = decoder(t, "Entry")(AppendProtoEvent(nil, e)); err != nil {
		t.Fatal(err)
	}
	got = map[string]any{}
	flat(m, "", got)
	same(t, got, map[string]any{"event.time": moment().UnixNano(), "event.kind": "online", "event.provider": "s1",
		"event.connection": "c1", "event.id": "c0001", "event.session": uint64(3), "event.remote_addr": "192.0.2.7:1",
		"event.reason": "r"})
}

func same(t *testing.T, got, want map[string]any) {
	t.Helper()
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
		delete(got, k)
	}
	for k, v := range got {
		t.Errorf("%s is %v, want nothing", k, v)
	}
}

// FuzzAppendProto: whatever the bytes of names and texts, a stranger's decoder reads them with report.proto.
func FuzzAppendProto(f *testing.F) {
	f.Add("ch", "d1", "t", "text", int64(5), 2.5)
	f.Add("\xff", "", "\xc3\x28", "\xed\xa0\x80", int64(-1), math.NaN())
	decode := decoder(f, "Entry")
	f.Fuzz(func(t *testing.T, channel, device, tag, text string, n int64, x float64) {
		r := report(value(tag, tags.Text(text), tags.Good, tags.Fine), value("n", tags.Int(n), tags.Bad, tags.Timeout),
			good(tags.Uint(uint64(n))), good(tags.Float(x)))
		r.Channel, r.ID, r.Device, r.Session = []byte(channel), []byte(text), device, uint64(n)
		m, err := decode(AppendProto(nil, r))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		flat(m, "", got)
		back, _ := got["report.values3.double_value"].(float64)
		if got["report.values1.int_value"] != n || got["report.values2.uint_value"] != uint64(n) ||
			math.Float64bits(back) != math.Float64bits(x) && x == x {
			t.Fatalf("%v, want %d, %d, %v", got, n, uint64(n), x)
		}
	})
}

func TestFormatsAllocateNothing(t *testing.T) {
	r, buf := tenTags(), make([]byte, 0, 4096)
	r.ID = []byte("\xff")
	e := &server.Event{Kind: "online", Time: moment(), Provider: "s1", Connection: "c1"}
	for name, f := range map[string]func(){
		"influx": func() { AppendInflux(buf, r) }, "proto": func() { AppendProto(buf, r) },
		"event": func() { AppendEvent(buf, e) }, "influx event": func() { AppendInfluxEvent(buf, e) },
		"proto event": func() { AppendProtoEvent(buf, e) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func BenchmarkAppendProto(b *testing.B) {
	r, buf := tenTags(), make([]byte, 0, 4096)
	b.SetBytes(int64(len(AppendProto(buf, r))))
	b.ReportAllocs()
	for b.Loop() {
		AppendProto(buf, r)
	}
}
