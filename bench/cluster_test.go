package bench

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// TestFirstOf: fifty processes that fail alike do not say so fifty times.
func TestFirstOf(t *testing.T) {
	first := errors.New("no room")
	err := firstOf([]error{nil, first, nil, errors.New("no room either")})
	if want := "bench: node 2, and so 2 of 4: no room"; err == nil || err.Error() != want || !errors.Is(err, first) {
		t.Errorf("%v, want %s", err, want)
	}
	if err := firstOf(make([]error, 3)); err != nil {
		t.Error(err)
	}
}

// TestTooLarge: a fleet for which there is no memory is refused with figures, and what is advised fits.
func TestTooLarge(t *testing.T) {
	b := &bench{openFiles: descriptorReserve + 1000}
	_, err := b.nodesFor(1 << 40)
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("a fleet of %d is taken: %v", 1<<40, err)
	}
	_, advice, _ := strings.Cut(err.Error(), "give --total ")
	advice, _, _ = strings.Cut(advice, " ")
	most, err := strconv.Atoi(advice)
	if err != nil || most <= 0 {
		t.Fatalf("advice %q: %v", advice, err)
	}
	if _, err := b.nodesFor(most / 2); err != nil {
		t.Errorf("half of what is advised: %v", err)
	}
}
