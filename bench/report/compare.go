package report

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchproc"

	"linkd/bench"
)

// ErrCompare is wrapped by every error that says that two runs cannot be compared.
var ErrCompare = errors.New("bench: nothing to compare")

// Bounds of a file in the Go benchmark format, and of one benchmark's values in it.
const (
	maxBenchBytes   = 16 << 20
	maxBenchLines   = 200_000
	maxSampleValues = 10_000
)

// Comparison is what changed from one run to another.
type Comparison struct {
	Units    []UnitComparison
	Warnings []string // of machines that differ, of what only one has
	old, new *measurements
}

// UnitComparison is one unit over all benchmarks that both runs have.
type UnitComparison struct {
	Unit    string
	Better  int // 1: more is better; -1: less is
	Rows    []CompareRow
	Geomean float64 // of the ratios of new to old medians; NaN where a median is not above 0
	Few     int     // rows with too few samples to find a difference
}

// CompareRow is one benchmark: medians, and whether they differ by more than chance (Mann-Whitney U test, p < 0.05).
type CompareRow struct {
	Name       string
	Old, New   float64
	Comparison benchmath.Comparison
	Few        bool
}

// Significant says whether the difference is more than chance.
func (r CompareRow) Significant() bool { return r.Comparison.P < r.Comparison.Alpha }

// Change is the difference of the medians in per cent of the old one: +Inf or -Inf from 0 to anything else.
func (r CompareRow) Change() float64 {
	switch r.Old {
	case r.New:
		return 0
	case 0:
		return math.Copysign(math.Inf(1), r.New)
	}
	return 100 * (r.New - r.Old) / math.Abs(r.Old)
}

// measurements are what a file in the Go benchmark format holds.
type measurements struct {
	path   string
	config map[string]string // the last of each key
	names  []benchproc.Key   // in the order of the file
	units  []string
	values map[benchproc.Key]map[string][]float64
	meta   benchfmt.UnitMetadataMap
}

// Compare compares two runs: folders with a bench.txt, or files in the Go benchmark format, those of go test too.
func Compare(oldPath, newPath string) (*Comparison, error) {
	var parser benchproc.ProjectionParser
	by, err := parser.Parse(".fullname", nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c := &Comparison{}
	if c.old, err = readBenchmarks(oldPath, by); err != nil {
		return nil, err
	}
	if c.new, err = readBenchmarks(newPath, by); err != nil {
		return nil, err
	}
	for _, key := range []string{"cpu", "kernel", "goos", "goarch", "go"} {
		if was, is := c.old.config[key], c.new.config[key]; was != is {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s differs: %q, %q", key, was, is))
		}
	}
	c.Warnings = append(c.Warnings, only(c.old, c.new)...)
	c.Warnings = append(c.Warnings, only(c.new, c.old)...)
	for _, unit := range c.old.units {
		if u := c.unit(unit); len(u.Rows) > 0 {
			c.Units = append(c.Units, u)
		}
	}
	if len(c.Units) == 0 {
		return nil, fmt.Errorf("%w: %s and %s have no benchmark in common", ErrCompare, c.old.path, c.new.path)
	}
	return c, nil
}

// only words what is in a and not in b.
func only(a, b *measurements) []string {
	n, first := 0, ""
	for _, name := range a.names {
		if b.values[name] == nil {
			if n++; n == 1 {
				first = name.StringValues()
			}
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d benchmarks only in %s, the first of them %s", n, a.path, first)}
}

func (c *Comparison) unit(unit string) UnitComparison {
	u := UnitComparison{Unit: unit, Better: -1}
	if better := c.new.meta.GetBetter(unit); better != 0 {
		u.Better = better
	} else if bench.MoreIsBetter(unit) {
		u.Better = 1
	}
	logs := 0.0
	for _, name := range c.old.names {
		was, is := c.old.values[name][unit], c.new.values[name][unit]
		if len(was) == 0 || len(is) == 0 {
			continue
		}
		r := compareValues(name.StringValues(), was, is)
		if r.Few {
			u.Few++
		}
		if r.Old > 0 && r.New > 0 {
			logs += math.Log(r.New / r.Old)
		} else {
			logs = math.NaN()
		}
		u.Rows = append(u.Rows, r)
	}
	u.Geomean = math.Exp(logs / float64(len(u.Rows)))
	return u
}

func compareValues(name string, was, is []float64) CompareRow {
	thresholds := benchmath.DefaultThresholds
	a, b := benchmath.NewSample(was, &thresholds), benchmath.NewSample(is, &thresholds)
	const confidence = 0.95
	chance := benchmath.AssumeNothing
	before, after := chance.Summary(a, confidence), chance.Summary(b, confidence)
	r := CompareRow{Name: name, Comparison: chance.Compare(a, b),
		Old: before.Center, New: after.Center} //nolint:misspell // it is the library's word
	r.Few = len(r.Comparison.Warnings) > 0 && !r.Significant()
	return r
}

// readBenchmarks reads bench.txt in a folder, or a file.
func readBenchmarks(path string, by *benchproc.Projection) (*measurements, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "bench.txt")
	}
	text, err := readBounded(path, maxBenchBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; give a folder that linkd bench run --out wrote, or a bench.txt", ErrCompare, err)
	}
	m := &measurements{path: path, config: map[string]string{}, values: map[benchproc.Key]map[string][]float64{}}
	units, lines := map[string]bool{}, 0
	reader := benchfmt.NewReader(bytes.NewReader(text), path)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("%w: %w", ErrCompare, record)
		case *benchfmt.Result:
			if lines++; lines > maxBenchLines {
				return nil, fmt.Errorf("%w: %s has over %d benchmarks", ErrCompare, path, maxBenchLines)
			}
			if err := m.add(record, by, units); err != nil {
				_, line := record.Pos()
				return nil, fmt.Errorf("%w: %s:%d: %w", ErrCompare, path, line, err)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCompare, path, err)
	}
	m.meta = reader.Units()
	return m, nil
}

func (m *measurements) add(r *benchfmt.Result, by *benchproc.Projection, units map[string]bool) error {
	if err := checkName("the name of the benchmark", string(r.Name)); err != nil {
		return err
	}
	for _, c := range r.Config {
		if err := checkText(c.Key, string(c.Value)); err != nil {
			return err
		}
		m.config[c.Key] = string(c.Value)
	}
	name := by.Project(r)
	if m.values[name] == nil {
		m.names = append(m.names, name)
		m.values[name] = map[string][]float64{}
	}
	for _, v := range r.Values {
		if err := checkName("unit", v.Unit); err != nil {
			return err
		}
		if math.IsNaN(v.Value) || v.Value < -maxValue || v.Value > maxValue {
			return fmt.Errorf("%s is %g; want %g to %g", v.Unit, v.Value, -maxValue, maxValue)
		}
		if !units[v.Unit] {
			units[v.Unit] = true
			m.units = append(m.units, v.Unit)
		}
		if len(m.values[name][v.Unit]) == maxSampleValues {
			return fmt.Errorf("over %d values of %s", maxSampleValues, v.Unit)
		}
		m.values[name][v.Unit] = append(m.values[name][v.Unit], v.Value)
	}
	return nil
}

// Worse words the costs, which are the units of which less is better, that got significantly worse by more than so many
// per cent.
func (c *Comparison) Worse(percent float64) (list []string) {
	for _, u := range c.Units {
		for _, r := range u.Rows {
			if u.Better < 0 && r.Significant() && r.Change() > percent {
				list = append(list, fmt.Sprintf("%s: %s from %s to %s, %s", r.Name, u.Unit, bench.Digits(r.Old),
					bench.Digits(r.New), r.delta()))
			}
		}
	}
	return list
}

// ParsePercent reads a limit such as 10%, in per cent.
func ParsePercent(text string) (float64, error) {
	number, is := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !is || math.IsNaN(v) || v < 0 || v > 1000 {
		return 0, fmt.Errorf("%q; give 0%% to 1000%%, as in 10%%", text)
	}
	return v, nil
}

// configOf lists what a run says of itself, sorted by key.
func (m *measurements) configOf() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(m.config)) {
		if slices.Contains([]string{"commit", "cpu", "go", "kernel"}, key) {
			words = append(words, key+" "+m.config[key])
		}
	}
	return strings.Join(words, ", ")
}
