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
	views     map[string]server.Seen
	changed   []string
	recalled  []server.Seen
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

func (w *world) Changes(f func(server.Seen)) {
	for _, name := range w.changed {
		v := w.views[name]
		v.Connection = name
		f(v)
	}
	w.changed = nil
}

func (w *world) Continue(n uint64)    { w.continued = n }
func (w *world) Recall(p server.Seen) { w.recalled = append(w.recalled, p) }

var since = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestKeep: connections that come and go are stored as they are by then; what could not be stored is, later, and as it
// is then.
func TestKeep(t *testing.T) {
	w := &world{seen: map[string]store.Seen{}, views: map[string]server.Seen{
		"c1": {Online: true, Session: 7, Since: since, RemoteAddr: "10.0.0.1:1", Reconnects: 2,
			LastClose: "peer"},
		"c2": {Session: 5, Since: since, LastClose: "idle"},
	}}
	told := 0
	k, err := Start(w, w, slog.New(slog.DiscardHandler), func(server.Seen) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	flush := func(fault error, changed ...string) {
		t.Helper()
		w.fault, w.changed = fault, changed
		if err := k.flush(); !errors.Is(err, fault) {
			t.Errorf("flush: %v, want %v", err, fault)
		}
	}
	full := errors.New("disk full")
	flush(full, "c1", "c2")
	c1 := w.views["c1"]
	c1.Session, c1.Reconnects = 8, 3
	w.views["c1"] = c1
	flush(full, "c1")
	if len(k.failed) != 2 || len(w.seen) != 0 {
		t.Errorf("%+v wait, %+v are stored", k.failed, w.seen)
	}
	w.fault = nil
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	want := store.Seen{Connection: "c1", Session: 8, Online: true, Since: since, Addr: "10.0.0.1:1",
		Reconnects: 3, LastClose: "peer"}
	if len(w.seen) != 2 || w.seen["c1"] != want || w.seen["c2"].LastClose != "idle" || told != 3 {
		t.Errorf("stored %+v; %d told", w.seen, told)
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
	k, err := Start(w, w, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(w.recalled, func(a, b server.Seen) int { return int(b.Session) - int(a.Session) })
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
