package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSources(t *testing.T) {
	for _, c := range []struct {
		cidr  string
		count uint64
		at    map[int]string
	}{
		{"", 0, nil},
		{"127.0.1.0/24", 254, map[int]string{0: "127.0.1.1", 253: "127.0.1.254", 254: "127.0.1.1"}},
		{"127.0.0.0/8", 1<<24 - 2, map[int]string{255: "127.0.1.0", 1<<24 - 3: "127.255.255.254"}},
		{"10.0.0.6/31", 2, map[int]string{0: "10.0.0.6", 1: "10.0.0.7", 2: "10.0.0.6"}},
		{"10.0.0.6", 1, map[int]string{9: "10.0.0.6"}},
		{"fd00::/64", 1 << 32, map[int]string{0: "fd00::", 65536: "fd00::1:0"}},
	} {
		s, err := parseSources(c.cidr)
		if err != nil || s.count != c.count {
			t.Errorf("%s: %d addresses, %v; want %d", c.cidr, s.count, err, c.count)
			continue
		}
		for i, want := range c.at {
			if got := s.at(i).String(); got != want {
				t.Errorf("%s: device %d dials from %s, want %s", c.cidr, i, got, want)
			}
		}
	}
}

func TestPacer(t *testing.T) {
	p := pacer{start: 1000, rate: 3, n: 1}
	if got := p.due(); got != 1000+333333333 {
		t.Errorf("second due at %d", got)
	}
	for _, end := range []int64{1000, 1001, 1000 + 333333333, 1000 + 333333334, 1000 + 2e9, 1000 + 7e9} {
		var want int64
		for q := p; q.due() < end; q.n++ {
			want++
		}
		if got := p.before(end); got != want {
			t.Errorf("%d due before %d, want %d", got, end, want)
		}
	}
}

func TestPacerOfHardlyAnything(t *testing.T) {
	p := pacer{start: 100, rate: 1e-300, n: 1}
	if due := p.due(); due != 100+never {
		t.Errorf("due at %d, want never", due)
	}
}

func TestTimersComeInOrder(t *testing.T) {
	var h timers
	var want []int64
	for i := range int64(200) {
		at := i * 7919 % 199
		h.add(timer{at: at})
		want = append(want, at)
	}
	slices.Sort(want)
	if _, ok := h.take(-1); ok {
		t.Error("a timer came early")
	}
	for i, w := range want {
		if got, ok := h.take(1000); !ok || got.at != w {
			t.Fatalf("timer %d is %d (%v), want %d", i, got.at, ok, w)
		}
	}
}

func TestPortExhaustionIsExplained(t *testing.T) {
	c, text := connectError("connect", "127.0.0.1:30000", fmt.Errorf("wrapped: %w", syscall.EADDRNOTAVAIL))
	if c != noPort || !strings.Contains(text, "--sources") || !strings.Contains(text, "ip_local_port_range") {
		t.Errorf("cause %v, %q: no advice", c, text)
	}
	if c, text := connectError("bind", "", syscall.EADDRNOTAVAIL); c != unreachable ||
		!strings.Contains(text, "not one of this machine") {
		t.Errorf("bind: cause %v, %q", c, text)
	}
	if c, text := connectError("socket", "", syscall.EMFILE); c != noDescriptor || !strings.Contains(text, "ulimit -n") {
		t.Errorf("socket: cause %v, %q", c, text)
	}
}

// TestCauseNames keeps the JSON keys: one name for each cause, none twice.
func TestCauseNames(t *testing.T) {
	seen := map[string]bool{}
	for c := range causes {
		if seen[c.String()] {
			t.Errorf("two causes are called %s", c)
		}
		seen[c.String()] = true
	}
}

// TestOutcomesMerge sends one outcome through JSON, as between processes: percentiles are those of all values.
func TestOutcomesMerge(t *testing.T) {
	a, b := newOutcome(), newOutcome()
	for i := range int64(90) {
		a.Times[roundTrip].record(int64(time.Millisecond) + i)
	}
	for range 10 {
		b.Times[roundTrip].record(int64(time.Second))
	}
	a.Up, b.Up, b.Failed[refused], b.Dropped[reset] = 90, 10, 2, 3
	a.Settled, b.Settled = time.Second, 2*time.Second
	a.Errors.add("x", 1)
	b.Errors.add("x", 2)
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var over outcome
	if err := json.Unmarshal(text, &over); err != nil {
		t.Fatal(err)
	}
	a.merge(&over)
	r := a.result(&Config{Devices: 102}, 2)
	if r.RTT.Count != 100 || r.RTT.P50 > 1.1 || r.RTT.P90 > 1.1 || r.RTT.P99 < 999 || r.RTT.Max < 999 {
		t.Errorf("merged round trips %+v", r.RTT)
	}
	if r.Up != 100 || r.Failed["refused"] != 2 || r.Dropped["reset"] != 3 || r.TimeToAllUp != 2 {
		t.Errorf("merged counts %+v", r)
	}
	if len(r.Errors) != 1 || r.Errors[0] != (ErrorCount{"x", 3}) {
		t.Errorf("merged errors %+v", r.Errors)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	var m messages
	for i := range 1000 {
		m.add(fmt.Sprint(i), 1)
	}
	s := m.sorted()
	if len(s) != maxMessages+1 || s[0] != (ErrorCount{otherMessages, 1000 - maxMessages}) {
		t.Errorf("%d messages, first %+v", len(s), s[0])
	}
}

// TestResultSchema pins the JSON keys: other programs read them.
func TestResultSchema(t *testing.T) {
	text, err := json.Marshal(newOutcome().result(&Config{}, 1))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`target preset mode devices up up_at_end confirmed failed dropped returned connect ack confirm
		rtt lag curves generator sent received lost unsent stale corrupt rate_achieved
		time_to_all_up_s duration_s elapsed_s cpu_user_s cpu_sys_s errors processes stopped`)
	var times, traffic map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(top["rtt"], &times), json.Unmarshal(top["sent"], &traffic)); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, "rtt", times, strings.Fields("count p50_ms p90_ms p99_ms p999_ms max_ms"))
	checkKeys(t, "sent", traffic, strings.Fields("messages bytes"))
	if string(top["errors"]) != "[]" || string(top["failed"]) != "{}" {
		t.Errorf("empty lists are written as %s and %s", top["errors"], top["failed"])
	}
	checkKeys(t, "result", top, want)
}

func checkKeys(t *testing.T, what string, got map[string]json.RawMessage, want []string) {
	t.Helper()
	for _, k := range want {
		if _, ok := got[k]; !ok {
			t.Errorf("%s has no key %s", what, k)
		}
		delete(got, k)
	}
	for k := range got {
		t.Errorf("%s has the undocumented key %s", what, k)
	}
}

func TestVerdict(t *testing.T) {
	whole := func() *Result { return &Result{Devices: 10, Up: 10, UpAtEnd: 10} }
	for _, c := range []struct {
		name string
		edit func(*Result)
		want string // "": no error
	}{
		{"all well", func(*Result) {}, ""},
		{"failed", func(r *Result) {
			r.Up, r.UpAtEnd, r.Failed = 7, 7, map[string]int64{"timeout": 1, "refused": 2}
			r.Errors = []ErrorCount{{"connect x: connection refused", 2}}
		}, "3 of 10 devices did not come up (2 refused, 1 timeout); most frequent: connect x: connection refused"},
		{"dropped", func(r *Result) { r.UpAtEnd, r.Dropped = 9, map[string]int64{"reset": 1} },
			"1 devices lost their link (1 reset)"},
		{"dropped and back", func(r *Result) { r.reconnects, r.Lost, r.Dropped = true, 1, map[string]int64{"reset": 1} }, ""},
		{"dropped and away", func(r *Result) { r.reconnects, r.UpAtEnd, r.Dropped = true, 9, map[string]int64{"reset": 1} },
			"1 devices stayed away (1 reset)"},
		{"lost", func(r *Result) { r.Mode, r.Lost, r.Sent.Messages = Echo, 1, 5 }, "1 of 5 echoes never came"},
		{"corrupt", func(r *Result) { r.Corrupt = 2 }, "2 answers had wrong bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := whole()
			c.edit(r)
			err := r.Err()
			if c.want == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if !errors.Is(err, ErrFleet) || !strings.HasSuffix(err.Error(), ": "+c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
