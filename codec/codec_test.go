package codec

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"linkd/project"
)

// idSet is a map-based IDs.
type idSet map[string]bool

func ids(list ...string) idSet {
	s := idSet{}
	for _, id := range list {
		s[id] = true
	}
	return s
}

func (s idSet) Longest(b []byte) int {
	for n := len(b); n > 0; n-- {
		if s[string(b[:n])] {
			return n
		}
	}
	return 0
}

// Extends promises no more than IDs does: it is exact only where an id begins b.
func (s idSet) Extends(b []byte) bool {
	if s.Longest(b) == 0 {
		return false
	}
	for id := range s {
		if len(id) > len(b) && strings.HasPrefix(id, string(b)) {
			return true
		}
	}
	return false
}

// bin reads hex with blanks.
func bin(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func framer(t testing.TB, cfg project.Identity) *Framer {
	t.Helper()
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// outcome is all that a link's bytes came to.
type outcome struct {
	verdict Verdict
	id      string
	secret  string
	payload []byte
	reply   []byte
	end     string
}

func (o outcome) String() string {
	return fmt.Sprintf("%v id=%q secret=%q payload=% X reply=% X end=%q", o.verdict, o.id, o.secret, o.payload,
		o.reply, o.end)
}

func (o outcome) equal(p outcome) bool { return o.String() == p.String() }

// link plays the session: it collects pieces, identifies, then decodes.
type link struct {
	t     testing.TB
	f     *Framer
	ids   IDs
	buf   []byte
	st    Stream
	bound bool
	got   outcome
}

func (l *link) feed(piece []byte, quiet bool) {
	l.buf = append(l.buf, piece...)
	if !l.bound {
		var room [2048]byte
		r := l.f.Identify(room[:0], l.buf, quiet, l.ids)
		l.got.verdict = r.Verdict
		if r.Taken < 0 || r.Taken > len(l.buf) || (r.Verdict != Found && (r.Taken != 0 || r.ID != nil)) {
			l.t.Fatalf("Identify(% X) = %+v", l.buf, r)
		}
		if quiet && r.Verdict == WaitQuiet {
			l.t.Fatalf("Identify(% X, quiet) waits for quiet", l.buf)
		}
		if r.Verdict != Found {
			return
		}
		if len(r.ID) == 0 {
			l.t.Fatalf("Identify(% X) found an empty id", l.buf)
		}
		l.bound, l.st = true, r.Stream
		l.got.id, l.got.secret = string(r.ID), string(r.Secret)
		l.buf = l.buf[r.Taken:]
	}
	for len(l.buf) > 0 && l.got.end == "" {
		d := l.f.Decode(make([]byte, 0, len(l.buf)+16), l.buf, []byte(l.got.id), quiet, &l.st)
		if d.Taken < 0 || d.Taken > len(l.buf) || (quiet && d.Held) {
			l.t.Fatalf("Decode(% X, quiet=%v) = %+v", l.buf, quiet, d)
		}
		l.got.payload = append(l.got.payload, d.Payload...)
		l.got.reply = append(l.got.reply, d.Reply...)
		l.got.end = d.End
		l.buf = l.buf[d.Taken:]
		if d.Taken == 0 {
			break
		}
	}
	if l.got.end == "" && len(l.buf) > l.f.MaxHeld() {
		l.t.Fatalf("Decode holds %d bytes, MaxHeld is %d", len(l.buf), l.f.MaxHeld())
	}
}

// play feeds the pieces one after another.
func play(t testing.TB, f *Framer, known IDs, pieces ...[]byte) outcome {
	t.Helper()
	l := &link{t: t, f: f, ids: known}
	for _, p := range pieces {
		l.feed(p, false)
	}
	return l.got
}

// split plays b in two pieces, cut at every place, in three where it is short, and byte by byte.
func everySplit(t *testing.T, f *Framer, known IDs, b []byte, want outcome) {
	t.Helper()
	check := func(pieces ...[]byte) {
		t.Helper()
		if got := play(t, f, known, pieces...); !got.equal(want) {
			t.Fatalf("% X:\n got %v\nwant %v", pieces, got, want)
		}
	}
	check(b)
	for i := 1; i < len(b); i++ {
		check(b[:i], b[i:])
		for j := i + 1; j < len(b) && len(b) <= 64; j++ {
			check(b[:i], b[i:j], b[j:])
		}
	}
	var single [][]byte
	for i := range b {
		single = append(single, b[i:i+1])
	}
	check(single...)
}

const rtu = "01 03 02 00 D7 F8 1A" // an RTU reply

// fixture is the bytes of one device, and what they come to.
type fixture struct {
	name    string
	cfg     project.Identity
	ids     idSet
	bytes   string
	id      string
	secret  string
	payload string
	reply   string
	end     string
}

// Pieces of the fixtures: literal bytes of the vendors' manuals.
const (
	loginHex = "4C 4F 47 49 4E 3A 31 30 30 31"
	usrCN    = "77 77 77 2E 75 73 72 2E 63 6E"
	imei     = "33 35 35 38 33 37 30 38 39 35 31 32 33 34 33"
	phone    = "31 33 30 36 36 36 36 38 38 38 38"
	ff       = "78 56 34 12" + phone + "00 C0 A8 01 42 00"
	ddp      = "7B 01 00 16" + phone + "C0 A8 01 42 0F A0 7B"
	ddpData  = "7B 09 00 17" + phone + rtu + "7B"
)

var (
	greenhouse = ids("c0001", "c0002", "c0003")
	login      = ids("LOGIN:1001")
	phones     = ids("13066668888")
)

func fixtures() []fixture {
	return slices.Concat(autoFixtures(), usrFixtures(), vendorFixtures(), generalFixtures())
}

func autoFixtures() []fixture {
	c := greenhouse
	return []fixture{
		{name: "auto", ids: c, bytes: "63 30 30 30 31", id: "c0001"},
		{name: "auto LF", ids: c, bytes: "63 30 30 30 31 0A", id: "c0001"},
		{name: "auto CR", ids: c, bytes: "63 30 30 30 31 0D", id: "c0001"},
		{name: "auto CRLF", ids: c, bytes: "63 30 30 30 31 0D 0A", id: "c0001"},
		{name: "auto NUL", ids: c, bytes: "63 30 30 30 31 00", id: "c0001"},
		{name: "auto NULs", ids: c, bytes: "63 30 30 30 31 00 00 00" + rtu, id: "c0001", payload: rtu},
		{name: "auto blank CRLF", ids: c, bytes: "63 30 30 30 31 20 09 0D 0A" + rtu, id: "c0001", payload: rtu},
		{name: "auto blank data", ids: c, bytes: "63 30 30 30 31 09 03 02 00 D7", id: "c0001", payload: "09 03 02 00 D7"},
		{name: "auto glued", ids: c, bytes: "63 30 30 30 31" + rtu, id: "c0001", payload: rtu},
		{name: "auto LF glued", ids: c, bytes: "63 30 30 30 31 0A" + rtu, id: "c0001", payload: rtu},
		{name: "auto CRLF glued", ids: c, bytes: "63 30 30 30 31 0D 0A" + rtu, id: "c0001", payload: rtu},
		{name: "auto second line end is data", ids: c, bytes: "63 30 30 30 31 0D 0A 0A 03", id: "c0001", payload: "0A 03"},
		{name: "auto leading", ids: c, bytes: "0D 0A 20 00 63 30 30 30 31 0A" + rtu, id: "c0001", payload: rtu},
		{name: "auto stranger line", ids: c, bytes: "78 79 20 0D 0A" + rtu, id: "xy", payload: rtu},
		{name: "auto shorter by line end", ids: ids("c1", "c10", "c1023"), bytes: "63 31 0D 0A" + rtu, id: "c1",
			payload: rtu},
		{name: "auto longest", ids: ids("c1", "c10", "c1023"), bytes: "63 31 30 32 33" + rtu, id: "c1023", payload: rtu},
		{name: "auto middle glued", ids: ids("c1", "c10", "c1023"), bytes: "63 31 30 32 01 03", id: "c10",
			payload: "32 01 03"},
		{name: "auto heartbeat", cfg: project.Identity{Heartbeats: [][]byte{bin("FE")}}, ids: c,
			bytes: "FE FE 63 30 30 30 31 FE FE" + rtu, id: "c0001", payload: rtu},
		{name: "auto heartbeat is the id", cfg: project.Identity{Heartbeats: [][]byte{[]byte("c0001")}}, ids: c,
			bytes: "63 30 30 30 31 63 30 30 30 31" + rtu, id: "c0001", payload: rtu},
		{name: "auto own id is the heartbeat", cfg: project.Identity{Heartbeats: [][]byte{[]byte("{id}")}}, ids: c,
			bytes: "63 30 30 30 32 0A 63 30 30 30 32" + rtu, id: "c0002", payload: rtu},
	}
}

func usrFixtures() []fixture {
	usr := func(mode string) project.Identity { return project.Identity{Preset: "usr", Mode: mode} }
	return []fixture{
		{name: "usr", cfg: usr(""), ids: login, bytes: loginHex, id: "LOGIN:1001"},
		{name: "usr glued", cfg: usr("connect"), ids: login, bytes: loginHex + "4C 4F 47" + rtu, id: "LOGIN:1001",
			payload: rtu},
		{name: "usr heartbeats", cfg: usr("connect"), ids: login,
			bytes: "4C 4F 47" + usrCN + loginHex + usrCN + "4C 4F 47" + rtu, id: "LOGIN:1001", payload: rtu},
		{name: "usr heartbeat line", cfg: usr("connect"), ids: login,
			bytes: "4C 4F 47 0D 0A" + loginHex + "0D 0A" + rtu, id: "LOGIN:1001", payload: rtu},
		{name: "usr heartbeat is an id", cfg: usr("connect"), ids: ids("LOG"), bytes: "4C 4F 47" + rtu, id: "LOG",
			payload: rtu},
		{name: "usr heartbeat is an id that another extends", cfg: usr("connect"), ids: ids("LOG", "LOGIN:1001"),
			bytes: "4C 4F 47 0A" + rtu, id: "LOG", payload: rtu},
		{name: "usr packet", cfg: usr("packet"), ids: login,
			bytes: loginHex + rtu + loginHex + "00 01 4C 4F 02" + loginHex, id: "LOGIN:1001", payload: rtu + "00 01 4C 4F 02"},
		{name: "usr both", cfg: usr("both"), ids: login,
			bytes: loginHex + loginHex + rtu + loginHex + "4C 4F 47" + rtu, id: "LOGIN:1001", payload: rtu + rtu},
	}
}

func vendorFixtures() []fixture {
	ddpCfg := project.Identity{Preset: "ddp"}
	ffCfg := project.Identity{Preset: "four-faith"}
	return []fixture{
		{name: "template", cfg: project.Identity{Preset: "template"}, ids: ids("355837089512343"),
			bytes: imei + "00 01 02 03" + rtu, id: "355837089512343", payload: rtu},
		{name: "template MAC", cfg: project.Identity{Preset: "template", Length: 12, Prefix: bin("24"), Suffix: bin("0D 0A"),
			Heartbeats: [][]byte{[]byte("ping")}}, ids: ids("D4AD2001aBcD"),
			bytes: "70 69 6E 67 24 44 34 41 44 32 30 30 31 61 42 63 44 0D 0A 70 69 6E 67" + rtu,
			id:    "D4AD2001aBcD", payload: rtu},
		{name: "four-faith", cfg: ffCfg, ids: phones,
			bytes: ff + "FE" + rtu, id: "13066668888", payload: rtu},
		{name: "four-faith heartbeat first", cfg: ffCfg, ids: phones,
			bytes: "FE" + ff + rtu, id: "13066668888", payload: rtu},
		{name: "four-faith escapes", cfg: ffCfg, ids: phones,
			bytes: ff + "01 FD ED FE FD EE ED EE FD ED FD ED", id: "13066668888", payload: "01 FD FE ED EE FD FD"},
		{name: "four-faith broken escape", cfg: ffCfg, ids: phones,
			bytes: ff + "01 FD 02 03", id: "13066668888", payload: "01", end: "four-faith: FD without ED or EE behind it"},
		{name: "ddp", cfg: ddpCfg, ids: phones, bytes: ddp, id: "13066668888"},
		{name: "ddp data", cfg: ddpCfg, ids: phones,
			bytes: ddp + ddpData + "7B 05 00 10" + phone + "7B" + ddpData, id: "13066668888", payload: rtu + rtu},
		{name: "ddp again", cfg: ddpCfg, ids: phones,
			bytes: ddp + ddp + ddpData, id: "13066668888", payload: rtu, reply: "7B 81 00 10" + phone + "7B"},
		{name: "ddp logout", cfg: ddpCfg, ids: phones,
			bytes: ddp + ddpData + "7B 02 00 10" + phone + "7B", id: "13066668888", payload: rtu,
			reply: "7B 82 00 10" + phone + "7B", end: "ddp: logout"},
		{name: "ddp 82", cfg: ddpCfg, ids: phones,
			bytes: ddp + "7B 82 00 10" + phone + "7B", id: "13066668888", end: "ddp: logout"},
		{name: "ddp not a frame", cfg: ddpCfg, ids: phones,
			bytes: ddp + "01 03", id: "13066668888", end: "ddp: a frame does not begin with 7B"},
		{name: "ddp short length", cfg: ddpCfg, ids: phones,
			bytes: ddp + "7B 09 00 0F 31", id: "13066668888", end: "ddp: the length of a frame is outside 16..1040"},
		{name: "ddp long length", cfg: ddpCfg, ids: phones,
			bytes: ddp + "7B 09 04 11 31", id: "13066668888", end: "ddp: the length of a frame is outside 16..1040"},
		{name: "ddp no end", cfg: ddpCfg, ids: phones,
			bytes: ddp + "7B 09 00 10" + phone + "7C", id: "13066668888", end: "ddp: a frame does not end with 7B"},
		{name: "ddp other device", cfg: ddpCfg, ids: phones,
			bytes: ddp + "7B 09 00 10 32 33 30 36 36 36 36 38 38 38 38 7B", id: "13066668888",
			end: "ddp: a frame carries the id of another device"},
		{name: "inhand", cfg: project.Identity{Preset: "inhand"}, ids: phones,
			bytes: "AA 01" + phone + "0D" + rtu, id: "13066668888", payload: rtu},
		{name: "inhand data like a line end", cfg: project.Identity{Preset: "inhand"}, ids: phones,
			bytes: "AA 01" + phone + "0D 0A 03 00", id: "13066668888", payload: "0A 03 00"},
		{name: "imei", cfg: project.Identity{Preset: "imei"}, ids: ids("355837089512343"),
			bytes: "00 0F" + imei + "00 00 00 00 00 00 00 36", id: "355837089512343", payload: "00 00 00 00 00 00 00 36"},
	}
}

func generalFixtures() []fixture {
	c := greenhouse
	prefixed := project.Identity{Preset: "length-prefixed", Length: 2}
	little := project.Identity{Preset: "length-prefixed", Length: 4, Endian: "little", Prefix: bin("A5"),
		Suffix: bin("5A")}
	re := project.Identity{Preset: "regex", Pattern: `ID=(?P<id>[a-z]\d+)(,pw=(?P<secret>\w+))?;`}
	return []fixture{
		{name: "line", cfg: project.Identity{Preset: "line", Prefix: []byte("ID="), Suffix: []byte(";")}, ids: ids("a b"),
			bytes: "0D 0A 49 44 3D 20 61 20 62 20 3B 20 0D 0A" + rtu, id: "a b", payload: rtu},
		{name: "line heartbeats", cfg: project.Identity{Preset: "line", Heartbeats: [][]byte{[]byte("LOG")}}, ids: login,
			bytes: "4C 4F 47 0A 4C 4F 47" + loginHex + "00 4C 4F 47" + rtu, id: "LOGIN:1001", payload: rtu},
		{name: "fixed", cfg: project.Identity{Preset: "fixed", Length: 5}, ids: c,
			bytes: "63 30 30 30 31 00" + rtu, id: "c0001", payload: "00" + rtu},
		{name: "fixed heartbeats", cfg: project.Identity{Preset: "fixed", Length: 10, Heartbeats: [][]byte{[]byte("LOG")}},
			ids: login, bytes: "4C 4F 47" + loginHex + "4C 4F 47" + rtu, id: "LOGIN:1001", payload: rtu},
		{name: "hex", cfg: project.Identity{Preset: "hex", Length: 4, Prefix: bin("68"), Suffix: bin("16")},
			ids:   ids("A1B200FF"),
			bytes: "68 A1 B2 00 FF 16" + rtu, id: "A1B200FF", payload: rtu},
		{name: "hex heartbeats", cfg: project.Identity{Preset: "hex", Length: 2, Heartbeats: [][]byte{bin("A1"),
			bin("A1 A1 A1 A1")}},
			ids: ids("A1B2"), bytes: "A1 A1 A1 B2 A1" + rtu, id: "A1B2", payload: rtu},
		{name: "length-prefixed", cfg: prefixed, ids: c, bytes: "00 05 63 30 30 30 31" + rtu, id: "c0001", payload: rtu},
		{name: "length-prefixed little", cfg: little, ids: c,
			bytes: "A5 05 00 00 00 63 30 30 30 31 5A" + rtu, id: "c0001", payload: rtu},
		{name: "length-prefixed heartbeat", cfg: project.Identity{Preset: "length-prefixed", Length: 1,
			Heartbeats: [][]byte{[]byte("LOG")}}, ids: c,
			bytes: "4C 4F 47 05 63 30 30 30 31 4C 4F 47" + rtu, id: "c0001", payload: rtu},
		{name: "regex", cfg: re, ids: ids("c01"), bytes: hex.EncodeToString([]byte("ID=c01;")) + rtu, id: "c01",
			payload: rtu},
		{name: "regex secret", cfg: re, ids: ids("c01"), bytes: hex.EncodeToString([]byte("ID=c01,pw=s3;")) + rtu,
			id: "c01", secret: "s3", payload: rtu},
		{name: "regex greedy, ends by what follows", cfg: project.Identity{Preset: "regex", Pattern: `(?P<id>c\d+)(;x)?`},
			ids: ids("c01"), bytes: hex.EncodeToString([]byte("c01;y")), id: "c01", payload: "3B 79"},
		{name: "regex optional tail", cfg: project.Identity{Preset: "regex", Pattern: `(?P<id>c\d+)(;x)?`},
			ids: ids("c01"), bytes: hex.EncodeToString([]byte("c01;xy")), id: "c01", payload: "79"},
		{name: "regex word end, UTF-8", cfg: project.Identity{Preset: "regex", Pattern: `(?P<id>é\w+)\b`},
			ids: ids("éab"), bytes: hex.EncodeToString([]byte("éab;")), id: "éab", payload: "3B"},
		{name: "regex heartbeat", cfg: project.Identity{Preset: "regex", Pattern: `(?P<id>[A-Z]+:\d{4})`,
			Heartbeats: [][]byte{[]byte("LOG")}}, ids: login,
			bytes: "4C 4F 47" + loginHex + "4C 4F 47" + rtu, id: "LOGIN:1001", payload: rtu},
	}
}

func TestFixtures(t *testing.T) {
	for _, x := range fixtures() {
		t.Run(x.name, func(t *testing.T) {
			want := outcome{verdict: Found, id: x.id, secret: x.secret, payload: bin(x.payload), reply: bin(x.reply), end: x.end}
			everySplit(t, framer(t, x.cfg), x.ids, bin(x.bytes), want)
		})
	}
}

// TestNoAllocation runs every fixture, whole and truncated, through both paths.
func TestNoAllocation(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, x := range fixtures() {
		t.Run(x.name, func(t *testing.T) {
			f, b, id := framer(t, x.cfg), bin(x.bytes), []byte(x.id)
			if n := testing.AllocsPerRun(50, func() {
				for i := range b {
					f.Identify(dst, b[:i+1], i&1 == 1, x.ids)
				}
			}); n != 0 {
				t.Errorf("Identify allocates %v times", n)
			}
			r := f.Identify(dst, b, false, x.ids)
			if n := testing.AllocsPerRun(50, func() {
				st := r.Stream
				for rest := b[r.Taken:]; len(rest) > 0; {
					d := f.Decode(dst, rest, id, false, &st)
					if d.Taken == 0 {
						break
					}
					rest = rest[d.Taken:]
				}
				f.Encode(dst, b, id)
				f.Accept(dst, id)
				f.Refuse(dst, id)
			}); n != 0 {
				t.Errorf("the stream allocates %v times", n)
			}
		})
	}
}

func TestStreamIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Stream{}); n > 16 {
		t.Fatalf("Stream has %d bytes, want at most 16", n)
	}
}
