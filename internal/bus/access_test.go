package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"linkd/internal/doors"
	"linkd/internal/payload"
	"linkd/server"
)

// fakeCore notes what it is told to do.
type fakeCore struct {
	mu     sync.Mutex
	writes []server.WriteRequest
	sends  []string
	asked  []server.BytesOf
	wait   chan struct{} // writes of tag slow wait for it
}

func (f *fakeCore) Write(ctx context.Context, r server.WriteRequest) (server.WriteResult, error) {
	f.mu.Lock()
	f.writes = append(f.writes, r)
	f.mu.Unlock()
	switch r.Values[0].Tag {
	case "none":
		return server.WriteResult{}, server.ErrNotFound
	case "away":
		return server.WriteResult{Result: "offline", Reason: "the device is not connected"}, nil
	case "slow":
		select {
		case <-f.wait:
		case <-ctx.Done():
			return server.WriteResult{}, ctx.Err()
		}
	}
	return server.WriteResult{Result: "confirmed", Readback: r.Values[0].Value}, nil
}

func (f *fakeCore) Send(_ context.Context, p, c string, data []byte, wait time.Duration) (server.SendResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sends = append(f.sends, p+"/"+c+" "+string(data)+" "+wait.String())
	return server.SendResult{Sent: len(data), Received: []byte("\xff1")}, nil
}

func (f *fakeCore) AskReceived(of []server.BytesOf) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = of
}

func (f *fakeCore) done() (writes, sends int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.writes), len(f.sends)
}

// served is a bus with a core, and who may come in.
func served(t *testing.T, access func(string) (doors.Role, bool)) (*Bus, *fakeCore) {
	t.Helper()
	cfg := config(t)
	cfg.Listen, cfg.MQTT, cfg.Access = "127.0.0.1:0", "127.0.0.1:0", access
	b, f := start(t, cfg), &fakeCore{wait: make(chan struct{})}
	t.Cleanup(func() { stop(t, b) })
	if err := b.Serve(f); err != nil {
		t.Fatal(err)
	}
	return b, f
}

func TestCommands(t *testing.T) {
	b, f := served(t, roles)
	nc := client(t, b, "operator")
	for _, c := range []struct{ subject, payload, want string }{
		{"cmd.ch.d1.set", "28", `{"status":200,"result":"confirmed","reason":"","readback":28}`},
		{"cmd.ch.d1.set", ` "on" `, `{"status":200,"result":"confirmed","reason":"","readback":"on"}`},
		{"cmd.ch.d1.set", `{"value":18446744073709551615,"ttl":"30s","readback":true}`,
			`{"status":200,"result":"confirmed","reason":"","readback":18446744073709551615}`},
		{"cmd.ch.d1.away", "true",
			`{"status":409,"result":"offline","reason":"the device is not connected","readback":null}`},
		{"cmd.ch.d1.none", "1", `{"status":404,"title":"Not Found","detail":"ch/d1/none: not found"}`},
		{"cmd.ch.d1.set", "", `"status":422`},
		{"cmd.ch.d1.set", "null", `no value; write a boolean`},
		{"cmd.ch.d1.set", "[1]", `no value; write a boolean`},
		{"cmd.ch.d1.set", "1 2", `more than one JSON value`},
		{"cmd.ch.d1.set", "\xff", `"status":422`},
		{"cmd.ch.d1.set", `{"value":1,"type":"io.nats.x"}`, `unknown field`},
		{"cmd.ch.d1.set", `{"value":1,"ttl":"soon"}`, `not a duration; write one such as 30s`},
		{"tx.s1.c1", `{"hex":"01 03:ff","wait_ms":20}`,
			`{"status":200,"sent":3,"received_hex":"ff31","received_text":"` + "\uFFFD" + `1"}`},
		{"tx.s1.c1", `{"text":"hello"}`, `"sent":5`},
		{"tx.s1.c1", "\x01\x00raw", `"sent":5`},
		{"tx.s1.c1", "", `0 bytes; send 1 to 65536`},
		{"tx.s1.c1", `{"hex":"0"}`, `write two digits`},
		{"tx.s1.c1", `{"hex":"00","text":""}`, `exactly one of hex and text`},
		{"tx.s1.c1", `{"text":"x","wait_ms":60001}`, `write 0 to 60000`},
		{"tx.s1.c1", `{"type":"io.nats.jetstream.api.v1.stream_info_response"}`, `unknown field`},
	} {
		m, err := nc.Request("linkd.p."+c.subject, []byte(c.payload), within)
		if err != nil {
			t.Fatalf("%s %q: %v", c.subject, c.payload, err)
		}
		if got := string(m.Data); !strings.Contains(got, c.want) || !json.Valid(m.Data) {
			t.Errorf("%s %q: got %s, want %s", c.subject, c.payload, got, c.want)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.writes[2]; w.Channel != "ch" || w.Device != "d1" || w.TTL != 30*time.Second || !w.Readback || w.Who != who {
		t.Errorf("asked for %+v", w)
	}
	if f.sends[0] != "s1/c1 \x01\x03\xff 20ms" || f.sends[2] != "s1/c1 \x01\x00raw 0s" || len(f.sends) != 3 {
		t.Errorf("sent %q", f.sends)
	}
}

func TestCommandWithoutReply(t *testing.T) {
	b, f := served(t, roles)
	nc := client(t, b, "operator")
	nc.Publish("linkd.p.cmd.ch.d1.set", []byte("1"))
	eventually(t, "it is done", func() bool { n, _ := f.done(); return n == 1 })
}

func TestTooManyCommands(t *testing.T) {
	b, f := served(t, roles)
	nc := client(t, b, "operator")
	for range mostCommands {
		nc.Publish("linkd.p.cmd.ch.d1.slow", []byte("1"))
	}
	eventually(t, "all wait", func() bool { n, _ := f.done(); return n == mostCommands })
	m, err := nc.Request("linkd.p.cmd.ch.d1.set", []byte("1"), within)
	if err != nil || !strings.Contains(string(m.Data), `"status":503`) || b.Stats().Busy != 1 {
		t.Errorf("%s, %v, %+v", m.Data, err, b.Stats())
	}
	close(f.wait)
	eventually(t, "there is room again", func() bool {
		m, err := nc.Request("linkd.p.cmd.ch.d1.set", []byte("1"), within)
		return err == nil && strings.Contains(string(m.Data), `"status":200`)
	})
}

// refusedWhen reports whether the server refuses what do does on nc.
func refusedWhen(t *testing.T, nc *nats.Conn, do func()) bool {
	t.Helper()
	nc.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	do()
	if err := nc.FlushTimeout(within); err != nil {
		t.Fatal(err)
	}
	return errors.Is(nc.LastError(), nats.ErrPermissionViolation) // it comes before the answer to the flush
}

func TestRights(t *testing.T) {
	b, f := served(t, roles)
	take(b, "d1", 0, 3)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 3 })
	may := []struct {
		what    string
		do      func(*nats.Conn)
		allowed []string
	}{
		{"see all", func(nc *nats.Conn) { nc.SubscribeSync("linkd.p.>") }, []string{"viewer", "operator", "admin"}},
		{"see others", func(nc *nats.Conn) { nc.SubscribeSync(">") }, nil},
		{"see another project", func(nc *nats.Conn) { nc.SubscribeSync("linkd.q.>") }, nil},
		{"see linkd's own inbox", func(nc *nats.Conn) { nc.SubscribeSync("_linkd_*.>") }, nil},
		{"write", func(nc *nats.Conn) { nc.Publish("linkd.p.cmd.ch.d1.set", []byte("1")) }, []string{"operator", "admin"}},
		{"send", func(nc *nats.Conn) { nc.Publish("linkd.p.tx.s1.c1", []byte("x")) }, []string{"operator", "admin"}},
		{"forge a report", func(nc *nats.Conn) { nc.Publish("linkd.p.tags.ch.d1", []byte("{}")) }, nil},
		{"forge history", func(nc *nats.Conn) { nc.Publish("linkd_history.p.01", []byte("{}")) }, nil},
		{"forge an event", func(nc *nats.Conn) { nc.Publish("linkd.p.conn.s1.c1", []byte("{}")) }, nil},
		{"read the stream", func(nc *nats.Conn) { nc.Publish("$JS.API.STREAM.INFO.linkd_p_tags", nil) },
			[]string{"viewer", "operator", "admin"}},
		{"make a stream", func(nc *nats.Conn) { nc.Publish("$JS.API.STREAM.CREATE.x", nil) }, []string{"admin"}},
		{"purge", func(nc *nats.Conn) { nc.Publish("$JS.API.STREAM.PURGE.linkd_p_conn", nil) }, []string{"admin"}},
		{"ask the system", func(nc *nats.Conn) { nc.Publish("$SYS.REQ.SERVER.PING", nil) }, nil},
	}
	for _, role := range []string{"viewer", "operator", "admin"} {
		for _, m := range may {
			nc := client(t, b, role)
			want := !strings.Contains(strings.Join(m.allowed, " "), role)
			if got := refusedWhen(t, nc, func() { m.do(nc) }); got != want {
				t.Errorf("%s, %s: refused %v, want %v", role, m.what, got, want)
			}
			nc.Close()
		}
	}
	eventually(t, "what was allowed is done", func() bool { w, s := f.done(); return w == 2 && s == 2 })
	for _, o := range [][]nats.Option{
		{}, {nats.Token("wrong")}, {nats.Token("")}, {nats.UserInfo("linkd", "")}, {nats.UserInfo("linkd", "none")},
	} {
		if nc, err := nats.Connect("nats://"+b.Addr(), append(o, nats.MaxReconnects(0))...); err == nil {
			nc.Close()
			t.Errorf("%d: came in", len(o))
		}
	}
	nc, err := nats.Connect("nats://"+b.Addr(), nats.UserInfo("anybody", "viewer"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	consume(t, nc, "linkd_p_tags", 3)
}

// A stream of an admin's own has each report as a message on its device's subject.
func TestStreamOfOnesOwn(t *testing.T) {
	b, _ := served(t, roles)
	nc := client(t, b, "admin")
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "readings", Subjects: []string{"linkd.p.tags.>"},
		AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	take(b, "d1", 0, 3)
	take(b, "d2", 0, 1)
	consume(t, nc, "readings", 4)
	last, err := s.GetLastMsgForSubject(t.Context(), "linkd.p.tags.ch.d1")
	if want := payload.AppendJSON(nil, new(reportOf("d1", 2))); err != nil || !bytes.Equal(last.Data, want) {
		t.Errorf("%+v, %v", last, err)
	}
}

// consume reads n reports as a client does that keeps its place.
func consume(t *testing.T, nc *nats.Conn, stream string, n int) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.CreateOrUpdateConsumer(t.Context(), stream, jetstream.ConsumerConfig{Durable: "reader",
		AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		m, err := c.Next(jetstream.FetchMaxWait(within))
		if err != nil {
			t.Fatalf("%d reports did not come: %v", n, err)
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
		n -= bytes.Count(m.Data(), []byte("\n")) + 1
	}
	if n != 0 {
		t.Errorf("%d reports came too much", -n)
	}
}

// Who may only read has ways to make the server itself send to a subject; none is a command.
func TestViewerCannotCommandByTheServer(t *testing.T) {
	b, f := served(t, roles)
	take(b, "d1", 0, 3)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 3 })
	nc := client(t, b, "viewer")
	spy, err := nc.SubscribeSync("linkd.p.tx.>")
	if err != nil {
		t.Fatal(err)
	}
	nc.PublishRequest("$JS.API.STREAM.INFO.linkd_p_tags", "linkd.p.tx.s1.c1", nil)
	nc.PublishRequest("$JS.API.STREAM.INFO.linkd_p_tags", "linkd.p.cmd.ch.d1.set", nil)
	nc.PublishRequest("$JS.API.DIRECT.GET.linkd_p_tags", "linkd.p.tx.s1.c1", []byte(`{"seq":1}`))
	made, err := nc.Request("$JS.API.CONSUMER.CREATE.linkd_p_tags.x", []byte(`{"stream_name":"linkd_p_tags","action":"",`+
		`"config":{"name":"x","deliver_subject":"linkd.p.tx.s1.c2","ack_policy":"none","deliver_policy":"all",`+
		`"replay_policy":"instant"}}`), within)
	if err != nil || strings.Contains(string(made.Data), `"error"`) {
		t.Fatalf("%v: %s", err, made.Data)
	}
	for range 2 { // they do come there
		if _, err := spy.NextMsg(within); err != nil {
			t.Fatal(err)
		}
	}
	op := client(t, b, "operator")
	for range 2 { // each kind of command is done in order up to its start
		if _, err := op.Request("linkd.p.cmd.ch.d1.set", []byte("1"), within); err != nil {
			t.Fatal(err)
		}
	}
	if w, s := f.done(); w != 2 || s != 0 {
		t.Errorf("%d writes and %d sends were done, want 2 and 0", w, s)
	}
}

// An operator cannot have linkd's answers written where linkd alone may write.
func TestAnswersStayOutOfStreams(t *testing.T) {
	b, f := served(t, roles)
	nc := client(t, b, "operator")
	nc.PublishRequest("linkd.p.cmd.ch.d1.set", "linkd.p.tags.ch.d1", []byte("1"))
	nc.PublishRequest("linkd.p.cmd.ch.d1.set", "linkd.p.conn.s1.c1", []byte("1"))
	eventually(t, "both are done", func() bool { n, _ := f.done(); return n == 2 })
	if _, err := nc.Request("linkd.p.cmd.ch.d1.set", []byte("1"), within); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"linkd_p_tags", "linkd_p_conn"} {
		s, err := b.js.Stream(t.Context(), name)
		if err != nil || s.CachedInfo().State.LastSeq != 0 {
			t.Errorf("%s: %v, %+v", name, err, s.CachedInfo().State)
		}
	}
}

func TestRecheck(t *testing.T) {
	var mu sync.Mutex
	gone := map[string]bool{}
	b, _ := served(t, func(token string) (doors.Role, bool) {
		mu.Lock()
		defer mu.Unlock()
		if gone[token] {
			return doors.None, false
		}
		return roles(token)
	})
	stays, goes := client(t, b, "operator"), client(t, b, "viewer")
	b.Recheck()
	if err := goes.FlushTimeout(within); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	gone["viewer"] = true
	mu.Unlock()
	b.Recheck()
	eventually(t, "it is closed", goes.IsClosed)
	if err := stays.FlushTimeout(within); err != nil {
		t.Error(err)
	}
}
