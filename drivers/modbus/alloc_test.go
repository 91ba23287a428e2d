package modbus_test

import (
	"strconv"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/modbus"
	"linkd/drivers/tags"
	"linkd/project"
)

// line is a link that keeps its values as linkd's sessions do.
type line struct {
	set   *tags.Set
	block tags.Block
	now   int64
	room  [256]byte
	sent  int
	ok    int
}

func (l *line) Send(b []byte) error { l.sent += len(b); return nil }
func (l *line) Wake(int64)          {}
func (l *line) Fail(string)         {}
func (l *line) Number() uint64      { return 1 }
func (l *line) Scratch() []byte     { return l.room[:0] }
func (*line) Unread() bool          { return false }
func (l *line) Value(tag int, raw tags.Value) {
	if v, why := l.set.Tags[tag].Convert(raw); why == tags.Fine {
		l.block.Put(tag, v, l.now)
	}
}
func (l *line) Bad(tag int, r tags.Reason) { l.block.Mark(tag, r, l.now) }
func (l *line) Polled(_ int, r drivers.PollResult, _, _ int64) {
	if r == drivers.PollOK {
		l.ok++
	}
}

// framing is one of the drivers and what a device answers in it to a reading of ten input registers of unit 1: 21.5,
// -4, 0, 0.1, 3276.7, -3276.8, 10, 25, 99.9 and -0.1, each times 10.
type framing struct {
	driver *drivers.Driver
	answer func(seq uint16) []byte
}

const registers = "\x04\x14\x00\xd7\xff\xd8\x00\x00\x00\x01\x7f\xff\x80\x00\x00\x64\x00\xfa\x03\xe7\xff\xff"

func framings() map[string]framing {
	rtu := []byte("\x01" + registers + "\x2d\x3c") // the CRC by the bitwise method of section 6.2.2
	tcp := []byte("\x00\x00\x00\x00\x00\x17\x01" + registers)
	ascii := []byte(":010414" + "00D7FFD80000" + "00017FFF8000" + "006400FA03E7FFFF" + "F4\r\n")
	return map[string]framing{
		"rtu": {modbus.RTU(), func(uint16) []byte { return rtu }},
		"tcp": {modbus.TCP(), func(seq uint16) []byte {
			tcp[0], tcp[1] = byte(seq>>8), byte(seq)
			return tcp
		}},
		"ascii": {modbus.ASCII(), func(uint16) []byte { return ascii }},
	}
}

// polling returns a link of a channel with ten tags, and what makes one whole poll: the time comes, the question goes,
// the answer comes, is checked, decoded, scaled and kept.
func polling(tb testing.TB, f framing) (*line, func()) {
	tb.Helper()
	list := make([]*project.Tag, 10)
	for i := range list {
		list[i] = &project.Tag{Name: "t" + strconv.Itoa(i), Address: "input:" + strconv.Itoa(i), Type: "int16", Scale: 0.1}
	}
	ch, err := f.driver.Compile(&project.Channel{Name: "ch", Poll: time.Second,
		Devices: []*project.Device{{Name: "d", Unit: 1, Model: "m"}}}, []*project.Model{{Name: "m", Tags: list}})
	if err != nil {
		tb.Fatal(err)
	}
	set := ch.(drivers.Tagged).Tags()
	l, m := &line{set: set, block: tags.NewBlock(set)}, ch.Machine()
	m.Open(l.now, l)
	seq := uint16(0)
	return l, func() {
		seq++
		l.now += int64(time.Second)
		m.Timer(l.now, l)
		answer := f.answer(seq)
		if n := m.Receive(l.now+int64(20*time.Millisecond), answer, l); n != len(answer) {
			tb.Fatalf("poll %d: %d bytes taken of the answer's %d", seq, n, len(answer))
		}
	}
}

// TestSteadyPollAllocatesNothing holds a whole poll of ten tags, decoded and kept, to no allocation.
func TestSteadyPollAllocatesNothing(t *testing.T) {
	for name, f := range framings() {
		l, poll := polling(t, f)
		for range 3 { // the first come at a phase of their own
			poll()
		}
		if n := testing.AllocsPerRun(1000, poll); n != 0 {
			t.Errorf("%s: %v allocations a poll, want 0", name, n)
		}
		if l.ok < 1000 || l.sent < 8*1000 {
			t.Errorf("%s: %d polls answered, %d bytes asked", name, l.ok, l.sent)
		}
		for i, want := range []float64{21.5, -4, 0, 0.1, 3276.7, -3276.8, 10, 25, 99.9, -0.1} {
			if s := l.block.Get(i, l.now); s.Value.Float() != want || s.Quality != tags.Good {
				t.Errorf("%s: tag %d is %v, %v; want %v, good", name, i, s.Value, s.Quality, want)
			}
		}
	}
}

func BenchmarkPoll(b *testing.B) {
	for _, name := range []string{"rtu", "tcp", "ascii"} {
		b.Run(name, func(b *testing.B) {
			l, poll := polling(b, framings()[name])
			b.ReportAllocs()
			for b.Loop() {
				poll()
			}
			if l.ok < b.N-2 {
				b.Fatalf("%d of %d polls answered", l.ok, b.N)
			}
		})
	}
}
