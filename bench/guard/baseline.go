package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// tolerance is the part of a path's baseline by which it may grow; what has shrunk by more deserves a new baseline.
const tolerance = 0.10

// baseline is what operations took when somebody last agreed to it: platform to path to instructions.
type baseline map[string]map[string]float64

const preamble = `# Instructions of one operation of each core path, by architecture and Go version.
# make bench-guard UPDATE=1 counts them and writes the lines of the platform it runs on again; the others stay.
`

// readBaseline reads a baseline: lines of architecture, Go version, path and instructions, as write makes them. A file
// that is not there is an empty one. The error names the line and what would be right.
func readBaseline(name string) (baseline, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return baseline{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	base := baseline{}
	scan := bufio.NewScanner(strings.NewReader(string(text)))
	for n := 1; scan.Scan(); n++ {
		if line := scan.Text(); line != "" && line[0] != '#' {
			if err := base.read(line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return base, nil
}

func (b baseline) read(line string) error {
	f := strings.Fields(line)
	if len(f) != 4 {
		return fmt.Errorf("%q; want ARCHITECTURE GO PATH INSTRUCTIONS, as in amd64 go1.26 echo 310.5", line)
	}
	n, err := strconv.ParseFloat(f[3], 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return fmt.Errorf("%q instructions; want a number above 0", f[3])
	}
	here := f[0] + " " + f[1]
	if _, twice := b[here][f[2]]; twice {
		return fmt.Errorf("%s of %s stands here twice; want one line", f[2], here)
	}
	if b[here] == nil {
		b[here] = map[string]float64{}
	}
	b[here][f[2]] = n
	return nil
}

func (b baseline) has(here string) bool { return len(b[here]) > 0 }

// put takes what was found on a platform in the place of what is known of it.
func (b baseline) put(here string, found []count) {
	b[here] = map[string]float64{}
	for _, c := range found {
		b[here][c.name] = c.instructions
	}
}

func (b baseline) write(name string) error {
	var text strings.Builder
	text.WriteString(preamble)
	for _, here := range slices.Sorted(maps.Keys(b)) {
		for _, path := range slices.Sorted(maps.Keys(b[here])) {
			fmt.Fprintf(&text, "%s %s %.1f\n", here, path, b[here][path])
		}
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	return nil
}

// judge prints what was found beside the baseline of a platform. The error says which paths have grown beyond the
// tolerance, and which stand in the baseline or were found, but not both.
func judge(w io.Writer, base baseline, here string, found []count) error {
	var wrong []string
	known := base[here]
	for _, c := range found {
		was, ok := known[c.name]
		if !ok {
			fmt.Fprintf(w, "%-10s %10.1f instructions\n", c.name, c.instructions)
			wrong = append(wrong, c.name+" has no baseline")
			continue
		}
		grown := c.instructions/was - 1
		fmt.Fprintf(w, "%-10s %10.1f instructions, baseline %10.1f, %+6.1f %%", c.name, c.instructions, was, 100*grown)
		switch {
		case grown > tolerance:
			fmt.Fprintln(w, "  DEARER")
			wrong = append(wrong, fmt.Sprintf("%s takes %.1f %% more", c.name, 100*grown))
		case grown < -tolerance:
			fmt.Fprintln(w, "  cheaper: keep it so by make bench-guard UPDATE=1")
		default:
			fmt.Fprintln(w)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !slices.ContainsFunc(found, func(c count) bool { return c.name == name }) {
			wrong = append(wrong, name+" stands in the baseline and is no path any more")
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s on %s; where that is right, make bench-guard UPDATE=1", strings.Join(wrong, ", "), here)
	}
	return nil
}
