package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSummarise(t *testing.T) {
	tests := []struct {
		values []float64
		want   Summary
	}{
		{nil, Summary{}},
		{[]float64{3}, Summary{3, 3, 3}},
		{[]float64{4, 1}, Summary{2.5, 1, 4}},
		{[]float64{9, 1, 5}, Summary{5, 1, 9}},
		{[]float64{4, 1, 3, 2}, Summary{2.5, 1, 4}},
	}
	for _, tt := range tests {
		given := slices.Clone(tt.values)
		if got := Summarise(given); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.values, got, tt.want)
		}
		if !slices.Equal(given, tt.values) {
			t.Errorf("%v became %v", tt.values, given)
		}
	}
}

func TestRatios(t *testing.T) {
	if got := Ratios([]float64{2, 9, 6, 1}, []float64{1, 0, 4}); !slices.Equal(got, []float64{2, 1.5}) {
		t.Errorf("got %v, want 2 and 1.5", got)
	}
}

// sampled is a report of two rounds: linkd's ratios are 1 and 1.3, its median memory 700.
func sampled() *Report {
	r := &Report{Stamp: Stamp{Commit: "abc", Go: "go1", OS: "linux", Arch: "amd64", Kernel: "6", CPU: "X", Cores: 2,
		Command: "linkd bench run", CoresFor: cores{}.String()}, Config: Config{Rounds: 2, Peers: []string{Linkd, Gnet}}}
	add := func(scenario, peer string, round int, figures ...Figure) {
		r.Samples = append(r.Samples, Sample{Scenario: scenario, Peer: peer, Case: "n=10", Round: round, Iterations: 10,
			Figures: figures})
	}
	add("idle", Linkd, 0, Figure{idleUnit, 600})
	add("idle", Linkd, 1, Figure{idleUnit, 800})
	add("storm", Linkd, 0, Figure{stormUnit, 20}, Figure{"all-up-s", 0.5})
	add("storm", Gnet, 0, Figure{stormUnit, 20}, Figure{"all-up-s", 0.25})
	add("storm", Linkd, 1, Figure{stormUnit, 39})
	add("storm", Gnet, 1, Figure{stormUnit, 30})
	r.Disturbances = []Disturbance{{"idle", 0, 0.5, 1}, {"idle", 1, 0.25, 2}}
	r.summarise()
	return r
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	if err := sampled().Print(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			got = append(got, line)
		}
	}
	want := []string{
		"commit abc, go1, Linux 6, 2 x X, 0 open files; server and load share the cores",
		"rounds 2, median (least to most)",
		"scenario case unit linkd gnet linkd/gnet target",
		"idle n=10 B/device 700 (600 to 800) - <= 600: NOT MET",
		"storm n=10 cpu-us/device 29.50 (20.00 to 39.00) 25.00 (20.00 to 30.00) 1.15 (1.00 to 1.30) <= 1.15 x gnet: met",
		"storm n=10 all-up-s 0.50 0.25",
		"disturbance, worst round: 0.5 % of the CPU time stolen, 2.0 % used by others",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNotMetAndDisturbed(t *testing.T) {
	r := sampled()
	r.Rows = nil
	r.Samples[0].Figures[0].Value = 1001
	r.Samples[2].Figures[0].Value = 40
	r.Disturbances[0].Other = Calm + 1
	r.summarise()
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<= 600: NOT MET", "<= 1.15 x gnet: NOT MET", "do not trust"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	if err := sampled().Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "bench.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"goos: linux\n", "\ncommit: abc\n", "\ncommand: linkd bench run\n",
		"\nBenchmarkIdle/peer=linkd/n=10-2\t10\t600 B/device\n",
		"\nBenchmarkStorm/peer=gnet/n=10-2\t10\t20 cpu-us/device\t0.25 all-up-s\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("bench.txt has no %q:\n%s", want, text)
		}
	}
	var back Report
	text, err = os.ReadFile(filepath.Join(dir, "report.json"))
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || len(back.Samples) != 6 || back.Rows[1].Ratios[Gnet].Max != 1.3 || back.Rows[0].Goals[0].Met {
		t.Errorf("report.json: %v, %+v", err, back)
	}
}

func TestMetric(t *testing.T) {
	const text = "# HELP a b\na_total{x=\"1\"} 5\na{x=\"10\"} 6\na{x=\"1\"} 1.9e+04\nbad x\n"
	if v, err := metric(text, `a{x="1"}`); v != 19000 || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	for _, series := range []string{"b", "bad"} {
		if _, err := metric(text, series); err == nil {
			t.Errorf("%s has a value", series)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		change func(*Config)
		want   string
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Scenarios = []string{"idle", "x"} }, `no scenario "x"; linkd bench list lists them`},
		{func(c *Config) { c.Peers = []string{"x"} }, `no peer "x"; give some of linkd,linkd-bus,c-epoll,`},
		{func(c *Config) { c.Rounds = -1 }, "-1 rounds; give 1 to 1000"},
		{func(c *Config) { c.Devices = []int{0} }, "devices or links; give 1 to 50000 of each"},
		{func(c *Config) { c.Window = time.Millisecond }, "window 1ms"},
		{func(c *Config) { c.Devices = []int{19_301} }, "the limit is 20000; raise it (ulimit -Hn)"},
	}
	for _, tt := range tests {
		c := Config{}.withDefaults()
		tt.change(&c)
		err := c.validate(20_000)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
