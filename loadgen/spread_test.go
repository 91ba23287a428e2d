package loadgen

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseSpread(t *testing.T) {
	tests := []struct{ text, want, wrong string }{
		{"", "0s", ""},
		{"20ms", "20ms", ""},
		{"fixed(20ms)", "20ms", ""},
		{"uniform(5ms, 50ms)", "uniform(5ms,50ms)", ""},
		{"lognormal(150ms,0.5)", "lognormal(150ms,0.5)", ""},
		{"20", "", `"20": "20" is no value; give 20ms, fixed(20ms), uniform(5ms,50ms) or lognormal(150ms,0.5)`},
		{"uniform(5ms)", "", `"uniform(5ms)"; give 20ms, fixed(20ms)`},
		{"uniform(50ms,5ms)", "", "uniform(50ms,5ms); give the lower bound first"},
		{"normal(5ms,1)", "", `"normal(5ms,1)"; give 20ms`},
		{"fixed(5ms", "", `"fixed(5ms"; give 20ms`},
		{"fixed(5ms)x", "", `"fixed(5ms)x"; give 20ms`},
		{"lognormal(5ms,9)", "", "lognormal(5ms,9); give a sigma of 0 to 4"},
		{"lognormal(5ms,NaN)", "", "give a sigma of 0 to 4"},
		{"-1s", "", "-1s; give 0s to 1h0m0s"},
		{"2h", "", "2h0m0s; give 0s to 1h0m0s"},
	}
	for _, tt := range tests {
		p, err := ParseSpread(tt.text)
		switch {
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%q: error %v, want one with %s", tt.text, err, tt.wrong)
		case tt.wrong == "" && (err != nil || p.String() != tt.want):
			t.Errorf("%q: %v, %v; want %s", tt.text, p, err, tt.want)
		}
	}
}

func TestDraw(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 10001
	for text, want := range map[string][3]time.Duration{ // least, median within a twentieth, most
		"20ms":                 {20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		"uniform(10ms,30ms)":   {10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond},
		"lognormal(150ms,0.5)": {15 * time.Millisecond, 150 * time.Millisecond, 2 * time.Second},
	} {
		p, err := ParseSpread(text)
		if err != nil {
			t.Fatal(err)
		}
		var all []int64
		for range n {
			all = append(all, p.draw(r))
		}
		slices.Sort(all)
		off := time.Duration(all[n/2]) - want[1]
		if time.Duration(all[0]) < want[0] || time.Duration(all[n-1]) > want[2] || off.Abs() > want[1]/20 {
			t.Errorf("%s: %v to %v, median %v", text, time.Duration(all[0]), time.Duration(all[n-1]),
				time.Duration(all[n/2]))
		}
	}
}

func TestParseShares(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "1%": 0.01, "0.5": 0.5, "100%": 1} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("share %q: %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]float64{"": 0, "60%/min": 0.01, "1%/s": 0.01, "90%/h": 0.00025} {
		if got, err := ParseChurn(text); err != nil || got != want {
			t.Errorf("churn %q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"1", "1%", "1%/", "1%/day", "200%/s", "x/min"} {
		if _, err := ParseChurn(text); err == nil || !strings.Contains(err.Error(), "give a share in a time") {
			t.Errorf("churn %q: error %v", text, err)
		}
	}
	for _, text := range []string{"x", "101%", "-1%", "NaN", "1.5", "% "} {
		if _, err := ParseShare(text); err == nil || !strings.Contains(err.Error(), "give a share such as 1%") {
			t.Errorf("share %q: error %v", text, err)
		}
	}
}
