package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"linkd/drivers/tags"
	"linkd/internal/doors"
	"linkd/server"
)

const within = time.Minute

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	// gnet, which package server imports, starts a pool when it is loaded.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).ticktock"))
}

// testLog puts a log into the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSpace(string(b)))
	return len(b), nil
}

func config(t *testing.T) Config {
	return Config{Project: "p", Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(testLog{t}, nil)), Reserve: 1}
}

func start(t *testing.T, cfg Config) *Bus {
	t.Helper()
	cfg.readFor = 10 * within // on a busy machine, with the race detector
	b, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stop(t *testing.T, b *Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

// eventually waits for what happens elsewhere.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %s: %s", within, what)
		}
	}
}

var epoch = time.Now().Add(-time.Hour).Truncate(time.Millisecond)

// reportOf is report n of a device: a second after the one before.
func reportOf(device string, n int) server.Report {
	return server.Report{
		Time: epoch.Add(time.Duration(n) * time.Second).UnixNano(), Provider: "s1", Connection: []byte("c1"),
		ID: []byte("id"), Channel: []byte("ch"), Device: device, Values: []server.ReportValue{
			{Tag: &tags.Tag{Name: "n"}, Sample: tags.Sample{Value: tags.Int(int64(n)), Quality: tags.Good}},
			{Tag: &tags.Tag{Name: "on"}, Sample: tags.Sample{Value: tags.Bool(n%2 == 1), Quality: tags.Good}},
			{Tag: &tags.Tag{Name: "text"}, Sample: tags.Sample{Value: tags.Text(fmt.Sprint("t", n)), Quality: tags.Good}},
			{Tag: &tags.Tag{Name: "bad"}, Sample: tags.Sample{Value: tags.Int(1), Reason: tags.Timeout}},
		},
	}
}

func take(b *Bus, device string, from, to int) {
	for n := from; n < to; n++ {
		b.Take([]server.Report{reportOf(device, n)})
	}
}

func sentOf(b *Bus, kind string) KindStats {
	for _, k := range b.Stats().Kinds {
		if k.Kind == kind {
			return k
		}
	}
	return KindStats{}
}

// numbers are the n of a device's reports in the stream, in its order.
func numbers(t *testing.T, b *Bus, device string) (all []int) {
	t.Helper()
	d := b.names.Load().find("ch", device)
	err := b.read(t.Context(), tagStream("p"), d.subject, time.Time{}, func(m *stored) bool {
		d.each(m.data, func(report []byte) {
			var r struct{ Tags map[string]struct{ V any } }
			if err := json.Unmarshal(report, &r); err != nil {
				t.Errorf("%s: %v", report, err)
			}
			all = append(all, int(r.Tags["n"].V.(float64)))
		})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// once fails unless all are 0 to n-1, in order, each once.
func once(t *testing.T, all []int, n int) {
	t.Helper()
	if len(all) != n {
		t.Fatalf("%d reports are in the stream, want %d", len(all), n)
	}
	for i, v := range all {
		if i != v {
			t.Fatalf("report %d is at %d", v, i)
		}
	}
}

func TestUpDownUp(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	const n = 5000
	for round := range 3 {
		b := start(t, cfg)
		take(b, "d1", round*n, (round+1)*n)
		eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == n })
		once(t, numbers(t, b, "d1"), (round+1)*n)
		if s := b.Stats(); s.LostStreams != 0 || len(s.Damage) != 0 || sentOf(b, KindTags).Resent != 0 {
			t.Errorf("stats %+v", s)
		}
		stop(t, b)
	}
}

func TestCloseSendsWhatWaits(t *testing.T) {
	cfg := config(t)
	b := start(t, cfg)
	take(b, "d1", 0, 3000)
	stop(t, b)
	b = start(t, cfg)
	defer stop(t, b)
	once(t, numbers(t, b, "d1"), 3000)
}

func client(t *testing.T, b *Bus, token string, more ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("nats://"+b.Addr(), append(more, nats.Token(token), nats.NoReconnect())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// roles is Config.Access for tokens that are the roles' names.
func roles(token string) (doors.Role, bool) {
	r, err := doors.ParseRole(token)
	return r, err == nil
}

func TestSubscriberSees(t *testing.T) {
	cfg := config(t)
	cfg.Listen, cfg.Access = "127.0.0.1:0", roles
	b := start(t, cfg)
	defer stop(t, b)
	nc := client(t, b, "viewer")
	sub, err := nc.SubscribeSync("linkd.p.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	r := reportOf("d 1.*", 0)
	r.Channel, r.ID = []byte("c>\xff"), []byte("\x00\xff")
	b.Take([]server.Report{r})
	m, err := sub.NextMsg(within)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "linkd.p.tags.c%3E%FF.d%201%2E%2A" || !json.Valid(m.Data) {
		t.Errorf("%s: %s", m.Subject, m.Data)
	}
	ev := server.Event{Kind: "online", Time: epoch, Provider: "s1", Connection: "c1", ID: "a", Session: 7,
		RemoteAddr: "10.0.0.1:5"}
	b.Event(ev)
	ev.Kind, ev.Time, ev.Reason = "offline", epoch.Add(1500*time.Millisecond), "kicked"
	b.Event(server.Event{Kind: "stranger", Provider: "s1"})
	b.Event(ev)
	for _, want := range []string{`"event":"online","provider":"s1","connection":"c1","id":"a","session":7,` +
		`"remote_addr":"10.0.0.1:5","reason":""}`,
		`"event":"offline","provider":"s1","connection":"c1","id":"a","session":7,"remote_addr":"10.0.0.1:5",` +
			`"reason":"kicked","duration_ms":1500}`} {
		m, err := sub.NextMsg(within)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject != "linkd.p.conn.s1.c1" || !strings.HasSuffix(string(m.Data), want) {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	}
}

func contextFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
