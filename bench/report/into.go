package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"linkd/bench"
)

// maxDocument bounds a Markdown file into which tables go, in bytes.
const maxDocument = 4 << 20

var (
	intoBegin = regexp.MustCompile(`^<!-- results: (\S+) -->$`)
	intoEnd   = "<!-- end -->"
)

// WriteInto renews the tables in a Markdown file: what stands between lines <!-- results: SCENARIO --> and
// <!-- end -->. The rest of the file stays as it is; with an error all of it does.
func (all *Results) WriteInto(path string) error {
	text, err := readBounded(path, maxDocument)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	renewed, err := all.Into(string(text))
	if err != nil {
		return fmt.Errorf("bench: %s:%w", path, err)
	}
	if renewed == string(text) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return replaceFile(path, renewed, info.Mode().Perm())
}

// replaceFile writes a file anew, so that whoever reads it sees the old text or the new one.
func replaceFile(path, text string, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".linkd-report-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(f.Name(), mode)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is to be told is the first error
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// Into returns a Markdown text with its tables renewed. Errors begin with the number of a line.
func (all *Results) Into(text string) (string, error) {
	var b strings.Builder
	open, name, tables := 0, "", 0
	n := 0
	for line := range strings.Lines(text) {
		n++
		bare := strings.TrimSpace(line)
		begin := intoBegin.FindStringSubmatch(bare)
		switch {
		case begin != nil && open > 0:
			return "", fmt.Errorf("%d: results of %s begin, and those of %s (line %d) have no %s", n, begin[1], name, open,
				intoEnd)
		case begin != nil:
			sec := all.section(begin[1])
			if sec == nil {
				return "", fmt.Errorf("%d: no results of scenario %q; give the folder that has them too", n, begin[1])
			}
			open, name = n, begin[1]
			tables++
			b.WriteString(line)
			sec.into(&b)
		case bare == intoEnd && open == 0:
			return "", fmt.Errorf("%d: %s, and nothing has begun", n, intoEnd)
		case bare == intoEnd:
			open = 0
			b.WriteString(line)
		case open == 0:
			b.WriteString(line)
		}
	}
	if open > 0 {
		return "", fmt.Errorf("%d: results of %s have no %s", open, name, intoEnd)
	}
	if tables == 0 {
		return "", fmt.Errorf("1: no line <!-- results: SCENARIO -->; put one where a table is to stand, and %s behind it",
			intoEnd)
	}
	return b.String(), nil
}

func (all *Results) section(name string) *section {
	for _, sec := range all.sections {
		if sec.name == name {
			return sec
		}
	}
	return nil
}

// into writes where the figures of a section are from, its table, and what disturbed the runs.
func (sec *section) into(b *strings.Builder) {
	for _, run := range sec.runs {
		fmt.Fprintf(b, "Rounds: %d, at %s", run.Config.Rounds, cell(place(run.Stamp)))
		if run.Stamp.CoresFor != "" {
			fmt.Fprintf(b, "; %s", cell(run.Stamp.CoresFor))
		}
		b.WriteString(".\n")
	}
	b.WriteString("Median (least to most).\n\n")
	sec.table(b)
	b.WriteByte('\n')
	for _, run := range sec.runs {
		one := &bench.Report{}
		for _, d := range run.Disturbances {
			if d.Scenario == sec.name {
				one.Disturbances = append(one.Disturbances, d)
			}
		}
		words := one.Disturbed()
		fmt.Fprintf(b, "%s.\n", cell(strings.ToUpper(words[:1])+words[1:]))
	}
}
