package poll

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"linkd/drivers"
	"linkd/drivers/tags"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// prompt answers every question after 20 ms.
func (w *world) prompt(q []byte) { w.arrive(20*ms, answerTo(q, byte(len(w.sent)))) }

// TestGrid: a link is polled once a period, on time.
func TestGrid(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}}, nil)
	w.asked = w.prompt
	w.open()
	w.pass(60 * sec)
	if n := w.polls["ok"]; n < 59 || n > 61 || len(w.polls) != 1 {
		t.Errorf("polls in a minute: %v, want 60 ok", w.polls)
	}
	for _, late := range w.lates {
		if late > int64(2*ms) {
			t.Errorf("a poll was %v late", time.Duration(late))
		}
	}
}

// TestLateRoundWaitsForTimer: an answer that is read when the next round is due brings the next question, but not where
// it is read so late that the loop must be behind: then the timer does.
func TestLateRoundWaitsForTimer(t *testing.T) {
	for late, atOnce := range map[time.Duration]bool{behind: true, behind + ms: false} {
		w := newWorld(t, []entry{{0, 1, 100 * ms}}, nil)
		w.open()
		for len(w.sent) == 0 {
			w.pass(ms)
		}
		due := w.m.(*machine).firstClass.due
		w.now = due + int64(late)
		answer := answerTo(w.sent[0], 1)
		if n := w.m.Receive(w.now, answer, w); n != len(answer) || (len(w.sent) == 2) != atOnce {
			t.Errorf("%v late: %d bytes taken and %d questions asked; at once: %v", late, n, len(w.sent), atOnce)
		}
		if w.pass(2 * ms); len(w.sent) != 2 {
			t.Errorf("%v late: %d questions asked soon after", late, len(w.sent))
		}
	}
}

// TestFair: a slow class with many entries does not hold a fast one up.
func TestFair(t *testing.T) {
	list := []entry{}
	for i := range 14 {
		list = append(list, entry{0, byte(i), 4 * sec})
	}
	list = append(list, entry{0, 15, 100 * ms})
	w := newWorld(t, list, nil)
	w.asked = w.prompt
	w.open()
	w.pass(40 * sec)
	if n := w.good[14]; n < 360 {
		t.Errorf("the fast entry was read %d times in 40 s, want about 400", n)
	}
	if n := w.good[0]; n < 9 || n > 11 {
		t.Errorf("a slow entry was read %d times in 40 s, want 10", n)
	}
}

// TestDead: a silent device goes bad within its timeouts, is asked less and less, and its sibling is not held up.
func TestDead(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}, {1, 3, sec}}, nil)
	alive := false
	w.asked = func(q []byte) {
		if q[1] == 1 || alive {
			w.prompt(q)
		}
	}
	w.open()
	w.pass(4 * sec)
	if w.bad[0] != tags.Timeout || w.bad[1] != tags.Timeout {
		t.Errorf("bad: %v, want both tags of the silent device, timeout", w.bad)
	}
	before := len(w.sent)
	w.pass(60 * sec)
	toDead := 0
	for _, q := range w.sent[before:] {
		if q[1] == 0 {
			toDead++
		}
	}
	if toDead > 12 || toDead < 5 {
		t.Errorf("the dead device was asked %d times in a minute, want one in 8 s", toDead)
	}
	if w.good[2] < 60 {
		t.Errorf("its sibling was read %d times in 64 s", w.good[2])
	}
	alive = true
	w.pass(12 * sec)
	if len(w.bad) != 0 {
		t.Errorf("still bad after it came back: %v", w.bad)
	}
}

// TestNoStarvation: after a lost answer the other entries of its device are read again, also where their period is
// shorter than the window of late answers.
func TestNoStarvation(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}, {0, 2, sec}}, nil)
	lost := false
	w.asked = func(q []byte) {
		if q[2] == 1 && !lost {
			lost = true
			return
		}
		w.prompt(q)
	}
	w.open()
	w.pass(30 * sec)
	if w.good[1] < 20 || w.good[0] < 20 {
		t.Errorf("read %v times in 30 s after one lost answer, want more than 20 each", w.good)
	}
}

// TestSpread: links of a fleet that come at once are not polled at once, neither at first nor later.
func TestSpread(t *testing.T) {
	const links, slots = 10_000, 100
	var first, later [slots]int
	for n := range uint64(links) {
		first[spread(n, int64(10*sec))/int64(10*sec/slots)]++
		later[spread(n, int64(60*sec))/int64(60*sec/slots)]++
	}
	for i := range slots {
		if first[i] > 2*links/slots || later[i] > 2*links/slots || first[i] == 0 {
			t.Errorf("slot %d of %d: %d links at first, %d later; want about %d", i, slots, first[i], later[i], links/slots)
		}
	}
}

// command gives the machine a write of tag and returns where its result will be.
func (w *world) command(tag int, readBack bool) *string {
	res := new(string)
	w.m.(drivers.Commander).Command(w.now, &drivers.Command{Writes: []drivers.Write{{Tag: tag}}, Readback: readBack,
		Answer: func(r drivers.Result, why tags.Reason, detail string) {
			*res += fmt.Sprintf("%d %s %s", r, why, detail)
		}}, w)
	return res
}

// writes makes one write and, where asked for, one reading of each command.
func writes(cfg *Config, w *world) {
	cfg.Writes = func(c *drivers.Command) (out, back []Exchange, err error) {
		out = []Exchange{&ask{addr: 14, write: true, wrong: &w.wrong}}
		if c.Readback {
			back = []Exchange{&ask{addr: 1, tag: 0, wrong: &w.wrong}}
		}
		return out, back, nil
	}
}

// TestCommands: confirmed by the device alone, ahead of polls, refused, unanswered, unsent, and more than there is
// room for.
func TestCommands(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}}, writes)
	w.asked = w.prompt
	w.open()
	w.pass(3 * sec)
	res := w.command(0, true)
	if *res != "" {
		t.Errorf("answered before the device: %q", *res)
	}
	before := w.good[0]
	w.pass(100 * ms)
	if want := fmt.Sprintf("%d  ", drivers.Confirmed); *res != want || w.good[0] == before {
		t.Errorf("result %q, want %q and a reading", *res, want)
	}
	w.asked = func(q []byte) {
		w.arrive(20*ms, []byte{'E', 0, byte(tags.IllegalValue), 'E' + byte(tags.IllegalValue)})
	}
	res = w.command(0, false)
	w.pass(100 * ms)
	if want := fmt.Sprintf("%d illegal data value ", drivers.Rejected); *res != want {
		t.Errorf("result %q, want %q", *res, want)
	}
	w.asked = nil
	res = w.command(0, false)
	w.pass(sec)
	if want := fmt.Sprintf("%d timeout ", drivers.TimedOut); *res != want {
		t.Errorf("result %q, want %q", *res, want)
	}
	w.pass(10 * sec) // the window of the late answer
	var all []*string
	for range maxOrders + 1 {
		all = append(all, w.command(0, false))
	}
	if want := fmt.Sprintf("%d too many commands wait ", drivers.Unsent); *all[maxOrders] != want {
		t.Errorf("one too many: %q, want %q", *all[maxOrders], want)
	}
	w.m.Close(w.now, w)
	if a, b := *all[0], *all[1]; a != fmt.Sprintf("%d offline ", drivers.LinkLost) &&
		a != fmt.Sprintf("%d offline ", drivers.Unsent) || b != fmt.Sprintf("%d offline ", drivers.Unsent) {
		t.Errorf("at the end of the link: %q, %q", a, b)
	}
}

// TestNoAnswerOfAnother: whatever is late, lost, split, glued or rubbish, and with a loop that is late, no answer is
// taken for another question's, be all answers of one shape or of two.
func TestNoAnswerOfAnother(t *testing.T) {
	t.Run("one shape", func(t *testing.T) { noAnswerOfAnother(t, writes) })
	t.Run("two shapes", func(t *testing.T) {
		noAnswerOfAnother(t, func(cfg *Config, w *world) {
			for i := range cfg.Plan {
				a := *cfg.Plan[i].Exchange.(*ask)
				a.write = a.addr%2 == 0
				cfg.Plan[i].Exchange = &formed{a}
			}
			cfg.Writes = func(*drivers.Command) (out, back []Exchange, err error) {
				return []Exchange{&formed{ask{addr: 14, write: true, wrong: &w.wrong}}}, nil, nil
			}
		})
	})
}

// formed is an ask that tells of the shape of its answers: a reading's or a write's.
type formed struct{ ask }

func (f *formed) Shape() uint8 { return f.kind('A', 'B') }

func noAnswerOfAnother(t *testing.T, more func(*Config, *world)) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		list := []entry{{0, 1, sec}, {0, 2, sec}, {0, 3, 300 * ms}, {1, 4, sec}, {1, 5, 2 * sec}, {0, 6, sec}}
		w := newWorld(t, list, more)
		late := 0
		w.asked = func(q []byte) {
			a := answerTo(q, byte(rnd.Uint32()))
			after := time.Duration(5+rnd.IntN(40)) * ms
			switch p := rnd.IntN(100); {
			case p < 4:
				return // lost
			case p < 12:
				after = time.Duration(300+rnd.IntN(2500)) * ms
				late++
			}
			if rnd.IntN(10) == 0 {
				w.arrive(after, []byte("LOG\x00AQ"))
			}
			cut := rnd.IntN(len(a))
			w.arrive(after, a[:cut])
			w.arrive(after, a[cut:])
		}
		w.open()
		for range 60 {
			w.pass(time.Duration(rnd.IntN(10_000)) * ms)
			for range 10 {
				w.pass(time.Duration(rnd.IntN(100)) * ms)
				w.stall(time.Duration(rnd.IntN(190)) * ms)
			}
			if rnd.IntN(4) == 0 {
				w.command(0, rnd.IntN(2) == 0)
			}
		}
		if w.wrong != 0 {
			t.Errorf("seed %d: %d answers were taken for another question's", seed, w.wrong)
		}
		if w.polls["ok"] < 100 || late == 0 {
			t.Errorf("seed %d: polls %v with %d late answers: too few to prove anything", seed, w.polls, late)
		}
	}
}

// TestSteadyPollAllocatesNothing pins 0 allocations a poll, and the memory of a link with one device and one class.
func TestSteadyPollAllocatesNothing(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, sec}}, nil)
	w.open()
	answer := answerTo([]byte{'Q', 0, 1}, 3)
	w.sent = make([][]byte, 0, 1<<16)
	l := &quiet{world: w}
	m := w.m.(*machine)
	if n := testing.AllocsPerRun(1000, func() {
		w.now += int64(sec)
		m.Timer(w.now, l)
		if m.firstFlight.deadline == 0 {
			t.Fatal("nothing was asked")
		}
		m.Receive(w.now+int64(5*ms), answer, l)
	}); n != 0 {
		t.Errorf("%v allocations a poll, want 0", n)
	}
	if size := unsafe.Sizeof(machine{}); size > 112 {
		t.Errorf("%d bytes a link, want at most 112, which is a size of which Go's allocator has spans", size)
	}
}

// quiet is a world that writes nothing down.
type quiet struct {
	*world
	room [64]byte
}

func (q *quiet) Send([]byte) error                            { return nil }
func (q *quiet) Scratch() []byte                              { return q.room[:0] }
func (*quiet) Unread() bool                                   { return false }
func (q *quiet) Value(int, tags.Value)                        {}
func (q *quiet) Polled(int, drivers.PollResult, int64, int64) {}

// talker is a question whose device refuses in words.
type talker struct{ *ask }

func (talker) Words(answer []byte) string { return fmt.Sprintf("answer %q", answer[:1]) }

// TestWords: what a device says when it refuses reaches who gave the command.
func TestWords(t *testing.T) {
	w := newWorld(t, []entry{{0, 1, 3 * sec}, {0, 2, 2 * sec}}, func(cfg *Config, w *world) {
		cfg.Writes = func(*drivers.Command) (out, back []Exchange, err error) {
			return []Exchange{talker{&ask{addr: 14, write: true, wrong: &w.wrong}}}, nil, nil
		}
	})
	if got := w.m.(*machine).c.Asks(); got != 2*sec {
		t.Errorf("asks every %v, want the shortest interval, 2s", got)
	}
	w.asked = func([]byte) {
		w.arrive(20*ms, []byte{'E', 0, byte(tags.Refused), 'E' + byte(tags.Refused)})
	}
	w.open()
	res := w.command(0, false)
	w.pass(100 * ms)
	want := fmt.Sprintf("%d refused by the device refused by the device: answer \"E\"", drivers.Rejected)
	if *res != want {
		t.Errorf("result %q, want %q", *res, want)
	}
}

// TestHear: what devices say unasked is heard before, after and without an answer, on time or late, however it is cut.
func TestHear(t *testing.T) {
	for _, size := range []int{1, 3, 1000} {
		w := newWorld(t, []entry{{0, 1, time.Hour}, {1, 2, time.Hour}}, func(cfg *Config, _ *world) {
			cfg.Retries = 0
			cfg.Hear = func(b []byte, l drivers.Link) (from, to int) {
				i := bytes.IndexByte(b, '!')
				if i < 0 || i+2 > len(b) {
					return max(i, 0), 0
				}
				l.Value(int(b[i+1]-'0'), tags.Uint(1))
				l.Polled(int(b[i+1]-'0'), drivers.PollHeard, 0, unclear)
				return i, i + 2
			}
		})
		say := func(b string) {
			for i := 0; i < len(b); i += size {
				w.receive([]byte(b[i:min(i+size, len(b))]))
			}
		}
		w.asked = func(q []byte) {
			after := 20 * ms
			if q[1] == 1 {
				after = sec // late
			}
			w.arrive(after, append([]byte("!0"), append(answerTo(q, 3), "!1"...)...))
		}
		w.open()
		say("!0..!1!0")
		w.pass(15 * sec)
		if polls := w.polls; polls["heard"] != 7 || polls["ok"] != 1 || polls["timeout"] != 1 || polls["late"] != 1 {
			t.Errorf("%d bytes at a time: %v, want 7 heard, 1 ok, 1 timeout, 1 late", size, w.polls)
		}
	}
}

// TestGathersNothing: a machine that only listens has no questions to come.
func TestGathersNothing(t *testing.T) {
	w := newWorld(t, nil, func(*Config, *world) {})
	w.open()
	if w.m.(*machine).Gathers(0) {
		t.Error("questions are to come from one that asks none")
	}
}
