package bus

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/server"
)

// asks are whose bytes the core was asked for last.
func (f *fakeCore) asks() []server.BytesOf {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(slices.Values(f.asked), func(a, b server.BytesOf) int {
		return slices.Compare([]string{a.Provider, a.Connection}, []string{b.Provider, b.Connection})
	})
}

// TestAskedBy: a subscription asks for bytes when its subject says that it wants bytes.
func TestAskedBy(t *testing.T) {
	s := subjectsOf("p")
	for subject, want := range map[string]server.BytesOf{
		"linkd.p.rx.>":      {Provider: "*", Connection: "*"},
		"linkd.p.rx.*.*":    {Provider: "*", Connection: "*"},
		"linkd.p.rx.s1.>":   {Provider: "s1", Connection: "*"},
		"linkd.p.rx.*.c1":   {Provider: "*", Connection: "c1"},
		"linkd.p.rx.s1.c1":  {Provider: "s1", Connection: "c1"},
		"linkd.p.>":         {},
		"linkd.p.*.s1.c1":   {},
		"linkd.p.rx":        {},
		"linkd.p.rx.s1":     {},
		"linkd.q.rx.s1.c1":  {},
		"_INBOX.abc":        {},
		"linkd.p.tags.ch.d": {},
	} {
		if of, ok := s.askedBy(subject); ok != (want != server.BytesOf{}) || ok && of != want {
			t.Errorf("%s asks for %v, %t; want %v", subject, of, ok, want)
		}
	}
}

// TestReceived: who subscribes to what a device sends gets it as it came, in order, and asks for no more than that; who
// subscribes to all does not ask for it.
func TestReceived(t *testing.T) {
	t.Parallel()
	b, core := served(t, roles)
	nc := client(t, b, "viewer")
	everything, err := nc.SubscribeSync("linkd.p.>")
	if err != nil {
		t.Fatal(err)
	}
	all := server.BytesOf{Provider: "s1", Connection: "*"}
	one := server.BytesOf{Provider: "s1", Connection: "c1"}
	wide, err := nc.SubscribeSync("linkd.p.rx.s1.*")
	if err != nil {
		t.Fatal(err)
	}
	asks := func(want ...server.BytesOf) {
		t.Helper()
		eventually(t, fmt.Sprint("the core is asked for ", want), func() bool { return slices.Equal(core.asks(), want) })
	}
	asks(all)
	sub, err := nc.SubscribeSync("linkd.p.rx.s1.c1")
	if err != nil {
		t.Fatal(err)
	}
	asks(all, one)
	for _, s := range []*nats.Subscription{wide, everything} {
		if err := s.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
	asks(one)
	const n = 3 * chunkRecords
	for i := range n {
		data := fmt.Appendf(nil, "\x00\xff%d", i)
		b.TakeReceived([]server.Received{{Provider: "s1", Connection: []byte("c1"), Data: data},
			{Provider: "s1", Connection: []byte("c2"), Data: data}})
	}
	for i := range n {
		m, err := sub.NextMsg(within)
		if want := fmt.Sprintf("\x00\xff%d", i); err != nil || string(m.Data) != want {
			t.Fatalf("message %d is %v (%v), want %q", i, m, err, want)
		}
	}
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	asks()
	if k := sentOf(b, KindRx); k.Sent != n || k.Dropped != 0 || k.Waiting != 0 {
		t.Errorf("%+v", k)
	}
}

// TestReceivedAbroad: a server of the user's own does not say who subscribes; what is configured goes out, and is
// dropped and counted while the server is away.
func TestReceivedAbroad(t *testing.T) {
	t.Parallel()
	s := foreign(t, t.TempDir(), -1, nil)
	cfg := config(t)
	cfg.URL = s.ClientURL()
	cfg.Received = []server.BytesOf{{Provider: "s1", Connection: "*"}}
	b, core := start(t, cfg), &fakeCore{}
	defer stop(t, b)
	if err := b.Serve(core); err != nil {
		t.Fatal(err)
	}
	up(t, b)
	eventually(t, "the core is asked", func() bool { return slices.Equal(core.asks(), cfg.Received) })
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("linkd.p.rx.s1.c1")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) {
		b.TakeReceived([]server.Received{{Provider: "s1", Connection: []byte("c1"), Data: []byte(text)}})
	}
	say("first")
	if m, err := sub.NextMsg(within); err != nil || string(m.Data) != "first" {
		t.Fatalf("%v, %v", m, err)
	}
	halt(s)
	eventually(t, "the bus is away", func() bool { return !b.link.up.Load() })
	say("lost")
	eventually(t, "what cannot be sent is counted", func() bool { return sentOf(b, KindRx).Dropped == 1 })
}

// TestReceivedHere: the embedded server needs nobody to say whose bytes go out.
func TestReceivedHere(t *testing.T) {
	cfg := config(t)
	cfg.Received = []server.BytesOf{{Provider: "s1", Connection: "c1"}}
	const want = "bus: the embedded server sees who subscribes; whose bytes go out is for a NATS server of your own"
	if b, err := Start(t.Context(), cfg); err == nil || err.Error() != want {
		t.Errorf("%v, %v; want %s", b, err, want)
	}
}

// TestReceivedFlood: what a server is too slow for is bounded, dropped oldest first, and counted.
func TestReceivedFlood(t *testing.T) {
	r := &relay{spool: newSpool(rxBytes)}
	r.spool.to = subjectsOf("p")
	b := &Bus{rx: r}
	const n, size = 1000, 16 << 10
	for i := range n {
		b.TakeReceived([]server.Received{{Provider: "s1", Connection: []byte("c1"),
			Data: fmt.Appendf(make([]byte, 0, size), "%0*d", size, i)}})
	}
	k := r.spool.stats(KindRx)
	if k.Spooled > rxBytes+2*chunkBytes || k.Dropped == 0 || int(k.Dropped)+k.Waiting != n {
		t.Errorf("%+v", k)
	}
	c, _ := r.spool.take(time.Now(), 0)
	for _, data := range c.records {
		if want := fmt.Sprintf("%0*d", size, k.Dropped); string(data) != want {
			t.Errorf("the oldest that is left is not number %d", k.Dropped)
		}
		break
	}
}
