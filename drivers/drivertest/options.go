package drivertest

import (
	"maps"
	"os"
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
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Errorf("a driver begins with its README: %v", err)
	}
	rows := options.Table(d.Readme)
	for key, row := range options.Table(string(text)) {
		if rows[key] != row {
			t.Errorf("Readme says %q of %s, README.md %q: embed it", rows[key], key, row)
		}
	}
	for _, o := range d.Options() {
		wrong := &project.Channel{Name: "ch", Driver: d.Name, Options: map[string]any{o.Key: []any{[]any{}}}}
		if _, err := d.Compile(wrong, nil); err == nil || !strings.Contains(err.Error(), o.Key) {
			t.Errorf("%s is a list of a list: %v; want an error that names it", o.Key, err)
		}
		row, found := rows[o.Key]
		switch plain := o.Kind != options.Text && o.Kind != options.Bytes; {
		case !found:
			t.Errorf("README.md has no option %s; write a line of the table whose head is | option |", o.Key)
		case plain && o.Default != "" && !slices.Contains(words(row.Default), o.Default):
			t.Errorf("README.md does not say that the default of %s is %s: %s", o.Key, o.Default, row.Default)
		case row.About == "":
			t.Errorf("README.md does not say what %s is for", o.Key)
		}
		delete(rows, o.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		t.Errorf("README.md has the option %s, which %s does not ask for", key, d.Name)
	}
}

// words are those of a cell.
func words(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(",; ", r) })
}
