package report

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	c, err := Compare("testdata/old", "testdata/new")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			got = append(got, line)
		}
	}
	// p of five against five without overlap is 2 of the 252 ways to share out ten; of three against three 2 of 20.
	want := []string{
		"old: testdata/old/bench.txt commit aaaaaaa, cpu Example CPU, go go1.26.8, kernel 6.1",
		"new: testdata/new/bench.txt commit bbbbbbb, cpu Example CPU, go go1.26.8, kernel 6.2",
		"cpu-us/msg, less is better old new change",
		"Echo/peer=linkd/rate=1-2 102 122 +19.6% p=0.008 n=5",
		"Echo/peer=gnet/rate=1-2 102 102 ~ p=1.000 n=5",
		"geomean +9.4%",
		"msg/s, more is better old new change",
		"Echo/peer=linkd/rate=1-2 1002 502 -49.9% p=0.008 n=5",
		"Echo/peer=gnet/rate=1-2 1002 1002 ~ p=1.000 n=5",
		"geomean -29.2%",
		"lost, less is better old new change",
		"Poll/peer=linkd/lost-2 0 5.00 from 0 p=0.008 n=5",
		"geomean ?",
		"B/device, less is better old new change",
		"Idle/peer=linkd/n=5-2 601 901 ~ p=0.100 n=3",
		"geomean +49.9%",
		"medians; ~ is no significant difference (Mann-Whitney U test, p < 0.05)",
		"warning: 1 comparisons have too few samples to find any difference: measure 4 rounds or more, better 10",
		`warning: kernel differs: "6.1", "6.2"`,
		"warning: 1 benchmarks only in testdata/old/bench.txt, the first of them Gone-2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p := c.Units[0].Rows[0].Comparison.P; math.Abs(p-2.0/252) > 1e-9 {
		t.Errorf("p is %g, want 2/252", p)
	}
	for most, want := range map[float64]int{10: 2, 19.7: 1, 1000: 1} {
		if worse := c.Worse(most); len(worse) != want {
			t.Errorf("over %g %%: %q, want %d", most, worse, want)
		}
	}
	if back, err := Compare("testdata/new", "testdata/old"); err != nil || len(back.Worse(10)) != 0 {
		t.Errorf("what got better got worse: %v", err)
	}
}

// What bench run writes can be compared.
func TestCompareOwn(t *testing.T) {
	dir := t.TempDir()
	if err := sampled().Write(dir); err != nil {
		t.Fatal(err)
	}
	c, err := Compare(dir, filepath.Join(dir, "bench.txt"))
	if err != nil || len(c.Units) != 3 || len(c.Warnings) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestCompareRefusals(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "bench.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("BenchmarkA 1 5 ns/op\n")
	tests := []struct{ name, path, want string }{
		{"not there", filepath.Join(t.TempDir(), "x"), "give a folder that linkd bench run --out wrote, or a bench.txt"},
		{"nothing in common", write("BenchmarkB 1 5 ns/op\n"), "have no benchmark in common"},
		{"empty", write(""), "have no benchmark in common"},
		{"no number", write("BenchmarkA 1 x ns/op\n"), ":1: parsing measurement"},
		{"not finite", write("BenchmarkA 1 NaN ns/op\n"), ":1: sec/op is NaN; want"},
		{"escape", write("BenchmarkA\x1b[2J 1 5 ns/op\n"), `the name of the benchmark "A\x1b[2J"; want`},
		{"long line", write("BenchmarkA 1 5 ns/op " + strings.Repeat("x", 1<<20) + "\n"), "too long"},
		{"too many", write(strings.Repeat("BenchmarkA 1 5 ns/op\n", maxSampleValues+1)), "over 10000 values of sec/op"},
	}
	for _, tt := range tests {
		if _, err := Compare(good, tt.path); !errors.Is(err, ErrCompare) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]float64{"10%": 10, "2.5 %": 2.5, "0%": 0, "10": -1, "x%": -1, "-1%": -1, "NaN%": -1,
		"1001%": -1} {
		if got, err := ParsePercent(text); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %g, %v", text, got, err)
		}
	}
}
