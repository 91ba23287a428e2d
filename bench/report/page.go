package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"linkd/bench"
)

// pageText is the page as a template.
//
//go:embed page.html.tmpl
var pageText string

// page is what the template of report.html is filled with. It holds words, not figures.
type page struct {
	Title    string
	Quiet    bool
	State    string // what disturbed the machine
	Shades   []pageShade
	Peers    []pagePeer
	Runs     []pageRun
	Goals    []pageGoal
	Met, All int
	Sections []pageSection
	Units    [][2]string // unit, meaning
	Notes    []string
	HowTo    []string
}

type pageShade struct{ Name, Light, Dark string }

type pagePeer struct{ Name, Class string }

type pageRun struct {
	Path, When, Commit, Machine, Kernel, Go, CoresFor, State string
	Rounds                                                   int
	Quiet                                                    bool
	Steps                                                    []string // commands that make it again
	Dirty                                                    bool
}

type pageGoal struct {
	Scenario, Case, Unit, Limit, Figure, Beside, Verdict string
	Met, Known                                           bool
}

type pageSection struct {
	Name, Title, Limit string
	Plots              []template.HTML
	Cases              []pageCase
}

type pageCase struct {
	Name   string
	Units  []string
	Rows   []pageRow
	Goals  []pageGoal
	Beside []string // linkd to other peers, of figures that have a goal
	Held   []string // what held the case back
}

type pageRow struct {
	Peer  pagePeer
	Cells []pageCell
}

type pageCell struct{ Median, Range, Ratio string }

// minus stands where a figure was not measured.
const minus = "–"

// WriteHTML writes the page: one file that asks nothing of any other host.
func (all *Results) WriteHTML(out io.Writer) error {
	t, err := template.New("report.html").Parse(pageText)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	p, err := all.page()
	if err != nil {
		return err
	}
	if err := t.Execute(out, p); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

func (all *Results) page() (*page, error) {
	p := &page{Title: "What linkd costs", Quiet: true, State: all.disturbed(), HowTo: howTo()}
	for _, s := range all.shades() {
		p.Shades = append(p.Shades, pageShade{s.name, hex(s.light), hex(s.dark)})
	}
	for i, peer := range all.peers() {
		p.Peers = append(p.Peers, pagePeer{peer, fmt.Sprintf("p%d", i)})
	}
	for _, run := range all.runs {
		p.Runs = append(p.Runs, run.page())
		p.Quiet = p.Quiet && run.Quiet()
		for _, note := range run.Notes {
			if !slices.Contains(p.Notes, note) {
				p.Notes = append(p.Notes, note)
			}
		}
	}
	for _, r := range all.reached() {
		p.Goals = append(p.Goals, r.page())
		if r.known {
			p.All++
		}
		if r.known && r.met {
			p.Met++
		}
	}
	plots := all.charts()
	for _, sec := range all.sections {
		s := pageSection{Name: sec.name, Title: sec.title, Limit: sec.limit}
		for _, c := range plots[sec.name] {
			svg, err := all.svg(c)
			if err != nil {
				return nil, err
			}
			svg = strings.Replace(all.inPage(svg), ` xmlns="http://www.w3.org/2000/svg"`, "", 1)
			s.Plots = append(s.Plots, template.HTML(svg)) // written by svg, which escapes its words
		}
		for _, c := range sec.cases {
			s.Cases = append(s.Cases, sec.page(c, p))
		}
		p.Sections = append(p.Sections, s)
	}
	return p, nil
}

func (run result) page() pageRun {
	s := run.Stamp
	steps, dirty := run.again()
	return pageRun{Path: filepath.ToSlash(run.path), When: s.Time.UTC().Format("2006-01-02 15:04 UTC"), Commit: s.Commit,
		Machine: fmt.Sprintf("%d x %s, %s", s.Cores, s.CPU, s.Arch), Kernel: s.OS + " " + s.Kernel, Go: s.Go,
		CoresFor: s.CoresFor, Rounds: run.Config.Rounds, State: run.Shares(), Quiet: run.Quiet(), Steps: steps, Dirty: dirty}
}

// disturbed words what disturbed the runs.
func (all *Results) disturbed() string {
	var steal, other float64
	for _, run := range all.runs {
		if len(run.Disturbances) == 0 {
			return "It was not recorded what else happened on the machine: do not trust these figures."
		}
		s, o := run.Worst()
		steal, other = max(steal, s), max(other, o)
	}
	words := fmt.Sprintf("In the worst round %.1f %% of the CPU time was stolen by the hypervisor and %.1f %% used by "+
		"others", steal, other)
	if steal > bench.Calm || other > bench.Calm {
		return words + fmt.Sprintf("; over %d %%: do not trust these figures, run again on a quiet machine.", bench.Calm)
	}
	return words + fmt.Sprintf("; up to %d %% is held to be quiet.", bench.Calm)
}

func (r reached) page() pageGoal {
	return pageGoal{r.scenario, r.name, r.unit, niceLimit(r.limit), r.figure, r.beside, r.verdict(), r.met, r.known}
}

func niceLimit(limit string) string {
	return strings.NewReplacer("<=", "≤", ">=", "≥", " x ", " × ").Replace(limit)
}

// page is a table of one case, and what is to be said to it.
func (sec *section) page(c *caseResult, p *page) pageCase {
	out := pageCase{Name: c.name, Held: c.held(sec.peers)}
	for _, f := range c.figures {
		if isLimiter(f.unit) {
			continue
		}
		out.Units = append(out.Units, f.unit)
		p.explain(f.unit)
		for _, r := range f.reached(sec.name, c.name) {
			out.Goals = append(out.Goals, r.page())
		}
		if words := f.beside(sec.peers); words != "" {
			out.Beside = append(out.Beside, f.unit+": "+words)
		}
	}
	for _, peer := range p.Peers {
		row, measured := pageRow{Peer: peer}, false
		for _, f := range c.figures {
			if isLimiter(f.unit) {
				continue
			}
			cell, ok := f.cell(peer.Name, sec.limit)
			row.Cells, measured = append(row.Cells, cell), measured || ok
		}
		if measured {
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

func (p *page) explain(unit string) {
	words := meaning(unit)
	if words != "" && !slices.ContainsFunc(p.Units, func(u [2]string) bool { return u[0] == unit }) {
		p.Units = append(p.Units, [2]string{unit, words})
	}
}

// cell is the figure of a peer, and its ratio to that of the limit.
func (f *figureResult) cell(peer, limit string) (pageCell, bool) {
	s, measured := f.summary(peer)
	if !measured {
		return pageCell{Median: minus}, false
	}
	cell := pageCell{Median: bench.Digits(s.Median), Range: s.Range()}
	if limit != "" && peer != limit && f.unit != "lost" {
		if ratio, ok := f.ratio(peer, limit); ok {
			cell.Ratio = "×" + bench.Digits(ratio.Median)
		}
	}
	return cell, true
}

// beside words linkd's ratios to the peers that none of the figure's goals names, in a figure that has a goal.
func (f *figureResult) beside(peers []string) string {
	if len(f.limits) == 0 {
		return ""
	}
	var named, words []string
	for _, limit := range f.limits {
		_, _, peer, _ := parseLimit(limit)
		named = append(named, peer)
	}
	for _, peer := range peers {
		if ratio, ok := f.ratio(bench.Linkd, peer); ok && peer != bench.Linkd && !slices.Contains(named, peer) {
			words = append(words, fmt.Sprintf("%s %s", peer, ratio))
		}
	}
	return strings.Join(words, ", ")
}

// held words what held a case back, as the samples tell by units that end in "limited".
func (c *caseResult) held(peers []string) (words []string) {
	for _, f := range c.figures {
		if !isLimiter(f.unit) {
			continue
		}
		for _, peer := range peers {
			n := 0
			for _, v := range f.values[peer] {
				if v > 0 && !math.IsNaN(v) {
					n++
				}
			}
			if n > 0 {
				words = append(words, fmt.Sprintf("%s: %s in %d of %d rounds", peer, f.unit, n, len(f.values[peer])))
			}
		}
	}
	return words
}

// Write puts report.html, report.md and, in plots, each plot as SVG into a folder, made if need be.
func (all *Results) Write(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "plots"), 0o755); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	files := map[string]func(io.Writer) error{"report.html": all.WriteHTML, "report.md": all.WriteMarkdown}
	for _, list := range all.charts() {
		for _, c := range list {
			files[filepath.Join("plots", c.file+".svg")] = func(w io.Writer) error {
				svg, err := all.svg(c)
				if err == nil {
					_, err = io.WriteString(w, standAlone(svg))
				}
				return err
			}
		}
	}
	for name, write := range files {
		var b strings.Builder
		if err := write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o644); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}

// standAlone gives a plot a white ground, as it may lie on any.
func standAlone(svg string) string {
	return strings.Replace(svg, "</title>\n", "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n", 1)
}
