package poll

import (
	"slices"
	"testing"
	"time"

	"linkd/drivers/tags"
)

// TestReadsWhatWasWritten: what a write has changed is read at once, what it may have changed when no late answer can
// be mistaken any more; nothing else, nor what the command has read back itself.
func TestReadsWhatWasWritten(t *testing.T) {
	const late = 2 * time.Second
	w := newWorld(t, []entry{{0, 1, time.Hour}, {0, 2, time.Hour}}, func(cfg *Config, w *world) {
		writes(cfg, w)
		cfg.LateWindow = late
	})
	w.asked = w.prompt
	w.open()
	w.pass(20 * sec)
	reads := func(what string, d time.Duration, want ...int) {
		t.Helper()
		if w.pass(d); !slices.Equal(w.good, want) {
			t.Errorf("%s: read %v, want %v", what, w.good, want)
		}
	}
	reads("at first", 0, 1, 1)
	w.command(1, false)
	reads("after a write", 100*ms, 1, 2)
	w.command(0, true)
	reads("after a write that is read back", 100*ms, 2, 2)
	w.asked = func(q []byte) {
		if q[0] != 'W' {
			w.prompt(q)
			return
		}
		w.arrive(20*ms, []byte{'E', 0, byte(tags.IllegalValue), 'E' + byte(tags.IllegalValue)})
	}
	w.command(1, false)
	reads("after a write that is refused", 100*ms, 2, 2)
	w.asked = func(q []byte) {
		if q[0] != 'W' {
			w.prompt(q)
		}
	}
	w.command(1, false)
	reads("before the end of the window", late-100*ms, 2, 2)
	reads("after a write that is not answered", sec, 2, 3)
	reads("for an hour", 50*time.Minute, 2, 3)
	if n := w.polls["missed"]; n != 0 {
		t.Errorf("%d polls were missed", n)
	}
}
