package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/raw"
	"linkd/project"
)

// naiveTrouble is the names of all that q selects, by trouble: everything is listed and sorted.
func (w *sim) naiveTrouble(q ConnQuery) (names []string) {
	w.t.Helper()
	items, next, err := w.srv.Connections(ConnQuery{State: q.State, Search: q.Search, Limit: 1000})
	if err != nil || next != "" {
		w.t.Fatalf("next %q, %v", next, err)
	}
	class := func(v ConnView) int {
		n, _ := w.p.pts.find(v.Name)
		switch {
		case v.State == Disabled:
			return 4
		case w.p.pts.at(n).flapping(w.now):
			return 0
		case v.State == Online:
			return 3
		case v.Since.IsZero():
			return 2
		}
		return 1
	}
	slices.SortStableFunc(items, func(a, b ConnView) int {
		if d := class(a) - class(b); d != 0 {
			return d
		}
		return b.Since.Compare(a.Since)
	})
	for _, v := range items {
		names = append(names, v.Name)
	}
	return names
}

// trouble is one page of q by trouble.
func (w *sim) trouble(q ConnQuery) (names []string, next string) {
	w.t.Helper()
	f, err := w.srv.filter(q)
	if err != nil {
		w.t.Fatal(err)
	}
	items, next, err := w.srv.troubled(f, q, w.now)
	if err != nil || len(items) > q.Limit {
		w.t.Fatalf("%d items in a page of %d, %v", len(items), q.Limit, err)
	}
	for _, v := range items {
		names = append(names, v.Name)
	}
	return names, next
}

// TestTrouble lets devices come, leave and fight, and looks at the list by trouble in between: page by page it is what
// sorting everything gives.
func TestTrouble(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 6))
			w := newSim(t, project1([]string{"name: a, socket_conn_id: x1", "name: gone, socket_conn_id: x2, enabled: false"},
				[]string{`name: "f{n}", socket_conn_id: "c{n:02}", from: 1, to: 60`}))
			var links []*simLink
			for range 150 {
				links = w.stir(rnd, links)
				q := ConnQuery{Limit: 1 + rnd.IntN(20), State: []State{"", "", Online, Offline}[rnd.IntN(4)],
					Search: []string{"", "", "f1"}[rnd.IntN(3)]}
				want := w.naiveTrouble(q)
				var got []string
				for more := true; more; more = q.Cursor != "" {
					page, next := w.trouble(q)
					got, q.Cursor = append(got, page...), next
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%+v\n got %q\nwant %q", q, got, want)
				}
			}
			if w.srv.Stats().Flaps == 0 {
				t.Error("nothing flapped")
			}
		})
	}
}

// stir lets something happen to a few devices.
func (w *sim) stir(rnd *rand.Rand, links []*simLink) []*simLink {
	for range 1 + rnd.IntN(5) {
		switch act := rnd.IntN(10); {
		case act < 4:
			id := fmt.Sprintf("c%02d", 1+rnd.IntN(60))
			links = append(links, w.dial(rnd.IntN(2), fmt.Sprintf("10.0.0.%d:%d", rnd.IntN(200), 1+rnd.IntN(999))).send(id))
		case act < 6 && len(links) > 0:
			i := rnd.IntN(len(links))
			links[i].hangUp(syscall.ECONNRESET)
			links = slices.Delete(links, i, i+1)
		case act < 7:
			for range flapCount + 1 {
				links = append(links, w.dial(0, "10.0.1.1:1").send("c07"))
			}
		default:
			w.pass(time.Duration(rnd.Int64N(int64(4 * time.Minute))))
		}
	}
	return links
}

// TestTroubleUnderChange: what does not change between two pages is on one of them, once, whatever else does.
func TestTroubleUnderChange(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 6))
	w := newSim(t, project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:02}", from: 1, to: 60`}))
	var links []*simLink
	for range 60 {
		links = w.stir(rnd, links)
	}
	for range 50 {
		before := map[string]ConnView{}
		for _, name := range w.naiveTrouble(ConnQuery{}) {
			before[name] = w.view(name)
		}
		at, count := w.now, map[string]int{}
		for q, more := (ConnQuery{Limit: 7}), true; more; more = q.Cursor != "" {
			var page []string
			page, q.Cursor = w.trouble(q)
			for _, name := range page {
				count[name]++
			}
			links = w.stir(rnd, links)
			w.now = at // so that nothing ceases to flap by itself
		}
		for name, v := range before {
			if w.view(name) == v && count[name] != 1 {
				t.Fatalf("%s did not change and was listed %d times", name, count[name])
			}
		}
		w.now = at + int64(time.Minute)
	}
}

// TestFlappingIsRemembered for ten minutes after the last takeover, also over a change of the configuration.
func TestFlappingIsRemembered(t *testing.T) {
	w := newSim(t, threeDevices)
	flaps := func() bool {
		n, _ := w.p.pts.find("c1")
		return w.p.pts.at(n).flapping(w.now)
	}
	fight := func(times int) {
		for i := range times {
			w.dial(i%2, fmt.Sprintf("10.0.0.%d:5000", i%2+1)).send("c0001")
		}
	}
	fight(flapCount)
	if flaps() {
		t.Error("one takeover too few is an alarm")
	}
	fight(1)
	w.apply(w.parse(strings.Replace(threeDevices, "1# dev", "new", 1)))
	w.pass(9 * time.Minute)
	fight(1)
	w.pass(9 * time.Minute)
	if !flaps() {
		t.Error("nine minutes after the last takeover it is forgotten")
	}
	w.pass(2 * time.Minute)
	fight(1)
	if flaps() {
		t.Error("after eleven quiet minutes one takeover is an alarm")
	}
}

func TestTroubleCursor(t *testing.T) {
	w := newSim(t, threeDevices)
	for _, c := range []string{"s1:1", "0:0:s2:1", "9:0:s1:1", "0:x:s1:1", "0:0:s1:-1", "0:0:s1:1:1", ":::"} {
		_, _, err := w.srv.Connections(ConnQuery{Sort: ByTrouble, Cursor: c})
		if err == nil || !strings.Contains(err.Error(), "next") {
			t.Errorf("cursor %q: %v", c, err)
		}
	}
	if _, _, err := w.srv.Connections(ConnQuery{Sort: "name"}); err == nil {
		t.Error("an unknown order was taken")
	}
}

// TestQuietest: those that were silent longest come first, those that are offline not at all.
func TestQuietest(t *testing.T) {
	w := newSim(t, project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:02}", from: 1, to: 60`}))
	for n := 1; n <= 40; n++ {
		w.dial(0, fmt.Sprintf("10.0.0.%d:1", n)).send(fmt.Sprintf("c%02d", n))
		w.pass(time.Second)
	}
	w.hosts[0].links[2].send("not quiet")
	w.hosts[0].links[4].hangUp(nil)
	var got []string
	for _, x := range w.hosts[0].loop.quietest(w.now, 0, 5) {
		v, ok := x.view()
		if !ok || v.Quiet != time.Duration(x.ms)*time.Millisecond {
			t.Fatalf("%+v is no view of %+v", v, x)
		}
		got = append(got, fmt.Sprintf("%s %s", v.Name, v.Quiet))
	}
	if want := "[f1 40s f2 39s f4 37s f6 35s f7 34s]"; fmt.Sprint(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// BenchmarkTroubleMillion is one page by trouble of a million connection points, all of which were seen.
func BenchmarkTroubleMillion(b *testing.B) {
	s := New(Config{Log: slog.New(slog.DiscardHandler), Capacity: 1000, Drivers: drivers.Table{raw.Driver()}})
	p, err := project.Parse("million.yaml", []byte(project1(nil,
		[]string{`name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: 1000000`})), s.cfg.Drivers)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Apply(p); err != nil {
		b.Fatal(err)
	}
	s.providers[0].pts.each(1, func(n uint32, pt *point) bool {
		pt.since = int64(n)
		return true
	})
	for b.Loop() {
		if _, _, err := s.Connections(ConnQuery{Sort: ByTrouble}); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
}
