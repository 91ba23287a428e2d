package server

import (
	"fmt"
	"io"
	"slices"
	"testing"
)

// TestChanges: each connection that came or went is told once, as it is then, and one that is removed is not.
func TestChanges(t *testing.T) {
	conns := []string{"name: c1, socket_conn_id: c0001", "name: c2, socket_conn_id: c0002",
		"name: c3, socket_conn_id: c0003"}
	w := newSim(t, project1(conns, nil))
	told := func(want ...string) {
		t.Helper()
		var got []string
		w.srv.Changes(func(c Seen) {
			state := Offline
			if c.Online {
				state = Online
			}
			got = append(got, fmt.Sprint(c.Connection, " ", state, " ", c.Reconnects, " ", c.LastClose, " ", c.RemoteAddr))
		})
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	told()
	first := w.dial(0, "10.0.0.7:5000").send("c0001")
	w.dial(0, "10.0.0.9:5000").send("nobody")
	told("c1 online 0  10.0.0.7:5000")
	told()
	first.send("x")
	told()
	w.dial(1, "10.0.0.8:5000").send("c0001").hangUp(io.EOF)
	c2 := w.dial(0, "10.0.0.7:5001").send("c0002")
	told("c1 offline 1 peer 10.0.0.8:5000", "c2 online 0  10.0.0.7:5001")
	c2.hangUp(io.EOF)
	conns[1] = "name: c2, socket_conn_id: c0002, title: another"
	w.apply(w.parse(project1(conns, nil))) // an edit is no reason to forget it
	w.drain()
	told("c2 offline 0 peer 10.0.0.7:5001")
	w.dial(0, "10.0.0.7:5002").send("c0003")
	w.apply(w.parse(project1(conns[:1], nil)))
	w.drain()
	told()
}

// TestManyChanges: more than are told at once.
func TestManyChanges(t *testing.T) {
	w := newSim(t, project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:05}", from: 1, to: 900`}))
	for n := range 900 {
		w.dial(0, "10.0.0.7:5000").send(fmt.Sprintf("c%05d", n+1))
	}
	online := map[string]bool{}
	w.srv.Changes(func(c Seen) {
		if c.Online {
			online[c.Connection] = true
		}
	})
	if len(online) != 900 {
		t.Errorf("%d of 900 were told", len(online))
	}
}

// BenchmarkChanges is what is taken of each connection that came or went.
func BenchmarkChanges(b *testing.B) {
	const fleet = 10_000
	w := newSim(b, project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:05}", from: 1, to: 10000`}))
	p := w.srv.all()[0]
	b.ReportAllocs()
	for b.Loop() {
		for n := range uint32(fleet) {
			pt := p.pts.lock(n + 1)
			pt.port, pt.sessions, pt.since = 5000, pt.sessions+1, int64(n)
			p.note(pt, n+1)
			p.pts.unlock(n + 1)
		}
		told := 0
		w.srv.Changes(func(Seen) { told++ })
		if told != fleet {
			b.Fatalf("%d were told", told)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/fleet, "ns/connection")
}
