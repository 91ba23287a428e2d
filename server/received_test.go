package server

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// received follows what devices send and returns it as lines.
func (w *sim) received() (lines func(n int) []string) {
	return w.followed(func(add func(line string)) (stop func()) {
		return w.srv.FollowReceived(func(list []Received) {
			for _, r := range list {
				add(fmt.Sprintf("%s/%s %.8q", r.Provider, r.Connection, r.Data))
			}
		})
	})
}

// TestReceived: what is asked for is given, to the driver's bytes and no others, whether the link or the question came
// first.
func TestReceived(t *testing.T) {
	w := newPolledSim(t)
	lines := w.received()
	ask := func(of ...BytesOf) {
		w.srv.AskReceived(of)
		w.drain()
	}
	want := func(want ...string) {
		t.Helper()
		got := lines(len(want))
		slices.Sort(got) // loops hand over on their own
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	one, two := w.dial(0, "10.0.0.1:1").send("c0001\nnobody"), w.dial(1, "10.0.0.2:1")
	ask(BytesOf{"s1", "c1"}, BytesOf{"s1", "c2"}, BytesOf{"s1", "none"}, BytesOf{"s2", "c1"})
	one.send("ask")
	two.send("c0002\nglued")
	want(`s1/c1 "ask"`, `s1/c2 "glued"`)
	ask(BytesOf{"s1", "c2"})
	one.send("quiet")
	two.send("more")
	want(`s1/c2 "more"`)
	fleet := w.dial(1, "10.0.0.3:1").send("d0002\n")
	for _, of := range []BytesOf{{"s1", AnyName}, {AnyName, AnyName}} {
		ask(of)
		one.send("1")
		fleet.send("3")
		w.dial(0, "10.0.0.4:1").send("d0003\n4")
		want(`s1/c1 "1"`, `s1/f2 "3"`, `s1/f3 "4"`)
	}
	ask()
	one.send("quiet")
	ask(BytesOf{AnyName, "f2"})
	one.send("quiet")
	fleet.send("heard")
	want(`s1/f2 "heard"`)
	fleet.hangUp(nil)
	w.dial(0, "10.0.0.3:2").send("d0002\nagain")
	want(`s1/f2 "again"`)
}

// TestReceivedOfChanged: a connection that is changed is asked for still; one that is removed is no longer, nor the one
// that gets its place.
func TestReceivedOfChanged(t *testing.T) {
	w := newSim(t, project1([]string{"name: c1, socket_conn_id: c0001"}, nil))
	lines := w.received()
	of := []BytesOf{{"s1", "c1"}}
	w.srv.AskReceived(of)
	w.apply(w.parse(project1([]string{"name: c1, title: One, socket_conn_id: c0001"}, nil)))
	l := w.dial(0, "10.0.0.1:1").send("c0001\nstill")
	if got := lines(1); got[0] != `s1/c1 "still"` {
		t.Errorf("got %s", got)
	}
	l.hangUp(nil)
	for range 2 { // its number is given back with the second
		w.apply(w.parse(project1([]string{"name: c2, socket_conn_id: c0002"}, nil)))
	}
	w.apply(w.parse(project1([]string{"name: c2, socket_conn_id: c0002", "name: c3, socket_conn_id: c0003"}, nil)))
	w.dial(0, "10.0.0.1:2").send("c0003\nquiet")
	w.apply(w.parse(project1([]string{"name: c1, socket_conn_id: c0001", "name: c3, socket_conn_id: c0003"}, nil)))
	w.srv.AskReceived(of)
	w.dial(0, "10.0.0.1:3").send("c0001\nback")
	if got := lines(1); len(got) != 1 || got[0] != `s1/c1 "back"` {
		t.Errorf("got %s", got)
	}
}

// TestReceivedBound: a batch takes no more than its bytes and pieces, and who is too slow loses whole batches, which
// are counted.
func TestReceivedBound(t *testing.T) {
	w := newPolledSim(t)
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	t.Cleanup(w.srv.FollowReceived(func([]Received) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
	}))
	s := w.dial(0, "10.0.0.1:1").send("c0001\n").s
	for _, c := range []struct{ size, fit int }{{0, batchReceived}, {1, batchReceived}, {batchBytes / 4, 4},
		{2 * batchBytes, 1}} {
		for range c.fit {
			s.loop.receive(s, make([]byte, c.size))
		}
		if b := s.loop.batch; len(b.received) != c.fit || len(b.bytes) != c.fit*c.size {
			t.Errorf("%d of %d bytes: the batch has %d, and %d bytes", c.fit, c.size, len(b.received), len(b.bytes))
		}
		if s.loop.receive(s, []byte("x")); len(s.loop.batch.received) != 1 {
			t.Errorf("one more than %d of %d bytes fits", c.fit, c.size)
		}
		s.loop.handOver()
	}
	<-entered
	for range maxBatches + 3 {
		s.loop.receive(s, []byte("x"))
		s.loop.receive(s, []byte("y"))
		s.loop.handOver()
	}
	close(release)
	if reports, lost := w.srv.Lost(); lost < 3*2 || reports != 0 {
		t.Errorf("%d lost, want some; %d reports lost, want none", lost, reports)
	}
}

// TestReceivedAllocatesNothing: bytes that are asked for cost no allocation a message.
func TestReceivedAllocatesNothing(t *testing.T) {
	l := benchLoop(t, 0)
	s := bound(l, &quietConn{}, []byte("c0000001"))
	s.hear(byAsk, true)
	msg := bytes.Repeat([]byte("x"), 64)
	if allocs := testing.AllocsPerRun(50_000, func() { l.traffic(s, msg); l.rest() }); allocs != 0 {
		t.Fatalf("%.2f allocations a message, want 0", allocs)
	}
	if l.batch == nil {
		t.Error("nothing is in the batch")
	}
}
