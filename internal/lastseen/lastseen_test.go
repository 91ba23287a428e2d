package lastseen

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"linkd/internal/store"
	"linkd/server"
)

// TestMain knows of the pool that gnet starts when it is loaded.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// world is a store and a reactor in one.
type world struct {
	mu        sync.Mutex
	seen      map[string]store.Seen
	views     map[string]server.ConnView
	take      func(server.Event)
	recalled  []server.Past
	continued uint64
	fault     error
	starts    uint64
}

func (w *world) Starts() (uint64, error) {
	w.starts++
	return w.starts, w.fault
}

func (w *world) PutSeen(list []store.Seen) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault != nil {
		return w.fault
	}
	for _, s := range list {
		w.seen[s.Connection] = s
	}
	return nil
}

func (w *world) EachSeen(f func(store.Seen)) error {
	for _, s := range w.seen {
		f(s)
	}
	return nil
}

func (w *world) FollowEvents(take func(server.Event)) func() {
	w.take = take
	return func() {}
}

func (w *world) Connection(_, name string) (server.ConnView, error) {
	v, ok := w.views[name]
	if !ok {
		return v, server.ErrNotFound
	}
	return v, nil
}

func (w *world) Continue(n uint64)    { w.continued = n }
func (w *world) Recall(p server.Past) { w.recalled = append(w.recalled, p) }

var since = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestKeep: connections that come and go are stored as they are by then, once each; those that are removed are not.
func TestKeep(t *testing.T) {
	w := &world{seen: map[string]store.Seen{}, views: map[string]server.ConnView{
		"c1": {State: server.Online, Session: 7, Since: since, RemoteAddr: "10.0.0.1:1", Reconnects: 2, LastClose: "peer"},
		"c2": {State: server.Offline, Session: 5, Since: since, LastClose: "idle"},
	}}
	k, err := Start(w, w, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []server.Event{{Kind: "online", Connection: "c1"}, {Kind: "offline", Connection: "c1"},
		{Kind: "online", Connection: "c1"}, {Kind: "offline", Connection: "c2"}, {Kind: "offline", Connection: "removed"},
		{Kind: "stranger"}, {Kind: "flapping", Connection: "c3"}} {
		w.take(e)
	}
	w.fault = errors.New("disk full")
	if err := k.flush(); err == nil {
		t.Error("a flush to a full disk succeeded")
	}
	w.fault = nil
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	want := store.Seen{Connection: "c1", Session: 7, Online: true, Since: since, Addr: "10.0.0.1:1",
		Reconnects: 2, LastClose: "peer"}
	if len(w.seen) != 2 || w.seen["c1"] != want || w.seen["c2"].LastClose != "idle" {
		t.Errorf("stored %+v", w.seen)
	}
}

// TestRecall: what was stored is told at the start, an unfinished session as one that ended with linkd, and session
// numbers go on above all that may have been given out.
func TestRecall(t *testing.T) {
	w := &world{seen: map[string]store.Seen{
		"c1": {Provider: "s1", Connection: "c1", Session: 1_000_007, Online: true, Since: since, LastClose: "peer"},
		"c2": {Provider: "s1", Connection: "c2", Session: 5, Since: since, LastClose: "idle"},
	}}
	quiet := slog.New(slog.DiscardHandler)
	if err := Numbers(w, w, quiet); err != nil || w.continued != 2_000_000 {
		t.Errorf("numbers go on at %d, %v", w.continued, err)
	}
	k, err := Start(w, w, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(w.recalled, func(a, b server.Past) int { return int(b.Session) - int(a.Session) })
	if len(w.recalled) != 2 || w.recalled[0].LastClose != "drain" || w.recalled[1].LastClose != "idle" ||
		!w.recalled[0].Since.Equal(since) {
		t.Errorf("recalled %+v", w.recalled)
	}
	lost := &world{} // whatever it had seen
	for start := range uint64(3) {
		if err := Numbers(lost, lost, quiet); err != nil || lost.continued != start*gap {
			t.Errorf("start %d has numbers go on at %d, %v", start, lost.continued, err)
		}
	}
	lost.fault = errors.New("disk full")
	if err := Numbers(lost, lost, quiet); err != nil {
		t.Errorf("a full disk: %v", err)
	}
}
