package loadgen

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// TestServerStallIsTheServers: one stall of the server delays many frames that were due during it, and every one of
// them shows it.
func TestServerStallIsTheServers(t *testing.T) {
	const stall = 200 * time.Millisecond
	var frames atomic.Int64
	target := server(t, func(c *net.TCPConn) {
		b := make([]byte, 64)
		_, _ = io.ReadFull(c, b[:5])
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if frames.Add(1) == 3 {
				time.Sleep(stall) // the stall that is measured
			}
			_, _ = c.Write(b)
		}
	})
	r := runs(t, Config{Target: target, Devices: 1, Mode: Echo, Rate: 100, Duration: 400 * time.Millisecond})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	// 20 of the 40 frames were due during the stall, evenly spread over it.
	if r.RTT.Max < 200 || r.RTT.P90 < 100 {
		t.Errorf("round trips %+v do not show the stall", r.RTT)
	}
	if r.Lag.P90 >= r.RTT.P90 {
		t.Errorf("the stall is in the generator's own lag: %+v", r.Lag)
	}
}

// TestOwnStallIsOurs: the generator's clock jumps by ten seconds when it is about to send its third frame, as if it had
// not run meanwhile. That frame and those that came due during the jump are late by it, and no round trip is.
func TestOwnStallIsOurs(t *testing.T) {
	var jump atomic.Int64
	sends := 0
	clock := newClock()
	cfg := Config{Target: server(t, echo), Devices: 1, Mode: Echo, Rate: 10, Duration: 12 * time.Second, Tick: 1,
		clock: func() int64 { return clock() + jump.Load() }}
	cfg.beforeSend = func() {
		if sends++; sends == 3 {
			jump.Store(int64(10 * time.Second))
		}
	}
	r := runs(t, cfg)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if r.Sent.Messages != 120 {
		t.Errorf("%d frames sent, want 120: the schedule was stretched", r.Sent.Messages)
	}
	if r.Lag.Max < 9_900 || r.Lag.P50 < 2_000 {
		t.Errorf("own lag %+v does not show the jump", r.Lag)
	}
	if r.RTT.Max > 2_000 {
		t.Errorf("round trips %+v are charged with the generator's jump", r.RTT)
	}
}
