package server

import (
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// memoryShelf is a shelf that outlives a Server.
type memoryShelf struct {
	mu     sync.Mutex
	writes map[uint64]KeptWrite
	last   uint64
	fault  error
}

func (m *memoryShelf) Put(w KeptWrite) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return 0, m.fault
	}
	m.last++
	w.ID = m.last
	m.writes[w.ID] = w
	return w.ID, nil
}

func (m *memoryShelf) Drop(id uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return m.fault
	}
	delete(m.writes, id)
	return nil
}

func (m *memoryShelf) all() (list []KeptWrite) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.writes {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b KeptWrite) int { return int(a.ID) - int(b.ID) })
	return list
}

func (m *memoryShelf) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// newShelved is a simulated server on a shelf, as after a restart.
func newShelved(t *testing.T, m *memoryShelf) *sim {
	w := newPolledSim(t)
	w.srv.cfg.Shelf = m
	if err := w.srv.Restore(m.all()); err != nil {
		t.Fatal(err)
	}
	return w
}

func setpoint(value any, ttl time.Duration) WriteRequest {
	return WriteRequest{Channel: "ch1", Device: "d1", Values: []TagValue{{"setpoint", value}}, TTL: ttl}
}

// sentWithin is what linkd sends first on a new link of c0001, "" for nothing but polls.
func (w *sim) sentWithin(d time.Duration) string {
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.drain()
		if len(l.sent) > 1 && l.sent[1] == 6 {
			return hex.EncodeToString(l.sent)
		}
	}
	return ""
}

// TestKeptWrite: a write with a TTL is kept beyond a restart, and goes to its device once.
func TestKeptWrite(t *testing.T) {
	m := &memoryShelf{writes: map[uint64]KeptWrite{}}
	w := newShelved(t, m)
	if r, err := w.write(nil, setpoint(20, time.Hour)); err != nil || r.Result != waits || len(m.all()) != 1 {
		t.Fatalf("%+v, %v, %d on the shelf; want one queued", r, err, len(m.all()))
	}
	w = newShelved(t, m)
	if got := w.sentWithin(10 * time.Second); got != "0106000000c8885c" {
		t.Fatalf("after a restart %q was sent", got)
	}
	if n := len(m.all()); n != 0 {
		t.Fatalf("%d writes on the shelf after it was sent", n)
	}
	if got := newShelved(t, m).sentWithin(50 * time.Millisecond); got != "" {
		t.Fatalf("sent again: %s", got)
	}
}

// TestKeptWriteNotSent: what is late, unwritable by now, or cannot be taken off the shelf never goes out.
func TestKeptWriteNotSent(t *testing.T) {
	past := KeptWrite{ID: 1, WriteRequest: setpoint(20, time.Minute), Asked: time.Now().Add(-time.Hour),
		Until: time.Now().Add(-59 * time.Minute)}
	gone := KeptWrite{ID: 2, WriteRequest: setpoint(20, time.Hour), Asked: time.Now(), Until: time.Now().Add(time.Hour)}
	gone.Channel = "nosuch"
	unfit := gone
	unfit.ID, unfit.WriteRequest = 3, setpoint(99, time.Hour)
	m := &memoryShelf{writes: map[uint64]KeptWrite{1: past, 2: gone, 3: unfit}}
	if got := newShelved(t, m).sentWithin(50 * time.Millisecond); got != "" || len(m.all()) != 0 {
		t.Errorf("%q was sent, %d left on the shelf", got, len(m.all()))
	}
	w := newShelved(t, m)
	if _, err := w.write(nil, setpoint(20, time.Hour)); err != nil {
		t.Fatal(err)
	}
	m.fail(errors.New("disk full"))
	if got := w.sentWithin(50 * time.Millisecond); got != "" {
		t.Errorf("sent though it may be sent again: %s", got)
	}
	full := newShelved(t, &memoryShelf{fault: errors.New("disk full")})
	if r, err := full.write(nil, setpoint(20, time.Hour)); err != nil || r.Result != offline {
		t.Errorf("kept on a full disk: %+v, %v", r, err)
	}
}

// TestKeptWriteSwept: a write whose device does not come back is answered and taken off the shelf when its time is
// over.
func TestKeptWriteSwept(t *testing.T) {
	m := &memoryShelf{writes: map[uint64]KeptWrite{}}
	w := newShelved(t, m)
	if _, err := w.write(nil, setpoint(20, time.Second)); err != nil {
		t.Fatal(err)
	}
	w.srv.keeper.sweep(time.Now().Add(2 * time.Second).UnixNano())
	if n, waiting := len(m.all()), w.srv.waiting.Load(); n != 0 || waiting != 0 {
		t.Errorf("%d on the shelf, %d waiting", n, waiting)
	}
	if n := w.srv.Stats().Drivers[1].Writes[timedOut]; n != 1 {
		t.Errorf("%d writes counted as timed out, want 1", n)
	}
}

// TestRecallPast: a connection shows what is known from before until its device comes back, and counts on from there.
func TestRecallPast(t *testing.T) {
	w := newPolledSim(t)
	w.srv.Continue(5000)
	since := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	w.srv.Recall(Seen{Provider: "s1", Connection: "c1", Session: 4711, Since: since, RemoteAddr: "10.0.0.9:1",
		Reconnects: 3, LastClose: "idle"})
	w.srv.Recall(Seen{Provider: "s1", Connection: "nosuch", Session: 1})
	v := w.wantState("c1", Offline)
	if v.Session != 4711 || !v.Since.Equal(since) || v.LastClose != "idle" || v.Reconnects != 3 {
		t.Errorf("recalled %+v", v)
	}
	w.dial(0, "10.0.0.1:1").send("c0001\n")
	if v := w.wantState("c1", Online); v.Session <= 5000 || v.Reconnects != 4 || v.RemoteAddr != "10.0.0.1:1" {
		t.Errorf("back: %+v", v)
	}
	w.srv.Recall(Seen{Provider: "s1", Connection: "c1", Session: 4711, Since: since, LastClose: "idle"})
	if v := w.wantState("c1", Online); v.Session <= 5000 || v.Since.Equal(since) {
		t.Errorf("an older past has replaced the present: %+v", v)
	}
}
