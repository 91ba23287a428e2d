package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// ReportVersion is the form of report.json that this package writes. Those from before there were versions are of
// version 1 too.
const ReportVersion = 1

// Report is what a run came to. Its JSON form is report.json.
type Report struct {
	Version      int           `json:"version"` // of this form; absent: 1
	Stamp        Stamp         `json:"stamp"`
	Config       Config        `json:"config"`
	Rows         []Row         `json:"rows"`
	Disturbances []Disturbance `json:"disturbances"`
	Notes        []string      `json:"notes,omitempty"` // what was not measured, and why
	Samples      []Sample      `json:"samples"`         // all runs, in the order in which they were made
}

// Sample is one run of one server.
type Sample struct {
	Scenario   string   `json:"scenario"`
	Peer       string   `json:"peer"`
	Case       string   `json:"case"`
	Round      int      `json:"round"`      // from 0
	Iterations int      `json:"iterations"` // devices or messages
	Figures    []Figure `json:"figures"`
	// Curves are latencies by what was waited for, such as "rtt" or "connect", each by rising quantile.
	Curves map[string][]CurvePoint `json:"curves,omitempty"`
}

// CurvePoint says that a share Quantile (0 to 1) took at most Ms milliseconds.
type CurvePoint struct {
	Quantile float64 `json:"q"`
	Ms       float64 `json:"ms"`
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
	// Ratios are linkd to the other servers, by name, taken round by round; empty where the figure has no target.
	Ratios map[string]Summary `json:"ratios,omitempty"`
	Goals  []Goal             `json:"goals,omitempty"`
}

// Goal is a target of a figure, and whether linkd's median keeps to it.
type Goal struct {
	Limit string `json:"limit"`
	Met   bool   `json:"met"`
}

// Calm is the disturbance, in per cent, above which a run should be made again.
const Calm = 5

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
	for _, peer := range r.Config.peersOf(row.Scenario) {
		if values := r.values(peer, row); len(values) > 0 {
			row.Peers[peer] = Summarise(values)
		}
	}
	goal := targetOf(row)
	if goal.value == 0 && len(goal.ratios) == 0 {
		return row
	}
	row.Ratios = map[string]Summary{}
	for _, peer := range r.Config.Peers {
		if by := Ratios(r.values(Linkd, row), r.values(peer, row)); peer != Linkd && len(by) > 0 {
			row.Ratios[peer] = Summarise(by)
		}
	}
	if linkd, measured := row.Peers[Linkd]; goal.value > 0 && measured {
		row.Goals = append(row.Goals, Goal{fmt.Sprintf("<= %g", goal.value), linkd.Median <= goal.value})
	}
	for _, peer := range slices.Sorted(maps.Keys(goal.ratios)) {
		if ratio, measured := row.Ratios[peer]; measured {
			most := goal.ratios[peer]
			row.Goals = append(row.Goals, Goal{fmt.Sprintf("<= %g x %s", most, peer), ratio.Median <= most})
		}
	}
	return row
}

// verdict words a row's targets.
func (row Row) verdict() string {
	var words []string
	for _, g := range row.Goals {
		word := "met"
		if !g.Met {
			word = "NOT MET"
		}
		words = append(words, g.Limit+": "+word)
	}
	return strings.Join(words, ", ")
}

// Print writes the report for people: medians with (least to most) of the rounds, in one table for each set of servers.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\nrounds %d, median (least to most)\n", r.Stamp, r.Config.Rounds)
	var peers []string
	for _, row := range r.Rows {
		if mine := r.Config.peersOf(row.Scenario); !slices.Equal(mine, peers) {
			peers = mine
			r.printHead(w, peers)
		}
		fmt.Fprintf(w, "%s\t%s\t%s", row.Scenario, row.Case, row.Unit)
		for _, p := range peers {
			if s, measured := row.Peers[p]; measured {
				fmt.Fprintf(w, "\t%s", s)
			} else {
				fmt.Fprint(w, "\t-")
			}
		}
		for _, p := range peers {
			if ratio, ok := row.Ratios[p]; ok {
				fmt.Fprintf(w, "\t%s", ratio)
			} else if p != Linkd {
				fmt.Fprint(w, "\t")
			}
		}
		fmt.Fprintf(w, "\t%s\n", row.verdict())
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "\n%s", note)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", r.Disturbed())
	return err
}

// printHead writes the head of a table.
func (r *Report) printHead(w io.Writer, peers []string) {
	fmt.Fprint(w, "\nscenario\tcase\tunit")
	for _, p := range peers {
		fmt.Fprintf(w, "\t%s", p)
	}
	for _, p := range peers {
		if p != Linkd {
			fmt.Fprintf(w, "\t%s/%s", Linkd, p)
		}
	}
	fmt.Fprint(w, "\ttarget\n")
}

// Disturbed words the worst that happened to the machine.
func (r *Report) Disturbed() string {
	steal, other := r.Worst()
	line := "disturbance, worst round: " + r.Shares()
	if steal > Calm || other > Calm {
		line += fmt.Sprintf("; over %d %%: do not trust these figures, run again on a quiet machine", Calm)
	}
	return line
}

// Worst is the most disturbance of a round.
func (r *Report) Worst() (steal, other float64) {
	for _, d := range r.Disturbances {
		steal, other = max(steal, d.Steal), max(other, d.Other)
	}
	return steal, other
}

// Shares words the worst round.
func (r *Report) Shares() string {
	steal, other := r.Worst()
	return fmt.Sprintf("%.1f %% of the CPU time stolen, %.1f %% used by others", steal, other)
}

// Quiet says whether the figures are to be trusted.
func (r *Report) Quiet() bool {
	steal, other := r.Worst()
	return len(r.Disturbances) > 0 && steal <= Calm && other <= Calm
}

// String is the median and, where they differ, the extremes, with as many digits as mean something.
func (s Summary) String() string {
	if between := s.Range(); between != "" {
		return Digits(s.Median) + " (" + between + ")"
	}
	return Digits(s.Median)
}

// Range words the extremes; it is empty where they are one figure.
func (s Summary) Range() string {
	if s.Min >= s.Max {
		return ""
	}
	return Digits(s.Min) + " to " + Digits(s.Max)
}

// Digits writes a figure with as many digits as mean something.
func Digits(v float64) string {
	if v == 0 {
		return "0"
	}
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// units lists the units of the figures, sorted.
func (r *Report) units() []string {
	seen := map[string]bool{}
	for _, s := range r.Samples {
		for _, f := range s.Figures {
			seen[f.Unit] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// MoreIsBetter says of a unit that a greater figure is a better one. All others are costs.
func MoreIsBetter(unit string) bool {
	return strings.HasSuffix(unit, "/s") || unit == "links" || unit == "devices"
}

// WriteBenchmark writes every sample in the Go benchmark format, which benchstat reads (benchstat -col /peer).
func (r *Report) WriteBenchmark(out io.Writer) error {
	var b strings.Builder
	s := r.Stamp
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: linkd/bench\ncpu: %s\n", s.OS, s.Arch, s.CPU)
	fmt.Fprintf(&b, "commit: %s\nkernel: %s\ngo: %s\ncommand: %s\n\n", s.Commit, s.Kernel, s.Go, s.Command)
	for _, unit := range r.units() {
		if MoreIsBetter(unit) {
			fmt.Fprintf(&b, "Unit %s better=higher\n", unit)
		} else {
			fmt.Fprintf(&b, "Unit %s better=lower\n", unit)
		}
	}
	b.WriteByte('\n')
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
			stamped := *r
			stamped.Version = ReportVersion
			return e.Encode(stamped)
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
