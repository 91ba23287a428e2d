package modbus

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
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
			if _, _, whole := fr.open(room[:], b); whole != (c.explain(in, b) != "") {
				t.Fatalf("a frame: %v; words: %q", whole, c.explain(in, b))
			}
			if len(b) < maxPDU && len(b) > 0 {
				c.explain(in, fr.wrap(nil, 1, 1, b))
			}
		}
	})
}

// TestExplain: requests and answers in words.
func TestExplain(t *testing.T) {
	c := channel{framing: rtu{}}
	tests := []struct {
		in   bool
		pdu  []byte
		want string
	}{
		{false, []byte{4, 0, 0, 0, 2}, "unit 1 read input registers 0 to 1"},
		{true, []byte{4, 4, 0, 215, 1, 200}, "unit 1 read input registers: 00 d7 01 c8"},
		{true, []byte{0x84, 2}, "unit 1 read input registers: exception 2, illegal data address"},
		{false, []byte{6, 0, 0, 0, 225}, "unit 1 write single register 0 = 225"},
		{false, []byte{99}, "unit 1 function 99"},
	}
	for _, tt := range tests {
		if got := c.explain(tt.in, rtuFrame(1, tt.pdu...)); got != tt.want {
			t.Errorf("% x: %q, want %q", tt.pdu, got, tt.want)
		}
	}
	if got := c.explain(true, []byte{1, 4, 0}); got != "" {
		t.Errorf("half a frame: %q", got)
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
		c := channel{framing: rtu{}, maxBlock: defaultBlock, maxGap: defaultGap}
		if err := c.options(tt.options); err != nil {
			t.Fatal(err)
		}
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
	}
}
