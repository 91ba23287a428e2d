package report

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"linkd/bench"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file in testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	lines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || line != lines[i] {
			t.Fatalf("%s:%d differs (write it anew with go test ./bench/report -run %s -update): got\n%s", path, i+1,
				t.Name(), line)
		}
	}
	t.Fatalf("%s: %d bytes, want %d", path, len(got), len(want))
}

func results(t *testing.T, paths ...string) *Results {
	t.Helper()
	all, err := Read(paths)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sampled is a report of two rounds with three figures.
func sampled() *bench.Report {
	r := &bench.Report{Stamp: bench.Stamp{Commit: "abc", Go: "go1", OS: "linux", Arch: "amd64", Kernel: "6", CPU: "X",
		Cores: 2, Command: "linkd bench run"}, Config: bench.Config{Rounds: 2}}
	for round := range 2 {
		r.Samples = append(r.Samples, bench.Sample{Scenario: "idle", Peer: bench.Linkd, Case: "n=10", Round: round,
			Iterations: 10, Figures: []bench.Figure{{Unit: "B/device", Value: 600}}})
		for _, peer := range []string{bench.Linkd, bench.Gnet} {
			r.Samples = append(r.Samples, bench.Sample{Scenario: "storm", Peer: peer, Case: "n=10", Round: round,
				Iterations: 10, Figures: []bench.Figure{{Unit: "cpu-us/device", Value: 20}, {Unit: "all-up-s", Value: 0.5}}})
		}
	}
	return r
}

func TestResultsWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := results(t, "testdata/report").Write(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	golden(t, "report/report.html", read("report.html"))
	golden(t, "report/report.md", read("report.md"))
	plots, err := filepath.Glob(filepath.Join(dir, "plots", "*.svg"))
	if err != nil || len(plots) != 5 {
		t.Errorf("%d plots (%v), want 5: %v", len(plots), err, plots)
	}
	for _, path := range plots {
		svg := read(filepath.Join("plots", filepath.Base(path)))
		if err := wellFormed(svg); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if strings.Contains(svg, "var(") || strings.Contains(svg, "NaN") {
			t.Errorf("%s does not stand alone, or has a point nowhere", path)
		}
		if !strings.Contains(read("report.md"), "plots/"+filepath.Base(path)) {
			t.Errorf("report.md does not show %s", path)
		}
	}
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// What could make a browser ask another host for something, or run something.
var foreign = regexp.MustCompile(`(?i)https?:|//[a-z]|src=|srcset|@import|url\(|<script|<link|<iframe|<object|<base|` +
	`javascript:| on[a-z]+=|href="[^#]`)

func TestPageAsksNothing(t *testing.T) {
	var b strings.Builder
	if err := results(t, "testdata/report").WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if found := foreign.FindAllString(b.String(), -1); found != nil {
		t.Errorf("the page has %q", found)
	}
}

func TestPageEscapes(t *testing.T) {
	const evil = `<script>x("&')</script>`
	r := sampled()
	for i := range r.Samples {
		s := &r.Samples[i]
		s.Scenario += evil
		s.Case = evil
		if s.Peer == bench.Gnet {
			s.Peer = evil
		}
		s.Figures[0].Unit = "cpu-us/" + evil
		s.Curves = map[string][]bench.CurvePoint{evil: {at(0.5, 1), at(0.99, 2)}}
	}
	r.Stamp.CPU, r.Stamp.Kernel, r.Stamp.Go = evil, evil, evil
	r.Stamp.Command = "linkd bench run ; reboot $(reboot) `reboot` 'it' <script>"
	r.Rows = []bench.Row{{Scenario: "storm" + evil, Case: evil, Unit: "cpu-us/" + evil,
		Goals: []bench.Goal{{Limit: evil}}}}
	r.Notes = []string{evil, "[a](javascript:b) ![c](d) | `e`"}
	all, err := merge([]result{{evil, r}})
	if err != nil {
		t.Fatal(err)
	}
	var page, md strings.Builder
	if err := all.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := all.WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"html": page.String(), "md": withoutCode(md.String())} {
		if strings.Contains(text, "<script") {
			t.Errorf("%s: a name is markup:\n%s", name, text)
		}
	}
	if !strings.Contains(md.String(), `\[a\](javascript:b) !\[c\](d) \| \`+"`e\\`") {
		t.Error("md: a note is markup")
	}
	for _, want := range []string{"bin/linkd bench run ';' reboot '$(reboot)' '`reboot`' ''\\''it'\\''' '<script>'"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("md has no %s", want)
		}
	}
	for sec, charts := range all.charts() {
		for _, c := range charts {
			svg, err := all.svg(c)
			if err == nil {
				err = wellFormed(svg)
			}
			if err != nil || strings.Contains(svg, "<script") || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(c.file) {
				t.Errorf("%s: plot %s: %v", sec, c.file, err)
			}
		}
	}
}

// withoutCode leaves out the indented blocks, in which nothing is markup.
func withoutCode(md string) string {
	return regexp.MustCompile(`(?m)^    .*$`).ReplaceAllString(md, "")
}

// Every colour of a plot is one of the page's, so that it is right in both lights.
func TestPlotsTakeThePagesColours(t *testing.T) {
	all := results(t, "testdata/report")
	for _, charts := range all.charts() {
		for _, c := range charts {
			svg, err := all.svg(c)
			if err != nil {
				t.Fatal(err)
			}
			if left := regexp.MustCompile(`#[0-9A-Fa-f]{6}`).FindString(all.inPage(svg)); left != "" {
				t.Errorf("%s: %s is of its own", c.title, left)
			}
		}
	}
}

// A peer keeps its colour and mark, whoever else is there; no two share both.
func TestStyles(t *testing.T) {
	all := append(known(), "a", "b", "c", "d", "e", "f")
	styles := stylesOf(all)
	seen := map[string]string{}
	for _, peer := range all {
		s := styles[peer]
		for _, look := range []string{hex(s.light)} {
			if other, taken := seen[look]; taken {
				t.Errorf("%s and %s are both %s", peer, other, look)
			}
			seen[look] = peer
		}
		if alone := stylesOf([]string{peer})[peer]; len(peer) > 1 && alone.light != s.light {
			t.Errorf("%s alone is %v, among others %v", peer, alone.light, s.light)
		}
	}
}
