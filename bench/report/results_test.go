package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"linkd/bench"
)

func TestParseLimit(t *testing.T) {
	tests := []struct {
		limit       string
		peer        string
		ok          bool
		in, without float64 // what keeps to it and what does not
	}{
		{"<= 800", "", true, 800, 800.1},
		{"<= 1.15 x c-epoll", "c-epoll", true, 1.15, 1.16},
		{">= 2e5", "", true, 2e5, 1e5},
		{"about 5", "", false, 0, 0},
		{"<= NaN", "", false, 0, 0},
		{"<= 1 x", "", false, 0, 0},
	}
	for _, tt := range tests {
		least, most, peer, ok := parseLimit(tt.limit)
		if ok != tt.ok || peer != tt.peer {
			t.Errorf("%s: %q, %v", tt.limit, peer, ok)
		}
		if ok && (tt.in < least || tt.in > most || tt.without >= least && tt.without <= most) {
			t.Errorf("%s: %g to %g", tt.limit, least, most)
		}
	}
}

func TestPosition(t *testing.T) {
	tests := []struct {
		name   string
		along  axis
		x      float64
		shared string
	}{
		{"rate=20000/links=1000", alongRate, 20000, "links=1000"},
		{"every=500ms/links=10000", alongRate, 20000, "links=10000"},
		{"seldom/every=1m0s/links=60", alongRate, 1, "seldom/links=60"},
		{"n=5000", alongDevices, 5000, ""},
		{"memory/links=10", alongDevices, 10, "memory"},
		{"closed/links=1000", alongRate, 0, ""},
		{"rate=-5", alongRate, 0, ""},
		{"rate=1e300", alongRate, 0, ""},
	}
	for _, tt := range tests {
		if x, shared, ok := position(tt.name, tt.along); x != tt.x || shared != tt.shared || ok != (tt.x > 0) {
			t.Errorf("%s: %g, %q, %v; want %g, %q", tt.name, x, shared, ok, tt.x, tt.shared)
		}
	}
}

// The rounds of a second report follow those of the first, so that no ratio is taken across runs.
func TestMergeRounds(t *testing.T) {
	all := results(t, "testdata/report", "testdata/report")
	f := all.section("rest").cases[0].figure("B/device")
	if n := len(f.values[bench.Linkd]); n != 4 {
		t.Errorf("%d rounds, want 4", n)
	}
	ratio, _ := f.ratio(bench.Linkd, "c-epoll")
	f = results(t, "testdata/report").section("rest").cases[0].figure("B/device")
	if once, _ := f.ratio(bench.Linkd, "c-epoll"); ratio != once {
		t.Errorf("the ratio became %v, was %v", ratio, once)
	}
}

// What a file says of its goals is worked out anew.
func TestGoalsAreWorkedOut(t *testing.T) {
	var got []string
	for _, r := range results(t, "testdata/report").reached() {
		got = append(got, r.scenario+" "+r.name+" "+r.limit+": "+r.verdict())
	}
	want := []string{
		"rest n=1000 <= 800: NOT MET",
		"stream rate=1000/links=10 <= 1.15 x c-epoll: NOT MET",
		"stream rate=20000/links=10 <= 1.15 x c-epoll: NOT MET",
		"rest n=4000 <= 800: met",
		"stream rate=1000/links=10 <= 0.7 x net: met",
		"stream rate=20000/links=10 <= 0.7 x net: met",
		"rush n=4000 <= 1.2 x gnet: unknown",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func at(q, ms float64) bench.CurvePoint { return bench.CurvePoint{Quantile: q, Ms: ms} }

func TestMedianCurve(t *testing.T) {
	rounds := [][]bench.CurvePoint{{at(0.5, 1), at(0.9, 3), at(1, 9)}, {at(0.5, 3), at(0.9, 5)}, {at(0.5, 2), at(0.99, 7)}}
	got := medianCurve(rounds)
	want := []float64{0.5, 2, 0.9, 5}
	var flat []float64
	for _, p := range got {
		flat = append(flat, p.x, p.Median)
	}
	if !slices.Equal(flat[:4], want) || len(got) != 3 || got[2].x != 0.99 || got[2].Median != 8 {
		t.Errorf("got %v, want %v and 0.99 at 8", flat, want)
	}
}

func TestInto(t *testing.T) {
	all := results(t, "testdata/report")
	const begin, end = "<!-- results: rest -->\n", "<!-- end -->\n"
	once, err := all.Into("a\n" + begin + "old\n" + end + "b")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(once, "a\n"+begin+"Rounds: 2, at commit 0123456789ab") || !strings.HasSuffix(once, end+"b") ||
		strings.Contains(once, "old") || !strings.Contains(once, "| n=1000 | B/device | 805 (800 to 810) ×0.80 |") {
		t.Errorf("got\n%s", once)
	}
	if again, err := all.Into(once); err != nil || again != once {
		t.Errorf("the second time: %v\n%s", err, again)
	}
	for _, tt := range []struct{ text, want string }{
		{"a\n", "1: no line <!-- results: SCENARIO -->"},
		{"a\n" + begin, "2: results of rest have no <!-- end -->"},
		{begin + begin + end, "2: results of rest begin, and those of rest (line 1) have no"},
		{begin + end + end, "3: <!-- end -->, and nothing has begun"},
		{"<!-- results: x -->\n" + end, `1: no results of scenario "x"; give the folder that has them too`},
	} {
		if _, err := all.Into(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestWriteInto(t *testing.T) {
	all := results(t, "testdata/report")
	path := filepath.Join(t.TempDir(), "a.md")
	const wrong = "<!-- results: rest -->\nkeep\n"
	if err := os.WriteFile(path, []byte(wrong), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := all.WriteInto(path); err == nil || !strings.Contains(err.Error(), path+":1: results of rest") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != wrong {
		t.Errorf("%v: %s", err, text)
	}
	if err := os.WriteFile(path, []byte(wrong+"<!-- end -->\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := all.WriteInto(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v: %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".linkd*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// The tables of the page are those that the results give.
func TestPerformancePage(t *testing.T) {
	const page, folders = "docs/performance.md", "docs/results/*"
	found, err := filepath.Glob(filepath.Join("../..", folders, "report.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no results: %v", err)
	}
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	want, err := results(t, found...).Into(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Errorf("%s differs from %s; renew it: bin/linkd bench report %s --into %s", page, folders, folders, page)
	}
}
