package loadgen

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestThresholds evaluates expressions over a result whose figures are known.
func TestThresholds(t *testing.T) {
	r := &Result{Devices: 200, Up: 199, Lost: 1, Unsent: 100, RateAchieved: 990, Duration: 10,
		Connect:   Latency{Count: 200, P50: 1, P90: 2, P99: 3, P999: 4, Max: 5},
		RTT:       Latency{Count: 900, P50: 10, P90: 20, P99: 50, P999: 80, Max: 100},
		Sent:      Traffic{Messages: 900},
		Dropped:   map[string]int64{"reset": 3, "timeout": 1},
		Polls:     &Polls{Interval: Interval{Count: 98, Missed: 2, P50: 1, P99: 20, Max: 30}},
		Verify:    &Verdict{Verified: 98, Wrong: 1, Old: 1},
		Generator: &Generator{CPU: 41},
	}
	for _, c := range []struct {
		expr    string
		failed  bool
		verdict string
	}{
		{"rtt_p99 > 49ms", true, "FAILED: it is 50 ms"},
		{"rtt_p99 > 50ms", false, "met: it is 50 ms"},
		{"rtt_p99 >= 50ms", true, "FAILED: it is 50 ms"},
		{"rtt_p99<51ms", true, "FAILED: it is 50 ms"},
		{"rtt_p99 < 50ms", false, "met: it is 50 ms"},
		{"  rtt_p99<=50ms ", true, "FAILED: it is 50 ms"},
		{"rtt_p50 > 10ms", false, "met: it is 10 ms"},
		{"rtt_p90 > 20ms", false, "met: it is 20 ms"},
		{"rtt_p999 > 79.9ms", true, "FAILED: it is 80 ms"},
		{"rtt_max > 0.1s", false, "met: it is 100 ms"},
		{"connect_max > 4999us", true, "FAILED: it is 5 ms"},
		{"ack_p99 > 1s", true, "FAILED: nothing was measured"},
		{"poll_lag_p99 > 10ms", true, "FAILED: it is 20 ms"},
		{"poll_lag_max > 30ms", false, "met: it is 30 ms"},
		{"poll_missed > 1", true, "FAILED: it is 2"},
		{"poll_missed > 2%", false, "met: it is 2 %"},
		{"lost > 0", true, "FAILED: it is 1"},
		{"lost > 1%", false, "met: it is 0.111111 %"},
		{"unsent >= 10%", true, "FAILED: it is 10 %"},
		{"failed > 0.4%", true, "FAILED: it is 0.5 %"},
		{"dropped >= 4", true, "FAILED: it is 4"},
		{"corrupt > 0", false, "met: it is 0"},
		{"stale > 0", false, "met: it is 0"},
		{"rate < 1000", true, "FAILED: it is 990"},
		{"wrong >= 1%", true, "FAILED: it is 1 %"},
		{"old > 1", false, "met: it is 1"},
		{"verified < 98", false, "met: it is 98"},
		{"cpu > 40%", true, "FAILED: it is 41 %"},
		{"time_to_all_up > 1s", false, "met: it is 0 ms"},
	} {
		one, err := parseCondition(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		got := one.judge(r)
		if got.Failed != c.failed || got.Verdict() != c.verdict {
			t.Errorf("%s: failed %v, %q; want %v, %q", c.expr, got.Failed, got.Verdict(), c.failed, c.verdict)
		}
	}
}

// TestWrongThresholds: what is wrong with an expression is said before anything runs.
func TestWrongThresholds(t *testing.T) {
	echoing := Config{Target: "127.0.0.1:1", Devices: 1, ID: "c{n}", Mode: Echo, Duration: time.Second}
	for _, c := range []struct {
		expr, want string
	}{
		{"", "give NAME OP VALUE, such as 'rtt_p99 > 50ms'"},
		{"rtt_p99", "give NAME OP VALUE"},
		{"rtt_p99 == 50ms", "give NAME OP VALUE"},
		{"rtt_p99 > 50ms > 20ms", "give NAME OP VALUE"},
		{strings.Repeat("r", 10_000) + " > 1", "give NAME OP VALUE"},
		{"rtt_p98 > 50ms", "no metric rtt_p98; there are rtt_p50, rtt_p90, rtt_p99, rtt_p999, rtt_max, connect_p50,"},
		{"rtt_p99 > 50", `"50" is no value of rtt_p99; give a time, such as 50ms`},
		{"rtt_p99 > 1%", `"1%" is no value of rtt_p99; give a time, such as 50ms`},
		{"rtt_p99 > -1ms", `"-1ms" is no value of rtt_p99`},
		{"lost > 50ms", `"50ms" is no value of lost; give a number or a share, such as 10 or 1%`},
		{"lost > NaN", `"NaN" is no value of lost`},
		{"lost > +Inf", `"+Inf" is no value of lost`},
		{"rate < 1%", `"1%" is no value of rate; give a number, such as 10`},
		{"cpu > 50", `"50" is no value of cpu; give a share, such as 95%`},
		{"poll_missed > 0", "poll_missed is measured where devices answer polls"},
		{"wrong > 0", "wrong is measured with verify"},
		{"confirm_p99 > 1s", "confirm_p99 is measured with confirm echo"},
	} {
		cfg := echoing
		cfg.Fail = []string{"rtt_p99 > 1s", c.expr}
		cfg = cfg.withDefaults()
		if err := cfg.validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %.200v; want %q", c.expr, err, c.want)
		} else if len(err.Error()) > 1500 {
			t.Errorf("%.40q: an error of %d bytes", c.expr, len(err.Error()))
		}
	}
	echoing.Fail = make([]string, mostThresholds+1)
	if _, err := echoing.conditions(); err == nil || !strings.Contains(err.Error(), "65 thresholds; give at most 64") {
		t.Errorf("too many: %v", err)
	}
}

// TestThresholdFailsTheRun: both kinds are in the result, and one of them fails it.
func TestThresholdFailsTheRun(t *testing.T) {
	r := runs(t, Config{Target: server(t, echo), Mode: Echo, Rate: 500, Duration: 100 * time.Millisecond,
		Fail: []string{"rtt_p50 > 10m", "rate > 1", "failed > 0%"}})
	if len(r.Thresholds) != 3 || r.Thresholds[0].Failed || !r.Thresholds[1].Failed || r.Thresholds[2].Failed {
		t.Fatalf("%+v", r.Thresholds)
	}
	err := r.Err()
	if !errors.Is(err, ErrThreshold) || errors.Is(err, ErrFleet) ||
		!strings.Contains(err.Error(), "a threshold has failed: rate > 1 (it is ") {
		t.Errorf("error %v", err)
	}
	var text strings.Builder
	if r.Print(&text) != nil || !strings.Contains(text.String(), "rtt_p50 > 10m  met: it is ") ||
		!strings.Contains(text.String(), "rate > 1       FAILED: it is ") {
		t.Errorf("printed:\n%s", &text)
	}
}
