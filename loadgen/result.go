package loadgen

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// ErrFleet is wrapped by Result.Err.
var ErrFleet = errors.New("loadgen: not every device did what it should")

// Result is what came of a run. Its JSON form is the output of loadgen -o json.
type Result struct {
	Target  string `json:"target"`
	Preset  string `json:"preset"`
	Mode    string `json:"mode"`
	Devices int    `json:"devices"`

	Up        int64            `json:"up"`        // devices that came up; up + failed = devices
	UpAtEnd   int64            `json:"up_at_end"` // of these, those that were still (or again) up when the run ended
	Confirmed int64            `json:"confirmed"` // devices with at least one echo
	Failed    map[string]int64 `json:"failed"`    // devices that did not come up, by cause
	Dropped   map[string]int64 `json:"dropped"`   // links lost after the device was up, by cause
	Returned  int64            `json:"returned"`  // times that a dropped device was up again

	Connect Latency `json:"connect"` // to the end of the TCP handshake
	Ack     Latency `json:"ack"`     // from the identity to the preset's answer
	Confirm Latency `json:"confirm"` // from the connect to the confirming echo
	RTT     Latency `json:"rtt"`     // from the time a frame was due to its echo, without the generator's own lag
	Lag     Latency `json:"lag"`     // the generator's own: how late it started connects and sent frames

	// Curves are the same times whole, and the intervals between polls (poll_interval): what there is of them.
	Curves map[string][]CurvePoint `json:"curves"`

	Generator *Generator `json:"generator"` // whether the run can be believed

	Sent     Traffic `json:"sent"`
	Received Traffic `json:"received"`
	Lost     int64   `json:"lost"`    // frames sent whose echo never came; idle, push: last bytes not taken by the server
	Unsent   int64   `json:"unsent"`  // frames due and not sent: their device was waiting for an echo, or down
	Stale    int64   `json:"stale"`   // echoes with another sequence than the one expected
	Corrupt  int64   `json:"corrupt"` // echoes or packets with wrong bytes

	Polls  *Polls   `json:"polls,omitempty"`  // where the devices answer
	Verify *Verdict `json:"verify,omitempty"` // with Verify
	Ledger *Ledger  `json:"ledger,omitempty"` // with Ledger

	Thresholds []Threshold `json:"thresholds,omitempty"` // what came of Fail, in its order

	Faults *FaultCounts `json:"faults,omitempty"` // where there are any

	RateAchieved float64 `json:"rate_achieved"` // echo: answered, push: sent, else requests; a second of duration_s
	TimeToAllUp  float64 `json:"time_to_all_up_s"`
	Duration     float64 `json:"duration_s"` // of the traffic
	Elapsed      float64 `json:"elapsed_s"`  // of the whole run
	CPUUser      float64 `json:"cpu_user_s"` // of all processes of the generator
	CPUSys       float64 `json:"cpu_sys_s"`

	Errors    []ErrorCount `json:"errors"` // the first few distinct messages, the most frequent first
	Processes int          `json:"processes"`
	Hosts     int          `json:"hosts,omitempty"` // with a coordinator; processes are of all of them
	Stopped   bool         `json:"stopped"`         // ended early by a signal or by the caller

	reconnects bool
	histograms map[string]histogram // by the name of their curve
	excused    int64                // devices away at the end, and rightly so
}

// Latency summarises a histogram, in milliseconds. All are 0 when Count is.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Traffic counts data frames, and all bytes on the sockets, identities and heartbeats included.
type Traffic struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// ErrorCount is an error message and how often it occurred.
type ErrorCount struct {
	Message string `json:"message"`
	Count   int64  `json:"count"`
}

// result words an outcome.
func (o *outcome) result(c *Config, processes int) *Result {
	r := &Result{
		Target: c.Target, Preset: c.Preset, Mode: c.Mode, Devices: c.Devices,
		Up: o.Up, UpAtEnd: o.UpAtEnd, Confirmed: o.Confirmed, Returned: o.Returned,
		Failed: byName(o.Failed), Dropped: byName(o.Dropped),
		Connect: o.Times[connectTime].latency(), Ack: o.Times[ackTime].latency(),
		Confirm: o.Times[confirmTime].latency(), RTT: o.Times[roundTrip].latency(), Lag: o.Times[ownLag].latency(),
		Sent: Traffic{o.Sent, o.SentBytes}, Received: Traffic{o.Received, o.ReceivedBytes},
		Lost: o.Lost, Unsent: o.Unsent, Stale: o.Stale, Corrupt: o.Corrupt,
		TimeToAllUp: o.Settled.Seconds(), Duration: o.Traffic.Seconds(), Elapsed: o.Elapsed.Seconds(),
		CPUUser: o.CPUUser.Seconds(), CPUSys: o.CPUSys.Seconds(),
		Errors: o.Errors.sorted(), Processes: processes, Stopped: o.Stopped, reconnects: c.Reconnect, histograms: o.series(),
		excused: o.Excused,
	}
	if c.Faults.any() {
		r.Faults = &o.Faults
	}
	r.Curves = curves(r.histograms)
	r.Generator = o.judge(c, processes)
	if r.Errors == nil {
		r.Errors = []ErrorCount{}
	}
	done := o.Sent
	if c.Mode == Echo {
		done = o.Received
	}
	if c.answers() {
		r.Polls = o.Polls.result(&c.Slave, o.Asked, o.Placed, o.Edges)
		if c.Verify != "" {
			r.Verify = &o.Verdict
		}
		r.Sent.Messages, r.Received.Messages, done = o.Polls.Answered, o.Polls.Received, o.Polls.InTraffic
	}
	if c.Ledger != "" {
		r.Ledger = &o.Ledger
	}
	if r.Duration > 0 {
		r.RateAchieved = float64(done) / r.Duration
	}
	r.Thresholds = c.thresholds(r)
	return r
}

func (h histogram) latency() Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := func(p float64) float64 { return ms(h.ValueAtPercentile(p)) }
	return Latency{Count: h.TotalCount(), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: ms(h.Max())}
}

func ms(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }

// fleetChecks are what the devices have to show.
func (r *Result) fleetChecks() []Check {
	var list []Check
	check := func(name string, wrong bool, format string, args ...any) {
		c := Check{Name: name}
		if wrong {
			c.Complaint = fmt.Sprintf(format, args...)
		}
		list = append(list, c)
	}
	down := int64(r.Devices) - r.Up
	check("all devices up", down > 0, "%d of %d devices did not come up (%s)", down, r.Devices, listed(r.Failed))
	away := r.Up - r.UpAtEnd - r.excused
	if r.reconnects {
		check("all devices stayed", away > 0, "%d devices stayed away (%s)", away, listed(r.Dropped))
	} else {
		check("all devices stayed", len(r.Dropped) > 0, "%d devices lost their link (%s)", away, listed(r.Dropped))
	}
	format := "%d of %d echoes never came"
	if r.Mode != Echo {
		format = "%d devices could not send their last bytes, after %d messages"
	}
	check("nothing lost", r.Lost > 0 && !r.reconnects, format, r.Lost, r.Sent.Messages)
	if r.Verify != nil {
		list = append(list, Check{"values verified", r.Verify.complaint()})
	}
	if r.Ledger != nil {
		list = append(list, Check{"lines delivered", r.Ledger.complaint()})
	}
	check("bytes right", r.Corrupt > 0, "%d answers had wrong bytes", r.Corrupt)
	return list
}

// fleetErr is nil when the devices did what they should.
func (r *Result) fleetErr() error {
	var parts []string
	for _, c := range r.fleetChecks() {
		if c.Complaint != "" {
			parts = append(parts, c.Complaint)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	line := strings.Join(parts, "; ")
	if len(r.Errors) > 0 {
		line += "; most frequent: " + r.Errors[0].Message
	}
	return fmt.Errorf("%w: %s", ErrFleet, line)
}

func listed(m map[string]int64) string {
	var s []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		s = append(s, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(s, ", ")
}

// Print writes the result for people.
func (r *Result) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("target", "%s (preset %s, mode %s, processes %d)", r.Target, r.Preset, r.Mode, r.Processes)
	if r.Hosts > 0 {
		row("hosts", "%d", r.Hosts)
	}
	row("devices", "%d: %d up, %d up at the end, %d confirmed by an echo", r.Devices, r.Up, r.UpAtEnd, r.Confirmed)
	if len(r.Failed) > 0 {
		row("failed", "%s", listed(r.Failed))
	}
	if len(r.Dropped) > 0 {
		row("dropped", "%s; %d times up again", listed(r.Dropped), r.Returned)
	}
	row("sent", "%d messages, %d bytes", r.Sent.Messages, r.Sent.Bytes)
	row("received", "%d messages, %d bytes", r.Received.Messages, r.Received.Bytes)
	if r.Polls != nil {
		row("polls", "%s", r.Polls)
		row("interval", "%s", &r.Polls.Interval)
	}
	if r.Faults != nil {
		row("faults", "%s", r.Faults)
	}
	if r.Verify != nil {
		row("verify", "%s", r.Verify)
	}
	if r.Ledger != nil {
		row("ledger", "%s", r.Ledger)
	}
	if r.Lost+r.Unsent+r.Stale+r.Corrupt > 0 {
		row("not right", "%d lost, %d unsent, %d stale, %d corrupt", r.Lost, r.Unsent, r.Stale, r.Corrupt)
	}
	if r.Duration > 0 && r.Mode != Idle {
		row("rate", "%.1f messages/s", r.RateAchieved)
	}
	row("time", "%.3f s to all up, %.3f s traffic, %.3f s in all", r.TimeToAllUp, r.Duration, r.Elapsed)
	row("CPU", "%.2f s user, %.2f s system (of the generator)", r.CPUUser, r.CPUSys)
	if r.Generator != nil {
		row("generator", "%s", r.Generator)
	}
	r.printTimes(w, row)
	for _, e := range r.Errors {
		fmt.Fprintf(w, "\nerror (%d times)\t%s", e.Count, e.Message)
	}
	if len(r.Errors) > 0 {
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// printTimes writes the table of latencies, and what came of the thresholds.
func (r *Result) printTimes(w io.Writer, row func(name, format string, args ...any)) {
	fmt.Fprintf(w, "\n%s\tcount\tp50 ms\tp90 ms\tp99 ms\tp99.9 ms\tmax ms\n", "times")
	for _, t := range r.times() {
		if t.l.Count > 0 {
			row(strings.Replace(t.name, "lag", "own lag", 1), "%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f", t.l.Count, t.l.P50,
				t.l.P90, t.l.P99, t.l.P999, t.l.Max)
		}
	}
	for i := range r.Thresholds {
		if i == 0 {
			fmt.Fprintln(w)
		}
		row("fail if", "%s\t%s", r.Thresholds[i].Expr, r.Thresholds[i].Verdict())
	}
}
