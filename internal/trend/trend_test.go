package trend

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"linkd/server"
)

// fake is a server whose counters are the test's.
type fake struct {
	mu     sync.Mutex
	stats  server.Stats
	looks  int
	broken error
}

func (f *fake) Stats() server.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

func (f *fake) Quietest(context.Context, int) ([]server.QuietView, error) {
	f.looks++
	return []server.QuietView{{Quiet: time.Duration(f.looks)}}, f.broken
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// provider is the stats of one provider after so many sessions and closes.
func provider(name string, online int, opened, peer, idle uint64) server.ProviderStats {
	return server.ProviderStats{Provider: name, Online: online, Offline: 100 - online,
		Sessions:  map[string]uint64{"identified": opened, "refused": 7},
		Closes:    map[string]uint64{"peer": peer, "idle": idle, "kicked": 0},
		Strangers: map[string]uint64{"unknown_id": 2 * opened}}
}

// begun is a recorder that was begun at start, without a goroutine.
func begun(f *fake) *Recorder {
	r := New(f)
	r.begin(start)
	return r
}

func want(t *testing.T, what string, got []float64, want ...float64) {
	t.Helper()
	same := slices.EqualFunc(got, want, func(a, b float64) bool {
		return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
	})
	if !same {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestSeries: gauges are what they are, counters what they count a second, also when one of them begins anew.
func TestSeries(t *testing.T) {
	f := &fake{stats: server.Stats{Providers: []server.ProviderStats{provider("s1", 10, 1000, 500, 3)}}}
	r := begun(f)
	if s := r.Series(Hour); len(s.Times) != 0 || !s.Since.Equal(start) || s.Step != 10*time.Second {
		t.Errorf("at the start there is %+v", s)
	}
	for i, providers := range [][]server.ProviderStats{
		{provider("s1", 11, 1010, 501, 3)},
		{provider("s1", 12, 1010, 501, 3), provider("s2", 5, 20, 0, 0)},   // a new one
		{provider("s1", 12, 1010, 501, 3), provider("s2", 5, 10, 10, 10)}, // it was made anew
		{provider("s1", 12, 1010, 501, 3)},                                // it has gone
	} {
		f.stats.Providers = providers
		r.sample(start.Add(time.Duration(i+1) * 10 * time.Second))
	}
	s := r.Series(Quarter)
	want(t, "online", s.Lines["online"], 11, 17, 17, 12)
	want(t, "offline", s.Lines["offline"], 89, 183, 183, 88)
	want(t, "opened", s.Lines["opened"], 1, 2, 1, 0)
	want(t, "closed", s.Lines["closed"], 0.1, 0, 2, 0)
	want(t, "strangers", s.Lines["strangers"], 2, 4, 2, 0)
	want(t, "closes for peer", s.Closes["peer"], 0.1, 0, 1, 0)
	want(t, "closes for idle", s.Closes["idle"], 0, 0, 1, 0)
	if len(s.Closes) != 2 {
		t.Errorf("reasons that there were not: %v", s.Closes)
	}
	if len(s.Times) != 4 || !s.Times[3].Equal(start.Add(40*time.Second)) {
		t.Errorf("times %v", s.Times)
	}
}

// TestPolls: times are quantiles of what was asked since the point before; there is none where nothing was asked.
func TestPolls(t *testing.T) {
	f := &fake{}
	drivers := func(polls map[string]uint64, fast, slow uint64) {
		n := len(server.PollBounds)
		counts := make([]uint64, n+1)
		for i := range counts {
			counts[i] = fast
		}
		counts[n-1] += slow // within 5 to 10 s
		counts[n] += slow
		half := server.DriverStats{Driver: "a", Polls: polls, Poll: counts, TagValues: map[string]uint64{"good": fast}}
		f.stats.Drivers = []server.DriverStats{half, {Driver: "b", TagValues: map[string]uint64{"bad": fast}}}
	}
	drivers(map[string]uint64{"ok": 5}, 5, 0)
	r := begun(f)
	drivers(map[string]uint64{"ok": 105, "timeout": 10, "refused": 10, "missed": 5}, 105, 100)
	r.sample(start.Add(10 * time.Second))
	r.sample(start.Add(20 * time.Second))
	drivers(map[string]uint64{"ok": 1}, 1, 0) // begun anew
	r.sample(start.Add(30 * time.Second))
	lines := r.Series(Hour).Lines
	want(t, "ok", lines["polls_ok"], 10, 0, 0.1)
	want(t, "failed", lines["polls_failed"], 2, 0, 0)
	want(t, "missed", lines["polls_missed"], 0.5, 0, 0)
	want(t, "values", lines["values"], 20, 0, 0.2)
	want(t, "median", lines["poll_p50"], server.PollBounds[0], math.NaN(), math.NaN())
	want(t, "99th", lines["poll_p99"], 9.9, math.NaN(), math.NaN())
	want(t, "lateness", lines["lateness_p99"], math.NaN(), math.NaN(), math.NaN())
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		counts []uint64
		q      float64
		want   float64
	}{
		{[]uint64{0, 0, 0}, 0.5, math.NaN()},
		{[]uint64{10, 10, 10}, 0.5, 0.5},
		{[]uint64{0, 10, 10}, 0.5, 1.5},
		{[]uint64{5, 10, 10}, 1, 2},
		{[]uint64{0, 0, 10}, 0.5, 2},
	} {
		want(t, fmt.Sprint(c), []float64{curve{[]float64{1, 2}, c.counts}.quantile(c.q)}, c.want)
	}
}

// TestDay: over three days memory stays as it is, the last day and hour are there, and an outage between two points of
// the day is seen.
func TestDay(t *testing.T) {
	f := &fake{}
	r := begun(f)
	outage := start.Add(70*time.Hour + 2*time.Minute)
	for at := start; at.Before(start.Add(72 * time.Hour)); {
		at = at.Add(fine)
		online := 100
		if at.Equal(outage) {
			online = 1
		}
		f.stats.Providers = []server.ProviderStats{provider("s1", online, uint64(at.Sub(start)/time.Second), 0, 0)}
		r.sample(at)
	}
	for span, most := range map[Span]int{Quarter: 90, Hour: finePoints, Day: coarsePoints} {
		s := r.Series(span)
		if len(s.Times) != most || !s.Times[most-1].Equal(start.Add(72*time.Hour)) {
			t.Fatalf("%s has %d points, the last at %v", span, len(s.Times), s.Times[len(s.Times)-1])
		}
		for i, v := range s.Lines["opened"] {
			if math.Abs(v-1) > 1e-9 || i > 0 && s.Times[i].Sub(s.Times[i-1]) != s.Step {
				t.Fatalf("%s: %v a second at %v", span, v, s.Times[i])
			}
		}
		if low := slices.Min(s.Lines["online"]); (low == 1) != (span == Day) {
			t.Errorf("%s: the fewest online are %v", span, low)
		}
		if high := slices.Max(s.Lines["offline"]); (high == 99) != (span == Day) {
			t.Errorf("%s: the most offline are %v", span, high)
		}
	}
	for name, line := range r.day.lines {
		if cap(line) != coarsePoints {
			t.Errorf("%s has grown to %d", name, cap(line))
		}
	}
}

// TestWorst: those that come most are found among very many that come once, and no one is shown as worse than it is.
func TestWorst(t *testing.T) {
	r := begun(&fake{})
	conns := map[string]server.Seen{}
	put := func(name string, change func(*server.Seen)) {
		v := conns[name]
		v.Provider, v.Connection = "s1", name
		change(&v)
		conns[name] = v
		r.Seen(v)
	}
	came := func(name string) {
		put(name, func(c *server.Seen) { c.Online, c.Reconnects = true, c.Reconnects+1 })
	}
	went := func(name, why string) {
		put(name, func(c *server.Seen) { c.Online, c.LastClose = false, why })
	}
	put("new", func(c *server.Seen) { c.Online = true })
	if len(r.ages.now) != 0 {
		t.Errorf("one that has never come before is counted: %v", r.ages.now)
	}
	for i := range 50 {
		came("bad")
		went("bad", "reset")
		if i%2 == 0 {
			came("half")
		}
	}
	came("twice")
	came("twice")
	went("stranger", "peer")
	list, since := r.Worst()
	if got := fmt.Sprint(list); got != "[{s1 bad 50 reset} {s1 half 25 }]" || !since.Equal(start) {
		t.Errorf("%s since %v", got, since)
	}
	for i := range 10 * mostComers {
		came(fmt.Sprint("c", i))
		if i%100 == 0 {
			came("bad")
		}
		if len(r.ages.now) > mostComers {
			t.Fatalf("%d are counted", len(r.ages.now))
		}
	}
	most := 50 + 10*mostComers/100 + 1
	if list, _ = r.Worst(); len(list) == 0 || list[0].Connection != "bad" || list[0].Comes > most {
		t.Errorf("in a storm: %v", list)
	}
	comes := list[0].Comes
	r.sample(start.Add(ageTime))
	came("bad")
	if list, since = r.Worst(); list[0].Comes != comes+1 || list[0].Reason != "reset" || !since.Equal(start) {
		t.Errorf("in the next age: %v since %v", list, since)
	}
	r.sample(start.Add(2 * ageTime))
	if list, since = r.Worst(); len(list) != 0 || !since.Equal(start.Add(ageTime)) {
		t.Errorf("two ages later: %v since %v", list, since)
	}
}

// TestQuietest: the links are looked at at most once in ten seconds, and only when somebody asks.
func TestQuietest(t *testing.T) {
	f := &fake{}
	r := begun(f)
	for range 5 {
		if quiet, _, err := r.Quietest(t.Context()); err != nil || len(quiet) != 1 || quiet[0].Quiet != 1 {
			t.Fatalf("%v, %v", quiet, err)
		}
	}
	r.lookedAt = r.lookedAt.Add(-freshFor - time.Second)
	if quiet, at, err := r.Quietest(t.Context()); err != nil || quiet[0].Quiet != 2 || time.Since(at) > freshFor {
		t.Errorf("later: %v at %v, %v", quiet, at, err)
	}
	r.lookedAt, f.broken = time.Time{}, context.Canceled
	if _, _, err := r.Quietest(t.Context()); err == nil {
		t.Error("an error was swallowed")
	}
}

// TestClose: the recorder's goroutine ends, and what was recorded stays.
func TestClose(t *testing.T) {
	r := New(&fake{})
	r.Start()
	r.Close()
	if r.Series(Hour).Since.IsZero() {
		t.Errorf("%+v", r.Series(Hour))
	}
}
