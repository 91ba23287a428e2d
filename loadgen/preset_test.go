package loadgen

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// speechOf compiles a Config of one device whose id is constant but for a number.
func speechOf(t testing.TB, c Config) *speech {
	t.Helper()
	c.Target, c.Devices = "127.0.0.1:1", 1
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		t.Fatal(err)
	}
	s, err := newSpeech(&c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIdentity pins what devices send to the bytes of the vendors' manuals.
func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"none", Config{Preset: "none", ID: "c{n:04}", From: 1}, ""},
		{"auto", Config{Preset: "auto", ID: "c{n:04}", From: 1}, "63 30 30 30 31"},
		{"auto with NUL", Config{ID: "c{n:04}", From: 1, Suffix: []byte{0}}, "63 30 30 30 31 00"},
		{"line", Config{Preset: "line", ID: "c{n:04}", From: 1}, "63 30 30 30 31 0D 0A"},
		{"usr", Config{Preset: "usr", ID: "LOGIN:{n}", From: 1001}, "4C 4F 47 49 4E 3A 31 30 30 31"},
		{"template", Config{Preset: "template", ID: "{n}", From: 355837089512343, Suffix: []byte{0, 1, 2, 3}},
			"33 35 35 38 33 37 30 38 39 35 31 32 33 34 33 00 01 02 03"},
		{"four-faith", Config{Preset: "four-faith", ID: "{n:011}", From: 13066668888},
			"78 56 34 12 31 33 30 36 36 36 36 38 38 38 38 00 C0 A8 01 42 00"},
		{"ddp", Config{Preset: "ddp", ID: "{n:011}", From: 13066668888},
			"7B 01 00 16 31 33 30 36 36 36 36 38 38 38 38 C0 A8 01 42 13 89 7B"},
		{"inhand", Config{Preset: "inhand", ID: "{n:011}", From: 13066668888},
			"AA 01 31 33 30 36 36 36 36 38 38 38 38 0D"},
		{"imei", Config{Preset: "imei", ID: "{n:015}", From: 355837089512343},
			"00 0F 33 35 35 38 33 37 30 38 39 35 31 32 33 34 33"},
		{"fixed", Config{Preset: "fixed", ID: "c{n:04}", From: 1, Length: 5, Prefix: []byte("#")}, "23 63 30 30 30 31"},
		{"hex", Config{Preset: "hex", ID: "ab{n:04}", From: 1, Length: 3}, "AB 00 01"},
		{"length 1", Config{Preset: "length-prefixed", ID: "c{n:04}", From: 1, Length: 1}, "05 63 30 30 30 31"},
		{"length 2", Config{Preset: "length-prefixed", ID: "c{n:04}", From: 1}, "00 05 63 30 30 30 31"},
		{"length 4 little", Config{Preset: "length-prefixed", ID: "c{n:04}", From: 1, Length: 4, Endian: "little"},
			"05 00 00 00 63 30 30 30 31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := speechOf(t, c.cfg).appendIdentity(nil, 0)
			if want := unhex(t, c.want); !bytes.Equal(got, want) {
				t.Errorf("identity % X, want % X", got, want)
			}
		})
	}
}

// TestPresetsAreKnown keeps the table above whole.
func TestPresetsAreKnown(t *testing.T) {
	want := "none auto line usr template fixed hex length-prefixed four-faith ddp inhand imei"
	if got := strings.Join(Presets(), " "); got != want {
		t.Errorf("presets %q, want %q; add the identity's bytes to TestIdentity", got, want)
	}
}

func TestHeartbeatAndData(t *testing.T) {
	phone := Config{ID: "{n:011}", From: 13066668888, Heartbeat: 1}
	with := func(c Config, preset string) Config { c.Preset = preset; return c }
	payload := unhex(t, "01 FD FE 02")
	for _, c := range []struct {
		name, beat, data string
		cfg              Config
	}{
		{"usr", "4C 4F 47", "01 FD FE 02", Config{Preset: "usr", ID: "d{n}", Heartbeat: 1}},
		{"usr own heartbeat", "77 77 77 2E 75 73 72 2E 63 6E", "64 30 01 FD FE 02",
			Config{Preset: "usr", ID: "d{n}", Heartbeat: 1, HeartbeatSend: []byte("www.usr.cn"), PacketPrefix: true}},
		{"four-faith", "FE", "01 FD ED FD EE 02", with(phone, "four-faith")},
		{"ddp", "7B 01 00 16 31 33 30 36 36 36 36 38 38 38 38 C0 A8 01 42 13 89 7B",
			"7B 09 00 14 31 33 30 36 36 36 36 38 38 38 38 01 FD FE 02 7B", with(phone, "ddp")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := speechOf(t, c.cfg)
			if got := s.appendHeartbeat(nil, 0); !bytes.Equal(got, unhex(t, c.beat)) {
				t.Errorf("heartbeat % X, want %s", got, c.beat)
			}
			if got := s.appendData(nil, 0, payload); !bytes.Equal(got, unhex(t, c.data)) {
				t.Errorf("data % X, want %s", got, c.data)
			}
		})
	}
}

// ddpPieces feeds b in pieces of n bytes.
func ddpPieces(b []byte, n int) (payload []byte, acks, bad int) {
	var r ddpReader
	id := []byte("13066668888")
	for p := range pieces(b, n) {
		got, a, x := r.read(p, id)
		payload = append(payload, got...)
		acks += a
		bad += x
	}
	return payload, acks, bad
}

// pieces yields copies of b cut every n bytes; decoders work in place.
func pieces(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(bytes.Clone(b[:k])) {
				return
			}
			b = b[k:]
		}
	}
}

func TestDDPReader(t *testing.T) {
	const phone = "31 33 30 36 36 36 36 38 38 38 38"
	ack, data := "7B 81 00 10 "+phone+" 7B ", "7B 89 00 13 "+phone+" 61 7B 62 7B "
	for _, c := range []struct {
		name, in, payload string
		acks, bad         int
	}{
		{"answer", ack, "", 1, 0},
		{"data", data, "61 7B 62", 0, 0},
		{"answer and data glued", ack + data + data, "61 7B 62 61 7B 62", 1, 0},
		{"data without payload", "7B 89 00 10 " + phone + " 7B", "", 0, 0},
		{"logout", "7B 82 00 10 " + phone + " 7B", "", 0, 1},
		{"answer of another device", "7B 81 00 10 30 30 30 30 30 30 30 30 30 30 30 7B", "", 0, 2},
		{"answer of a wrong length", "7B 81 00 11 " + phone + " 7B", "", 0, 2},
		{"up-data", "7B 09 00 10 " + phone + " 7B", "", 0, 2},
		{"rubbish, then data", "00 01 02 " + data, "61 7B 62", 0, 1},
		{"wrong closing mark", "7B 81 00 10 " + phone + " 00", "", 0, 1},
	} {
		for _, n := range []int{1, 2, 7, 1000} {
			payload, acks, bad := ddpPieces(unhex(t, c.in), n)
			if n == 1 && c.bad > 0 {
				bad = max(min(bad, c.bad), 1) // rubbish is counted once for each piece
			}
			if !bytes.Equal(payload, unhex(t, c.payload)) || acks != c.acks || (bad > 0) != (c.bad > 0) {
				t.Errorf("%s in pieces of %d: % X, %d acks, %d bad; want %s, %d, %d", c.name, n, payload, acks, bad,
					c.payload, c.acks, c.bad)
			}
		}
	}
}

func TestUnescape(t *testing.T) {
	for _, c := range []struct {
		in, want string
		bad      int
	}{
		{"01 FD ED FD EE 02", "01 FD FE 02", 0},
		{"FE 01 FE FE 02", "01 02", 0},
		{"FD ED ED FD EE EE", "FD ED FE EE", 0},
		{"FD 00 01", "01", 1},
	} {
		for _, n := range []int{1, 2, 100} {
			var open bool
			var got []byte
			bad := 0
			for p := range pieces(unhex(t, c.in), n) {
				b, x := unescape(&open, p)
				got, bad = append(got, b...), bad+x
			}
			if !bytes.Equal(got, unhex(t, c.want)) || bad != c.bad || open {
				t.Errorf("%s in pieces of %d: % X, bad %d; want %s, %d", c.in, n, got, bad, c.want, c.bad)
			}
		}
	}
}

// FuzzDevice: whatever a server sends, cut however, the decoders neither panic nor depend on the cuts, and what the
// encoders make of payload comes back.
func FuzzDevice(f *testing.F) {
	f.Add(unhex(f, "7B 89 00 13 31 33 30 36 36 36 36 38 38 38 38 61 7B 62 7B"), 3)
	f.Add(unhex(f, "01 FD ED FD EE 02 FE FD"), 1)
	seed := newFrames(40, true)
	f.Add(seed.put(7, 99), 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = max(1, n%100)
		whole, acks, _ := ddpPieces(b, len(b)+1)
		if cut, a, _ := ddpPieces(b, n); !bytes.Equal(whole, cut) || a != acks {
			t.Errorf("ddp: % X whole, % X in pieces of %d", whole, cut, n)
		}
		var open bool
		if got, bad := unescape(&open, appendEscaped(nil, b)); !bytes.Equal(got, b) || bad > 0 || open {
			t.Errorf("four-faith: % X came back as % X", b, got)
		}
		if len(b) < 1<<15 {
			packet := appendDDP(nil, ddpDown, []byte("13066668888"), b)
			if got, _, bad := ddpPieces(packet, n); !bytes.Equal(got, b) || bad > 0 {
				t.Errorf("ddp: % X came back as % X", b, got)
			}
		}
		frame := newFrames(64, false)
		echoes, _ := matchAll(&frame, append(bytes.Clone(b), 0), n)
		clean := bytes.IndexByte(b, magic[0]) < 0
		if clean && echoes != 0 {
			t.Errorf("an echo found in % X", b)
		}
		if got, _ := matchAll(&frame, append(append(bytes.Clone(b), 0), frame.put(7, 99)...), n); clean && got != 1 {
			t.Errorf("the echo behind % X in pieces of %d not found", b, n)
		}
	})
}

// matchAll looks for the frame (7, 99) in b, fed in pieces of n bytes.
func matchAll(f *frames, b []byte, n int) (echoes int, other []verdict) {
	var pos int32
	for p := range pieces(b, n) {
		for len(p) > 0 {
			v, taken := f.match(&pos, 7, 99, p)
			p = p[taken:]
			switch v {
			case echoed:
				echoes++
			case stale, mistaken:
				other = append(other, v)
			}
		}
	}
	return echoes, other
}

func TestMatch(t *testing.T) {
	f := newFrames(40, false)
	good := bytes.Clone(f.put(7, 99))
	old := bytes.Clone(f.put(6, 99))
	broken := bytes.Clone(good)
	broken[30] ^= 1
	for _, c := range []struct {
		name   string
		in     [][]byte
		echoes int
		other  []verdict
	}{
		{"alone", [][]byte{good}, 1, nil},
		{"behind an echoed id", [][]byte{[]byte("c0001"), good}, 1, nil},
		{"behind half a magic", [][]byte{good[:2], good}, 1, nil},
		{"behind an older one", [][]byte{old, good}, 1, []verdict{stale}},
		{"broken, then good", [][]byte{broken, good}, 1, []verdict{mistaken}},
		{"cut short", [][]byte{good[:39]}, 0, nil},
		{"twice", [][]byte{good, good}, 2, nil},
	} {
		for _, n := range []int{1, 3, 16, 1000} {
			echoes, other := matchAll(&f, bytes.Join(c.in, nil), n)
			if echoes != c.echoes || len(other) != len(c.other) || len(other) > 0 && other[0] != c.other[0] {
				t.Errorf("%s in pieces of %d: %d echoes, %v; want %d, %v", c.name, n, echoes, other, c.echoes, c.other)
			}
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"target", func(c *Config) { c.Target = "" }, "target is empty; give host:port"},
		{"devices", func(c *Config) { c.Devices = 0 }, "devices 0; give 1 to 10000000"},
		{"mode", func(c *Config) { c.Mode = "x" }, `mode "x"; give one of idle, echo, push, modbus-rtu, modbus-tcp, dlt645`},
		{"size", func(c *Config) { c.Size = 15 }, "size 15; give 16 to 65536 bytes"},
		{"size of ddp", func(c *Config) { c.Preset, c.ID, c.Size = "ddp", "{n:011}", 1025 }, "size 1025; give 16 to 1024"},
		{"push", func(c *Config) { c.Mode = Push }, "mode push without a rate"},
		{"burst", func(c *Config) { c.Mode, c.Burst = Echo, 5 }, "burst with mode echo; it belongs to mode idle"},
		{"preset", func(c *Config) { c.Preset = "x" }, `preset "x"; give one of none, auto, line`},
		{"id", func(c *Config) { c.ID = "x" }, "{n}"},
		{"phone", func(c *Config) { c.Preset = "inhand" }, `"c1"; give 11 ASCII digits, such as "1{n:010}"`},
		{"last phone", func(c *Config) { c.Preset, c.ID, c.From, c.Devices = "inhand", "{n}", 99999999999, 2 },
			`device 100000000000`},
		{"hex", func(c *Config) { c.Preset, c.ID = "hex", "x{n:03}" }, "give an even number of hex digits"},
		{"length", func(c *Config) { c.Preset, c.Length = "length-prefixed", 3 }, "the length field has 1, 2 or 4 bytes"},
		{"prefix", func(c *Config) { c.Preset, c.Prefix = "usr", []byte("x") }, "prefix with preset usr, which takes none"},
		{"heartbeat", func(c *Config) { c.Heartbeat = 1 }, "heartbeat with preset auto, which has none of its own"},
		{"packet prefix", func(c *Config) { c.PacketPrefix = true }, "packet prefix with preset auto; it belongs to usr"},
		{"silent", func(c *Config) { c.Preset, c.PacketPrefix, c.SilentConnect = "usr", true, true },
			"the devices would never say who they are"},
		{"sources", func(c *Config) { c.Sources = "x" }, `sources "x"; give a CIDR such as 127.0.1.0/24`},
		{"duration", func(c *Config) { c.Duration = -1 }, "duration -1ns; give 0 or more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Target: "127.0.0.1:1", Devices: 1, ID: "c{n}", From: 1}
			c.edit(&cfg)
			cfg = cfg.withDefaults()
			err := cfg.validate()
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
