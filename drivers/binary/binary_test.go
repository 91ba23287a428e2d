package binary

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/checksum"
	"linkd/drivers/drivertest"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
)

func TestConformance(t *testing.T) { drivertest.Run(t, Driver()) }

// parse reads one channel in the words of the project file.
func parse(channel string) (*project.Project, error) {
	src := "project: p\nproviders:\n- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, " +
		"socket_conn_id: x}]}\nchannels:\n- {name: ch, connection: s1/c1, " + channel + "}\n"
	return project.Parse("f", []byte(src), drivers.Table{Driver()})
}

// pump is the channel of the case "read", compiled.
func pump(t testing.TB) drivers.Channel {
	t.Helper()
	config, err := os.ReadFile("testcases/read/config")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(strings.TrimSpace(string(config)))
	if err != nil {
		t.Fatal(err)
	}
	ch, err := compile(p.Channels[0], p.Models)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// sink is a link that keeps what it was given.
type sink struct {
	drivers.Link
	room   [512]byte
	values [8]tags.Value
	wake   int64
}

func (s *sink) Send([]byte) error                            { return nil }
func (s *sink) Scratch() []byte                              { return s.room[:0] }
func (*sink) Unread() bool                                   { return false }
func (s *sink) Wake(d int64)                                 { s.wake = d }
func (s *sink) Number() uint64                               { return 1 }
func (s *sink) Value(i int, v tags.Value)                    { s.values[i] = v }
func (s *sink) Bad(int, tags.Reason)                         {}
func (s *sink) Polled(int, drivers.PollResult, int64, int64) {}

// The answer and the alarm of the case "read"; their CRCs are not of this package's making.
var (
	status = []byte{0xaa, 0x55, 0x05, 0x03, 0x81, 0x05, 0xdc, 0x01}
	alarm  = []byte{0xaa, 0x55, 0x04, 0x03, 0xc0, 0x01, 0x02}
)

func summed(b []byte) []byte {
	sum := checksum.CRC16Modbus(b[2:])
	return append(bytes.Clone(b), byte(sum), byte(sum>>8))
}

// TestSteadyPollAllocatesNothing pins 0 allocations a poll and a heard frame, decoding included.
func TestSteadyPollAllocatesNothing(t *testing.T) {
	m, l, now, answer, heard := pump(t).Machine(), &sink{}, int64(1e18), summed(status), summed(alarm)
	m.Open(now, l)
	if n := testing.AllocsPerRun(1000, func() {
		now += l.wake
		m.Timer(now, l)
		l.values = [8]tags.Value{}
		now += 1e6
		m.Receive(now, answer, l)
		m.Receive(now, heard, l)
		if l.values[0] != tags.Uint(1500) || l.values[2] != tags.Uint(258) {
			t.Fatalf("read %v", l.values)
		}
	}); n != 0 {
		t.Errorf("%v allocations a poll, want 0", n)
	}
}

// FuzzReceive: whatever comes, nothing panics, what is kept is bounded, and a good frame after it is heard.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("LOG"))
	f.Add([]byte{0xaa, 0x55, 0xf0, 3, 0x81})
	f.Add(summed(status))
	f.Add(summed(alarm)[:6])
	ch := pump(f)
	f.Fuzz(func(t *testing.T, noise []byte) {
		m, l := ch.Machine(), &sink{}
		m.Open(1e18, l)
		in := append(bytes.Clone(noise), summed(alarm)...)
		for len(in) > 0 {
			n := m.Receive(1e18, in, l)
			if n < 0 || n > len(in) {
				t.Fatalf("took %d of %d", n, len(in))
			}
			if in = in[n:]; n == 0 {
				break
			}
		}
		if len(in) > defaultFrame {
			t.Fatalf("%d bytes are kept", len(in))
		}
		if l.values[2] != tags.Uint(258) {
			t.Fatalf("the alarm after % x was not heard", noise)
		}
	})
}

// FuzzPattern: any declaration is refused or matches what it builds, at every prefix too.
func FuzzPattern(f *testing.F) {
	f.Add("AA 55 {length} {unit} 02 {value} {checksum}", 1, 5, byte(3), []byte{5, 220})
	f.Add("02 {unit} {data:4} 03", 2, 0, byte(0), []byte{})
	f.Add("{unit} 03 {length} {value} {checksum}", 4, -1, byte(8), []byte{1})
	f.Fuzz(func(t *testing.T, s string, size, adjust int, sum byte, value []byte) {
		kinds := checksum.Kinds()
		y := &layout{lengthSize: 1 << (uint(size) % 3), adjust: adjust, sum: kinds[int(sum)%len(kinds)], unitSize: 1,
			maxFrame: defaultFrame}
		if adjust < -maxFrame || adjust > maxFrame {
			return
		}
		p, err := parsePattern(y, s, true)
		if err != nil || p.open && !p.has(valueField) {
			return
		}
		if !p.open {
			value = nil
		}
		if p.open && len(value) == 0 || !p.holds(len(value)) {
			return
		}
		unit := []byte{7}
		b := p.build(nil, unit, value)
		if n, ok := p.at(b, unit, value); !ok || n != len(b) {
			t.Fatalf("%q: built % x, found %d, %v", s, b, n, ok)
		}
		for i := range b[1:] {
			if n, ok := p.at(b[:i+1], unit, value); !ok || n != 0 {
				t.Fatalf("%q: % x of % x: %d, %v", s, b[:i+1], b, n, ok)
			}
		}
	})
}

// FuzzExplain: words for any bytes.
func FuzzExplain(f *testing.F) {
	f.Add(summed(status), true)
	f.Add([]byte{0xaa}, false)
	f.Add([]byte{}, false)
	ch := pump(f).(*poll.Channel)
	f.Fuzz(func(t *testing.T, b []byte, in bool) {
		if ch.Explain(in, b) == "" {
			t.Fatal("no words")
		}
	})
}

// TestExplain: frames by their names.
func TestExplain(t *testing.T) {
	ch := pump(t).(*poll.Channel)
	tests := []struct {
		in   bool
		b    []byte
		want string
	}{
		{true, summed(status), "frame status, unit 03"},
		{true, summed(alarm), "frame alarm, unit 03"},
		{false, summed([]byte{0xaa, 0x55, 2, 3, 1}), "asks for status, unit 03"},
		{false, summed([]byte{0xaa, 0x55, 4, 3, 2, 5, 220}), "writes status:5, unit 03"},
		{true, summed([]byte{0xaa, 0x55, 2, 3, 0x82}), "confirms status:5, unit 03"},
		{true, summed([]byte{0xaa, 0x55, 3, 3, 0xff, 1}), "refuses status:5, unit 03"},
		{true, status, "no declared frame"},
	}
	for _, tt := range tests {
		if got := ch.Explain(tt.in, tt.b); got != tt.want {
			t.Errorf("% x: %q, want %q", tt.b, got, tt.want)
		}
	}
}

// TestPatternAt: fields of each size and order, and what is no frame.
func TestPatternAt(t *testing.T) {
	y := &layout{lengthSize: 2, lengthLittle: true, adjust: 4, unitSize: 1, maxFrame: 64}
	y.sum, _ = checksum.Find("sum16")
	p, err := parsePattern(y, "7E {length} {data} {checksum} 0D", false)
	if err != nil {
		t.Fatal(err)
	}
	whole := []byte{0x7E, 4, 0, 1, 2, 0, 0x85, 0x0D} // 8 = 4 + adjust; 7E+4+0+1+2 = 85
	tests := []struct {
		name string
		b    []byte
		n    int
		ok   bool
	}{
		{"whole", whole, 8, true},
		{"more behind", append(bytes.Clone(whole), 1), 8, true},
		{"one short", whole[:7], 0, true},
		{"half a length", whole[:2], 0, true},
		{"another start", []byte{0x7F, 4}, 0, false},
		{"too long a length", []byte{0x7E, 61, 0}, 0, false},
		{"too short a length", []byte{0x7E, 1, 0}, 0, false},
		{"wrong sum", []byte{0x7E, 4, 0, 1, 2, 0, 0x86, 0x0D}, 0, false},
		{"wrong end", []byte{0x7E, 4, 0, 1, 2, 0, 0x85, 0x0E}, 0, false},
	}
	for _, tt := range tests {
		if n, ok := p.at(tt.b, nil, nil); n != tt.n || ok != tt.ok {
			t.Errorf("%s: %d, %v, want %d, %v", tt.name, n, ok, tt.n, tt.ok)
		}
	}
}

// TestRefusedConfig: what is wrong with a channel is told with what would be right.
func TestRefusedConfig(t *testing.T) {
	const device = `devices: [{name: d, unit: 1, tags: [{name: t, address: "f:1"}]}]`
	frames := func(s string) string { return `poll: 1s, options: {` + s + `}, ` + device }
	f := func(bytes string) string { return frames(`frames: [{name: f, bytes: "` + bytes + `"}]`) }
	write := func(rest string) string {
		return `poll: 1s, options: {frames: [{name: f, bytes: "AA {data:4}"}], writes: [{address: "f:1", ` + rest +
			`}]}, devices: [{name: d, tags: [{name: t, address: "f:1", writable: true}]}]`
	}
	tag := func(rest string) string {
		return `poll: 1s, options: {frames: [{name: f, bytes: "AA {data:4}"}]}, devices: [{name: d, tags: [{name: t, ` +
			rest + `}]}]`
	}
	tests := []struct{ channel, want string }{
		{device, "frames is empty; declare what devices send"},
		{f("AA {data}"), `bytes is "AA {data}": {data} has no length; write {length} before it`},
		{f("AA 5"), `"5" is no bytes in hex`},
		{f("AA {crc}"), `"{crc}" is not known here`},
		{f("AA {value}"), `"{value}" is not known here`},
		{f("AA {data:0}"), "write {data:N} with N from 1 to 4096"},
		{f("AA {unit} {unit}"), "{unit} stands in it twice"},
		{f("{unit} {data:4}"), "it could begin anywhere; begin with a constant byte"},
		{f("AA {data:4} {checksum}"), "nothing says which; write checksum: {kind: crc16-modbus}"},
		{f("AA {data:300}"), "it has 301 bytes, more than max_frame 256"},
		{f(""), "it is empty"},
		{frames(`frames: [{name: f, bytes: 1234}]`), "bytes is 1234; write it in quotes"},
		{frames(`frames: [{name: f}]`), "bytes of frame f are missing"},
		{frames(`frames: [{name: "f g", bytes: "AA"}]`), `name of a frame is "f g"`},
		{frames(`frames: [{name: f, bytes: "AA", size: 3}]`), "size is not known here; write one of: name, bytes, ask"},
		{frames(`frames: [{name: f, bytes: "AA"}, {name: f, bytes: "AB"}]`), "which another has"},
		{frames(`frames: {name: f}`), "frames is no list"},
		{frames(`checksum: {kind: crc16}`), `kind of the checksum is "crc16"; choose one of: sum8, sum16, xor, crc16-modbus`},
		{frames(`checksum: {kind: xor, from: 9}, frames: [{name: f, bytes: "AA {checksum}"}]`),
			"write a smaller checksum.from"},
		{frames(`length: {size: 3}`), "size is 3; write 1, 2 or 4"},
		{frames(`length: {order: middle}`), `order is "middle"; write big or little`},
		{frames(`length: {adjust: 9}, frames: [{name: f, bytes: "AA {length}"}]`), "correct adjust or size"},
		{frames(`max_frame: 5000`), "max_frame is 5000; write a whole number from 1 to 4096"},
		{tag(`address: "f"`), "write FRAME:OFFSET or FRAME:OFFSET.BIT"},
		{tag(`address: "g:1"`), "there is no frame g; choose one of: f"},
		{tag(`address: "f:4"`), "frame f has 5 bytes and the value 2"},
		{tag(`address: "f:1.3"`), "write type: bool"},
		{tag(`address: "f:1.3", type: bool, writable: true`), "a single bit cannot be written"},
		{tag(`address: "f:1", writable: true`), "options.writes does not say how"},
		{write(`send: "AA"`), "has to hold {value}"},
		{write(`send: "AA {value}"`), "answer of f:1 is missing"},
		{write(`send: "AA {value} {length} ", answer: "AA"`), "{length} stands after {value}"},
		{`poll: 1s, options: {frames: [{name: f, bytes: "AA {data:4}"}]}, devices: [{name: d, tags: [{name: t, ` +
			`address: "f:1"}]}, {name: e, unit: 1, tags: [{name: t, address: "f:1"}]}]`, "write {unit} in its bytes"},
		{`poll: 1s, options: {frames: [{name: f, bytes: "AA {unit} {data:4}"}]}, devices: [{name: d, address: "01 02", ` +
			`tags: [{name: t, address: "f:2"}]}]`, "write the bytes of {unit} in hex, 1 of them"},
		{`options: {frames: [{name: f, bytes: "AA {data:4}", ask: "BB"}]}, ` + device, "write poll: 10s"},
	}
	for _, tt := range tests {
		_, err := parse("driver: binary, " + tt.channel)
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.channel, err, tt.want)
		}
	}
}
