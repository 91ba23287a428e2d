package payload

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"linkd/drivers/tags"
	"linkd/server"
)

func moment() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.UTC) }

func TestAppendInflux(t *testing.T) {
	odd := report(good(tags.Text("say \"hi\"\\\n\rend")))
	odd.Channel, odd.ID, odd.Device = []byte("#a b,c=d"), []byte("x=\\,y \x00\xff\\"), `d\1`
	none := report(good(tags.Int(1)))
	none.Connection, none.ID = nil, nil
	for _, c := range []struct {
		name string
		r    *server.Report
		want string
	}{
		{"kinds", report(value("f", tags.Float(21.5), tags.Good, tags.Fine), value("i", tags.Int(-7), tags.Good, tags.Fine),
			value("u", tags.Uint(7), tags.Good, tags.Fine), value("b", tags.Bool(true), tags.Good, tags.Fine),
			value("s", tags.Text("auto"), tags.Good, tags.Fine), value("big", tags.Uint(math.MaxUint64), tags.Good, tags.Fine)),
			`ch_dev1,connection=s1/c1,id=c0001,device=d1 f=21.5,i=-7i,u=7i,b=true,s="auto",big=18446744073709551615u ` +
				"1767323045678999999\n"},
		{"good ones alone", report(value("a", tags.Float(1), tags.Bad, tags.Offline), value("b", tags.Float(2), tags.Good,
			tags.Fine), value("c", tags.Float(3), tags.Stale, tags.MissedPolls), good(tags.Float(math.NaN()))),
			"ch_dev1,connection=s1/c1,id=c0001,device=d1 b=2 1767323045678999999\n"},
		{"none good", report(value("a", tags.Float(1), tags.Bad, tags.Offline)), ""},
		{"no connection", none, "ch_dev1,device=d1 t=1i 1767323045678999999\n"},
		{"odd bytes", odd, `_a\ b\,c=d,connection=s1/c1,id=x\=_\,y\ _�_,device=d\1 t="say \"hi\"\\\n\rend" ` +
			"1767323045678999999\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendInflux([]byte("before"), c.r)); got != "before"+c.want {
				t.Errorf("got\n%s, want\n%s", got[6:], c.want)
			}
		})
	}
}

func TestAppendEvents(t *testing.T) {
	e := &server.Event{Kind: "online", Time: moment(), Provider: "s1", Connection: "c1", ID: "c 1", Session: 3,
		RemoteAddr: "192.0.2.7:40000", Reason: `a"b`}
	if got, want := string(AppendEvent(nil, e)), `{"ts":"2026-01-02T03:04:05.678Z","event":"online","provider":"s1",`+
		`"connection":"c1","id":"c 1","session":3,"remote_addr":"192.0.2.7:40000","reason":"a\"b"}`; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if got, want := string(AppendInfluxEvent(nil, e)), `linkd_events,provider=s1,connection=s1/c1,id=c\ 1 kind="online",`+
		`session=3i,remote_addr="192.0.2.7:40000",reason="a\"b" 1767323045678999999`+"\n"; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// FuzzAppendInflux: whatever the names and texts, InfluxData's own parser reads one point with the right field.
func FuzzAppendInflux(f *testing.F) {
	f.Add("ch", "c0001", "d1", "t", "text", int64(5))
	f.Add("#a b,c=d", "x=\\,y \x00\xff\\", "d\\", "f g=", "\"\\\n", int64(-1))
	f.Fuzz(func(t *testing.T, channel, id, device, tag, text string, n int64) {
		if channel == "" || device == "" || tag == "" || tag == "n" || tag == "time" {
			return // names are never empty
		}
		r := report(value(tag, tags.Text(text), tags.Good, tags.Fine), value("n", tags.Int(n), tags.Good, tags.Fine))
		r.Channel, r.ID, r.Device = []byte(channel), []byte(id), device
		line := AppendInflux(nil, r)
		if bytes.Count(line, []byte("\n")) != 1 {
			t.Fatalf("more than one line: %q", line)
		}
		fields, err := parse(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := strings.ToValidUTF8(text, "�")
		// ToValidUTF8 makes one replacement of a run of bad bytes; ranging makes one a byte.
		got := strings.ReplaceAll(fields[0], "�", "")
		if got != strings.ReplaceAll(want, "�", "") || fields[1] != fmt.Sprint(n) {
			t.Fatalf("%q reads as %q, want %q and %d", line, fields, want, n)
		}
	})
}

func parse(line []byte) (fields []string, err error) {
	dec := lineprotocol.NewDecoderWithBytes(line)
	if !dec.Next() {
		return nil, fmt.Errorf("no point")
	}
	if _, err := dec.Measurement(); err != nil {
		return nil, err
	}
	for {
		key, _, err := dec.NextTag()
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
	}
	for {
		key, v, err := dec.NextField()
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		fields = append(fields, fmt.Sprint(v.Interface()))
	}
	at, err := dec.Time(lineprotocol.Nanosecond, time.Time{})
	if err == nil && at.UnixNano() != moment().UnixNano() {
		err = fmt.Errorf("the time is %v", at)
	}
	if err == nil && (len(fields) != 2 || dec.Next()) {
		err = fmt.Errorf("%d fields, or another point", len(fields))
	}
	return fields, err
}

func BenchmarkAppendInflux(b *testing.B) {
	r, buf := tenTags(), make([]byte, 0, 4096)
	b.SetBytes(int64(len(AppendInflux(buf, r))))
	b.ReportAllocs()
	for b.Loop() {
		AppendInflux(buf, r)
	}
}
