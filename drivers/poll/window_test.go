package poll

import (
	"testing"
	"time"

	"linkd/drivers/tags"
)

// TestDuplicateGlued: what comes with an answer, before the next question is asked, is no answer to that, though it
// has its shape.
func TestDuplicateGlued(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}}, nil)
	w.asked = func(q []byte) {
		a := answerTo(q, 3)
		w.arrive(20*ms, append(a, a...))
	}
	w.open()
	w.pass(30 * sec)
	if w.wrong != 0 || w.good[0] < 25 || w.good[1] < 25 {
		t.Errorf("%d wrong answers; read %v times in 30 s", w.wrong, w.good)
	}
}

// TestPutOff: an entry that is due while a late answer may come is asked when it may not any more, not a long period
// later.
func TestPutOff(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, time.Hour}, {0, 2, time.Hour}, {1, 3, sec}}, nil)
	lost := false
	w.asked = func(q []byte) {
		if q[2] == 1 && !lost {
			lost = true
			return
		}
		w.prompt(q)
	}
	w.open()
	w.pass(20 * sec)
	if w.good[0] != 1 || w.good[1] != 1 {
		t.Errorf("read %v times in 20 s, want once each of the first two; bad: %v", w.good, w.bad)
	}
	if w.polls["missed"] != 0 {
		t.Errorf("polls: %v; none was missed", w.polls)
	}
}

// TestMissedOfItsClass: rounds that pass unused are missed by the devices of that interval, not by all of the link.
func TestMissedOfItsClass(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, 100 * ms}, {1, 2, time.Hour}}, nil)
	w.asked = func(q []byte) { w.arrive(250*ms, answerTo(q, 3)) }
	w.open()
	w.pass(10 * sec)
	if ok, missed := w.polls["ok"], w.polls["missed"]; missed == 0 || missed > ok+2 {
		t.Errorf("polls: %v; want a missed round for about each that was made", w.polls)
	}
}

// TestRefusedStaysRefused: what a device refused for its address is bad for that, also when the device dies.
func TestRefusedStaysRefused(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}}, func(cfg *Config, _ *world) {
		cfg.Split = func(*Planned) []Planned { return nil }
	})
	alive := true
	w.asked = func(q []byte) {
		switch {
		case q[2] == 2:
			w.arrive(20*ms, []byte{'E', 0, byte(tags.IllegalAddress), 'E' + byte(tags.IllegalAddress)})
		case alive:
			w.prompt(q)
		}
	}
	w.open()
	w.pass(5 * sec)
	alive = false
	w.pass(5 * sec)
	if w.bad[0] != tags.Timeout || w.bad[1] != tags.IllegalAddress {
		t.Errorf("bad: %v", w.bad)
	}
}

// numbered is an ask whose frames carry the number of the question.
type numbered struct{ ask }

func (n *numbered) Ask(dst []byte, seq uint16) []byte {
	return append(n.ask.Ask(dst, seq), byte(seq))
}

func (n *numbered) Find(b []byte, seq uint16) (from, to int) {
	for i := 0; i+5 <= len(b); i += 5 {
		if b[i+4] == byte(seq) {
			return i, i + 5
		}
	}
	return 0, 0
}

// TestSeveralInFlight: questions whose answers name them overtake each other; one device that does not answer holds
// nothing up, and no entry is in flight twice.
func TestSeveralInFlight(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}, {1, 3, sec}, {2, 4, 100 * ms}}, func(cfg *Config, w *world) {
		cfg.Distinct, cfg.InFlight = true, 3
		for i := range cfg.Plan {
			cfg.Plan[i].Exchange = &numbered{*cfg.Plan[i].Exchange.(*ask)}
		}
	})
	flying, most := map[byte]int{}, 0
	w.asked = func(q []byte) {
		if flying[q[2]]++; flying[q[2]] > 1 && q[2] != 3 {
			t.Errorf("entry %d is in flight twice", q[2])
		}
		n := 0
		for addr, k := range flying {
			if addr != 3 { // it times out unseen
				n += min(k, 1)
			}
		}
		most = max(most, n)
		if q[2] == 3 {
			return
		}
		w.arrive(time.Duration(10+50*(q[3]%3))*ms, append(answerTo(q, 3), q[3]))
	}
	w.open()
	for range 3000 {
		before := len(w.arrives)
		w.pass(10 * ms)
		if len(w.arrives) < before {
			flying = map[byte]int{}
			for _, p := range w.arrives {
				flying[p.data[2]>>4]++
			}
		}
	}
	if w.wrong != 0 || w.good[0] < 25 || w.good[1] < 25 || w.good[2] != 0 || w.good[3] < 200 {
		t.Errorf("%d wrong; read %v times in 30 s; polls %v", w.wrong, w.good, w.polls)
	}
	if most < 2 || most > 3 {
		t.Errorf("%d questions in flight at most, want 2 or 3", most)
	}
}

// TestRefusalIsRemembered: a device that dials in anew is not asked again for what it refused, for an hour.
func TestRefusalIsRemembered(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}}, func(cfg *Config, _ *world) {
		cfg.Split = func(*Planned) []Planned { return nil }
	})
	refused := 0
	w.asked = func(q []byte) {
		if q[2] == 2 {
			refused++
			w.arrive(20*ms, []byte{'E', 0, byte(tags.IllegalAddress), 'E' + byte(tags.IllegalAddress)})
			return
		}
		w.prompt(q)
	}
	redial := func(away time.Duration) {
		w.m.Close(w.now, w)
		w.wake, w.arrives, w.held = 0, nil, nil
		w.now += int64(away)
		w.open()
		w.pass(10 * sec)
	}
	w.open()
	w.pass(10 * sec)
	w.bad = map[int]tags.Reason{}
	redial(time.Minute)
	if w.bad[1] != tags.IllegalAddress {
		t.Errorf("after the redial: bad %v", w.bad)
	}
	if refused != 1 {
		t.Errorf("asked %d times for what it refuses, want once", refused)
	}
	read := w.good[0]
	redial(2 * time.Hour)
	if refused != 2 || w.good[0] <= read {
		t.Errorf("asked %d times, want once more after hours; read %v", refused, w.good)
	}
}

// TestRetryAmongSeveral: a question that was asked twice, while its device owed an answer of another shape, is owed a
// second answer after the first, and until the window of that has closed no other question of its shape is asked.
func TestRetryAmongSeveral(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, 500 * ms}, {0, 2, 20 * ms}, {0, 4, sec}}, func(cfg *Config, _ *world) {
		for i := range cfg.Plan {
			a := *cfg.Plan[i].Exchange.(*ask)
			a.write = a.addr != 1
			cfg.Plan[i].Exchange = &formed{a}
		}
	})
	asked, slow := map[byte]int{}, 0
	w.asked = func(q []byte) {
		asked[q[2]]++
		after := 15 * ms
		switch {
		case q[2] == 1 && asked[1]%20 == 0:
			return
		case q[2] == 4 && w.m.(*machine).unit(0).owed > 0:
			slow++
			after = 120 * ms
			if slow%2 == 0 {
				after = 2980 * ms
			}
		}
		w.arrive(after, answerTo(q, 3))
	}
	w.open()
	w.pass(5 * time.Minute)
	if w.wrong != 0 || slow < 10 {
		t.Errorf("%d wrong answers in 5 minutes with %d slow ones", w.wrong, slow)
	}
}
