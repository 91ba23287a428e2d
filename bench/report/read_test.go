package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallest is a report that is read; each refusal below differs from it in one thing.
const smallest = `{"version": 1, "stamp": {"commit": "abc1", "command": "linkd bench run", "kernel": "6"},
 "rows": [{"goals": [{"limit": "<= 1"}]}], "disturbances": [{"scenario": "idle", "round": 0}], "notes": ["none"],
 "samples": [{"scenario": "idle", "peer": "linkd", "case": "n=1", "round": 0,
  "figures": [{"unit": "B/device", "value": 1}], "curves": {"rtt": [{"q": 0.5, "ms": 1}, {"q": 0.9, "ms": 2}]}}]}`

func TestReadRefusals(t *testing.T) {
	long := strings.Repeat("x", 2001)
	many := func(one string, n int) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	tests := []struct{ name, old, new, want string }{
		{"as it is", "", "", ""},
		{"without version", `"version": 1, `, "", ""},
		{"no JSON", `{"version": 1`, `{"version": 1]`, "no report: invalid character ']'"},
		{"cut short", `]}}]}`, "", "no report: unexpected end"},
		{"later version", `"version": 1`, `"version": 2`, "version 2; this linkd reads version 1: use the linkd that"},
		{"commit", "abc1", "$(reboot)", `stamp.commit is "$(reboot)"; want the commit in hexadecimal`},
		{"command", "linkd bench run", "reboot", `stamp.command is "reboot"; want linkd bench …`},
		{"lines", "linkd bench run", `linkd bench run\nreboot`, `stamp.command is "linkd bench run\nreboot"; want one line`},
		{"long", `"6"`, `"` + long + `"`, "stamp.kernel is"},
		{"no samples", `"samples": [`, `"samples": [], "x": [`, "0 samples; want 1 to 100000"},
		{"scenario", `[{"scenario": "idle", "peer"`, `[{"scenario": "", "peer"`, `samples[0]: scenario ""; want 1 to 100`},
		{"blank", `"linkd",`, `"a b",`, `samples[0]: peer "a b"; want 1 to 100 printable characters without a blank`},
		{"escape", `"n=1"`, `"\u001b[2J"`, `samples[0]: case "\x1b[2J"; want`},
		{"round", `"n=1", "round": 0`, `"n=1", "round": 10000`, "samples[0]: round 10000; want 0 to 9999"},
		{"negative round", `"n=1", "round": 0`, `"n=1", "round": -1`, "samples[0]: round -1"},
		{"figures", `{"unit": "B/device", "value": 1}`, many(`{"unit": "a", "value": 1}`, 65), "65 figures; want at most 64"},
		{"value", `"value": 1`, `"value": 1e16`, "B/device is 1e+16; want -1e+15 to 1e+15"},
		{"no number", `"value": 1`, `"value": 1e999`, "no report: json: cannot unmarshal"},
		{"quantile", `"q": 0.9`, `"q": 1.5`, "curve rtt: point 1.5 at 2 ms; want a quantile of 0 to 1"},
		{"falling", `"q": 0.9`, `"q": 0.4`, "point 0.4 at 2 ms behind 0.5 at 1; want them to rise"},
		{"points", `{"q": 0.5, "ms": 1}`, many(`{"q": 0.5, "ms": 1}`, 512), "513 points; want at most 512"},
		{"disturbance", `"idle", "round": 0}`, `"idle", "round": 0, "steal_percent": 101}`, "want 0 to 9999, and 0 to 100 %"},
		{"goals", `{"limit": "<= 1"}`, many(`{"limit": "<= 1"}`, 25), "rows[0]: 25 goals; want at most 24"},
		{"note", `"none"`, `"a\tb"`, `notes[0] is "a\tb"; want one line`},
		{"objects", `"none"`, `"none"], "y": [` + many("{}", 2_000_001), "objects; want at most 2000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(smallest, tt.old, tt.new, 1)
			if tt.name != "as it is" && text == smallest {
				t.Fatalf("%q is not there", tt.old)
			}
			path := filepath.Join(t.TempDir(), "report.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read([]string{filepath.Dir(path)})
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.Is(err, ErrRead) || !strings.Contains(err.Error(), tt.want) ||
				!strings.Contains(err.Error(), path)):
				t.Errorf("got %v, want %s and %q", err, path, tt.want)
			}
		})
	}
}

func TestMergeRefusals(t *testing.T) {
	write := func(text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	sample := smallest[strings.Index(smallest, `[{"scenario": "idle", "peer"`)+1 : len(smallest)-2]
	one, other := write(smallest), write(strings.Replace(smallest, "abc1", "abc2", 1))
	elsewhere := write(strings.ReplaceAll(strings.Replace(smallest, "abc1", "abc2", 1), "idle", "storm"))
	twice := write(strings.Replace(smallest, sample, sample+","+sample, 1))
	tests := []struct {
		name  string
		paths []string
		want  string
	}{
		{"none", nil, "0 folders; give 1 to 64"},
		{"not there", []string{filepath.Join(one, "x")}, "no such file or directory; give a folder that linkd bench run"},
		{"two commits", []string{one, other}, "give reports of one commit and one machine, or see linkd bench compare"},
		{"two commits, two scenarios", []string{one, elsewhere}, ""},
		{"same", []string{one, one}, ""},
		{"twice", []string{twice}, "B/device of idle, n=1, linkd, round 0, is there twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(tt.paths)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add([]byte(`{"samples": [{"scenario": "a", "peer": "b", "case": "rate=1e300/every=1ns", "figures": [` +
		`{"unit": "cpu-us/msg", "value": -5}], "curves": {"rtt": [{"q": 1, "ms": 0}]}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseReport(text)
		if err != nil {
			return
		}
		all, err := merge([]result{{"x", r}})
		if err != nil {
			return
		}
		var b strings.Builder
		if err := all.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf,") {
			t.Error("a plot has a point nowhere")
		}
		if err := all.WriteMarkdown(&b); err != nil {
			t.Fatal(err)
		}
	})
}
