package modbus

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
	"linkd/project/options"
)

// rtuFrame is a frame with its CRC.
func rtuFrame(unit byte, pdu ...byte) []byte { return rtu{}.wrap(nil, unit, 0, pdu) }

// TestFindRTU: the answer to "unit 1, two input registers" is found among anything, and nothing else is.
func TestFindRTU(t *testing.T) {
	answer := rtuFrame(1, 4, 4, 0, 215, 1, 200)
	rubbish := make([]byte, 1<<20)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range rubbish {
		rubbish[i] = byte(rnd.Uint32())
	}
	broken := bytes.Clone(answer)
	broken[5]++
	tests := []struct {
		name  string
		in    []byte
		found bool
		keeps int // bytes that may yet become an answer, where none is found
	}{
		{"alone", answer, true, 0},
		{"truncated", answer[:6], false, 6},
		{"first byte", answer[:1], false, 1},
		{"oversized", rtuFrame(1, 4, 6, 0, 0, 0, 0, 0, 0), false, 0},
		{"wrong CRC", broken, false, 0},
		{"wrong unit", rtuFrame(2, 4, 4, 0, 215, 1, 200), false, 0},
		{"wrong function", rtuFrame(1, 3, 4, 0, 215, 1, 200), false, 0},
		{"exception", rtuFrame(1, 0x84, 2), true, 0},
		{"exception of another function", rtuFrame(1, 0x83, 2), false, 0},
		{"heartbeat before", append([]byte("LOG\x01\x04"), answer...), true, 0},
		{"after a broken one", append(bytes.Clone(broken), answer...), true, 0},
		{"two glued", append(bytes.Clone(answer), answer...), true, 0},
		{"1 MiB of rubbish", append(bytes.Clone(rubbish), answer...), true, 0},
		{"heartbeat inside", bytes.Join([][]byte{answer[:4], []byte("LOG"), answer[4:]}, nil), false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := find(rtu{}, tt.in, 1, 0, []byte{4, 4}, 6)
			if (to != 0) != tt.found {
				t.Fatalf("found %d to %d, want found %v", from, to, tt.found)
			}
			if tt.found {
				if _, pdu, ok := (rtu{}).open(nil, tt.in[from:to]); !ok || pdu[0]&0x7f != 4 {
					t.Errorf("what was found is no answer: % x", tt.in[from:to])
				}
			} else if keeps := len(tt.in) - from; keeps > 8 || keeps < tt.keeps {
				t.Errorf("keeps %d bytes, want %d at least and no more than an answer", keeps, tt.keeps)
			}
		})
	}
}

// FuzzFind: in each framing what is found is a whole frame to the unit, and a good answer is found after anything.
func FuzzFind(f *testing.F) {
	f.Add([]byte("LOG"), byte(1), uint16(1))
	f.Add([]byte{1, 4, 4, 0}, byte(1), uint16(7))
	f.Add([]byte(":0104"), byte(3), uint16(0))
	f.Fuzz(func(t *testing.T, noise []byte, unit byte, seq uint16) {
		for _, fr := range []framing{rtu{}, tcp{}, ascii{}} {
			answer := fr.wrap(nil, unit, seq, []byte{4, 4, 0, 215, 1, 200})
			in := append(bytes.Clone(noise), answer...)
			at, seen := 0, false
			for at < len(in) {
				from, to := find(fr, in[at:], unit, seq, []byte{4, 4}, 6)
				if to == 0 {
					break
				}
				var room [maxASCII]byte
				u, pdu, ok := fr.open(room[:], in[at+from:at+to])
				if !ok || u != unit || pdu[0]&0x7f != 4 {
					t.Fatalf("%T: found % x", fr, in[at+from:at+to])
				}
				seen = true
				at += to
			}
			if !seen {
				t.Fatalf("%T: the answer after % x was not found", fr, noise)
			}
		}
	})
}

// FuzzExplain: words for any bytes, in each framing.
func FuzzExplain(f *testing.F) {
	f.Add([]byte{1, 4, 0, 0, 0, 2, 0x71, 0xcb}, true)
	f.Add(rtuFrame(1, 22, 0), false)
	f.Fuzz(func(t *testing.T, b []byte, in bool) {
		for _, fr := range []framing{rtu{}, tcp{}, ascii{}} {
			c := channel{framing: fr}
			var room [maxASCII]byte
			if _, _, whole := fr.open(room[:], b); whole == strings.HasPrefix(c.explain(in, b), poll.NoFrame) {
				t.Fatalf("a frame: %v; words: %q", whole, c.explain(in, b))
			}
			if len(b) < maxPDU && len(b) > 0 {
				c.explain(in, fr.wrap(nil, 1, 1, b))
			}
		}
	})
}

// TestExplain: requests and answers in words. Vectors of the functions are those of the Application Protocol V1.1b3,
// sections 6.1 to 6.17, where it has an example.
func TestExplain(t *testing.T) {
	tests := []struct{ dir, pdu, want string }{
		{"out", "01 00 13 00 13", "read coils 19 to 37"},
		{"in", "01 03 cd 6b 05", "read coils: 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0 and 8 more"},
		{"out", "02 00 c4 00 16", "read discrete inputs 196 to 217"},
		{"in", "02 01 35", "read discrete inputs: 1, 0, 1, 0, 1, 1, 0, 0"},
		{"out", "03 00 6b 00 03", "read holding registers 107 to 109"},
		{"in", "03 06 02 2b 00 00 00 64", "read holding registers: 555, 0, 100"},
		{"out", "04 00 08 00 01", "read input registers 8"},
		{"in", "04 02 00 0a", "read input registers: 10"},
		{"out", "04 00 08 00 00", "read input registers 8, none of them"},
		{"in", "04 00 00 00 02", "read input registers 0 to 1"}, // a device that asks
		{"in", "04 03 00 0a 01", "read input registers 768 to 3328"},
		{"in", "04 02 00", "read input registers, malformed"},
		{"out", "05 00 ac ff 00", "write single coil 172 = on"},
		{"in", "05 00 ac 00 00", "write single coil 172 = off"},
		{"out", "05 00 ac 00 01", "write single coil 172 = 0x0001, neither on (0xff00) nor off (0x0000)"},
		{"out", "06 00 01 00 03", "write single register 1 = 3"},
		{"in", "06 00 01", "write single register, malformed"},
		{"out", "0f 00 13 00 0a 02 cd 01", "write multiple coils 19 to 28 = 1, 0, 1, 1, 0, 0, 1, 1, 1, 0"},
		{"in", "0f 00 13 00 0a", "write multiple coils 19 to 28"},
		{"out", "0f 00 13 00 20 02 cd 01", "write multiple coils, malformed"},
		{"out", "10 00 01 00 02 04 00 0a 01 02", "write multiple registers 1 to 2 = 10, 258"},
		{"in", "10 00 01 00 02", "write multiple registers 1 to 2"},
		{"out", "10 00 01 00 03 04 00 0a 01 02", "write multiple registers, malformed"},
		{"out", "16 00 04 00 f2 00 25", "mask write register 4: and 0x00f2, or 0x0025"},
		{"out", "17 00 03 00 06 00 0e 00 03 06 00 ff 00 ff 00 ff",
			"read/write multiple registers: read 3 to 8, write 14 to 16 = 255, 255, 255"},
		{"in", "17 0c 00 fe 0a cd 00 01 00 03 00 0d 00 ff",
			"read/write multiple registers: 254, 2765, 1, 3, 13, 255"},
		{"in", "84 02", "read input registers: exception 2, illegal data address"},
		{"in", "84 02 00", "read input registers: exception of 3 bytes, not of 2"},
		{"in", "e3 01", "function 99: exception 1, illegal function"},
		{"out", "63", "function 99"},
	}
	for _, tt := range tests {
		pdu, err := hex.DecodeString(strings.ReplaceAll(tt.pdu, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, fr := range []framing{rtu{}, tcp{}, ascii{}} {
			c := channel{framing: fr}
			if got := c.explain(tt.dir == "in", fr.wrap(nil, 1, 7, pdu)); got != "unit 1 "+tt.want {
				t.Errorf("%T: %s: %q, want %q", fr, tt.pdu, got, tt.want)
			}
		}
	}
}

// TestExplainFault: what is no whole frame is told with what is wrong about it.
func TestExplainFault(t *testing.T) {
	tests := []struct {
		framing framing
		frame   string
		want    string
	}{
		{rtu{}, "\x01\x04\x04", "3 bytes, the shortest has 4"},
		{rtu{}, strings.Repeat("x", 257), "257 bytes, the longest has 256"},
		{rtu{}, "\x01\x04\x00\x00\x00\x02\xcb\x71", "its CRC is cb 71, of these bytes it would be 71 cb"},
		{tcp{}, "\x00\x01\x00\x00\x00\x06\x01", "7 bytes, the shortest has 8"},
		{tcp{}, "\x00\x01\x00\x01\x00\x02\x01\x04", "its protocol is 00 01, Modbus is 00 00"},
		{tcp{}, "\x00\x01\x00\x00\x00\x06\x01\x04", "its length is 6, and 2 bytes follow"},
		{ascii{}, ":01\r\n", "5 bytes, the shortest has 9"},
		{ascii{}, "0104000000F7B\r\n", "it does not begin with a colon"},
		{ascii{}, ":010400000002F9", "it does not end with CR LF"},
		{ascii{}, ":010400000002F8\r\n", "its digits are not hex, or its LRC is wrong"},
	}
	for _, tt := range tests {
		c := channel{framing: tt.framing}
		if got := c.explain(true, []byte(tt.frame)); got != "no whole frame: "+tt.want {
			t.Errorf("%T: %q: %q, want %q", tt.framing, tt.frame, got, tt.want)
		}
	}
}

// TestPlan: neighbours are merged within block and gap, never across tables or intervals.
func TestPlan(t *testing.T) {
	tests := []struct {
		addresses string // separated by spaces
		options   map[string]any
		want      string // requests as FUNCTION:FIRST+COUNT
	}{
		{"input:0 input:1", nil, "4:0+2"},
		{"input:0 holding:1", nil, "4:0+1 3:1+1"},
		{"40001 40010", nil, "3:0+10"},
		{"40001 40011", nil, "3:0+1 3:10+1"},
		{"holding:0 holding:9 holding:18", map[string]any{"max_block": 10}, "3:0+10 3:18+1"},
		{"holding:0 holding:2", map[string]any{"max_gap": 0}, "3:0+1 3:2+1"},
		{"30001 400001", nil, "4:0+1 3:0+1"},
	}
	for _, tt := range tests {
		ch := &project.Channel{Poll: 1e9, Options: tt.options, Devices: []*project.Device{{Name: "d", Unit: 1}}}
		for i, a := range strings.Fields(tt.addresses) {
			ch.Devices[0].Tags = append(ch.Devices[0].Tags, &project.Tag{Name: "t" + string(rune('a'+i)), Address: a})
		}
		c := channel{framing: rtu{}}
		c.options(options.Read(tt.options))
		var err error
		if c.set, err = tags.Compile(ch, nil); err != nil {
			t.Fatal(err)
		}
		var refs []ref
		for i := range c.set.Tags {
			r, err := parseAddress(i, &c.set.Tags[i])
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, r)
		}
		var got []string
		for _, p := range c.plan(0, 1, refs) {
			pdu := p.Exchange.(*reading).pdu
			got = append(got, strings.Join([]string{itoa(pdu[0]), ":", itoa(pdu[2]), "+", itoa(pdu[4])}, ""))
		}
		want := strings.Fields(tt.want)
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", tt.addresses, got, want)
		}
		for _, w := range want {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+w+" ") {
				t.Errorf("%s: %v, want %v", tt.addresses, got, want)
			}
		}
	}
}

func itoa(b byte) string {
	if b >= 10 {
		return string(rune('0'+b/10)) + string(rune('0'+b%10))
	}
	return string(rune('0' + b))
}

// TestRefusedConfig: what is wrong with a channel is told with what would be right.
func TestRefusedConfig(t *testing.T) {
	tests := []struct{ channel, want string }{
		{`poll: 1s`, "a Modbus channel has devices"},
		{`devices: [{name: d, unit: 1, tags: [{name: t, address: "input:0"}]}]`, "write poll: 10s"},
		{`poll: 1s, devices: [{name: d, unit: 0, tags: [{name: t, address: "input:0"}]}]`, "write 1 to 247"},
		{`poll: 1s, devices: [{name: d, unit: 300, tags: [{name: t, address: "input:0"}]}]`, "unit is 300; write"},
		{`poll: 1s, devices: [{name: d, unit: 3, tags: [{name: t, address: "input:0"}]}, {name: e, unit: 3, ` +
			`tags: [{name: t, address: "input:1"}]}]`, "unit of device e is 3, which is device d's already"},
		{`poll: 1s, devices: [{name: d, unit: 1, tags: [{name: t, address: "inputs:0"}]}]`, "write coil:0"},
		{`poll: 1s, devices: [{name: d, unit: 1, tags: [{name: t, address: "holding:65535", type: int32}]}]`, "0 to 65535"},
		{`poll: 1s, devices: [{name: d, unit: 1, tags: [{name: t, address: "coil:1"}]}]`, "write type: bool"},
		{`poll: 1s, devices: [{name: d, unit: 1, tags: [{name: t, address: "holding:1", type: bool}]}]`, "holding:0.5"},
		{`poll: 1s, devices: [{name: d, unit: 1, tags: [{name: t, address: "input:1", writable: true}]}]`, "read-only"},
		{`poll: 1s, options: {max_block: 126}, devices: [{name: d, unit: 1, tags: [{name: t, address: "input:1"}]}]`,
			"from 1 to 125"},
		{`poll: 1s, options: {retries: 11}, devices: [{name: d, unit: 1, tags: [{name: t, address: "input:1"}]}]`,
			"from 0 to 10"},
		{`poll: 1s, options: {in_flight: 2}, devices: [{name: d, unit: 1, tags: [{name: t, address: "input:1"}]}]`,
			"in_flight is no option of this driver"},
		{`options: {unsolicited: true}, devices: [{name: d, unit: 1, tags: [{name: t, address: "input:1"}, ` +
			`{name: u, address: "input:100"}]}]`, "cannot be told apart; let their requests differ in length"},
	}
	for _, tt := range tests {
		src := "project: p\nproviders:\n- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, " +
			"socket_conn_id: x}]}\nchannels:\n- {name: ch, connection: s1/c1, driver: modbus-rtu, " + tt.channel + "}\n"
		_, err := project.Parse("f", []byte(src), drivers.Table{RTU()})
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.channel, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: one fault is told more than once: %v", tt.channel, err)
		}
	}
}
