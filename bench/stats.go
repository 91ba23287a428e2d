package bench

import (
	"math"
	"slices"
)

// Summary is what the rounds of one figure came to. All are 0 when there was none.
type Summary struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Summarise returns the median and the extremes of values; of an even number, the median is the mean of the middle two.
func Summarise(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	v := slices.Sorted(slices.Values(values))
	m := len(v) / 2
	median := v[m]
	if len(v)%2 == 0 {
		median = (v[m-1] + v[m]) / 2
	}
	return Summary{Median: median, Min: v[0], Max: v[len(v)-1]}
}

// Ratios divides round by round. A round in which the divisor is not above 0 has none.
func Ratios(values, by []float64) []float64 {
	var out []float64
	for i := range min(len(values), len(by)) {
		if r := values[i] / by[i]; by[i] > 0 && !math.IsNaN(r) && !math.IsInf(r, 0) {
			out = append(out, r)
		}
	}
	return out
}
