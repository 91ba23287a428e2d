package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Spread is a distribution of durations. The zero value is always 0.
type Spread struct {
	Kind string  // fixed, uniform, lognormal; empty: always 0
	A    float64 // nanoseconds: fixed, the value; uniform, the least; lognormal, the median
	B    float64 // uniform: the most, in nanoseconds; lognormal: sigma, the deviation of the logarithm
}

const (
	spreadForm = "give 20ms, fixed(20ms), uniform(5ms,50ms) or lognormal(150ms,0.5)"
	longest    = float64(time.Hour)
	mostSigma  = 4 // beyond that a lognormal delay is mostly minutes or nothing
)

// ParseSpread reads a duration, fixed(D), uniform(D,D), or lognormal(MEDIAN,SIGMA). Empty text is the zero value.
func ParseSpread(s string) (Spread, error) {
	if s == "" {
		return Spread{}, nil
	}
	kind, rest, named := strings.Cut(s, "(")
	args := strings.Split(strings.TrimSuffix(rest, ")"), ",")
	switch {
	case !named:
		kind, args = "fixed", []string{s}
	case !strings.HasSuffix(rest, ")") || len(args) != map[string]int{"fixed": 1, "uniform": 2, "lognormal": 2}[kind]:
		return Spread{}, fmt.Errorf("%q; %s", s, spreadForm)
	}
	p := Spread{Kind: kind}
	for i, text := range args {
		var v float64
		var err error
		if kind == "lognormal" && i == 1 {
			v, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
		} else {
			var d time.Duration
			d, err = time.ParseDuration(strings.TrimSpace(text))
			v = float64(d)
		}
		if err != nil {
			return Spread{}, fmt.Errorf("%q: %q is no value; %s", s, strings.TrimSpace(text), spreadForm)
		}
		if i == 0 {
			p.A = v
		} else {
			p.B = v
		}
	}
	return p, p.validate()
}

func (p Spread) validate() error {
	switch {
	case !(p.A >= 0 && p.A <= longest):
		return fmt.Errorf("%s; give 0s to %v", p, time.Duration(longest))
	case p.Kind == "uniform" && !(p.B >= p.A && p.B <= longest):
		return fmt.Errorf("%s; give the lower bound first, and at most %v", p, time.Duration(longest))
	case p.Kind == "lognormal" && !(p.B >= 0 && p.B <= mostSigma):
		return fmt.Errorf("%s; give a sigma of 0 to %d", p, mostSigma)
	}
	return nil
}

// String is p as ParseSpread reads it.
func (p Spread) String() string {
	switch p.Kind {
	case "uniform":
		return fmt.Sprintf("uniform(%v,%v)", time.Duration(p.A), time.Duration(p.B))
	case "lognormal":
		return fmt.Sprintf("lognormal(%v,%v)", time.Duration(p.A), p.B)
	}
	return time.Duration(p.A).String()
}

// draw takes one value, in nanoseconds.
func (p Spread) draw(r *rand.Rand) int64 {
	switch p.Kind {
	case "uniform":
		return int64(p.A + r.Float64()*(p.B-p.A))
	case "lognormal":
		return int64(min(p.A*math.Exp(p.B*r.NormFloat64()), longest))
	}
	return int64(p.A)
}

// ParseShare reads a share of a whole: 1% or 0.01. Empty text is 0.
func ParseShare(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	digits, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(digits, 64)
	if percent {
		v /= 100
	}
	if err != nil || !isShare(v) {
		return 0, fmt.Errorf("%q; give a share such as 1%% or 0.01, at most 100%%", s)
	}
	return v, nil
}

func isShare(v float64) bool { return v >= 0 && v <= 1 }

// ParseChurn reads a share in a time, such as 1%/min or 0.5%/s, and returns it a second. Empty text is 0.
func ParseChurn(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	share, unit, _ := strings.Cut(s, "/")
	seconds := map[string]float64{"s": 1, "min": 60, "h": 3600}[unit]
	v, err := ParseShare(share)
	if err != nil || seconds == 0 {
		return 0, fmt.Errorf("%q; give a share in a time, such as 1%%/min, 2%%/s or 10%%/h", s)
	}
	return v / seconds, nil
}
