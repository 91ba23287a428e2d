package server

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/raw"
)

// TestRandomLife lets devices come, say who they are in pieces, talk, fall silent, share ids and vanish, while the
// project changes under them; time, network and order come from a seed. Whatever happens, what linkd says of each
// connection point is what is so.
func TestRandomLife(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomLife(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func randomLife(t *testing.T, rnd *rand.Rand) {
	projects := []string{
		project1([]string{"name: a, socket_conn_id: x1", "name: b, socket_conn_id: x10"},
			[]string{`name: "f{n}", socket_conn_id: "c{n}", from: 1, to: 30`},
			`name: "ch_{connection}", connection: s1/f*, driver: raw, options: {echo: true}`),
		project1([]string{"name: a, socket_conn_id: x1", "name: b, socket_conn_id: y, enabled: false"},
			[]string{`name: "f{n}", socket_conn_id: "c{n}", from: 5, to: 20`}),
		project1([]string{"name: b, socket_conn_id: x10"},
			[]string{`name: "f{n}", socket_conn_id: "c{n}", from: 1, to: 40`},
			`name: "ch_{connection}", connection: s1/*, driver: raw`),
	}
	cfg := Config{Log: slog.New(slog.DiscardHandler), Capacity: 60, Drivers: drivers.Table{raw.Driver()}}
	w := newSimWith(t, cfg, 3, projects[0])
	var links []*simLink
	ids := []string{"x1", "x10", "x2", "y", "\n", "zz\x00"}
	for n := range 40 {
		ids = append(ids, fmt.Sprintf("c%d", n), fmt.Sprintf("c%d\r\n", n))
	}
	for range 1500 {
		switch act := rnd.IntN(100); {
		case act < 25:
			links = append(links, w.dial(rnd.IntN(3), fmt.Sprintf("10.0.%d.%d:%d", rnd.IntN(3), rnd.IntN(50), 1+rnd.IntN(9))))
		case act < 75 && len(links) > 0:
			l := links[rnd.IntN(len(links))]
			what := ids[rnd.IntN(len(ids))]
			l.send(what[:1+rnd.IntN(len(what))])
		case act < 85 && len(links) > 0:
			i := rnd.IntN(len(links))
			links[i].hangUp([]error{io.EOF, syscall.ECONNRESET, syscall.ETIMEDOUT}[rnd.IntN(3)])
			links = append(links[:i], links[i+1:]...)
		case act < 97:
			w.pass(time.Duration(rnd.Int64N(int64(3 * time.Second))))
		default:
			w.apply(w.parse(projects[rnd.IntN(len(projects))]))
			w.drain()
		}
	}
	w.consistent(links)
	st := w.srv.Stats().Providers[0]
	if st.Sessions["identified"] < 20 || st.Sessions["stranger"] < 5 || st.Closes["takeover"] == 0 {
		t.Fatalf("too little happened to prove anything: %v, %v", st.Sessions, st.Closes)
	}
	for _, l := range links {
		l.hangUp(io.EOF)
	}
	w.consistent(nil)
	if n := w.srv.sessions.Load(); n != 0 {
		t.Fatalf("%d sessions left", n)
	}
	for _, h := range w.hosts {
		if h.loop.wheel.count != 0 {
			t.Fatalf("%d timers left", h.loop.wheel.count)
		}
	}
}

// consistent holds what linkd says against the links that are open.
func (w *sim) consistent(links []*simLink) {
	w.t.Helper()
	bound, open, waiting := map[string]*simLink{}, int64(0), int64(0)
	for _, l := range links {
		if l.closed {
			continue
		}
		open++
		if l.s.phase != phaseOnline {
			waiting++
			continue
		}
		pt := w.p.pts.at(l.s.point)
		name := string(w.p.pts.appendName(nil, pt.origin, l.s.point))
		if bound[name] != nil {
			w.t.Fatalf("two open links are bound to %s", name)
		}
		bound[name] = l
	}
	if got := w.srv.sessions.Load(); got != open {
		w.t.Fatalf("%d sessions counted, %d links open", got, open)
	}
	if got := w.p.identifying.Load(); got != waiting {
		w.t.Fatalf("%d counted without identity, %d are", got, waiting)
	}
	items, _, err := w.srv.Connections(ConnQuery{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	online := 0
	for _, v := range items {
		l := bound[v.Name]
		if (v.State == Online) != (l != nil) {
			w.t.Fatalf("%s is %s; a link is bound to it: %v", v.Name, v.State, l != nil)
		}
		if l == nil {
			continue
		}
		online++
		if v.Session != l.s.number || v.RemoteAddr != l.s.remote().String() {
			w.t.Fatalf("%s is session %d from %s, its link session %d from %s", v.Name, v.Session, v.RemoteAddr, l.s.number,
				l.s.remote())
		}
	}
	if online != len(bound) || w.p.online.Load() != int64(online) {
		w.t.Fatalf("%d listed online, %d counted, %d bound", online, w.p.online.Load(), len(bound))
	}
}
