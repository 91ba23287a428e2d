package loadgen

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestCurve: a curve goes from the least to the most, rises, and ends where the count has nothing more to say.
func TestCurve(t *testing.T) {
	for _, c := range []struct {
		values int64
		last   float64 // the highest point below 1
	}{{1, 0}, {2, 0.5}, {100, 0.99}, {1000, 0.999}, {100_000, 0.99999}, {300_000, 0.99999}} {
		h := newHistogram()
		for i := range c.values {
			h.record((i + 1) * int64(time.Millisecond) / 100)
		}
		points := h.curve()
		if len(points) > 60 || len(points) < 2 {
			t.Errorf("%d values: %d points", c.values, len(points))
			continue
		}
		first, last, before := points[0], points[len(points)-1], points[len(points)-2]
		if first != (CurvePoint{0, ms(h.Min())}) || last != (CurvePoint{1, ms(h.Max())}) {
			t.Errorf("%d values: from %v to %v", c.values, first, last)
		}
		if before.Quantile != c.last {
			t.Errorf("%d values: the highest point below 1 is at %v, want %v", c.values, before.Quantile, c.last)
		}
		for i := range points[1:] {
			if p, q := points[i], points[i+1]; q.Quantile <= p.Quantile || q.Ms < p.Ms {
				t.Errorf("%d values: %v comes after %v", c.values, q, p)
			}
		}
		for _, p := range points {
			if want := p.Quantile * float64(c.values) / 100; p.Ms < want*0.998-0.01 || p.Ms > want*1.002+0.011 {
				t.Errorf("%d values: %v ms at %v, want about %v", c.values, p.Ms, p.Quantile, want)
			}
		}
	}
	if newHistogram().curve() != nil {
		t.Error("an empty histogram has a curve")
	}
}

// TestHGRM: one file for each curve, in milliseconds, with the heads and the tail that its readers look for.
func TestHGRM(t *testing.T) {
	o := newOutcome()
	for i := range int64(1000) {
		o.Times[roundTrip].record((i + 1) * int64(time.Millisecond))
	}
	r := o.result(&Config{}, 1)
	if len(r.Curves) != 1 || len(r.Curves["rtt"]) == 0 {
		t.Errorf("curves %v, want rtt alone", r.Curves)
	}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := r.WriteHGRM(dir); err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(dir)
	text, err := os.ReadFile(filepath.Join(dir, "rtt.hgrm"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, want := range []string{
		`^ *Value\s+Percentile\s+TotalCount\s+1/\(1-Percentile\)\n`, `\n +500\.\d+ +0\.500000 +500 +2\.00\n`,
		`\n +1000\.\d+ +1\.000000 +1000 +inf\n`, `\n#\[Max +=  +1000\.\d+, Total count +=  +1000\]\n`,
	} {
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
