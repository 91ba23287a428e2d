package loadgen

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestStall(t *testing.T) {
	const ms, wake = int64(time.Millisecond), int64(1000 * time.Millisecond)
	for _, c := range []struct {
		name             string
		turn, asked, now int64 // in ms
		want             stall // in ms
	}{
		{"quick", 990, 995, 999, stall{}},
		{"a turn of 20 ms", 970, 990, 999, stall{}},
		{"a long turn", 700, 900, 999, stall{from: 700, to: 900}},
		{"woken late", 990, 995, 1150, stall{from: 1000, to: 1150}},
		{"woken late after its wake", 1000, 1010, 1150, stall{from: 1010, to: 1150}},
		{"both", 700, 900, 1150, stall{from: 700, to: 1150}},
	} {
		var s stall
		s.looked(c.turn*ms, c.asked*ms, wake, c.now*ms, false)
		if want := (stall{from: c.want.from * ms, to: c.want.to * ms}); s != want {
			t.Errorf("%s: %v, want %v", c.name, s, want)
		}
	}
	s := stall{}
	s.looked(700*ms, 900*ms, wake, 900*ms, true)
	for _, full := range []bool{true, false} {
		s.looked(900*ms, 905*ms, wake, 905*ms, full)
		if s.to != 900*ms {
			t.Errorf("forgotten before all of its events were found: %v", s)
		}
	}
	if s.looked(905*ms, 910*ms, wake, 950*ms, false); s != (stall{}) {
		t.Errorf("kept although its events were found: %v", s)
	}
	s = stall{from: 700, to: 900}
	for since, want := range map[int64]int64{0: 200, 700: 200, 850: 50, 900: 0, 1000: 0} {
		if got := s.since(since); got != want {
			t.Errorf("since %d: %d of it, want %d", since, got, want)
		}
	}
}

// TestStallIsTakenOff: an echo that comes while the generator does not look is not charged with that time.
func TestStallIsTakenOff(t *testing.T) {
	w := soloWorker(t)
	d := &w.devs[0]
	now := w.clock()
	w.clock = func() int64 { return now }
	w.phase = traffic
	w.owe(now, d, now)
	b := append(w.buf[:0], w.frames.put(d.seq, d.frameDue)...)
	w.stall = stall{from: now + int64(time.Second), to: now + int64(10*time.Second)}
	now += int64(11 * time.Second)
	w.payload(now, d, b)
	if got := w.out.Times[roundTrip].Max(); got < int64(1990*time.Millisecond) || got > int64(2010*time.Millisecond) {
		t.Errorf("a round trip of %v, want the 2 s beside the stall", nanos(got))
	}
	if got := w.out.Times[ownLag].Max(); got < int64(8900*time.Millisecond) {
		t.Errorf("own lag %v, want the 9 s of the stall", nanos(got))
	}
}

// TestStallSelf: a generator that is stopped on purpose says so of itself, and does not charge the server.
func TestStallSelf(t *testing.T) {
	const stall = time.Second
	r := runs(t, Config{Target: server(t, echo), Mode: Echo, Rate: 1000, Duration: 300 * time.Millisecond,
		StallSelf: stall})
	if r.Generator.Valid || r.Generator.LagP99 < 900 || len(r.Generator.Reasons) == 0 {
		t.Errorf("the generator found itself %v", r.Generator)
	}
	if r.RTT.Max > 900 {
		t.Errorf("the server is charged with the stall: %+v", r.RTT)
	}
	err := r.Err()
	if !errors.Is(err, ErrInvalid) || errors.Is(err, ErrFleet) ||
		!strings.HasPrefix(err.Error(), "loadgen: the run is invalid: the generator was ") {
		t.Errorf("error %v", err)
	}
	var text strings.Builder
	if r.Print(&text) != nil || !strings.Contains(text.String(), "INVALID: it was ") {
		t.Errorf("printed:\n%s", &text)
	}
}

func TestGeneratorVerdict(t *testing.T) {
	whole := Config{Target: "127.0.0.1:1", Devices: 10, ID: "c{n}", Mode: Echo, Rate: 100}
	for _, c := range []struct {
		name string
		cfg  func(*Config)
		out  func(*outcome)
		want string // "": valid
	}{
		{"valid", nil, nil, ""},
		{"a lag within the limit", nil, func(o *outcome) { o.Times[ownLag].record(19e6) }, ""},
		{"a lag beyond it", nil, func(o *outcome) { o.Times[ownLag].record(30e6) },
			"was 30.0 ms late itself at p99, over 20ms: it had too little CPU"},
		{"one in a thousand", nil, func(o *outcome) {
			_ = o.Times[ownLag].RecordValues(1000, 999)
			o.Times[ownLag].record(30e6)
		}, ""},
		{"another limit", func(c *Config) { c.OwnLagLimit = time.Millisecond },
			func(o *outcome) { o.Times[ownLag].record(2e6) }, "over 1ms"},
		{"CPU", nil, func(o *outcome) { o.Own.CPU = 4 * time.Second }, "used 100 % of 1 core(s), over 95 %"},
		{"CPU of any amount", func(c *Config) { c.OwnCPULimit = 1 }, func(o *outcome) { o.Own.CPU = 5 * time.Second }, ""},
		{"CPU without a pace", func(c *Config) { c.Rate = 0 }, func(o *outcome) { o.Own.CPU = 4 * time.Second }, ""},
		{"ports", nil, func(o *outcome) { o.Own.failed(noPort) }, "had no ephemeral port left for 1 connects"},
		{"descriptors", nil, func(o *outcome) { o.Own.failed(noDescriptor) }, "had no descriptor left for 1 connects"},
		{"another cause", nil, func(o *outcome) { o.Own.failed(refused) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, out := whole, newOutcome()
			out.Traffic = 4 * time.Second
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			if c.out != nil {
				c.out(out)
			}
			cfg = cfg.withDefaults()
			g := out.judge(&cfg, 1)
			switch {
			case g.Valid != (c.want == ""), g.Valid != (len(g.Reasons) == 0), g.Valid != (g.Err() == nil):
				t.Errorf("%v, %v", g, g.Err())
			case !g.Valid && !strings.Contains(g.Err().Error(), c.want):
				t.Errorf("%v, want %q", g.Err(), c.want)
			}
		})
	}
}
