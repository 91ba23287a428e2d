package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchReportAndCompare(t *testing.T) {
	t.Parallel()
	const results, runs = "../../docs/results/", "../../bench/report/testdata/"
	const old, changed = runs + "old", runs + "new"
	out := filepath.Join(t.TempDir(), "out")
	table := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(table, []byte("<!-- results: poll -->\n<!-- end -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		args   string
		status int
		want   string // of stdout where the status is 0, else of stderr
	}{
		{"report", "report " + results + "full " + results + "million --out " + out, 0, out + "/report.html"},
		{"into", "report " + results + "full --into " + table, 0, table},
		{"compare", "compare " + old + " " + changed, 0, "+19.6%"},
		{"within", "compare --fail-above 1000% " + changed + " " + old, 0, "-16.4%"},
		{"worse", "compare " + old + " " + changed + " --fail-above 10%", 1,
			"bench compare: 2 costs got worse by more than 10 %"},
		{"worse, which", "compare " + old + " " + changed + " --fail-above 10%", 1,
			"Echo/peer=linkd/rate=1-2: cpu-us/msg from 102 to 122, +19.6%"},
		{"no folder", "report", 2, "bench report: no folder"},
		{"no out", "report a b", 2, "2 folders; say with --out"},
		{"not there", "report " + out + "/x --out " + out, 1, "give a folder that linkd bench run --out wrote"},
		{"one to compare", "compare a", 2, "give two folders or bench.txt files, OLD NEW"},
		{"no percentage", "compare a b --fail-above 10", 2, `--fail-above: "10"; give 0% to 1000%, as in 10%`},
		{"no such word", "x", 2, `bench "x"; give list, run, report or compare`},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), append([]string{"linkd", "bench"}, strings.Fields(tt.args)...), &stdout, &stderr)
		got := stdout.String()
		if tt.status != 0 {
			got = stderr.String()
		}
		if status != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s: status %d, %q, want %d, %q; stderr %q", tt.name, status, got, tt.status, tt.want, stderr.String())
		}
	}
	for path, want := range map[string]string{filepath.Join(out, "report.html"): "</html>",
		filepath.Join(out, "report.md"): "# What linkd costs", table: "| every=1s/links=10000 |"} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, want %q in it", path, err, want)
		}
	}
}
