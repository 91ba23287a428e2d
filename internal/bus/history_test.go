package bus

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"linkd/server"
)

func lifeTime(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }

func lifeEvent(kind string, session uint64, n int) server.Event {
	return server.Event{Kind: kind, Time: lifeTime(n), Provider: "s1", Connection: "c1", ID: "id", Session: session,
		RemoteAddr: "10.0.0.1:5", Reason: "why"}
}

func TestHistory(t *testing.T) {
	b := start(t, config(t))
	defer stop(t, b)
	const n = 3000
	take(b, "d1", 0, n)
	take(b, "d2", 0, 10)
	take(b, "d1", 100, 200) // sent again
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == n+110 })
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	ask := func(tag string, from, to time.Time, points int) []Bucket {
		t.Helper()
		h, err := b.History(t.Context(), HistoryQuery{"ch", "d1", tag, from, to, points})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, c := range []struct {
		name         string
		from, to     time.Time
		points, want int
		first        Bucket
	}{
		{"all", at(0), at(n), 3, 3, Bucket{at(0), 0, 999, 499.5, 1000, 999.0}},
		{"part", at(100), at(200), 10, 10, Bucket{at(100), 100, 109, 104.5, 10, 109.0}},
		{"one", at(7), at(8), 1, 1, Bucket{at(7), 7, 7, 7, 1, 7.0}},
		{"finer than reports", at(0), at(2), 8, 2, Bucket{at(0), 0, 0, 0, 1, 0.0}},
		{"before", at(-100), at(-50), 5, 0, Bucket{}},
		{"after", at(n + 1000), at(n + 2000), 5, 0, Bucket{}},
	} {
		h := ask("n", c.from, c.to, c.points)
		if len(h) != c.want || len(h) > 0 && (!h[0].From.Equal(c.first.From) || h[0].Min != c.first.Min ||
			h[0].Max != c.first.Max || h[0].Mean != c.first.Mean || h[0].Count != c.first.Count || h[0].Last != c.first.Last) {
			t.Errorf("%s: got %+v", c.name, h)
		}
	}
	if h := ask("on", at(0), at(10), 1); len(h) != 1 || h[0].Mean != 0.5 || h[0].Last != true {
		t.Errorf("truth values: %+v", h)
	}
	if h := ask("text", at(0), at(10), 1); len(h) != 1 || !math.IsNaN(h[0].Min) || h[0].Last != "t9" || h[0].Count != 10 {
		t.Errorf("text: %+v", h)
	}
	if h := append(ask("bad", at(0), at(10), 1), ask("none", at(0), at(10), 1)...); len(h) != 0 {
		t.Errorf("bad and absent: %+v", h)
	}
	for _, q := range []HistoryQuery{{}, {Channel: "ch", Device: "d1", Tag: "n", From: at(1), To: at(0)},
		{Channel: "ch", Device: "d1", Tag: "n", From: at(0), To: at(1), Points: 5001}} {
		if _, err := b.History(t.Context(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Steps of the clock change when a report says it was; each is there once, under its own time.
func TestClockSteps(t *testing.T) {
	b := start(t, config(t))
	defer stop(t, b)
	for _, n := range []int{0, 1, 2, 1000, 1001, 3, 4, 1002} {
		take(b, "d1", n, n+1)
	}
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 8 })
	h, err := b.History(t.Context(), HistoryQuery{"ch", "d1", "n", epoch, epoch.Add(10 * time.Second), 10})
	if err != nil || len(h) != 5 {
		t.Errorf("%v, %v", h, err)
	}
	b.Event(lifeEvent("online", 1, 5))
	b.Event(lifeEvent("offline", 1, 3)) // the clock was set back
	eventually(t, "the events too", func() bool { return sentOf(b, KindConn).Sent == 2 })
	lives, err := b.Lives(t.Context(), "s1", "c1", lifeTime(9), 10)
	if err != nil || len(lives) != 2 || lives[0].Event != "offline" || lives[0].Duration >= 0 {
		t.Errorf("%+v, %v", lives, err)
	}
}

func TestLives(t *testing.T) {
	b := start(t, config(t))
	defer stop(t, b)
	for n := range 20 {
		b.Event(lifeEvent("online", uint64(n+1), 2*n))
		b.Event(lifeEvent("offline", uint64(n+1), 2*n+1))
	}
	other := lifeEvent("online", 99, 3)
	other.Connection = "c2"
	b.Event(other)
	b.Event(lifeEvent("offline", 20, 39)) // twice
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindConn).Sent == 42 })
	lives, err := b.Lives(t.Context(), "s1", "c1", time.Time{}, 1000)
	if err != nil || len(lives) != 40 {
		t.Fatalf("%d, %v", len(lives), err)
	}
	for i, l := range lives {
		n := 39 - i
		want := Life{Time: lifeTime(n), Event: "offline", ID: "id", Session: uint64(n/2 + 1), RemoteAddr: "10.0.0.1:5",
			Reason: "why", Duration: time.Minute}
		if n%2 == 0 {
			want.Event, want.Duration = "online", -1
		}
		if l.Time = l.Time.Local(); l != want {
			t.Errorf("life %d: got %+v, want %+v", i, l, want)
		}
	}
	if lives, err = b.Lives(t.Context(), "s1", "c1", lifeTime(10), 3); err != nil || len(lives) != 3 ||
		!lives[0].Time.Equal(lifeTime(9)) {
		t.Errorf("before: %+v, %v", lives, err)
	}
	if lives, err = b.Lives(t.Context(), "s1", "none", time.Time{}, 3); err != nil || len(lives) != 0 {
		t.Errorf("none: %+v, %v", lives, err)
	}
	if _, err = b.Lives(t.Context(), "s1", "c1", time.Time{}, 1001); !errors.Is(err, ErrQuery) {
		t.Errorf("too many: %v", err)
	}
}

func TestSpoolDropsTheOldest(t *testing.T) {
	s := newSpool(4 * chunkBytes)
	const n, size = 2000, 1000
	for i := range n {
		s.mu.Lock()
		s.put(func(dst []byte) ([]byte, int) {
			return append(fmt.Appendf(dst, "s%06d", i), make([]byte, size)...), 7
		}, nil)
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.put(func(dst []byte) ([]byte, int) { return append(dst, make([]byte, mostPayload+2)...), 1 }, nil)
	s.mu.Unlock()
	if s.bytes > s.most || int(s.dropped)+s.waiting != n+1 || s.dropped < n/4 {
		t.Errorf("%d bytes, %d dropped, %d wait", s.bytes, s.dropped, s.waiting)
	}
	next := int(s.dropped) - 1
	for {
		c, _ := s.take(time.Now(), 0)
		if c == nil {
			break
		}
		for subject, payload := range c.records {
			if string(subject) != fmt.Sprintf("s%06d", next) || len(payload) != size {
				t.Errorf("got %s, want %d", subject, next)
			}
			next++
		}
		s.done(c)
	}
	if next != n || s.bytes != 0 {
		t.Errorf("the last is %d; %d bytes are held", next, s.bytes)
	}
}

// TestStrip: a record goes when what is stored of it, or what is told of it, is too large.
func TestStrip(t *testing.T) {
	const none = -1
	s := newSpool(1 << 20)
	for _, size := range [][2]int{{10, none}, {2000, none}, {10, 20}, {10, 2000}, {2000, 10}, {10, 0}, {3000, none}} {
		live := func(dst []byte) []byte { return append(dst, make([]byte, size[1])...) }
		if size[1] == none {
			live = nil
		}
		s.put(func(dst []byte) ([]byte, int) { return append(append(dst, 's'), make([]byte, size[0])...), 1 }, live)
	}
	c, _ := s.take(time.Now(), 0)
	if gone := c.strip(1000); gone != 4 || c.n != 3 || c.biggest != 20 {
		t.Errorf("%d are gone of %+v", gone, c)
	}
	var stored, told []int
	for subject, payload := range c.records {
		if string(subject) != "s" {
			t.Errorf("the subject is %q", subject)
		}
		stored = append(stored, len(payload))
	}
	for _, live := range c.told {
		told = append(told, len(live))
	}
	if !slices.Equal(stored, []int{10, 10, 10}) || !slices.Equal(told, []int{10, 20}) {
		t.Errorf("%v are stored, %v told", stored, told)
	}
}
