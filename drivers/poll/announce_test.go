package poll

import (
	"slices"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// TestAnnounce: an announcement is made soon after the link has opened and at its intervals, waits for no answer, never
// stands between a question and its answer, and leaves silence behind it. A device that dials in anew within the
// interval does not hear it again.
func TestAnnounce(t *testing.T) {
	var said []int64
	w := newWorld(t, []entry{{0, 1, 100 * ms}}, func(cfg *Config, _ *world) {
		cfg.Announce = []Announcement{{Every: 20 * sec, Append: func(dst []byte, now int64) []byte {
			said = append(said, now)
			return append(dst, 'T')
		}}}
	})
	waiting, quietTo := false, int64(0)
	w.asked = func(q []byte) {
		if q[0] == 'T' {
			if waiting {
				t.Error("announced while an answer is waited for")
			}
			quietTo = w.now + int64(afterAnnouncement)
			return
		}
		if w.now < quietTo {
			t.Errorf("asked %v before the silence after an announcement was over", time.Duration(quietTo-w.now))
		}
		waiting = true
		w.arrive(20*ms, answerTo(q, 3))
	}
	w.m.(*machine).c.cfg.Plan[0].Exchange = settling{w.m.(*machine).c.cfg.Plan[0].Exchange, &waiting}
	opened := w.now
	w.open()
	w.pass(70 * sec)
	if len(said) != 4 || said[0] > opened+int64(firstWithin) {
		t.Fatalf("announced %d times in 70 s, first after %v; want 4, within %v", len(said),
			time.Duration(said[0]-opened), firstWithin)
	}
	for i, at := range said[1:] {
		if late := at - said[0] - int64(i+1)*int64(20*sec); late < -int64(100*ms) || late > int64(100*ms) {
			t.Errorf("announcement %d is %v off its time", i+1, time.Duration(late))
		}
	}
	if n := w.polls["ok"]; n < 600 || w.polls["timeout"] != 0 {
		t.Errorf("polls beside announcements: %v, want over 600 ok", w.polls)
	}
	redial := func(away time.Duration) {
		w.m.Close(w.now, w)
		w.wake, w.arrives, w.held, waiting = 0, nil, nil, false
		w.now += int64(away)
		w.open()
	}
	last := said[len(said)-1]
	redial(sec)
	w.pass(time.Duration(last + int64(19*sec) - w.now))
	if len(said) != 4 {
		t.Errorf("announced again within its interval: %v", said)
	}
	redial(time.Minute)
	w.pass(firstWithin)
	if len(said) != 5 {
		t.Errorf("announced %d times, want a fifth after a minute away", len(said))
	}
}

// settling is an exchange that says when its answer was taken.
type settling struct {
	Exchange
	waiting *bool
}

func (s settling) Take(b []byte, l drivers.Link) tags.Reason {
	*s.waiting = false
	return s.Exchange.Take(b, l)
}

// TestAnnounceAlone: a link on which nothing is asked announces all the same; joined channels announce what each does.
func TestAnnounceAlone(t *testing.T) {
	channel := func(word byte) *Channel {
		c, err := New(Config{Tags: &tags.Set{}, Options: Options{Retries: defaultRetries}, Announce: []Announcement{
			{Every: sec, Append: func(dst []byte, _ int64) []byte { return append(dst, word) }}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	joined, err := channel('T').Join([]drivers.Channel{channel('U')})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, number: 7, now: 1e18, m: joined.Machine()}
	w.open()
	w.pass(10 * sec)
	count := func(word byte) (n int) {
		for _, q := range w.sent {
			if slices.Equal(q, []byte{word}) {
				n++
			}
		}
		return n
	}
	if n, o := count('T'), count('U'); n < 9 || n > 11 || o < 9 || o > 11 {
		t.Errorf("announced %d and %d times in 10 s, want 10 each", n, o)
	}
}

// TestAnnounceWhen: an announcement without an interval is refused.
func TestAnnounceWhen(t *testing.T) {
	if _, err := New(Config{Tags: &tags.Set{}, Announce: []Announcement{{}}}); err == nil {
		t.Error("an announcement without an interval was taken")
	}
}
