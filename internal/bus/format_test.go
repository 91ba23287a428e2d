package bus

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"linkd/drivers/tags"
	"linkd/internal/payload"
	"linkd/server"
)

// heardJSON, heardInflux and heardProto read a live report of d1 as a stranger would, and return its n.
func heardJSON(m *nats.Msg) (n int, err error) {
	_, values, _ := strings.Cut(string(m.Data), `"tags":{`)
	_, err = fmt.Sscanf(values, `"n":{"v":%d,"q":"good"},`, &n)
	return n, err
}

func heardInflux(m *nats.Msg) (int, error) {
	d := lineprotocol.NewDecoderWithBytes(m.Data)
	if !d.Next() {
		return 0, fmt.Errorf("no line: %q", m.Data)
	}
	name, err := d.Measurement()
	if err != nil || string(name) != "ch" {
		return 0, fmt.Errorf("measurement %s: %w", name, err)
	}
	for key := []byte{1}; key != nil; {
		if key, _, err = d.NextTag(); err != nil {
			return 0, err
		}
	}
	key, value, err := d.NextField()
	if err != nil || string(key) != "n" {
		return 0, fmt.Errorf("field %s: %w", key, err)
	}
	return int(value.IntV()), nil
}

func heardProto(m *nats.Msg) (int, error) {
	var e payload.Entry
	if err := e.Parse(m.Data); err != nil {
		return 0, err
	}
	if e.Report.Channel != "ch" || e.Report.Device != "d1" || len(e.Report.Values) != 4 {
		return 0, fmt.Errorf("%+v", e.Report)
	}
	return int(e.Report.Values[0].Value.Float()), nil
}

// TestFormats: who listens gets each report in the format of the bus, once; events are JSON, and what is kept is read
// as ever, whatever the format was when it was stored.
func TestFormats(t *testing.T) {
	t.Parallel()
	const n = 100
	dir, from := t.TempDir(), 0
	for _, c := range []struct {
		format string
		heard  func(*nats.Msg) (int, error)
	}{{"", heardJSON}, {"json", heardJSON}, {"influx", heardInflux}, {"protobuf", heardProto}} {
		cfg := config(t)
		cfg.Dir, cfg.Format, cfg.Listen, cfg.Access = dir, c.format, "127.0.0.1:0", roles
		b := start(t, cfg)
		nc := client(t, b, "viewer")
		reports, err := nc.SubscribeSync("linkd.p.tags.ch.d1")
		if err != nil {
			t.Fatal(err)
		}
		events, err := nc.SubscribeSync("linkd.p.conn.>")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		take(b, "d1", from, from+n)
		for want := from; want < from+n; want++ {
			m, err := reports.NextMsg(within)
			if err != nil {
				t.Fatalf("%s: report %d: %v", c.format, want, err)
			}
			if got, err := c.heard(m); err != nil || got != want {
				t.Fatalf("%s: report %d is %d, %v: %q", c.format, want, got, err, m.Data)
			}
		}
		b.Event(server.Event{Kind: "online", Time: epoch, Provider: "s1", Connection: "c1"})
		if m, err := events.NextMsg(within); err != nil || !strings.HasPrefix(string(m.Data), `{"ts":"`) {
			t.Errorf("%s: an event: %v, %v", c.format, m, err)
		}
		from += n
		eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == n })
		once(t, numbers(t, b, "d1"), from)
		h, err := b.History(t.Context(), HistoryQuery{Channel: "ch", Device: "d1", Tag: "n", From: epoch,
			To: epoch.Add(time.Duration(from) * time.Second), Points: 1})
		if err != nil || len(h) != 1 || h[0].Count != from || h[0].Min != 0 || h[0].Max != float64(from-1) {
			t.Errorf("%s: history %+v, %v", c.format, h, err)
		}
		stop(t, b)
	}
}

// TestToldToThoseWhoListen: what nobody listens to is not published; who listens to one device, or by a wildcard, is
// told all of it from then on.
func TestToldToThoseWhoListen(t *testing.T) {
	t.Parallel()
	const n = 1000
	cfg := config(t)
	cfg.Listen, cfg.Access = "127.0.0.1:0", roles
	b := start(t, cfg)
	defer stop(t, b)
	published := func(device string, from int) int64 {
		before, sent := messagesIn(t, b), sentOf(b, KindTags).Sent
		take(b, device, from, from+n)
		eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == sent+n })
		return messagesIn(t, b) - before
	}
	if got := published("d1", 0); got >= n/2 {
		t.Errorf("%d messages for %d reports to which nobody listens", got, n)
	}
	for _, subject := range []string{"linkd.p.tags.ch.d1", "linkd.p.tags.>", "linkd.p.tags.*.d1"} {
		nc := client(t, b, "viewer")
		sub, err := nc.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		published("d1", n)
		for i := range n {
			if _, err := sub.NextMsg(within); err != nil {
				t.Fatalf("%s: report %d: %v", subject, i, err)
			}
		}
		if subject == "linkd.p.tags.ch.d1" {
			if got := published("d2", 0); got >= n/2 {
				t.Errorf("%d messages for %d reports of another device", got, n)
			}
		}
		nc.Close()
		eventually(t, "nobody listens", func() bool { return !b.own.hears("linkd.p.tags.ch.d1") })
	}
	js, err := jetstream.New(client(t, b, "admin"))
	if err != nil {
		t.Fatal(err)
	}
	mine, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "mine", Subjects: []string{"linkd.p.tags.>"}})
	if err != nil {
		t.Fatal(err)
	}
	published("d1", 2*n)
	eventually(t, "a stream of one's own has them all", func() bool {
		info, err := mine.Info(t.Context())
		return err == nil && info.State.Msgs == n
	})
}

// messagesIn counts what the embedded server has been sent.
func messagesIn(t *testing.T, b *Bus) int64 {
	t.Helper()
	v, err := b.own.srv.Load().Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	return v.InMsgs
}

// TestNothingGoodIsNoLine: a report that a format has no place for is told nobody, and kept all the same.
func TestNothingGoodIsNoLine(t *testing.T) {
	cfg := config(t)
	cfg.Format, cfg.Listen, cfg.Access = "influx", "127.0.0.1:0", roles
	b := start(t, cfg)
	defer stop(t, b)
	nc := client(t, b, "viewer")
	sub, err := nc.SubscribeSync("linkd.p.tags.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	bad := reportOf("d1", 0)
	for i := range bad.Values {
		bad.Values[i].Quality, bad.Values[i].Reason = tags.Bad, tags.Timeout
	}
	b.Take([]server.Report{bad, reportOf("d1", 1)})
	m, err := sub.NextMsg(within)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := heardInflux(m); err != nil || got != 1 {
		t.Errorf("the first line is of report %d: %v: %q", got, err, m.Data)
	}
	eventually(t, "both are acknowledged", func() bool { return sentOf(b, KindTags).Sent == 2 })
	once(t, numbers(t, b, "d1"), 2)
}

func TestUnknownFormat(t *testing.T) {
	cfg := config(t)
	cfg.Format = "xml"
	const want = `bus: the format is "xml"; write one of: json, influx, protobuf`
	if b, err := Start(t.Context(), cfg); err == nil || err.Error() != want {
		t.Errorf("%v, %v; want %s", b, err, want)
	}
}

// TestTakeAllocatesNoMore: a format of its own for those who listen costs no allocation.
func TestTakeAllocatesNoMore(t *testing.T) {
	reports := []server.Report{reportOf("d1", 0)}
	for _, name := range payload.FormatNames() {
		f, _ := payload.FormatOf(name)
		b := &Bus{tags: &lane{spool: newSpool(4 * chunkBytes)}}
		b.tags.spool.to = subjectsOf("p")
		if name != storedAs {
			b.live = f.Report
		}
		for range 10 * chunkRecords { // until chunks are used again
			b.Take(reports)
		}
		if n := testing.AllocsPerRun(10*chunkRecords, func() { b.Take(reports) }); n != 0 {
			t.Errorf("%s: %v allocations a report", name, n)
		}
	}
}

// TestMQTTFormat: MQTT's clients are told the same.
func TestMQTTFormat(t *testing.T) {
	cfg := config(t)
	cfg.Format, cfg.MQTT, cfg.Access = "influx", "127.0.0.1:0", roles
	b := start(t, cfg)
	defer stop(t, b)
	cmd := mqttClient(t, b, "sub", "viewer", "-v", "-C", "1", "-t", "linkd/p/tags/#")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const want = `linkd/p/tags/ch/d1 ch,connection=s1/c1,id=id,device=d1 n=0i,on=false,text="t0" `
	if line := first(b, out); !strings.HasPrefix(line, want) {
		t.Errorf("got %q, want %s…", line, want)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
