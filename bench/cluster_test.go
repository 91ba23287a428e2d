package bench

import (
	"errors"
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
