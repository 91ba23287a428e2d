package dlt645

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
)

// Frames of captures and published examples; where each is from stands beside it.
const (
	// A public test suite: meter 123456789012 answers 1234.56 kWh.
	energy = "68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16"
	// The same meter refuses: bits 1 and 2.
	refusal = "68 12 90 78 56 34 12 68 d1 01 39 91 16"
	// A public protocol analyser: meter 161 is asked, and answers 0.26 kWh.
	asked    = "68 61 01 00 00 00 00 68 11 04 33 33 34 33 14 16"
	answered = "68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8a 16"
	// Heyuan's ASDU-LS manual, DL/T 645-1997: B611 is 100 V.
	voltage97 = "68 03 00 00 00 00 00 68 81 04 44 e9 33 34 ec 16"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// newChannel compiles a channel in the words of the project file.
func newChannel(tb testing.TB, channel string) drivers.Channel {
	tb.Helper()
	p, err := parse(channel)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := compile(p.Channels[0], p.Models)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func parse(channel string) (*project.Project, error) {
	src := "project: p\nproviders:\n- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, " +
		"socket_conn_id: x}]}\nchannels:\n- {name: ch, connection: s1/c1, driver: dlt645, " + channel + "}\n"
	return project.Parse("f", []byte(src), drivers.Table{Driver()})
}

// energyOf is the question for the energy of meter 123456789012.
func energyOf() *reading {
	c := &channel{version: v2007(), refs: []ref{{id: 0x00010000, size: 4}}, meters: make([][6]byte, 1),
		set: &tags.Set{Tags: []tags.Tag{{Type: tags.TypeBCD, Size: 4}}}}
	digits(c.meters[0][:], "123456789012")
	return c.newReading(0, 0)
}

// TestFind: the answer is found among anything, and nothing else is.
func TestFind(t *testing.T) {
	answer := unhex(energy)
	broken := bytes.Clone(answer)
	broken[14]++
	noEnd := bytes.Clone(answer)
	noEnd[len(noEnd)-1]++
	rubbish := make([]byte, 1<<20)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range rubbish {
		rubbish[i] = byte(rnd.Uint32())
	}
	c := &channel{version: v2007(), meters: [][6]byte{energyOf().meter}}
	tests := []struct {
		name  string
		in    []byte
		found bool
		keeps int // bytes that may yet become an answer, where none is found
	}{
		{"alone", answer, true, 0},
		{"wake-up bytes before", append(bytes.Repeat([]byte{wakeUp}, 9), answer...), true, 0},
		{"wake-up bytes and heartbeat before", append([]byte("\xfe\xfeLOG\xfeh\xfe"), answer...), true, 0},
		{"truncated", answer[:17], false, 17},
		{"first byte", answer[:1], false, 1},
		{"wrong checksum", broken, false, 0},
		{"wrong end", noEnd, false, 0},
		{"after a broken one", append(bytes.Clone(broken), answer...), true, 0},
		{"after half a one", append(bytes.Clone(answer[:12]), answer...), true, 0},
		{"two glued", append(bytes.Clone(answer), answer...), true, 0},
		{"another meter", unhex(answered), false, 0},
		{"the echo of the question", c.ask(0, 0x11, 0x00010000).asks, false, 0},
		{"another identifier", c.ask(0, 0x91, 0x00020000, make([]byte, 4)).asks, false, 0},
		{"the answer to a write", appendFrame(nil, 0, c.meters[0], 0x94), false, 0},
		{"a refusal", unhex(refusal), true, 0},
		{"a refusal of a write", appendFrame(nil, 0, c.meters[0], 0xD4, []byte{4}), false, 0},
		{"a refusal of two bytes", appendFrame(nil, 0, c.meters[0], 0xD1, []byte{4, 4}), false, 0},
		{"no data", appendFrame(nil, 0, c.meters[0], 0x91), false, 0},
		{"more follows", c.ask(0, 0xB1, 0x00010000, make([]byte, 4)).asks, true, 0},
		{"heartbeat inside", bytes.Join([][]byte{answer[:9], []byte("LOG"), answer[9:]}, nil), false, 0},
		{"1 MiB of rubbish", append(bytes.Clone(rubbish), answer...), true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := energyOf().Find(tt.in, 0)
			if (to != 0) != tt.found {
				t.Fatalf("found %d to %d, want found %v", from, to, tt.found)
			}
			if keeps := len(tt.in) - from; !tt.found && (keeps > maxFrame || keeps < tt.keeps) {
				t.Errorf("keeps %d bytes, want %d at least, and no more than a frame", keeps, tt.keeps)
			}
		})
	}
}

// FuzzFind: what is found is a whole frame of the meter, and is read without a panic; a good answer is found after
// anything.
func FuzzFind(f *testing.F) {
	f.Add([]byte("LOG"))
	f.Add(unhex(energy)[:12])
	f.Add(unhex(refusal))
	f.Add(unhex("68 12 90 78 56 34 12 68 b1 04 33 33 34 33 08 16"))
	f.Fuzz(func(t *testing.T, noise []byte) {
		q := energyOf()
		in := append(bytes.Clone(noise), unhex(energy)...)
		at, seen := 0, false
		for at < len(in) {
			from, to := q.Find(in[at:], 0)
			if to == 0 {
				break
			}
			found := in[at+from : at+to]
			if fr, n, ok := frameAt(found); !ok || n != len(found) || !bytes.Equal(fr.address, q.meter[:]) {
				t.Fatalf("found % x", found)
			}
			if q.Take(found, &tally{}) != tags.Fine && q.Words(found) == "" {
				t.Fatalf("refused without a word: % x", found)
			}
			seen = true
			at += to
		}
		if !seen {
			t.Fatalf("the answer after % x was not found", noise)
		}
	})
}

// FuzzExplain: words for any bytes, and for a frame alone others than "no whole frame".
func FuzzExplain(f *testing.F) {
	for _, s := range []string{energy, refusal, asked, voltage97, "fe fe", "68 12 90 78 56 34 12 68 91 00 9c 16"} {
		f.Add(unhex(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []*version{v2007(), v1997()} {
			awake := b
			for len(awake) > 0 && awake[0] == wakeUp { // TrimLeft takes all that is no UTF-8 for one character
				awake = awake[1:]
			}
			_, n, ok := frameAt(awake)
			whole := ok && n > 0
			if text := v.explain(true, b); whole == strings.HasPrefix(text, poll.NoFrame) || text == "" {
				t.Fatalf("a frame: %v; words: %q", whole, text)
			}
			if len(b) <= maxRead {
				v.explain(true, appendFrame(nil, 0, [6]byte{}, v.read|fromMeter, b))
			}
		}
	})
}

// tally is a Link that counts values.
type tally struct {
	drivers.Link
	values, bad, ok int
	wake            int64
	room            [64]byte
}

func (l *tally) Value(int, tags.Value)                        { l.values++ }
func (l *tally) Bad(int, tags.Reason)                         { l.bad++ }
func (l *tally) Polled(int, drivers.PollResult, int64, int64) { l.ok++ }
func (l *tally) Send([]byte) error                            { return nil }
func (l *tally) Wake(d int64)                                 { l.wake = d }
func (l *tally) Number() uint64                               { return 1 }
func (l *tally) Scratch() []byte                              { return l.room[:0] }
func (*tally) Unread() bool                                   { return false }

// TestSteadyPollAllocatesNothing: question, answer and values, without an allocation.
func TestSteadyPollAllocatesNothing(t *testing.T) {
	m := newChannel(t, `poll: 1s, devices: [{name: m1, address: "123456789012", tags: [{name: e, address: "00010000"}]}]`).
		Machine()
	l, answer, now := &tally{}, unhex("fe fe fe fe "+energy), int64(1e18)
	m.Open(now, l)
	if n := testing.AllocsPerRun(1000, func() {
		now += l.wake
		m.Timer(now, l)
		now += 5e6
		m.Receive(now, answer, l)
	}); n != 0 {
		t.Errorf("%v allocations a poll, want 0", n)
	}
	if l.values < 1000 || l.values != l.ok || l.bad != 0 {
		t.Errorf("%d values, %d bad, in %d polls", l.values, l.bad, l.ok)
	}
}

// TestGlued: the answer to a question that was not asked yet, glued behind another answer, is not taken.
func TestGlued(t *testing.T) {
	m := newChannel(t, `poll: 1h, devices: [{name: m1, address: "123456789012", tags: [{name: e, address: "00010000"}, `+
		`{name: f, address: "00010000", poll: 1h}, {name: v, address: "02010100"}]}]`).Machine()
	l, now := &tally{}, int64(1e18)
	m.Open(now, l)
	now += l.wake
	m.Timer(now, l)
	early := appendFrame(nil, 0, energyOf().meter, 0x91, v2007().wire(0x02010100), []byte{5, 0x23})
	now += 5e6
	b := append(unhex(energy), early...)
	b = b[m.Receive(now, b, l):]
	if b = b[m.Receive(now, b, l):]; len(b) != 0 || l.values != 2 || l.ok != 1 {
		t.Errorf("left %d bytes, %d values, %d polls; want none, 2 of the first answer, 1", len(b), l.values, l.ok)
	}
	now += 5e6
	if m.Receive(now, early, l); l.values != 3 || l.ok != 2 {
		t.Errorf("%d values, %d polls; want 3 and 2 after the answer to what was asked", l.values, l.ok)
	}
}
