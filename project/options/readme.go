package options

import (
	"regexp"
	"slices"
	"strings"
)

// Row is what a README says of an option.
type Row struct{ Default, About string }

var (
	rowKey  = regexp.MustCompile("`([a-z_]+)[:`]")
	rowLink = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
)

// Table reads, by option, the tables of a Markdown text whose first column is headed "option": a column headed
// "default", and what the option is for in the last one. A line may be of several options.
func Table(markdown string) map[string]Row {
	rows := map[string]Row{}
	var head []string // of the table that the line is in; nil: none of options
	for line := range strings.Lines(markdown) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		switch {
		case len(cells) < 2:
			head = nil
		case cells[0] == "option":
			head = cells
		case len(cells) == len(head):
			row := Row{About: plain(cells[len(cells)-1])}
			if i := slices.Index(head, "default"); i >= 0 {
				row.Default = plain(cells[i])
			}
			for _, key := range rowKey.FindAllStringSubmatch(cells[0], -1) {
				rows[key[1]] = row
			}
		}
	}
	return rows
}

// plain is the words of a cell without their marks.
func plain(cell string) string {
	return strings.ReplaceAll(rowLink.ReplaceAllString(cell, "$1"), "`", "")
}

// Describe says of each option what it is for, as a README does.
func Describe(list []Option, readme string) []Option {
	rows := Table(readme)
	for i := range list {
		list[i].About = rows[list[i].Key].About
	}
	return list
}
