package main

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// countable skips a test where nothing can be counted; in CI that fails it on a platform where it should work.
func countable(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errNoCounter) && (!expected || os.Getenv("CI") == "") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func sample(bench string) []path {
	return []path{{name: "sample", folder: "./testdata/path", bench: bench, ops: 4}}
}

// TestCountsAgree: to count twice gives the same, and what operations take and not what surrounds them.
func TestCountsAgree(t *testing.T) {
	t.Parallel()
	var took []float64
	for range 2 {
		found, err := countAll(sample("^BenchmarkPath$"))
		countable(t, err)
		took = append(took, found[0].instructions)
	}
	if math.Abs(took[0]/took[1]-1) > 0.01 {
		t.Errorf("counted %v, over 1 %% apart", took)
	}
	if took[0] < 600 || took[0] > 2400 { // 200 turns, each a multiplication, a sum, a store and the way back
		t.Errorf("%v instructions, want about a thousand", took[0])
	}
}

// TestGuardCanFail makes a baseline of a path and then finds it as it was, made dearer, made cheaper, broken and gone.
func TestGuardCanFail(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "baseline.txt")
	say := func(bench string, update bool) (string, error) {
		var out bytes.Buffer
		err := run(&out, sample(bench), file, update)
		return out.String(), err
	}
	if out, err := say("^BenchmarkPath$", false); err != nil || !strings.Contains(out, "no baseline for") {
		t.Fatalf("without a baseline: %v, %q", err, out)
	}
	out, err := say("^BenchmarkPath$", true)
	countable(t, err)
	if strings.Contains(out, errNoCounter.Error()) {
		t.Skip(out)
	}
	for _, tt := range []struct{ bench, out, err string }{
		{"^BenchmarkPath$", "0.0 %", ""},
		{"^BenchmarkDearer$", "DEARER", "sample takes 1"},
		{"^BenchmarkCheaper$", "cheaper: keep it", ""},
		{"^BenchmarkBroken$", "", "cannot work"},
		{"^BenchmarkGone$", "", "ended or was interrupted before its loop"},
	} {
		out, err := say(tt.bench, false)
		if !strings.Contains(out, tt.out) || (err == nil) != (tt.err == "") ||
			err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: prints %q, error %v; want %q and %q", tt.bench, out, err, tt.out, tt.err)
		}
	}
}

func TestPlatform(t *testing.T) {
	for version, want := range map[string]string{
		"go1.26.8": "arm64 go1.26", "go1.27": "arm64 go1.27", "go1.27rc1": "arm64 go1.27rc1",
		"go1.26.8 X:synctest": "arm64 go1.26", "devel go1.28-abcdef": "arm64 devel",
	} {
		if got := platform("arm64", version); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
}

// TestBaseline writes one, reads it again, and reads what is none.
func TestBaseline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baseline.txt")
	base, err := readBaseline(file)
	if err != nil || len(base) > 0 {
		t.Fatalf("no file: %v, %v", base, err)
	}
	base.put("amd64 go1.26", []count{{"echo", 882}, {"poll", 6141.25}})
	base.put("arm64 go1.26", []count{{"echo", 900}})
	base.put("amd64 go1.26", []count{{"echo", 880}}) // poll is no path any more
	if err := base.write(file); err != nil {
		t.Fatal(err)
	}
	again, err := readBaseline(file)
	if err != nil || len(again) != 2 || len(again["amd64 go1.26"]) != 1 || again["amd64 go1.26"]["echo"] != 880 {
		t.Errorf("reads %v, %v", again, err)
	}
	for text, want := range map[string]string{
		"# a\n\namd64 go1.26 echo":                         "baseline.txt:3: \"amd64 go1.26 echo\"; want ARCHITECTURE",
		"amd64 go1.26 echo 0":                              `"0" instructions; want a number above 0`,
		"amd64 go1.26 echo NaN":                            `"NaN" instructions`,
		"amd64 go1.26 echo +Inf":                           `"+Inf" instructions`,
		"amd64 go1.26 echo 5\namd64 go1.26 echo 5":         "stands here twice",
		"amd64 go1.26 echo " + strings.Repeat("5", 100000): "token too long",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readBaseline(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
}

// TestCommitted: the baseline in the repository can be read, and has all paths and no other.
func TestCommitted(t *testing.T) {
	base, err := readBaseline("baseline.txt")
	if err != nil || len(base) == 0 {
		t.Fatal(base, err)
	}
	for here := range base {
		var same []count
		for _, p := range paths {
			same = append(same, count{p.name, base[here][p.name]})
		}
		if err := judge(&bytes.Buffer{}, base, here, same); err != nil {
			t.Error(err)
		}
	}
}

// TestJudge: a tenth more is borne, what only one of baseline and paths has is not.
func TestJudge(t *testing.T) {
	base := baseline{"amd64 go1.26": {"echo": 1000}}
	for _, tt := range []struct {
		found []count
		err   string
	}{
		{[]count{{"echo", 1099}}, ""},
		{[]count{{"echo", 1101}}, "echo takes 10.1 % more on amd64 go1.26"},
		{[]count{{"echo", 100}}, ""},
		{[]count{{"echo", 1000}, {"poll", 1}}, "poll has no baseline"},
		{nil, "echo stands in the baseline and is no path any more"},
	} {
		err := judge(&bytes.Buffer{}, base, "amd64 go1.26", tt.found)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v: error %v, want %q", tt.found, err, tt.err)
		}
	}
}
