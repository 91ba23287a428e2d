package nats

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/server"
)

// TestMain knows of the pool that gnet starts when it is loaded.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func TestConformance(t *testing.T) {
	for name, jetstream := range map[string]bool{"core": false, "jetstream": true} {
		t.Run(name, func(t *testing.T) {
			outputtest.Run(t, Kind(), Kind().Formats, func(t *testing.T, _ string) outputtest.Peer {
				return newGate(t, jetstream)
			})
		})
	}
}

// sent waits until so many reports are delivered, and nothing is wrong.
func sent(t *testing.T, s outputs.Sink, n uint64) {
	t.Helper()
	outputtest.Eventually(t, func() error {
		if st := s.Stats(); st.Tags.Sent != n || st.State != outputs.Fine || st.Error != "" {
			return fmt.Errorf("%+v, want %d sent", st, n)
		}
		return nil
	})
}

// fails waits until the output fails with an error.
func fails(t *testing.T, s outputs.Sink, want string) {
	t.Helper()
	outputtest.Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Failing || !strings.Contains(st.Error, want) {
			return fmt.Errorf("%+v, want the error %q", st, want)
		}
		return nil
	})
}

// TestServerRestarts: with JetStream, what is reported while the server is away and comes back is stored once each, in
// order.
func TestServerRestarts(t *testing.T) {
	p := newPeer(t, withStore(t))
	p.stream(natsgo.StreamConfig{Name: "plant", Subjects: []string{"linkd.p.>"}})
	o := p.options()
	o["jetstream"], o["inflight"] = true, 20
	s := begin(t, "json", o)
	for round := range 3 {
		put(s, round*300, round*300+150)
		p.stop()
		put(s, round*300+150, round*300+300)
		fails(t, s, "connection")
		p.start()
		sent(t, s, uint64(round+1)*300)
	}
	js, err := p.join().JetStream()
	p.must(err)
	got := p.values(js, "json")
	for i, n := range got {
		if n != i {
			t.Fatalf("message %d of the stream is %d", i, n)
		}
	}
	if len(got) != 900 {
		t.Errorf("%d messages in the stream, want 900", len(got))
	}
}

// TestMessage: subjects, headers and payload, as a subscriber sees them, whatever the names are.
func TestMessage(t *testing.T) {
	p := newPeer(t)
	p.listen("plant.linkd.p.>")
	for _, format := range Kind().Formats {
		o := p.options()
		o["prefix"] = "plant.linkd"
		s := begin(t, format, o)
		p.forget()
		r := outputtest.Report("a.b *>/ü", 7)
		s.Reports([]server.Report{r})
		s.Event(server.Event{Kind: "online", Time: time.Now(), Provider: "s1", Connection: "c1", ID: "c0001"})
		s.Event(server.Event{Kind: "listening", Time: time.Now(), Provider: "s1"})
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var list []*natsgo.Msg
		outputtest.Eventually(t, func() error {
			if list = p.messages(""); len(list) != 3 {
				return fmt.Errorf("%d messages came, want 3", len(list))
			}
			return nil
		})
		for i, want := range []string{"tags.ch.a%2Eb%20%2A%3E%2F%C3%BC", "conn.s1.c1", "conn.s1"} {
			m := list[i]
			if m.Subject != "plant.linkd.p."+want || m.Header.Get(FormatHeader) != format || len(m.Data) == 0 {
				t.Errorf("%s: %q, %v; want %s", format, m.Subject, m.Header, want)
			}
		}
	}
}

// TestNoStream: without a stream nothing leaves the spool; with one all does.
func TestNoStream(t *testing.T) {
	for name, lines := range map[string][]string{"no stream": {withStore(t)}, "no JetStream": nil} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, lines...)
			o := p.options()
			o["jetstream"] = true
			s := begin(t, "json", o)
			put(s, 0, 100)
			fails(t, s, "no stream takes the messages; make one with the subject linkd.p.>")
			if st := s.Stats(); st.Tags.Sent != 0 || st.Tags.Dropped != 0 {
				t.Errorf("%+v", st)
			}
			if lines != nil {
				p.stream(natsgo.StreamConfig{Name: "plant", Subjects: []string{"linkd.p.>"}})
				sent(t, s, 100)
			}
		})
	}
}

// TestRefusals: what a stream has no room for now is tried again, what it will never take is dropped and counted.
func TestRefusals(t *testing.T) {
	p := newPeer(t, withStore(t), "max_payload: 4096")
	conf := natsgo.StreamConfig{Name: "plant", Subjects: []string{"linkd.p.>"}, MaxMsgs: 10, MaxMsgSize: 2048,
		Discard: natsgo.DiscardNew}
	js := p.stream(conf)
	o := p.options()
	o["jetstream"] = true
	s := begin(t, "json", o)
	put(s, 0, 20)
	fails(t, s, "the stream does not store: maximum messages exceeded")
	conf.MaxMsgs = -1
	_, err := js.UpdateStream(&conf)
	p.must(err)
	sent(t, s, 20)
	for n, want := range map[int]string{
		3000: "message size exceeds maximum allowed", 5000: "the server takes 4096 bytes",
	} {
		before := s.Stats()
		big := outputtest.Report("d1", 0)
		big.ID = []byte(strings.Repeat("x", n))
		s.Reports([]server.Report{big})
		fails(t, s, want)
		if st := s.Stats(); st.Tags.Dropped != before.Tags.Dropped+1 || st.Tags.Sent != before.Tags.Sent {
			t.Errorf("%+v", st)
		}
		put(s, 20, 21)
		sent(t, s, before.Tags.Sent+1)
	}
}

// TestForbidden: a user who may not publish, or not hear acknowledgements, is told so.
func TestForbidden(t *testing.T) {
	p := newPeer(t, withStore(t), `authorization: {users: [
		{user: mute, password: a, permissions: {publish: "other.>", subscribe: ">"}},
		{user: deaf, password: a, permissions: {publish: ">", subscribe: "other.>"}}]}`)
	for _, c := range []struct {
		user      string
		jetstream bool
		want      string
	}{
		{"mute", false, `Permissions Violation for Publish to "linkd.p.tags.ch.d1"`},
		{"mute", true, `Permissions Violation for Publish to "linkd.p.tags.ch.d1"`},
		{"deaf", true, `Permissions Violation for Subscription to "_INBOX.`},
		{"nobody", false, "Authorization Violation"},
	} {
		o := p.options()
		o["user"], o["password"], o["jetstream"] = c.user, "a", c.jetstream
		s := begin(t, "json", o)
		put(s, 0, 10)
		fails(t, s, c.want)
		if st := s.Stats(); st.Tags.Sent != 0 {
			t.Errorf("%s: %+v", c.user, st)
		}
	}
}

// TestCluster: with one server away, or not what it should be, the next is taken; the error tells of all.
func TestCluster(t *testing.T) {
	a, b := newPeer(t), newPeer(t)
	o := a.options()
	o["server"] = []any{"nats://" + a.address(), "nats://" + b.address()}
	s := begin(t, "json", o)
	put(s, 0, 10)
	sent(t, s, 10)
	a.stop()
	put(s, 10, 20)
	sent(t, s, 20)
	b.stop()
	fails(t, s, "connect: connection refused; nats://127.0.0.1:")
	b.start()
	put(s, 20, 30)
	sent(t, s, 30)
}

// TestCloseTries: Close delivers what is there until its time is up, and no longer.
func TestCloseTries(t *testing.T) {
	s := begin(t, "json", map[string]any{"server": "nats://127.0.0.1:1", "retry": "10ms"})
	put(s, 0, 10)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil {
		t.Error("closed with messages that nobody took, and no error")
	}
	if st := s.Stats(); st.Tags.Dropped != 10 || st.State != outputs.Closed {
		t.Errorf("%+v", st)
	}
}
