package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what a run came to. Its JSON form is report.json.
type Report struct {
	Stamp        Stamp         `json:"stamp"`
	Config       Config        `json:"config"`
	Rows         []Row         `json:"rows"`
	Disturbances []Disturbance `json:"disturbances"`
	Samples      []Sample      `json:"samples"` // all runs, in the order in which they were made
}

// Sample is one run of one server.
type Sample struct {
	Scenario   string   `json:"scenario"`
	Peer       string   `json:"peer"`
	Case       string   `json:"case"`
	Round      int      `json:"round"`      // from 0
	Iterations int      `json:"iterations"` // devices or messages
	Figures    []Figure `json:"figures"`
}

// Disturbance is what else happened on the machine during one round, in per cent of its CPU time.
type Disturbance struct {
	Scenario string  `json:"scenario"`
	Round    int     `json:"round"`
	Steal    float64 `json:"steal_percent"` // taken by the hypervisor
	Other    float64 `json:"other_percent"` // used by other processes and by the kernel for its own ends
}

// Row is one figure over all rounds.
type Row struct {
	Scenario string             `json:"scenario"`
	Case     string             `json:"case"`
	Unit     string             `json:"unit"`
	Peers    map[string]Summary `json:"peers"`
	// Ratio is linkd to bare gnet, taken round by round; nil where the figure has none.
	Ratio *Summary `json:"ratio,omitempty"`
	// Met says whether linkd's median keeps to its target; nil where the figure has none.
	Met *bool `json:"met,omitempty"`
}

// calm is the disturbance, in per cent, above which a run should be made again.
const calm = 5

// values are one figure of one server, by round.
func (r *Report) values(peer string, row Row) (values []float64) {
	for _, s := range r.Samples {
		if s.Peer != peer || s.Scenario != row.Scenario || s.Case != row.Case {
			continue
		}
		for _, f := range s.Figures {
			if f.Unit == row.Unit {
				values = append(values, f.Value)
			}
		}
	}
	return values
}

// summarise makes the rows from the samples.
func (r *Report) summarise() {
	for _, s := range r.Samples {
		for _, f := range s.Figures {
			row := Row{Scenario: s.Scenario, Case: s.Case, Unit: f.Unit}
			if !slices.ContainsFunc(r.Rows, func(o Row) bool {
				return o.Scenario == row.Scenario && o.Case == row.Case && o.Unit == row.Unit
			}) {
				r.Rows = append(r.Rows, r.fill(row))
			}
		}
	}
}

func (r *Report) fill(row Row) Row {
	row.Peers = map[string]Summary{}
	for _, peer := range r.Config.Peers {
		row.Peers[peer] = summarise(r.values(peer, row))
	}
	goal := targetOf(row.Unit)
	if goal == (target{}) {
		return row
	}
	if by := ratios(r.values(Linkd, row), r.values(Gnet, row)); len(by) > 0 {
		ratio := summarise(by)
		row.Ratio = &ratio
	}
	linkd, measured := row.Peers[Linkd]
	switch {
	case goal.value > 0 && measured:
		met := linkd.Median <= goal.value
		row.Met = &met
	case goal.ratio > 0 && row.Ratio != nil:
		met := row.Ratio.Median <= goal.ratio
		row.Met = &met
	}
	return row
}

// verdict words a row's target.
func (row Row) verdict() string {
	if row.Met == nil {
		return ""
	}
	goal, word := targetOf(row.Unit), "met"
	if !*row.Met {
		word = "NOT MET"
	}
	if goal.value > 0 {
		return fmt.Sprintf("<= %g: %s", goal.value, word)
	}
	return fmt.Sprintf("<= %g x %s: %s", goal.ratio, Gnet, word)
}

// Print writes the report for people: medians with (least to most) of the rounds.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\nrounds %d, median (least to most)\n\nscenario\tcase\tunit", r.Stamp, r.Config.Rounds)
	for _, p := range r.Config.Peers {
		fmt.Fprintf(w, "\t%s", p)
	}
	fmt.Fprintf(w, "\t%s/%s\ttarget\n", Linkd, Gnet)
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s", row.Scenario, row.Case, row.Unit)
		for _, p := range r.Config.Peers {
			fmt.Fprintf(w, "\t%s", row.Peers[p])
		}
		ratio := ""
		if row.Ratio != nil {
			ratio = row.Ratio.String()
		}
		fmt.Fprintf(w, "\t%s\t%s\n", ratio, row.verdict())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", r.disturbed())
	return err
}

// disturbed words the worst that happened to the machine.
func (r *Report) disturbed() string {
	var steal, other float64
	for _, d := range r.Disturbances {
		steal, other = max(steal, d.Steal), max(other, d.Other)
	}
	line := fmt.Sprintf("disturbance, worst round: %.1f %% of the CPU time stolen, %.1f %% used by others", steal, other)
	if steal > calm || other > calm {
		line += fmt.Sprintf("; over %d %%: do not trust these figures, run again on a quiet machine", calm)
	}
	return line
}

// String is the median and the extremes, with as many digits as mean something.
func (s Summary) String() string {
	return fmt.Sprintf("%s (%s to %s)", digits(s.Median), digits(s.Min), digits(s.Max))
}

func digits(v float64) string {
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// WriteBenchmark writes every sample in the Go benchmark format, which benchstat reads (benchstat -col /peer).
func (r *Report) WriteBenchmark(out io.Writer) error {
	var b strings.Builder
	s := r.Stamp
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: linkd/bench\ncpu: %s\n", s.OS, s.Arch, s.CPU)
	fmt.Fprintf(&b, "commit: %s\nkernel: %s\ngo: %s\ncommand: %s\n\n", s.Commit, s.Kernel, s.Go, s.Command)
	for _, s := range r.Samples {
		name := strings.ToUpper(s.Scenario[:1]) + s.Scenario[1:]
		fmt.Fprintf(&b, "Benchmark%s/peer=%s/%s-%d\t%d", name, s.Peer, s.Case, r.Stamp.Cores, s.Iterations)
		for _, f := range s.Figures {
			fmt.Fprintf(&b, "\t%.6g %s", f.Value, f.Unit)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Write puts report.json, report.txt (as Print) and bench.txt (as WriteBenchmark) into a folder, made if need be.
func (r *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for name, write := range map[string]func(io.Writer) error{
		"report.txt": r.Print, "bench.txt": r.WriteBenchmark, "report.json": func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}} {
		var b strings.Builder
		if err := write(&b); err != nil {
			return fmt.Errorf("bench: %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}
