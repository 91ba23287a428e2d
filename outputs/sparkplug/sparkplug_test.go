package sparkplug_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"linkd/drivers/tags"
	"linkd/internal/payload"
	"linkd/outputs/outputtest"
	"linkd/outputs/sparkplug"
	"linkd/server"
)

// host is a host application: it writes down what it is told, as Tahu's decoder has it.
type host struct {
	t    *testing.T
	tahu *outputtest.Tahu
	node *sparkplug.Node
	now  int64
	seen []string
	fail error
	name map[string]string // of each alias
}

const second = int64(time.Second)

func newHost(t *testing.T, describe func(string, string) ([]server.TagView, error)) *host {
	return &host{t: t, tahu: outputtest.NewTahu(t), node: sparkplug.New("plant", "linkd", describe), now: 1000 * second,
		name: map[string]string{}}
}

func (h *host) emit(topic string, b []byte) error {
	if h.fail != nil {
		return h.fail
	}
	h.seen = append(h.seen, strings.TrimPrefix(topic, "spBv1.0/plant/")+" "+h.describe(h.tahu.Decode(b)))
	return nil
}

// describe is a payload as seq=N NAME:TYPE=VALUE…, with h for historical, ! for a quality that is not good.
func (h *host) describe(p outputtest.Payload) string {
	words := []string{}
	if p.Seq != nil {
		words = append(words, fmt.Sprint("seq=", p.Seq))
	}
	for _, m := range p.Metrics {
		switch {
		case m.Alias == nil:
		case m.Name != "":
			h.name[fmt.Sprint(m.Alias)] = m.Name
		default:
			m.Name = "@" + h.name[fmt.Sprint(m.Alias)]
		}
		w := fmt.Sprintf("%s:%s=%v", m.Name, m.Type, m.Value)
		if m.IsHistorical {
			w += ",h"
		}
		if q, ok := m.Properties["Quality"]; ok && (q.Type != "Int32" || fmt.Sprint(q.Value) != "192") {
			w += fmt.Sprint("!", q.Value)
		}
		if u, ok := m.Properties["engUnit"]; ok {
			w += fmt.Sprint("[", u.Value, "]")
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func (h *host) want(lines ...string) {
	h.t.Helper()
	if got, want := strings.Join(h.seen, "\n"), strings.Join(lines, "\n"); got != want {
		h.t.Errorf("the host saw\n%s\nwant\n%s", got, want)
	}
	h.seen = nil
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// connect is a session of MQTT with a will.
func (h *host) connect(bdSeq uint8) {
	h.t.Helper()
	topic, will := h.node.Will(bdSeq)
	h.must(h.emit(topic, will))
	h.must(h.node.Birth(h.now, h.emit))
}

// report is one of device d1 behind s1/c1, put at the time at.
func (h *host) report(at int64, values ...server.ReportValue) {
	h.t.Helper()
	h.must(h.node.Entry(payload.AppendProto(nil, &server.Report{Time: at, Provider: "s1", Connection: []byte("c1"),
		Channel: []byte("ch"), Device: "d1", Values: values}), at, h.now, h.emit))
}

func (h *host) offline() {
	h.t.Helper()
	e := server.Event{Kind: "offline", Provider: "s1", Connection: "c1", Time: time.Unix(0, h.now)}
	h.must(h.node.Entry(payload.AppendProtoEvent(nil, &e), h.now, h.now, h.emit))
}

func good(name string, v tags.Value) server.ReportValue {
	return server.ReportValue{Tag: &tags.Tag{Name: name}, Sample: tags.Sample{Value: v, Quality: tags.Good, TS: second}}
}

func bad(name string, v tags.Value, why tags.Reason) server.ReportValue {
	return server.ReportValue{Tag: &tags.Tag{Name: name}, Sample: tags.Sample{Value: v, Quality: tags.Bad, Reason: why}}
}

func describe(channel, device string) ([]server.TagView, error) {
	if channel != "ch" || device != "d1" {
		return nil, errors.New("not found")
	}
	return []server.TagView{{Tag: "t", Unit: "°C"}, {Tag: "n"}}, nil
}

// TestLife: birth before data, with all metrics; death with the link; birth again; sequence numbers without a gap.
func TestLife(t *testing.T) {
	h := newHost(t, describe)
	h.connect(7)
	h.want("NDEATH/linkd bdSeq:Int64=7", "NBIRTH/linkd seq=0 bdSeq:Int64=7 Node Control/Rebirth:Boolean=false")
	h.report(h.now, good("t", tags.Float(21.5)))
	h.report(h.now, good("t", tags.Float(22)))
	h.report(h.now, bad("t", tags.Float(22), tags.Timeout))
	h.report(h.now, good("t", tags.Float(23)))
	h.report(h.now, good("n", tags.Int(-3)))
	h.want("DBIRTH/linkd/ch.d1 seq=1 t:Double=21.5[°C] n:String=<nil>!0",
		"DDATA/linkd/ch.d1 seq=2 @t:Double=22", "DDATA/linkd/ch.d1 seq=3 @t:Double=22!0",
		"DDATA/linkd/ch.d1 seq=4 @t:Double=23", "DBIRTH/linkd/ch.d1 seq=5 t:Double=23[°C] n:Int64=-3")
	h.report(h.now, bad("t", tags.Float(23), tags.Offline), bad("n", tags.Int(-3), tags.Offline))
	h.offline()
	h.report(h.now, bad("t", tags.Float(23), tags.Offline))
	h.want("DDEATH/linkd/ch.d1 seq=6")
	h.report(h.now, good("n", tags.Int(4)))
	h.offline()
	h.want("DBIRTH/linkd/ch.d1 seq=7 t:Double=23!0[°C] n:Int64=4", "DDEATH/linkd/ch.d1 seq=8")
	h.must(h.node.Rebirth(h.now, h.emit))
	h.want("NBIRTH/linkd seq=0 bdSeq:Int64=7 Node Control/Rebirth:Boolean=false")
	h.report(h.now, good("n", tags.Int(5)))
	h.must(h.node.Rebirth(h.now, h.emit))
	h.want("DBIRTH/linkd/ch.d1 seq=1 t:Double=23!0[°C] n:Int64=5", "NBIRTH/linkd seq=0 bdSeq:Int64=7 "+
		"Node Control/Rebirth:Boolean=false", "DBIRTH/linkd/ch.d1 seq=1 t:Double=23!0[°C] n:Int64=5")
	for i := range 300 {
		h.report(h.now, good("n", tags.Int(int64(i))))
	}
	for i, line := range h.seen {
		if want := fmt.Sprintf("DDATA/linkd/ch.d1 seq=%d @n:Int64=%d", (i+2)%256, i); line != want {
			t.Fatalf("%s, want %s", line, want)
		}
	}
}

// TestHistorical: what was put before the session is historical, and its newest values are told again as the present.
func TestHistorical(t *testing.T) {
	h := newHost(t, nil)
	h.connect(0)
	h.report(h.now, good("t", tags.Int(1)), good("u", tags.Uint(2)))
	old := h.now + second
	h.now += 60 * second
	h.connect(1)
	h.seen = nil
	h.report(old, good("t", tags.Int(2)))
	h.report(old+second, good("t", tags.Int(3)))
	h.want("DDATA/linkd/ch.d1 seq=2 @t:Int64=2,h", "DDATA/linkd/ch.d1 seq=3 @t:Int64=3,h")
	h.must(h.node.Settle(h.now, h.emit))
	h.must(h.node.Settle(h.now, h.emit))
	h.want("DDATA/linkd/ch.d1 seq=4 @t:Int64=3")
	h.report(old+2*second, good("t", tags.Int(4)), good("u", tags.Uint(5)))
	h.report(h.now, good("t", tags.Int(6)))
	h.want("DDATA/linkd/ch.d1 seq=5 @t:Int64=4,h @u:UInt64=5,h", "DDATA/linkd/ch.d1 seq=6 @t:Int64=4 @u:UInt64=5",
		"DDATA/linkd/ch.d1 seq=7 @t:Int64=6")
}

// TestTypes: each kind at its limits as another's decoder reads it, and kinds that change.
func TestTypes(t *testing.T) {
	h := newHost(t, nil)
	h.connect(0)
	h.seen = nil
	h.report(h.now, good("b", tags.Bool(true)), good("i", tags.Int(math.MinInt64)), good("u", tags.Uint(math.MaxUint64)),
		good("f", tags.Float(-0.125)), good("s", tags.Text("größe\xff")), bad("never", tags.Value{}, tags.NotPolled))
	h.want("DBIRTH/linkd/ch.d1 seq=1 b:Boolean=true i:Int64=-9223372036854775808 u:UInt64=18446744073709551615 " +
		"f:Double=-0.125 s:String=größe� never:String=<nil>!0")
	h.report(h.now, good("i", tags.Uint(7)))
	h.report(h.now, good("i", tags.Int(-7)))
	h.report(h.now, good("i", tags.Text("shut")))
	h.report(h.now, good("i", tags.Int(-8)))
	h.want("DBIRTH/linkd/ch.d1 seq=2 b:Boolean=true i:Double=7 u:UInt64=18446744073709551615 f:Double=-0.125 "+
		"s:String=größe� never:String=<nil>!0", "DDATA/linkd/ch.d1 seq=3 @i:Double=-7",
		"DBIRTH/linkd/ch.d1 seq=4 b:Boolean=true i:String=shut u:UInt64=18446744073709551615 f:Double=-0.125 "+
			"s:String=größe� never:String=<nil>!0", "DDATA/linkd/ch.d1 seq=5 @i:String=-8")
}

// TestCommand: commands made by another's encoder, by name and by alias.
func TestCommand(t *testing.T) {
	h := newHost(t, nil)
	h.connect(0)
	h.report(h.now, good("t", tags.Float(1)), good("n", tags.Int(1)))
	const device = "spBv1.0/plant/DCMD/linkd/ch.d1"
	for _, c := range []struct{ topic, payload, want string }{
		{device, `{"metrics":[{"name":"t","type":"Double","value":21.5}]}`, "[{t 21.5}]"},
		{device, `{"metrics":[{"name":"t","type":"Float","value":0.5},{"name":"n","type":"Int16","value":-2}]}`,
			"[{t 0.5} {n -2}]"},
		{device, `{"metrics":[{"alias":2,"type":"Int64","value":-9}]}`, "[{n -9}]"},
		{device, `{"metrics":[{"name":"n","type":"UInt32","value":4000000000}]}`, "[{n 4000000000}]"},
		{device, `{"metrics":[{"name":"n","type":"Boolean","value":true}]}`, "[{n true}]"},
		{device, `{"metrics":[{"name":"n","type":"String","value":"on"}]}`, "[{n on}]"},
		{device, `{"metrics":[{"name":"x","type":"Int32","value":1}]}`, `has no metric "x"`},
		{device, `{"metrics":[{"alias":9,"type":"Int32","value":1}]}`, `has no metric "" with alias 9`},
		{device, `{"metrics":[{"name":"n","type":"Bytes","value":[1]}]}`, "has no value that a tag can have"},
		{device + "x", `{"metrics":[]}`, `there is no device "ch.d1x"`},
		{"spBv1.0/plant/NCMD/linkd", `{"metrics":[{"name":"Node Control/Rebirth","type":"Boolean","value":true}]}`,
			"rebirth"},
		{"spBv1.0/plant/NCMD/linkd", `{"metrics":[{"name":"Node Control/Rebirth","type":"Boolean","value":false}]}`, "[]"},
		{"spBv1.0/other/NCMD/linkd", `{"metrics":[]}`, "none of the node"},
	} {
		cmd, err := h.node.Command(c.topic, h.tahu.Encode(c.payload))
		got := fmt.Sprint(cmd.Write.Values)
		if cmd.Rebirth {
			got = "rebirth"
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || err != nil && !errors.Is(err, sparkplug.ErrCommand) {
			t.Errorf("%s %s: %s, want %s", c.topic, c.payload, got, c.want)
		}
		if len(cmd.Write.Values) > 0 && (cmd.Write.Channel != "ch" || cmd.Write.Device != "d1") {
			t.Errorf("%s: writes to %s/%s", c.payload, cmd.Write.Channel, cmd.Write.Device)
		}
	}
}

// TestEmitFails: an error ends what is told at once, and the next birth tells all.
func TestEmitFails(t *testing.T) {
	h := newHost(t, nil)
	h.connect(0)
	h.fail = errors.New("gone")
	r := server.Report{Time: h.now, Channel: []byte("c+h"), Device: "d/1", Values: []server.ReportValue{good("t",
		tags.Int(1))}}
	if err := h.node.Entry(payload.AppendProto(nil, &r), h.now, h.now, h.emit); !errors.Is(err, h.fail) {
		t.Errorf("the error is %v", err)
	}
	h.fail, h.seen = nil, nil
	h.connect(1)
	h.want("NDEATH/linkd bdSeq:Int64=1", "NBIRTH/linkd seq=0 bdSeq:Int64=1 Node Control/Rebirth:Boolean=false",
		"DBIRTH/linkd/c_h.d_1 seq=1 t:Int64=1")
}

// FuzzCommand: any bytes are a command or refused.
func FuzzCommand(f *testing.F) {
	node := sparkplug.New("g", "e", nil)
	r := server.Report{Channel: []byte("ch"), Device: "d1", Values: []server.ReportValue{good("t", tags.Int(1))}}
	if err := node.Entry(payload.AppendProto(nil, &r), 0, 0, func(string, []byte) error { return nil }); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0x12, 7, 0x0a, 1, 't', 0x20, 4, 0x58, 9})
	f.Add([]byte{0x12, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, topic := range []string{"spBv1.0/g/DCMD/e/ch.d1", "spBv1.0/g/NCMD/e"} {
			c, err := node.Command(topic, b)
			if err != nil && !errors.Is(err, sparkplug.ErrCommand) || len(c.Write.Values) > 64 {
				t.Fatalf("%+v, %v", c, err)
			}
		}
	})
}
