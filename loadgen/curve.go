package loadgen

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// CurvePoint is one point of a curve of times: the share Quantile of them, 0 to 1, took Ms milliseconds at most.
type CurvePoint struct {
	Quantile float64 `json:"q"`
	Ms       float64 `json:"ms"`
}

// hgrmTicks is how many steps a percentile file takes on each half of the way that is left to 100 %.
const hgrmTicks = 5

// million is the unit of the places of a curve's points.
const million = 1_000_000

// curvePlaces are where a curve has its points, in millionths, as far as the count resolves them: the body evenly, the
// tail in decades.
func curvePlaces() []int64 {
	var list []int64
	for at := int64(0); at < 900_000; at += 50_000 {
		list = append(list, at)
	}
	for rest := int64(100_000); rest >= 100; rest /= 10 { // of the whole, beyond the point
		for _, percent := range []int64{100, 80, 60, 50, 40, 30, 25, 20, 15} {
			list = append(list, million-rest*percent/100)
		}
	}
	return append(list, million-10)
}

// curve returns the points of h from 0 to 1; nil when it is empty. A point beyond which less than one value lies is
// left out: the maximum, at 1, says all that is known there.
func (h histogram) curve() []CurvePoint {
	n := h.TotalCount()
	if n == 0 {
		return nil
	}
	points := []CurvePoint{{0, ms(h.Min())}}
	for _, at := range curvePlaces()[1:] {
		if (million-at)*n >= million {
			q := float64(at) / million
			points = append(points, CurvePoint{q, ms(h.ValueAtPercentile(100 * q))})
		}
	}
	return append(points, CurvePoint{1, ms(h.Max())})
}

// series are the histograms of the run that hold anything, by the name of their curve.
func (o *outcome) series() map[string]histogram {
	all := map[string]histogram{"connect": o.Times[connectTime], "ack": o.Times[ackTime],
		"confirm": o.Times[confirmTime], "rtt": o.Times[roundTrip], "lag": o.Times[ownLag], "poll_interval": o.Asked}
	maps.DeleteFunc(all, func(_ string, h histogram) bool { return h.TotalCount() == 0 })
	return all
}

func curves(of map[string]histogram) map[string][]CurvePoint {
	all := map[string][]CurvePoint{}
	for name, h := range of {
		all[name] = h.curve()
	}
	return all
}

// WriteHGRM writes one file NAME.hgrm for each curve into dir, which is made where it is not there: the percentile
// distribution in milliseconds that the plotters of HdrHistogram read. A Result that was read from JSON has none.
func (r *Result) WriteHGRM(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("loadgen: percentile files: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.histograms)) {
		var b bytes.Buffer
		if _, err := r.histograms[name].PercentilesPrint(&b, hgrmTicks, float64(time.Millisecond)); err != nil {
			return fmt.Errorf("loadgen: percentiles of %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".hgrm"), b.Bytes(), 0o666); err != nil {
			return fmt.Errorf("loadgen: percentile file: %w", err)
		}
	}
	return nil
}
