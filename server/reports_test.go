package server

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"linkd/drivers/modbus"
)

// reported follows all reports and returns them as lines.
func (w *sim) reported() (lines func(n int) []string) {
	return w.followed(func(add func(line string)) (stop func()) {
		return w.srv.FollowReports(func(list []Report) {
			for _, r := range list {
				line := fmt.Sprintf("%s/%s %s %s/%s", r.Provider, r.Connection, r.ID, r.Channel, r.Device)
				for _, v := range r.Values {
					line += fmt.Sprintf(" %s=%v/%s", v.Tag.Name, v.Value.Any(), v.Quality)
				}
				add(line)
			}
		})
	})
}

// followed returns the lines that a follower has added, as soon as there are n.
func (w *sim) followed(follow func(add func(line string)) (stop func())) (lines func(n int) []string) {
	var mu sync.Mutex
	var got []string
	w.t.Cleanup(follow(func(line string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, line)
	}))
	return func(n int) []string {
		w.t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			w.drain() // the letters that ask loops for what they have
			mu.Lock()
			if len(got) >= n {
				defer mu.Unlock()
				defer func() { got = nil }()
				return got
			}
			mu.Unlock()
			if time.Now().After(end) {
				w.t.Fatalf("there are %q, want %d", got, n)
			}
		}
	}
}

// TestReports: each poll is one report, with the tags that it read, however many questions it took; a link that ends
// reports all as bad.
func TestReports(t *testing.T) {
	w := newPolledSim(t)
	lines := w.reported()
	one, fleet := w.dial(0, "10.0.0.1:1"), w.dial(1, "10.0.0.2:1")
	one.send("c0001\n")
	one.serveModbus(2900 * time.Millisecond)
	got := lines(2)
	for _, line := range got { // a holding and an input register are two questions
		if line != "s1/c1 c0001 ch1/d1 temperature=21.5/good setpoint=21.5/good" &&
			line != "s1/c1 c0001 ch1/d1 setpoint=21.5/good temperature=21.5/good" {
			t.Errorf("report %q", line)
		}
	}
	one.hangUp(nil)
	if got, want := lines(1), "s1/c1 c0001 ch1/d1 temperature=21.5/bad setpoint=21.5/bad"; got[len(got)-1] != want {
		t.Errorf("after the link has ended: %q, want %q", got, want)
	}
	fleet.send("d0002\n")
	fleet.serveModbus(1100 * time.Millisecond)
	if got := lines(1); !strings.HasPrefix(got[0], "s1/f2 d0002 ch_f2/d1 ") {
		t.Errorf("report of a fleet's device: %q", got)
	}
	for _, h := range w.hosts {
		if n := len(h.loop.gathered.of); n != 0 {
			t.Errorf("%d reports are still put aside", n)
		}
	}
}

// TestReportCutShort: what was read before the link ended in the middle of a poll is reported, then that all is bad.
func TestReportCutShort(t *testing.T) {
	w := newPolledSim(t)
	lines := w.reported()
	l := w.dial(0, "10.0.0.1:1").send("c0001\n")
	answered := 0
	for range 2000 {
		w.pass(5 * time.Millisecond)
		if q := l.sent; len(q) > 0 {
			l.sent = nil
			if answered++; answered == 2 {
				break // the second question stays open
			}
			l.send(rtuAnswer(q))
		}
	}
	l.hangUp(nil)
	got := lines(2)
	if !strings.HasSuffix(got[0], "/good") || strings.Contains(got[0], "bad") || strings.Count(got[1], "/bad") != 2 {
		t.Errorf("reports %q", got)
	}
}

// TestReportsBound: followers that are too slow lose whole batches, which are counted, and no loop waits for them.
func TestReportsBound(t *testing.T) {
	w := newPolledSim(t)
	release, entered := make(chan struct{}), make(chan struct{}, 1)
	t.Cleanup(w.srv.FollowReports(func([]Report) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
	}))
	l := w.dial(0, "10.0.0.1:1")
	l.send("c0001\n")
	loop, v := l.s.loop, l.s.values
	fill := func() {
		for range batchReports {
			loop.report(l.s, v, 0)
			loop.reported()
		}
		loop.handOver()
	}
	fill()
	<-entered
	for range maxBatches + 3 {
		fill()
	}
	if lost, _ := w.srv.Lost(); lost != 3*batchReports {
		t.Errorf("%d reports lost, want %d", lost, 3*batchReports)
	}
	close(release)
}

// TestReportAllocatesNothing holds a report, from the loop to its follower, to no allocation.
func TestReportAllocatesNothing(t *testing.T) {
	w := newPolledSim(t)
	told := make(chan int, 1)
	t.Cleanup(w.srv.FollowReports(func(list []Report) { told <- len(list) }))
	l := w.dial(0, "10.0.0.1:1")
	l.send("d0001\n")
	loop, v := l.s.loop, l.s.values
	pass := func() {
		for range batchReports {
			loop.report(l.s, v, 0)
			loop.report(l.s, v, 1)
			loop.reported()
		}
		loop.handOver()
		if n := <-told; n != batchReports {
			t.Fatalf("%d reports", n)
		}
	}
	for range 4 {
		pass()
	}
	if allocs := testing.AllocsPerRun(100, pass); allocs > 1 {
		t.Fatalf("%.2f allocations for %d reports, want at most 1", allocs, batchReports)
	}
}

func BenchmarkReport(b *testing.B) {
	w := newSim(b, polled, modbus.RTU())
	told := make(chan int, 1)
	b.Cleanup(w.srv.FollowReports(func(list []Report) { told <- len(list) }))
	l := w.dial(0, "10.0.0.1:1")
	l.send("d0001\n")
	loop, v := l.s.loop, l.s.values
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for tag := range 2 {
			loop.report(l.s, v, tag)
		}
		loop.reported()
		if n++; n%batchReports == 0 {
			loop.handOver()
			<-told
		}
	}
}

// TestFollowEvents: a follower gets every event in order, those of the stop too.
func TestFollowEvents(t *testing.T) {
	s := live(t, threeDevices)
	var got []string
	s.FollowEvents(func(e Event) { got = append(got, e.Kind+" "+e.Connection+" "+e.Reason) })
	_ = dial(t, addr(t, s), "c0001\n")
	eventually(t, "c1 online", func() bool {
		v, err := s.Connection("s1", "c1")
		return err == nil && v.State == Online
	})
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(got); n < 2 || got[0] != "online c1 " || !slices.Contains(got, "offline c1 drain") {
		t.Errorf("events %q", got)
	}
}

// TestEventsRoom: what a storm of events took goes back when it is over.
func TestEventsRoom(t *testing.T) {
	s := live(t, threeDevices)
	var got atomic.Int64
	s.FollowEvents(func(Event) { got.Add(1) })
	for range 1000 {
		s.events.publish(record{kind: kindOnline, provider: s.all()[0]})
	}
	eventually(t, "all told, and no room kept", func() bool {
		s.events.mu.Lock()
		defer s.events.mu.Unlock()
		return got.Load() >= 1000 && cap(s.events.queue)+cap(s.events.spare) == 0
	})
}
