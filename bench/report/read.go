package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"linkd/bench"
)

// ErrRead is wrapped by every error that says that a report cannot be read.
var ErrRead = errors.New("bench: unreadable report")

// Bounds of what is read. A run of all scenarios with nine servers and ten rounds has some 2,000 samples.
const (
	maxReportBytes = 64 << 20
	maxObjects     = 2_000_000 // in the text, so that a small file does not become much memory
	maxReports     = 64
	maxSamples     = 100_000
	maxRounds      = 10_000 // of all reports together too
	maxFigures     = 64     // of a sample
	maxCurves      = 16     // of a sample
	maxPoints      = 512    // of a curve
	maxCases       = 200    // of all scenarios
	maxPeers       = 24
	maxNotes       = 200
	maxNameLength  = 100 // bytes of the name of a scenario, peer, case, unit or curve
	maxTextLength  = 2000
	maxValue       = 1e15 // of a figure, either side of 0
)

// readReport reads report.json in a folder, or the file of that name. What is in it is checked; errors name the file
// and the place in it.
func readReport(path string) (*bench.Report, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "report.json")
	}
	text, err := readBounded(path, maxReportBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; give a folder that linkd bench run --out wrote", ErrRead, err)
	}
	r, err := parseReport(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRead, path, err)
	}
	return r, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: more than %d MiB", path, most>>20)
	}
	return text, err
}

func parseReport(text []byte) (*bench.Report, error) {
	if n := bytes.Count(text, []byte("{")); n > maxObjects {
		return nil, fmt.Errorf("%d objects; want at most %d", n, maxObjects)
	}
	var r bench.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("no report: %w", err)
	}
	if r.Version < 0 || r.Version > bench.ReportVersion {
		return nil, fmt.Errorf("version %d; this linkd reads version %d: use the linkd that wrote it", r.Version,
			bench.ReportVersion)
	}
	checks := []func(*bench.Report) error{checkStamp, checkSizes, checkSamples, checkGoals, checkDisturbances}
	for _, check := range checks {
		if err := check(&r); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{3,40}(-dirty)?|unknown)$`)

func checkStamp(r *bench.Report) error {
	s := r.Stamp
	for _, f := range []struct{ name, value string }{{"command", s.Command}, {"go", s.Go}, {"goos", s.OS},
		{"goarch", s.Arch}, {"kernel", s.Kernel}, {"cpu", s.CPU}, {"poll_cores", s.CoresFor}} {
		if err := checkText("stamp."+f.name, f.value); err != nil {
			return err
		}
	}
	if !commitForm.MatchString(s.Commit) {
		return fmt.Errorf(`stamp.commit is %.60q; want the commit in hexadecimal, with "-dirty" or not, or unknown`, s.Commit)
	}
	if s.Command != "linkd bench" && !strings.HasPrefix(s.Command, "linkd bench ") {
		return fmt.Errorf("stamp.command is %.60q; want linkd bench …", s.Command)
	}
	return nil
}

func checkSizes(r *bench.Report) error {
	for _, f := range []struct {
		name      string
		n, at, of int
	}{{"samples", len(r.Samples), 1, maxSamples}, {"rows", len(r.Rows), 0, maxCases * maxFigures},
		{"disturbances", len(r.Disturbances), 0, maxSamples}, {"notes", len(r.Notes), 0, maxNotes}} {
		if f.n < f.at || f.n > f.of {
			return fmt.Errorf("%d %s; want %d to %d", f.n, f.name, f.at, f.of)
		}
	}
	for i, note := range r.Notes {
		if err := checkText(fmt.Sprintf("notes[%d]", i), note); err != nil {
			return err
		}
	}
	return nil
}

func checkSamples(r *bench.Report) error {
	for i := range r.Samples {
		s := &r.Samples[i]
		if err := checkSample(s); err != nil {
			return fmt.Errorf("samples[%d]: %w", i, err)
		}
	}
	return nil
}

func checkSample(s *bench.Sample) error {
	for _, f := range []struct{ name, value string }{{"scenario", s.Scenario}, {"peer", s.Peer}, {"case", s.Case}} {
		if err := checkName(f.name, f.value); err != nil {
			return err
		}
	}
	switch {
	case s.Round < 0 || s.Round >= maxRounds:
		return fmt.Errorf("round %d; want 0 to %d", s.Round, maxRounds-1)
	case len(s.Figures) > maxFigures:
		return fmt.Errorf("%d figures; want at most %d", len(s.Figures), maxFigures)
	case len(s.Curves) > maxCurves:
		return fmt.Errorf("%d curves; want at most %d", len(s.Curves), maxCurves)
	}
	for _, f := range s.Figures {
		if err := checkName("unit", f.Unit); err != nil {
			return err
		}
		if f.Value < -maxValue || f.Value > maxValue {
			return fmt.Errorf("%s is %g; want %g to %g", f.Unit, f.Value, -maxValue, maxValue)
		}
	}
	for key, points := range s.Curves {
		if err := checkName("curve", key); err != nil {
			return err
		}
		if err := checkCurve(points); err != nil {
			return fmt.Errorf("curve %s: %w", key, err)
		}
	}
	return nil
}

func checkCurve(points []bench.CurvePoint) error {
	if len(points) > maxPoints {
		return fmt.Errorf("%d points; want at most %d", len(points), maxPoints)
	}
	last := bench.CurvePoint{Quantile: -1}
	for _, p := range points {
		if p.Quantile < 0 || p.Quantile > 1 || p.Ms < 0 || p.Ms > maxValue {
			return fmt.Errorf("point %g at %g ms; want a quantile of 0 to 1 and no time below 0", p.Quantile, p.Ms)
		}
		if p.Quantile <= last.Quantile || p.Ms < last.Ms {
			return fmt.Errorf("point %g at %g ms behind %g at %g; want them to rise", p.Quantile, p.Ms, last.Quantile,
				last.Ms)
		}
		last = p
	}
	return nil
}

func checkGoals(r *bench.Report) error {
	for i, row := range r.Rows {
		if len(row.Goals) > maxPeers {
			return fmt.Errorf("rows[%d]: %d goals; want at most %d", i, len(row.Goals), maxPeers)
		}
		for _, g := range row.Goals {
			if err := checkText("limit", g.Limit); err != nil {
				return fmt.Errorf("rows[%d]: %w", i, err)
			}
		}
	}
	return nil
}

func checkDisturbances(r *bench.Report) error {
	for i, d := range r.Disturbances {
		if err := checkName("scenario", d.Scenario); err != nil {
			return fmt.Errorf("disturbances[%d]: %w", i, err)
		}
		if d.Round < 0 || d.Round >= maxRounds || d.Steal < 0 || d.Steal > 100 || d.Other < 0 || d.Other > 100 {
			return fmt.Errorf("disturbances[%d]: round %d, %g and %g %%; want 0 to %d, and 0 to 100 %%", i, d.Round, d.Steal,
				d.Other, maxRounds-1)
		}
	}
	return nil
}

// checkName says whether s can name something: it stands in tables, names of files and lines of benchmarks.
func checkName(what, s string) error {
	if s == "" || len(s) > maxNameLength || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || r == ' '
	}) {
		return fmt.Errorf("%s %.120q; want 1 to %d printable characters without a blank", what, s, maxNameLength)
	}
	return nil
}

func checkText(what, s string) error {
	if len(s) > maxTextLength || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r)
	}) {
		return fmt.Errorf("%s is %.60q; want one line of at most %d printable characters", what, s, maxTextLength)
	}
	return nil
}
