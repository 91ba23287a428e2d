package server

import (
	"strings"
	"testing"
	"time"
)

// TestTrickle: a byte of a good id every five seconds is no identity, whether silence ends an id or a line end does.
func TestTrickle(t *testing.T) {
	for preset, want := range map[string]Reason{"auto": ReasonUnknown, "line": ReasonTimeout} {
		w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    identity: {preset: "+preset+"}", 1))
		l := w.dial(0, "10.0.0.7:5000")
		for _, b := range "c0001\n" {
			l.send(string(b))
			w.pass(5 * time.Second)
		}
		w.wantClosed(l, want)
		w.wantState("c1", Offline)
	}
}
