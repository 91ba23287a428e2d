package bus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// renamed has b take another name.
func renamed(t *testing.T, b *Bus, to string) {
	t.Helper()
	if err := b.Rename(to); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus has the name "+to, func() bool {
		return b.names.Load().project == to && b.State().Condition == Up && b.open.Load()
	})
}

// countOf is how many good values of n the history has for d1.
func countOf(t *testing.T, b *Bus) (n int) {
	t.Helper()
	h, err := b.History(t.Context(), HistoryQuery{Channel: "ch", Device: "d1", Tag: "n", From: epoch,
		To: epoch.Add(100_000 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range h {
		n += bucket.Count
	}
	return n
}

// TestRename: what comes after a rename is said, kept and commanded under the new name, without a start in between;
// what came before stays under the old one, and is there again with it.
func TestRename(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Listen, cfg.Access = "127.0.0.1:0", roles
	b := start(t, cfg)
	if err := b.Serve(&fakeCore{wait: make(chan struct{})}); err != nil {
		t.Fatal(err)
	}
	old := client(t, b, "viewer")
	const n = 3000 // some chunks
	b.Event(lifeEvent("online", 1, 0))
	take(b, "d1", 0, n)
	if err := b.Rename("q"); err != nil {
		t.Fatal(err)
	}
	take(b, "d1", n, n+100) // under either name
	renamed(t, b, "q")
	eventually(t, "who has rights to the old name is closed", func() bool { return !old.IsConnected() })
	nc := client(t, b, "operator")
	sub, err := nc.SubscribeSync("linkd.*.tags.ch.d1")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(50 * time.Millisecond); err == nil {
		t.Fatalf("%s can be heard", m.Subject)
	}
	if sub, err = nc.SubscribeSync("linkd.q.>"); err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	take(b, "d1", n+100, n+101)
	b.Event(lifeEvent("offline", 1, 1))
	for range 2 {
		if m, err := sub.NextMsg(within); err != nil || !strings.HasPrefix(m.Subject, "linkd.q.") {
			t.Fatalf("%v, %v", m, err)
		}
	}
	if m, err := nc.Request("linkd.q.cmd.ch.d1.set", []byte("28"), within); err != nil ||
		!strings.Contains(string(m.Data), "confirmed") {
		t.Errorf("a command under the new name: %v, %v", m, err)
	}
	admin := client(t, b, "admin")
	if m, err := admin.Request("linkd.p.cmd.ch.d1.set", []byte("28"), time.Second); err == nil {
		t.Errorf("a command under the old name: %s", m.Data)
	}
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == n+101 })
	if lives, err := b.Lives(t.Context(), "s1", "c1", time.Time{}, 10); err != nil || len(lives) != 1 {
		t.Errorf("under the new name: %+v, %v", lives, err)
	}
	after := countOf(t, b)
	if after < 1 || after > 101 {
		t.Errorf("%d values under the new name", after)
	}
	renamed(t, b, "p")
	if before := countOf(t, b); before != n+101-after || before < n {
		t.Errorf("%d values under the old name, and %d under the new", before, after)
	}
	if s := b.Stats(); sentOf(b, KindTags).Resent != 0 || sentOf(b, KindTags).Dropped != 0 || s.LostStreams != 0 {
		t.Errorf("%+v", s)
	}
	stop(t, b)
	cfg.Project = "q" // what a start finds
	b = start(t, cfg)
	defer stop(t, b)
	if got := countOf(t, b); got != after {
		t.Errorf("%d values after a start, want %d", got, after)
	}
}

// TestRenameAway: a bus that is away takes another name, too; and one that has never been up.
func TestRenameAway(t *testing.T) {
	t.Parallel()
	s := foreign(t, t.TempDir(), -1, nil)
	halt(s)
	cfg := config(t)
	cfg.URL = fmt.Sprint("nats://127.0.0.1:", port(t, s))
	b := start(t, cfg)
	defer stop(t, b)
	away(t, b)
	take(b, "d1", 0, 500)
	if err := b.Rename("q"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus has the name", func() bool { return b.names.Load().project == "q" })
	take(b, "d1", 500, 700)
	foreign(t, t.TempDir(), port(t, s), nil)
	up(t, b)
	// Nobody has made streams for the name before, which what waited goes out under.
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 700 })
	if got := countOf(t, b); got != 200 {
		t.Errorf("%d values under the new name, want 200", got)
	}
	renamed(t, b, "p")
	if got := countOf(t, b); got != 500 {
		t.Errorf("%d values under the old name, want 500", got)
	}
}

// TestStartRenamed: a project that has another name at the next start starts; its former streams count beside, and go
// when they are empty.
func TestStartRenamed(t *testing.T) {
	cfg := config(t)
	const n = 10
	streams := func(b *Bus) (list string) {
		t.Helper()
		names := b.js.StreamNames(t.Context())
		for name := range names.Name() {
			list += name + " "
		}
		if names.Err() != nil {
			t.Fatal(names.Err())
		}
		return list
	}
	for _, name := range []string{"empty", "p", "q", "r", "p"} {
		cfg.Project = name
		b := start(t, cfg)
		if name != "empty" {
			take(b, "d1", 0, n)
		}
		if name == "r" {
			_, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "large", MaxBytes: roomForOther + 1})
			if refused := (*jetstream.APIError)(nil); !errors.As(err, &refused) || refused.ErrorCode != 10047 {
				t.Errorf("a stream of more than others may have: %v", err)
			}
		}
		if strings.Contains(streams(b), "empty") != (name == "empty") {
			t.Errorf("under the name %s there are %s", name, streams(b))
		}
		stop(t, b)
	}
	b := start(t, cfg)
	if got := countOf(t, b); got != n { // the same reports twice
		t.Errorf("%d values, want %d", got, n)
	}
	if err := b.js.DeleteStream(t.Context(), tagStream("q")); err != nil {
		t.Fatal(err)
	}
	stop(t, b)
	b = start(t, cfg) // what is lost of a former name is said, and no reason not to start
	defer stop(t, b)
	if s := b.Stats(); s.LostStreams != 1 {
		t.Errorf("%+v", s)
	}
	if list := streams(b); !strings.Contains(list, tagStream("r")) {
		t.Errorf("there are %s", list)
	}
}

// TestRenameRefused: a name that is no token of a subject changes nothing.
func TestRenameRefused(t *testing.T) {
	b := start(t, config(t))
	defer stop(t, b)
	if err := b.Rename("a.b"); err == nil || b.next.Load() != nil {
		t.Errorf("it is taken: %v", err)
	}
}

// TestOtherBytes: more and less history may be kept at each start than before.
func TestOtherBytes(t *testing.T) {
	cfg := config(t)
	for _, bytes := range []int64{1 << 30, leastHistory, 4 << 30} {
		cfg.History.MaxBytes = bytes
		b := start(t, cfg)
		s, err := b.js.Stream(t.Context(), tagStream("p"))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.MaxBytes; got != bytes {
			t.Errorf("the stream may have %d bytes, want %d", got, bytes)
		}
		stop(t, b)
	}
}
