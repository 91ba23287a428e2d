package loadgen

import (
	"encoding/xml"
	"fmt"
	"io"
	"runtime"
	"strings"
)

// Check is one thing that a run has to show.
type Check struct {
	Name      string
	Complaint string // empty when it is as it should be
}

// Checks returns everything that the run was judged by: devices, links and answers, the verdicts over values where
// there are any, the generator itself, and the thresholds. Err complains of the same.
func (r *Result) Checks() []Check {
	list := r.fleetChecks()
	generator := Check{Name: "generator valid"}
	if err := r.Generator.Err(); err != nil {
		generator.Complaint = err.Error()
	}
	list = append(list, generator)
	for i := range r.Thresholds {
		t := &r.Thresholds[i]
		c := Check{Name: "fail if " + t.Expr}
		if t.Failed {
			c.Complaint = t.Verdict()
		}
		list = append(list, c)
	}
	return list
}

// The elements of a JUnit file that its readers agree on.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Cases    []junitCase `xml:"testcase"`
		Output   string      `xml:"system-out"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the checks as the test cases of a JUnit file, with the printed result as their output.
func (r *Result) WriteJUnit(out io.Writer) error {
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		return err
	}
	s := junitSuite{Name: "linkd loadgen", Time: fmt.Sprintf("%.3f", r.Elapsed), Output: text.String()}
	for _, c := range r.Checks() {
		one := junitCase{Class: "loadgen." + r.Mode, Name: c.Name, Time: "0"}
		if c.Complaint != "" {
			one.Failure = &junitFailure{Message: c.Complaint}
			s.Failures++
		}
		s.Cases = append(s.Cases, one)
	}
	s.Tests = len(s.Cases)
	b, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return fmt.Errorf("loadgen: JUnit: %w", err)
	}
	_, err = io.WriteString(out, xml.Header+string(b)+"\n")
	return err
}

// WriteBenchmark writes the figures as one line in the Go benchmark format, which benchstat reads. The files of several
// runs may be put behind each other.
func (r *Result) WriteBenchmark(out io.Writer) error {
	var b strings.Builder
	cores := 1
	if r.Generator != nil {
		cores = r.Generator.Cores
	}
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: linkd/loadgen\ntarget: %s\n", runtime.GOOS, runtime.GOARCH,
		strings.Join(strings.Fields(r.Target), " "))
	messages := r.Sent.Messages
	if r.Mode == Echo {
		messages = r.Received.Messages
	}
	fmt.Fprintf(&b, "BenchmarkLoadgen/mode=%s/preset=%s/devices=%d-%d\t%d", r.Mode, r.Preset, r.Devices, cores,
		max(1, messages))
	say := func(there bool, value float64, unit string) {
		if there {
			fmt.Fprintf(&b, "\t%.6g %s", value, unit)
		}
	}
	moves := r.Duration > 0 && r.Mode != Idle
	say(moves, r.RateAchieved, "msg/s")
	say(moves && messages > 0, 1e6*(r.CPUUser+r.CPUSys)/float64(max(1, messages)), "own-cpu-us/msg")
	for _, t := range r.times() {
		there := t.l.Count > 0
		say(there, t.l.P50, t.name+"-p50-ms")
		say(there, t.l.P90, t.name+"-p90-ms")
		say(there, t.l.P99, t.name+"-p99-ms")
		say(there, t.l.P999, t.name+"-p999-ms")
		say(there, t.l.Max, t.name+"-max-ms")
	}
	if r.Polls != nil {
		say(true, r.Polls.Interval.P99, "poll-lag-p99-ms")
		say(true, float64(r.Polls.Interval.Missed), "poll-missed")
	}
	say(true, r.TimeToAllUp, "all-up-s")
	say(true, float64(int64(r.Devices)-r.Up), "failed")
	say(true, float64(r.Lost), "lost")
	b.WriteByte('\n')
	_, err := io.WriteString(out, b.String())
	return err
}

// namedTimes are times and what they are called.
type namedTimes struct {
	name string
	l    Latency
}

func (r *Result) times() []namedTimes {
	return []namedTimes{{"connect", r.Connect}, {"ack", r.Ack}, {"confirm", r.Confirm}, {"rtt", r.RTT}, {"lag", r.Lag}}
}

// Err is nil when every device came up, none was lost (with Reconnect: none stayed away), no echo is missing, the
// generator did its part and no threshold has failed. Otherwise it says in one line what failed and why. It wraps
// ErrInvalid when the generator fell short, ErrFleet when the devices did not what they should, ErrThreshold when a
// threshold has failed.
func (r *Result) Err() (all error) {
	for _, err := range []error{r.Generator.Err(), r.fleetErr(), r.thresholdErr()} {
		switch {
		case err != nil && all != nil:
			all = fmt.Errorf("%w; %w", all, err)
		case err != nil:
			all = err
		}
	}
	return all
}
