package server

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/raw"
)

// project1 is a project with one provider; lines are its connections and fleets, chans its channels.
func project1(conns, fleets []string, chans ...string) string {
	var b strings.Builder
	b.WriteString("project: p\nproviders:\n  - name: s1\n    type: tcp-server\n    local_port: 0\n")
	for _, part := range []struct {
		key   string
		lines []string
	}{{"connections", conns}, {"fleets", fleets}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "    %s:\n", part.key)
		}
		for _, l := range part.lines {
			fmt.Fprintf(&b, "      - {%s}\n", l)
		}
	}
	if len(chans) > 0 {
		b.WriteString("channels:\n")
	}
	for _, l := range chans {
		fmt.Fprintf(&b, "  - {%s}\n", l)
	}
	return b.String()
}

// TestApplyLive changes a project under links: those that a change does not concern stay, byte for byte; those that it
// does are closed with the reason.
func TestApplyLive(t *testing.T) {
	conns := []string{"name: c1, socket_conn_id: c0001", "name: c2, socket_conn_id: c0002",
		"name: c3, socket_conn_id: c0003", "name: c4, socket_conn_id: c0004"}
	w := newSim(t, project1(conns, nil, "name: ch, connection: s1/c1, driver: raw, options: {echo: true}"))
	var links []*simLink
	for i := range 4 {
		links = append(links, w.dial(i%2, fmt.Sprintf("10.0.0.%d:1", i)).send(fmt.Sprintf("c000%d", i+1)))
	}
	w.events()
	w.apply(w.parse(project1([]string{"name: c1, title: renamed, socket_conn_id: c0001", "name: c3, socket_conn_id: c0033",
		"name: c4, socket_conn_id: c0004, enabled: false", "name: c5, socket_conn_id: c0005"}, nil,
		"name: ch, connection: s1/c1, driver: raw, options: {echo: true}",
		"name: ch5, connection: s1/c5, driver: raw")))
	w.drain()
	if links[0].closed || w.wantState("c1", Online).Title != "renamed" {
		t.Fatal("c1 was touched, or its title was not")
	}
	links[0].send("x")
	if string(links[0].sent) != "x" {
		t.Fatalf("c1 echoed %q", links[0].sent)
	}
	w.wantClosed(links[1], ReasonRemoved)
	w.wantClosed(links[2], ReasonChanged)
	w.wantClosed(links[3], ReasonDisabled)
	got := w.events()
	slices.Sort(got)
	want := []string{"offline c2 removed", "offline c3 changed", "offline c4 disabled"}
	if !slices.Equal(got, want) {
		t.Fatalf("events %q, want %q", got, want)
	}
	if _, err := w.srv.Connection("s1", "c2"); err == nil {
		t.Fatal("c2 is still there")
	}
	w.wantClosed(w.dial(0, "10.0.0.9:1").send("c0002\n"), ReasonUnknown)
	w.wantClosed(w.dial(0, "10.0.0.9:1").send("c0003\n"), ReasonUnknown)
	w.wantClosed(w.dial(0, "10.0.0.9:1").send("c0004\n"), ReasonDisabled)
	w.dial(0, "10.0.0.9:1").send("c0033\n")
	w.wantState("c3", Online)
	w.dial(0, "10.0.0.9:1").send("c0005\n")
	if v := w.wantState("c5", Online); v.Channel != "ch5" {
		t.Fatalf("c5 is served by %q", v.Channel)
	}
}

// TestChannelsLive gives and takes channels while links stay.
func TestChannelsLive(t *testing.T) {
	conns := []string{"name: c1, socket_conn_id: c0001"}
	w := newSim(t, project1(conns, nil))
	l := w.dial(0, "10.0.0.1:1").send("c0001").send("a")
	step := func(send, want string, chans ...string) {
		t.Helper()
		w.apply(w.parse(project1(conns, nil, chans...)))
		w.drain()
		l.send(send)
		if l.closed || string(l.sent) != want {
			t.Fatalf("closed %v, echoed %q, want %q", l.closed, l.sent, want)
		}
	}
	step("b", "b", "name: ch, connection: s1/c1, driver: raw, options: {echo: true}")
	step("c", "b", "name: ch, connection: s1/c1, driver: raw")
	step("d", "bd", `name: "ch_{connection}", connection: s1/*, driver: raw, options: {echo: true}`)
	step("e", "bd")
}

// TestFleetsLive grows, shrinks and removes a fleet: numbers that stay keep their links.
func TestFleetsLive(t *testing.T) {
	fleet := func(from, to int) []string {
		return []string{fmt.Sprintf(`name: "f{n}", title: "no. {n}", socket_conn_id: "c{n:04}", from: %d, to: %d`, from, to)}
	}
	w := newSim(t, project1(nil, fleet(1, 10), `name: "ch_{connection}", connection: "s1/f*", driver: raw`))
	links := map[int]*simLink{}
	for _, n := range []int{1, 5, 10} {
		links[n] = w.dial(n%2, "10.0.0.1:1").send(fmt.Sprintf("c%04d", n))
	}
	if v := w.wantState("f5", Online); v.Title != "no. 5" || v.SocketConnID != "c0005" || v.Channel != "ch_f5" {
		t.Fatalf("f5 is %+v", v)
	}
	check := func(from, to int) {
		t.Helper()
		w.drain()
		for n := range 25 {
			inside := n >= from && n <= to
			if _, err := w.srv.Connection("s1", fmt.Sprintf("f%d", n)); (err == nil) != inside {
				t.Fatalf("%d..%d: f%d: %v", from, to, n, err)
			}
			if _, ok := w.p.table.Lookup(fmt.Appendf(nil, "c%04d", n)); ok != inside {
				t.Fatalf("%d..%d: c%04d in the table: %v", from, to, n, ok)
			}
			if l := links[n]; l != nil && l.closed == inside {
				t.Fatalf("%d..%d: the link of f%d closed: %v", from, to, n, l.closed)
			}
		}
		items, _, err := w.srv.Connections(ConnQuery{})
		if err != nil || len(items) != to-from+1 {
			t.Fatalf("%d..%d: %d listed, %v", from, to, len(items), err)
		}
	}
	check(1, 10)
	w.apply(w.parse(project1(nil, fleet(1, 20), `name: "ch_{connection}", connection: "s1/f*", driver: raw`)))
	check(1, 20)
	w.apply(w.parse(project1(nil, fleet(3, 7), `name: "ch_{connection}", connection: "s1/f*", driver: raw`)))
	check(3, 7)
	w.wantClosed(links[10], ReasonRemoved)
	links[10], links[1] = nil, nil
	w.apply(w.parse(project1(nil, fleet(1, 9), `name: "ch_{connection}", connection: "s1/f*", driver: raw`)))
	check(1, 9)
	w.apply(w.parse(project1([]string{"name: c1, socket_conn_id: c0001"}, nil)))
	w.drain()
	w.pass(2 * restTime)
	w.wantClosed(links[5], ReasonRemoved)
	w.dial(0, "10.0.0.1:1").send("c0001") // an id that went from the fleet to a connection of its own
	w.wantState("c1", Online)
	w.apply(w.parse(project1([]string{"name: c1, socket_conn_id: c0001", "name: c2, socket_conn_id: c0002"}, nil)))
	w.dial(0, "10.0.0.1:1").send("c0002")
	w.wantState("c2", Online)
	if len(w.p.pts.buried) != 0 {
		t.Fatalf("%d points are buried and never given back", len(w.p.pts.buried))
	}
}

// TestConnections pages, filters and searches.
func TestConnections(t *testing.T) {
	w := newSim(t, project1([]string{"name: boiler, title: Kessel, socket_conn_id: x1",
		"name: gone, socket_conn_id: x2, enabled: false"},
		[]string{`name: "f{n}", socket_conn_id: "c{n:03}", from: 1, to: 250`}))
	w.dial(0, "10.0.0.1:1").send("c007")
	names := func(q ConnQuery) (out []string) {
		t.Helper()
		for {
			items, next, err := w.srv.Connections(q)
			if err != nil {
				t.Fatal(err)
			}
			if q.Limit > 0 && len(items) > q.Limit {
				t.Fatalf("%d items in a page of %d", len(items), q.Limit)
			}
			for _, v := range items {
				out = append(out, v.Name)
			}
			if q.Cursor = next; next == "" {
				return out
			}
		}
	}
	if got := names(ConnQuery{Limit: 7}); len(got) != 252 || got[0] != "boiler" || got[251] != "f250" {
		t.Fatalf("%d listed: %q…", len(got), got[:3])
	}
	for _, tc := range []struct {
		q    ConnQuery
		want string
	}{
		{ConnQuery{State: Online}, "f7"},
		{ConnQuery{State: Disabled}, "gone"},
		{ConnQuery{Search: "kess"}, "boiler"},
		{ConnQuery{Search: "C07"}, "f70 f71 f72 f73 f74 f75 f76 f77 f78 f79"},
		{ConnQuery{Search: "nothing"}, ""},
		{ConnQuery{Search: "f25", State: Offline, Provider: "s1"}, "f25 f250"},
	} {
		if got := strings.Join(names(tc.q), " "); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.q, got, tc.want)
		}
	}
	for _, q := range []ConnQuery{{State: "asleep"}, {Cursor: "nonsense"}, {Provider: "s2"}, {Cursor: "s2:1"}} {
		if _, _, err := w.srv.Connections(q); err == nil {
			t.Errorf("%+v was taken", q)
		}
	}
}

// TestNewcomer finds what is to be known of a stranger to adopt it, and forgets it afterwards.
func TestNewcomer(t *testing.T) {
	w := newSim(t, project1([]string{"name: c1, socket_conn_id: c0001"}, nil))
	w.wantClosed(w.dial(0, "10.0.0.7:1").send("9 lives\n"), ReasonUnknown)
	silent := w.dial(0, "10.0.0.8:1")
	w.pass(11 * time.Second)
	w.wantClosed(silent, ReasonTimeout)
	for _, s := range w.srv.Strangers() {
		who, err := w.srv.Newcomer(s.Key)
		if s.ID == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("a stranger without an id: %v", err)
			}
			continue
		}
		if err != nil || who.Provider != "s1" || string(who.ID) != "9 lives" {
			t.Errorf("newcomer %+v, %v", who, err)
		}
		w.srv.Forget(s.Key)
		if _, err := w.srv.Newcomer(s.Key); !errors.Is(err, ErrNotFound) {
			t.Errorf("a forgotten stranger: %v", err)
		}
	}
}

// TestStrangersBound keeps the strangers that were seen last, the newest first.
func TestStrangersBound(t *testing.T) {
	w := newSim(t, threeDevices)
	for n := range maxStrangers + 10 {
		w.dial(0, fmt.Sprintf("10.1.%d.%d:1", n/50, n%50)).send(fmt.Sprintf("nobody%d\n", n))
		if n%100 == 0 {
			w.dial(0, "10.2.0.1:1").send("nobody0\n")
		}
	}
	got := w.srv.Strangers()
	if len(got) != maxStrangers || got[0].ID != fmt.Sprintf("nobody%d", maxStrangers+9) {
		t.Fatalf("%d strangers, the newest %s", len(got), got[0].ID)
	}
	for _, s := range got {
		if s.ID == "nobody1" {
			t.Fatal("the one seen longest ago is still there")
		}
		if s.ID == "nobody0" && s.Count != 12 {
			t.Fatalf("nobody0 was seen %d times, want 12", s.Count)
		}
	}
	if !slices.ContainsFunc(got, func(s Stranger) bool { return s.ID == "nobody0" }) {
		t.Fatal("one that keeps calling was forgotten")
	}
}

// TestCapacity refuses what there is no room for, counts it, lives, and serves again when others leave.
func TestCapacity(t *testing.T) {
	w := newSimWith(t, Config{Log: slog.New(slog.DiscardHandler), Capacity: 100, Drivers: drivers.Table{raw.Driver()}}, 1,
		project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:04}", from: 1, to: 1000`}))
	var links []*simLink
	for n := 1; n <= 101; n++ {
		links = append(links, w.dial(0, "10.0.0.1:1").send(fmt.Sprintf("c%04d", n)))
	}
	for i, l := range links[:100] {
		if l.closed {
			t.Fatalf("link %d was refused: %s", i, l.why)
		}
	}
	if !links[100].closed {
		t.Fatal("one too many was taken")
	}
	st := w.srv.Stats().Providers[0]
	if st.Sessions["refused"] != 1 || st.Closes["capacity"] != 1 || st.Online != 100 {
		t.Fatalf("stats %+v", st)
	}
	links[0].hangUp(nil)
	w.dial(0, "10.0.0.1:1").send("c0101")
	w.wantState("f101", Online)
}

// TestPressure: when room is short, links without an identity make way, the oldest first, and known devices get in.
func TestPressure(t *testing.T) {
	w := newSimWith(t, Config{Log: slog.New(slog.DiscardHandler), Capacity: 100, Drivers: drivers.Table{raw.Driver()}}, 1,
		project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:04}", from: 1, to: 1000`}))
	var silent []*simLink
	for n := range 300 {
		silent = append(silent, w.dial(0, fmt.Sprintf("10.1.%d.%d:1", n/200, n%200)))
		w.pass(time.Millisecond)
	}
	w.wantClosed(silent[0], ReasonPressure)
	if silent[299].closed {
		t.Fatal("the newest was evicted")
	}
	for n := 1; n <= 95; n++ {
		w.dial(0, "10.2.0.1:1").send(fmt.Sprintf("c%04d", n))
		w.wantState(fmt.Sprintf("f%d", n), Online)
	}
}

// TestAddressLimit holds an address back after too many failures, lets a probe through each second, and frees it when
// a known device identifies from there.
func TestAddressLimit(t *testing.T) {
	w := newSim(t, threeDevices)
	for range 51 {
		w.wantClosed(w.dial(0, "10.0.0.66:1").send("nobody\n"), ReasonUnknown)
	}
	if l := w.dial(0, "10.0.0.66:1"); !l.closed {
		t.Fatal("let in after 51 failures")
	}
	if l := w.dial(0, "10.0.0.67:1").send("c0001"); l.closed {
		t.Fatal("another address was held back")
	}
	w.pass(1100 * time.Millisecond)
	w.wantClosed(w.dial(0, "10.0.0.66:1").send("nobody\n"), ReasonUnknown) // the probe
	if l := w.dial(0, "10.0.0.66:1"); !l.closed {
		t.Fatal("a second one within the second was let through")
	}
	w.pass(1100 * time.Millisecond)
	w.dial(0, "10.0.0.66:1").send("c0002") // the probe is a known device
	w.wantState("c2", Online)
	if l := w.dial(0, "10.0.0.66:1"); l.closed {
		t.Fatal("not forgiven though a known device identified")
	}
	if n := w.srv.Stats().Providers[0].Closes["address_limit"]; n != 2 {
		t.Fatalf("%d counted", n)
	}
}

// TestHonestCrowd: ten thousand known devices behind one address are never held back, whatever a few strangers do.
func TestHonestCrowd(t *testing.T) {
	cfg := Config{Log: slog.New(slog.DiscardHandler), Capacity: 20000, Drivers: drivers.Table{raw.Driver()}}
	w := newSimWith(t, cfg, 2,
		project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:05}", from: 1, to: 10000`}))
	for n := 1; n <= 10000; n++ {
		if l := w.dial(n%2, "100.64.0.1:1").send(fmt.Sprintf("c%05d", n)); l.closed {
			t.Fatalf("device %d was refused", n)
		}
		if n%10 == 0 {
			w.dial(n%2, "100.64.0.1:1").send("stranger\n")
		}
		w.pass(100 * time.Microsecond)
	}
}

// TestAcceptRate refuses links beyond the provider's rate.
func TestAcceptRate(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    accept_rate: 10", 1))
	refused := 0
	for range 30 {
		if w.dial(0, "10.0.0.1:1").closed {
			refused++
		}
	}
	w.pass(time.Second)
	if l := w.dial(0, "10.0.0.1:1"); l.closed || refused != 20 {
		t.Fatalf("%d of 30 refused, want 20; a second later closed: %v", refused, l.closed)
	}
}

// TestRemovedKeepsItsName: what is told of a connection after it has been removed, and another one has come in its
// place, has its own name.
func TestRemovedKeepsItsName(t *testing.T) {
	w := newSim(t, project1([]string{"name: a, socket_conn_id: x1", "name: b, socket_conn_id: x2"}, nil))
	w.dial(0, "10.0.0.1:1").send("x1")
	n, _ := w.p.pts.find("a")
	left := record{kind: kindOffline, provider: w.p, point: n, origin: w.p.pts.at(n).origin}
	w.pass(time.Hour)
	want := func(name, id string) {
		t.Helper()
		if ev := left.event(); ev.Connection != name || ev.ID != id {
			t.Errorf("it is told of %q, %q; want %q, %q", ev.Connection, ev.ID, name, id)
		}
	}
	w.apply(w.parse(project1([]string{"name: b, socket_conn_id: x2"}, nil)))
	w.drain()
	want("a", "x1")
	w.apply(w.parse(project1([]string{"name: b, socket_conn_id: x2", "name: c, socket_conn_id: x3"}, nil)))
	if c, _ := w.p.pts.find("c"); c == n {
		t.Error("its number has been given to another")
	}
	want("a", "x1")
	w.pass(2 * restTime)
	w.apply(w.parse(project1([]string{"name: b, socket_conn_id: x2"}, nil)))
	want("", "")
	w.apply(w.parse(project1([]string{"name: b, socket_conn_id: x2", "name: d, socket_conn_id: x4"}, nil)))
	if d, _ := w.p.pts.find("d"); d != n {
		t.Errorf("d has number %d, want %d, which is free", d, n)
	}
}
