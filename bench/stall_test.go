package bench

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestStallShows holds up a server for 400 of 2000 ms. A fifth of all messages is due in that time, and each waits for
// the rest of it: that must show in the tail, as latency counts from when a message was due. A load that waits for its
// answers before it goes on would have seen a handful of late ones. It must not be taken for the load's own fault.
func TestStallShows(t *testing.T) {
	const stalled = 400 * time.Millisecond
	dir := t.TempDir()
	c := Config{Linkd: buildLinkd(t, dir), PeersDir: "peers", Pin: true, Scenarios: []string{"echo"},
		Peers: []string{CEpoll}}
	c = c.withDefaults()
	b := &bench{Config: c, dir: dir, report: &Report{Config: c}}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func(during func(*server) error) outcome {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err := b.start(ctx, CEpoll, job{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := b.load(ctx, s, 500, "--mode", "echo", "--rate", "1000", "--duration", "2s")
		if err == nil {
			err = s.await(ctx, func(now stats) bool { return now.BytesIn > 500*messageBytes })
		}
		if err == nil {
			err = during(s)
		}
		r, ended := l.left()
		if err := errors.Join(err, ended, s.stop()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run(func(s *server) error {
		_, err := request(t.Context(), http.MethodPost, s.stallURL+"?ms=400")
		return err
	})
	if ms := float64(stalled / time.Millisecond); r.RTT.Max < 0.9*ms || r.RTT.P90 < 0.25*ms || r.RTT.P50 > 0.25*ms {
		t.Errorf("stalled for %v: round trips %+v", stalled, r.RTT)
	}
	if r.Lag.P90 > 50 {
		t.Errorf("the load's own lag is %+v", r.Lag)
	}
}
