package loadgen

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reported is a run in which one thing of each kind is not as it should be.
func reported() *Result {
	return &Result{Target: "127.0.0.1:30000", Mode: ModbusRTU, Preset: "auto", Devices: 10, Up: 9, UpAtEnd: 9,
		Failed: map[string]int64{"refused": 1}, RateAchieved: 100, Duration: 10, Elapsed: 12.5, TimeToAllUp: 0.25,
		CPUUser: 0.5, CPUSys: 0.25, Sent: Traffic{Messages: 1000},
		Connect: Latency{Count: 9, P50: 0.5, P90: 0.75, P99: 1, P999: 1, Max: 1},
		Verify:  &Verdict{Verified: 10, Wrong: 1, Example: `what was "read" <of> device 1`},
		Polls:   &Polls{Interval: Interval{Count: 99, P99: 3, Missed: 2}},
		Generator: &Generator{Reasons: []string{"was 30.0 ms late itself at p99, over 20ms: it had too little CPU"},
			Cores: 2},
		Thresholds: []Threshold{{Expr: "connect_p99 > 5ms", Value: 1, Unit: "ms", Measured: true},
			{Expr: "poll_missed > 0", Value: 2, Measured: true, Failed: true}},
	}
}

// TestJUnit: one test case for everything that the run was judged by, and a failure for each that was not met.
func TestJUnit(t *testing.T) {
	var text strings.Builder
	if err := reported().WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal([]byte(text.String()), &got); err != nil {
		t.Fatalf("%v:\n%s", err, &text)
	}
	failures := map[string]string{}
	var names []string
	for _, c := range got.Suites[0].Cases {
		names = append(names, c.Name)
		if c.Failure != nil {
			failures[c.Name] = c.Failure.Message
		}
	}
	if want := []string{"all devices up", "all devices stayed", "nothing lost", "values verified", "bytes right",
		"generator valid", "fail if connect_p99 > 5ms", "fail if poll_missed > 0"}; !slices.Equal(names, want) {
		t.Errorf("test cases %q, want %q", names, want)
	}
	for name, want := range map[string]string{
		"all devices up":          "1 of 10 devices did not come up (1 refused)",
		"values verified":         `1 of 11 values are wrong and 0 too old, the first: what was "read" <of> device 1`,
		"generator valid":         "loadgen: the run is invalid: the generator was 30.0 ms late",
		"fail if poll_missed > 0": "FAILED: it is 2",
	} {
		if !strings.HasPrefix(failures[name], want) {
			t.Errorf("%s fails with %q, want %q", name, failures[name], want)
		}
	}
	if s := &got.Suites[0]; s.Tests != 8 || s.Failures != 4 || len(failures) != 4 || s.Time != "12.500" ||
		!strings.Contains(s.Output, "generator  ") {
		t.Errorf("%d tests, %d failures (%d), %s s:\n%s", s.Tests, s.Failures, len(failures), s.Time, s.Output)
	}
	if err := reported().Err(); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error of it all is %v", err)
	}
}

// TestBenchmarkFormat: one line, each figure with its unit, and nothing that was not measured.
func TestBenchmarkFormat(t *testing.T) {
	var text strings.Builder
	if err := reported().WriteBenchmark(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	want := "BenchmarkLoadgen/mode=modbus-rtu/preset=auto/devices=10-2\t1000\t100 msg/s\t750 own-cpu-us/msg\t" +
		"0.5 connect-p50-ms\t0.75 connect-p90-ms\t1 connect-p99-ms\t1 connect-p999-ms\t1 connect-max-ms\t" +
		"3 poll-lag-p99-ms\t2 poll-missed\t0.25 all-up-s\t1 failed\t0 lost"
	if got := lines[len(lines)-1]; got != want {
		t.Errorf("line\n%s, want\n%s", got, want)
	}
	for _, key := range lines[:len(lines)-1] {
		if !regexp.MustCompile(`^[a-z][a-z0-9-]*: \S.*$`).MatchString(key) {
			t.Errorf("no key and value: %q", key)
		}
	}
}
