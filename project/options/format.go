package options

import (
	"math"
	"strconv"
	"strings"
	"time"
)

var sizes = [...]struct {
	unit  string
	shift uint
}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}, {"", 0}}

func parseSize(s string) (int64, bool) {
	for _, u := range sizes {
		if digits, ok := strings.CutSuffix(s, u.unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			return n << u.shift, err == nil && n >= 0 && n <= math.MaxInt64>>u.shift
		}
	}
	return 0, false
}

// FormatSize writes bytes in the largest unit that divides them.
func FormatSize(n int64) string {
	for _, u := range sizes {
		if n>>u.shift<<u.shift == n && n != 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.unit
		}
	}
	return "0B"
}

// FormatDuration writes a time without the units that are zero at its end: 5m, not 5m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if short, ok := strings.CutSuffix(s, "m0s"); ok {
		s = short + "m"
	}
	if short, ok := strings.CutSuffix(s, "h0m"); ok {
		s = short + "h"
	}
	return s
}
