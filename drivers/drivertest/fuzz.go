package drivertest

import (
	"strings"
	"testing"
	"time"

	"linkd/drivers"
)

// Fuzz lets a device send anything to a channel of d, whose config is as in a case: no panic, never more kept than
// MaxFrame, and the same outcome whether the bytes come at once or in pieces, asked for or not. seeds are what a device
// may say.
func Fuzz(f *testing.F, d *drivers.Driver, config string, seeds ...string) {
	for i, s := range seeds {
		f.Add([]byte(s), uint8(i), i%2 == 0)
	}
	ch := compile(f, d, config)
	f.Fuzz(func(t *testing.T, b []byte, size uint8, asked bool) {
		whole := fed(t, d, ch, b, len(b), asked)
		if pieces := fed(t, d, ch, b, int(size%16)+1, asked); pieces != whole {
			t.Fatalf("%q at once:\n%s\nin pieces of %d:\n%s", b, whole, size%16+1, pieces)
		}
	})
}

// fed is what a new link does that is given b, size bytes at a time.
func fed(t *testing.T, d *drivers.Driver, ch drivers.Channel, b []byte, size int, asked bool) string {
	r := newRig(t, ch, d.MaxFrame)
	for end := r.now + int64(10*time.Second); asked && r.sends == 0 && r.wake != 0 && r.wake <= end; {
		r.now, r.wake = r.wake, 0
		r.m.Timer(r.now, r.link)
	}
	r.now++
	for ; len(b) > 0; b = b[min(size, len(b)):] {
		r.receive(b[:min(size, len(b))])
	}
	if r.failed {
		t.Fatalf("the link was given up: %s", r.log[len(r.log)-1])
	}
	return strings.Join(r.log, "\n")
}
