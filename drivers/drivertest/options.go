package drivertest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/project"
	"linkd/project/options"
)

// described: each option that Ask asks for is read by Compile, and stands in a table of the driver's README with its
// default; no other stands there.
func described(t *testing.T, d *drivers.Driver) {
	rows := documented(t, "README.md")
	for _, o := range d.Options() {
		wrong := &project.Channel{Name: "ch", Driver: d.Name, Options: map[string]any{o.Key: []any{[]any{}}}}
		if _, err := d.Compile(wrong, nil); err == nil || !strings.Contains(err.Error(), o.Key) {
			t.Errorf("%s is a list of a list: %v; want an error that names it", o.Key, err)
		}
		row, found := rows[o.Key]
		switch plain := o.Kind != options.Text && o.Kind != options.Bytes; {
		case !found:
			t.Errorf("README.md has no option %s; write a line of the table whose head is | option |", o.Key)
		case plain && o.Default != "" && !slices.Contains(words(row), o.Default):
			t.Errorf("README.md does not say that the default of %s is %s: %s", o.Key, o.Default, row)
		}
		delete(rows, o.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		t.Errorf("README.md has the option %s, which %s does not ask for", key, d.Name)
	}
}

var (
	optionKey  = regexp.MustCompile("`([a-z_]+)[:`]")
	readmeLink = regexp.MustCompile(`\]\((\.\./[a-z/.]*README\.md)\)`)
)

// documented is the lines of the tables of options in a README, and in those that it links to, by option.
func documented(t *testing.T, readme string) map[string]string {
	text := read(t, filepath.Dir(readme), filepath.Base(readme))
	rows, within := map[string]string{}, false
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		switch {
		case len(cells) < 3:
			within = false
		case strings.TrimSpace(cells[1]) == "option":
			within = true
		case within:
			for _, key := range optionKey.FindAllStringSubmatch(cells[1], -1) {
				rows[key[1]] = line
			}
		}
	}
	for _, link := range readmeLink.FindAllStringSubmatch(text, -1) {
		other := filepath.Join(filepath.Dir(readme), link[1])
		if _, err := os.Stat(other); err != nil {
			t.Errorf("%s: %v", readme, err)
			continue
		}
		maps.Copy(rows, documented(t, other))
	}
	return rows
}

// words are those of a line of a table.
func words(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|`,; \n", r) })
}
