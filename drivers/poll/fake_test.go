package poll

import (
	"bytes"
	"container/heap"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
)

// ask is a question of a little protocol without transaction ids: the question is 'Q', device, address; the answer
// 'A', device, value, sum, or 'E', device, reason, sum. It does not name the address: the value's upper half does, so
// that the test can tell an answer to another question.
type ask struct {
	device, addr byte
	tag          int
	wrong        *int
	write        bool
}

func (a *ask) Ask(dst []byte, _ uint16) []byte {
	return append(dst, a.kind('Q', 'W'), a.device, a.addr)
}

// kind is the first byte of a reading's frame, or of a write's: their answers differ.
func (a *ask) kind(read, write byte) byte {
	if a.write {
		return write
	}
	return read
}

func (a *ask) Find(b []byte, _ uint16) (from, to int) {
	for i := range b {
		switch {
		case b[i] != a.kind('A', 'B') && b[i] != 'E' || len(b) > i+1 && b[i+1] != a.device:
		case len(b) < i+4:
			return i, 0
		case b[i]+b[i+1]+b[i+2] == b[i+3]:
			return i, i + 4
		}
	}
	return len(b), 0
}

func (a *ask) Take(b []byte, l drivers.Link) tags.Reason {
	if b[0] == 'E' {
		return tags.Reason(b[2])
	}
	if b[2]>>4 != a.addr {
		*a.wrong++
	}
	if !a.write {
		l.Value(a.tag, tags.Uint(uint64(b[2])))
	}
	return tags.Fine
}

func answerTo(q []byte, value byte) []byte {
	first := byte('A')
	if q[0] == 'W' {
		first = 'B'
	}
	return []byte{first, q[1], q[2]<<4 | value&15, first + q[1] + (q[2]<<4 | value&15)}
}

// world is one link of a channel under a simulated clock, and the devices behind it.
type world struct {
	t       *testing.T
	now     int64
	wake    int64
	held    []byte
	m       drivers.Machine
	arrives pieces
	asked   func(q []byte) // what the devices do; nil: nothing
	sent    [][]byte
	polls   map[string]int
	good    []int // by tag: answers taken
	bad     map[int]tags.Reason
	lates   []int64
	number  uint64
	wrong   int
}

// piece is bytes that arrive at a time.
type piece struct {
	at   int64
	data []byte
	n    int
}

type pieces []piece

func (p pieces) Len() int { return len(p) }
func (p pieces) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].n < p[j].n
}
func (p pieces) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pieces) Push(x any)   { *p = append(*p, x.(piece)) }
func (p *pieces) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}

func (w *world) Send(b []byte) error {
	w.sent = append(w.sent, bytes.Clone(b))
	if w.asked != nil {
		w.asked(w.sent[len(w.sent)-1])
	}
	return nil
}

func (w *world) Wake(d int64)                { w.wake = w.now + max(d, int64(time.Millisecond)) }
func (w *world) Fail(detail string)          { w.t.Errorf("failed: %s", detail) }
func (w *world) Number() uint64              { return w.number }
func (w *world) Scratch() []byte             { return nil }
func (w *world) Unread() bool                { return len(w.arrives) > 0 && w.arrives[0].at <= w.now }
func (w *world) Value(tag int, _ tags.Value) { w.good[tag]++; delete(w.bad, tag) }
func (w *world) Bad(tag int, r tags.Reason)  { w.bad[tag] = r }
func (w *world) Polled(device int, r drivers.PollResult, _, late int64) {
	w.polls[r.String()]++
	if late >= 0 {
		w.lates = append(w.lates, late)
	}
}

// arrive lets bytes come after d.
func (w *world) arrive(d time.Duration, b []byte) {
	heap.Push(&w.arrives, piece{w.now + int64(d), b, len(w.sent)*1000 + len(w.arrives)})
}

// pass runs the machine for d.
func (w *world) pass(d time.Duration) {
	for end := w.now + int64(d); ; {
		next := end + 1
		if w.wake != 0 {
			next = min(next, w.wake)
		}
		if len(w.arrives) > 0 {
			next = min(next, w.arrives[0].at)
		}
		if next > end {
			w.now = end
			return
		}
		w.now = max(w.now, next)
		if len(w.arrives) > 0 && w.arrives[0].at <= w.now {
			w.receive(heap.Pop(&w.arrives).(piece).data)
			continue
		}
		w.wake = 0
		w.m.Timer(w.now, w)
	}
}

// stall is a loop that is late: for d nothing is read, and the timer comes first.
func (w *world) stall(d time.Duration) {
	w.now += int64(d)
	if w.wake != 0 && w.wake <= w.now {
		w.wake = 0
		w.m.Timer(w.now, w)
	}
}

func (w *world) receive(b []byte) {
	w.held = append(w.held, b...)
	for len(w.held) > 0 {
		n := w.m.Receive(w.now, bytes.Clone(w.held), w)
		w.held = w.held[n:]
		if n == 0 {
			return
		}
	}
}

// entry is one plan entry of a test channel.
type entry struct {
	device int
	addr   byte
	every  time.Duration
}

// newWorld opens a link whose channel has these entries, a tag each. more may change the configuration.
func newWorld(t *testing.T, list []entry, more func(*Config, *world)) *world {
	t.Helper()
	w := &world{t: t, polls: map[string]int{}, bad: map[int]tags.Reason{}, number: 7,
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()}
	ch := &project.Channel{Poll: time.Second}
	for _, e := range list {
		for len(ch.Devices) <= e.device {
			ch.Devices = append(ch.Devices, &project.Device{Name: "d" + string(rune('0'+len(ch.Devices)))})
		}
		d := ch.Devices[e.device]
		d.Tags = append(d.Tags, &project.Tag{Name: "t" + string(rune('a'+e.addr)), Writable: true})
	}
	set, err := tags.Compile(ch, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Tags: set, MaxFrame: 64, Options: Options{TimeoutMin: 50 * time.Millisecond,
		TimeoutMax: 300 * time.Millisecond, LateWindow: 3 * time.Second, BackoffMax: 8 * time.Second, Retries: 1}}
	for i := range set.Tags {
		e := list[i]
		cfg.Plan = append(cfg.Plan, Planned{Device: e.device, Every: e.every, Tags: []int{i},
			Exchange: &ask{device: byte(e.device), addr: e.addr, tag: i, wrong: &w.wrong}})
	}
	w.good = make([]int, len(set.Tags))
	if more != nil {
		more(&cfg, w)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.m = c.Machine()
	return w
}

func (w *world) open() { w.m.Open(w.now, w) }
