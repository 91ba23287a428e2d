package codec

import (
	"errors"
	"strings"
	"testing"

	"linkd/project"
)

// looked is what Identify says, made comparable: the line end that follows the id may be in Taken or still to come.
type looked struct {
	verdict Verdict
	id      string
	secret  string
	end     int
}

func look(f *Framer, b []byte, quiet bool, known IDs) looked {
	r := f.Identify(make([]byte, 0, 2048), b, quiet, known)
	end := r.Taken
	for f.ends && end > 0 && (isBlank(b[end-1]) || isEnd(b[end-1])) {
		end--
	}
	return looked{r.Verdict, string(r.ID), string(r.Secret), end}
}

// byteByByte returns the first decision on the way to all of b.
func byteByByte(f *Framer, b []byte, known IDs) looked {
	for i := 1; i < len(b); i++ {
		if l := look(f, b[:i], false, known); l.verdict == Found || l.verdict == Rubbish {
			return l
		}
	}
	return look(f, b, false, known)
}

// words calls do with every word of 1 to n letters of the alphabet.
func words(alphabet string, n int, do func([]byte)) {
	word := make([]byte, 0, n)
	var grow func()
	grow = func() {
		if len(word) > 0 {
			do(word)
		}
		if len(word) == n {
			return
		}
		for i := range len(alphabet) {
			word = append(word, alphabet[i])
			grow()
			word = word[:len(word)-1]
		}
	}
	grow()
}

// TestAutoExhaustive proves for all short inputs that a link comes to the same id and payload whole, byte by byte and
// cut anywhere.
func TestAutoExhaustive(t *testing.T) {
	sets := []idSet{ids("a"), ids("ab"), ids("a", "ab"), ids("a", "abb"), ids("aa", "aab", "b"), ids("a", "aaaaa"), ids()}
	for _, maxBytes := range []int{3, 128} {
		f := framer(t, project.Identity{MaxBytes: maxBytes})
		for _, known := range sets {
			every := func(b []byte) {
				whole := play(t, f, known, b)
				for i := 1; i < len(b); i++ {
					if got := play(t, f, known, b[:i], b[i:]); !got.equal(whole) {
						t.Fatalf("%q %q of %v:\n got %v\nwant %v", b[:i], b[i:], known, got, whole)
					}
				}
				l := &link{t: t, f: f, ids: known}
				for i := range b {
					l.feed(b[i:i+1], false)
				}
				if !l.got.equal(whole) {
					t.Fatalf("%q byte by byte of %v:\n got %v\nwant %v", b, known, l.got, whole)
				}
			}
			words("ab\n\r", 5, every)
			words("ab \n\r\x00", 4, every)
		}
	}
}

// TestHeartbeatExhaustive does the same for the identity where heartbeats look like ids.
func TestHeartbeatExhaustive(t *testing.T) {
	cfgs := []project.Identity{
		{Preset: "auto"}, {Preset: "auto", MaxBytes: 3}, {Preset: "usr", Mode: "packet"}, {Preset: "line"},
		{Preset: "fixed", Length: 2}, {Preset: "length-prefixed", Length: 1, MaxBytes: 100},
		{Preset: "regex", Pattern: `(?P<id>a+b?)(?P<secret>b)?`}, {Preset: "regex", Pattern: `(?P<id>\w+)$`},
		{Preset: "regex", Pattern: `(?P<id>a|ab)(?m:$)`}, {Preset: "regex", Pattern: `(?P<id>ab\b|b)`},
	}
	beats := [][][]byte{{[]byte("a")}, {[]byte("ab")}, {[]byte("a"), []byte("ab\n")}, {[]byte("\n")}}
	sets := []idSet{ids("a"), ids("ab"), ids("a", "abb"), ids("bb", "\x01a"), ids("aabb", "b"), ids("ab", "b"),
		ids("ab", "abaaaaa", "b"), ids("ab", "abaaaaa", "ba"), ids()}
	for _, cfg := range cfgs {
		for _, h := range beats {
			cfg.Heartbeats = h
			f := framer(t, cfg)
			for _, known := range sets {
				words("ab\n\x01", 4, func(b []byte) {
					if got, want := look(f, b, false, known), byteByByte(f, b, known); got != want {
						t.Fatalf("%+v: %q of %v: whole %+v, byte by byte %+v", cfg, b, known, got, want)
					}
				})
			}
		}
	}
}

func TestQuiet(t *testing.T) {
	hb := [][]byte{[]byte("LOG")}
	tests := []struct {
		name   string
		cfg    project.Identity
		ids    idSet
		bytes  string
		before Verdict
		want   looked
	}{
		{"exact", project.Identity{}, ids("c1", "c10"), "c1", WaitQuiet, looked{Found, "c1", "", 2}},
		{"longest", project.Identity{}, ids("c1", "c1000"), "c10", WaitQuiet, looked{Found, "c1", "", 2}},
		{"stranger", project.Identity{}, ids("c1"), "hello you  ", WaitQuiet, looked{Found, "hello you", "", 9}},
		{"stranger, no ids", project.Identity{}, ids(), "c1", WaitQuiet, looked{Found, "c1", "", 2}},
		{"nothing", project.Identity{}, ids("c1"), "", Wait, looked{}},
		{"line ends alone", project.Identity{}, ids("c1"), "\r\n \x00", Wait, looked{}},
		{"heartbeats alone", project.Identity{Heartbeats: hb}, ids("c1"), "LOG\r\nLOG", WaitQuiet, looked{}},
		{"part of a heartbeat", project.Identity{Heartbeats: hb}, ids("c1"), "LOGLO", WaitQuiet, looked{Found,
			"LOGLO", "", 5}},
		{"line waits on", project.Identity{Preset: "line"}, ids("c1"), "c1", Wait, looked{}},
		{"fixed waits on", project.Identity{Preset: "fixed", Length: 5}, ids("c1"), "c1", Wait, looked{}},
		{"regex", project.Identity{Preset: "regex", Pattern: `(?P<id>c\d+)`}, ids(), "c12", WaitQuiet, looked{Found,
			"c12", "", 3}},
		{"regex at end", project.Identity{Preset: "regex", Pattern: `(?P<id>c\d)$`}, ids(), "c1", WaitQuiet,
			looked{Found, "c1", "", 2}},
		{"regex without a match", project.Identity{Preset: "regex", Pattern: `(?P<id>c\d+);`}, ids(), "c1", Wait, looked{}},
	}
	for _, x := range tests {
		f := framer(t, x.cfg)
		if got := look(f, []byte(x.bytes), false, x.ids); got.verdict != x.before {
			t.Errorf("%s: before quiet %v, want %v", x.name, got.verdict, x.before)
		}
		if got := look(f, []byte(x.bytes), true, x.ids); got != x.want {
			t.Errorf("%s: after quiet %+v, want %+v", x.name, got, x.want)
		}
	}
}

var long = strings.Repeat("x", DefaultMaxBytes+1)

var badInputs = []struct {
	name  string
	cfg   project.Identity
	ids   idSet
	bytes string
	want  Verdict
}{
	{"auto empty", project.Identity{}, ids("c1"), "", Wait},
	{"auto max", project.Identity{}, ids("c1"), long[:128], WaitQuiet},
	{"auto too long", project.Identity{}, ids("c1"), long, Rubbish},
	{"auto longest id and its line end", project.Identity{}, ids(long[:128]), long[:128] + "\n", Found},
	{"auto too long, but an id begins it", project.Identity{}, ids("x", strings.Repeat("x", 200)), long, Found},
	{"auto blank", project.Identity{}, ids("c1"), strings.Repeat("\r", 128), Wait},
	{"auto too blank", project.Identity{}, ids("c1"), strings.Repeat("\r", 129) + "c1", Rubbish},
	{"auto many heartbeats", project.Identity{Heartbeats: [][]byte{{0xFE}}}, ids("c1"), strings.Repeat("\xFE",
		9) + "c1\n", Found},
	{"template wrong digit", project.Identity{Preset: "template"}, ids(), "35583708951234g", Rubbish},
	{"template wrong suffix", project.Identity{Preset: "template"}, ids(), "355837089512343\x00\x02", Rubbish},
	{"template short", project.Identity{Preset: "template"}, ids(), "355837089512343\x00\x01\x02", Wait},
	{"template heartbeat begun", project.Identity{Preset: "template", Heartbeats: [][]byte{[]byte("LOG")}}, ids(),
		"LO", Wait},
	{"template heartbeat wrong", project.Identity{Preset: "template", Heartbeats: [][]byte{[]byte("LOG")}}, ids(),
		"LOL", Rubbish},
	{"four-faith wrong type", project.Identity{Preset: "four-faith"}, ids(), "\x78\x56\x34\x13", Rubbish},
	{"four-faith wrong digit", project.Identity{Preset: "four-faith"}, ids(), "\x78\x56\x34\x121306666888a", Rubbish},
	{"four-faith wrong zero", project.Identity{Preset: "four-faith"}, ids(), "\x78\x56\x34\x1213066668888\x01", Rubbish},
	{"four-faith wrong end", project.Identity{Preset: "four-faith"}, ids(),
		"\x78\x56\x34\x1213066668888\x001234\x01", Rubbish},
	{"four-faith short", project.Identity{Preset: "four-faith"}, ids(), "\x78\x56\x34\x1213066668888\x001234", Wait},
	{"ddp data before registration", project.Identity{Preset: "ddp"}, ids(), "\x7B\x09", Rubbish},
	{"ddp wrong length", project.Identity{Preset: "ddp"}, ids(), "\x7B\x01\x00\x17", Rubbish},
	{"ddp wrong end", project.Identity{Preset: "ddp"}, ids(), "\x7B\x01\x00\x1613066668888123456\x7C", Rubbish},
	{"ddp short", project.Identity{Preset: "ddp"}, ids(), "\x7B\x01\x00\x1613066668888123456", Wait},
	{"inhand wrong end", project.Identity{Preset: "inhand"}, ids(), "\xAA\x0113066668888\x0A", Rubbish},
	{"inhand short", project.Identity{Preset: "inhand"}, ids(), "\xAA\x0113066668888", Wait},
	{"imei wrong length", project.Identity{Preset: "imei"}, ids(), "\x00\x10", Rubbish},
	{"imei wrong digit", project.Identity{Preset: "imei"}, ids(), "\x00\x0F35583708951234x", Rubbish},
	{"imei short", project.Identity{Preset: "imei"}, ids(), "\x00\x0F35583708951234", Wait},
	{"line max", project.Identity{Preset: "line"}, ids(), long[:128], Wait},
	{"line longest", project.Identity{Preset: "line"}, ids(), long[:128] + "\n", Found},
	{"line too long", project.Identity{Preset: "line"}, ids(), long, Rubbish},
	{"line wrong prefix", project.Identity{Preset: "line", Prefix: []byte("ID=")}, ids(), "IX", Rubbish},
	{"line wrong suffix", project.Identity{Preset: "line", Suffix: []byte(";")}, ids(), "c1\n", Rubbish},
	{"line without id", project.Identity{Preset: "line", Prefix: []byte("ID=")}, ids(), "ID= \n", Rubbish},
	{"fixed short", project.Identity{Preset: "fixed", Length: 5}, ids(), "c000", Wait},
	{"hex wrong prefix", project.Identity{Preset: "hex", Length: 2, Prefix: []byte("h")}, ids(), "x", Rubbish},
	{"length-prefixed zero", project.Identity{Preset: "length-prefixed", Length: 1}, ids(), "\x00", Rubbish},
	{"length-prefixed max", project.Identity{Preset: "length-prefixed", Length: 1}, ids(), "\x80", Wait},
	{"length-prefixed too long", project.Identity{Preset: "length-prefixed", Length: 1}, ids(), "\x81", Rubbish},
	{"length-prefixed huge", project.Identity{Preset: "length-prefixed", Length: 4}, ids(), "\xFF\xFF\xFF\xFF", Rubbish},
	{"length-prefixed short", project.Identity{Preset: "length-prefixed", Length: 1}, ids(), "\x05c000", Wait},
	{"length-prefixed wrong suffix", project.Identity{Preset: "length-prefixed", Length: 1,
		Suffix: []byte("\r\n")}, ids(), "\x01c\n", Rubbish},
	{"regex no match", project.Identity{Preset: "regex", Pattern: `(?P<id>c\d+);`}, ids(), "cx", Rubbish},
	{"regex empty id", project.Identity{Preset: "regex", Pattern: `(?P<id>c*);`}, ids(), ";", Rubbish},
	{"regex without its group", project.Identity{Preset: "regex", Pattern: `(?P<id>c)?;`}, ids(), ";", Rubbish},
	{"regex too long", project.Identity{Preset: "regex", Pattern: `(?P<id>x+);`}, ids(), long, Rubbish},
	{"regex longest", project.Identity{Preset: "regex", Pattern: `(?P<id>x+)`}, ids(), long, Found},
	{"regex part of a rune", project.Identity{Preset: "regex", Pattern: `(?P<id>é)`}, ids(), "\xC3", Wait},
}

// TestBadInput gives each preset what it must refuse, or wait for, at the byte that decides and not later.
func TestBadInput(t *testing.T) {
	for _, x := range badInputs {
		f, b := framer(t, x.cfg), []byte(x.bytes)
		got := look(f, b, false, x.ids)
		if got.verdict != x.want {
			t.Errorf("%s: %v, want %v", x.name, got.verdict, x.want)
		}
		if x.want == Rubbish && len(b) > 0 && !strings.Contains(x.name, "too blank") {
			if early := look(f, b[:len(b)-1], false, x.ids); early.verdict == Rubbish {
				t.Errorf("%s: rubbish a byte earlier than it can be known", x.name)
			}
		}
		if bytewise := byteByByte(f, b, x.ids); bytewise != got {
			t.Errorf("%s: whole %+v, byte by byte %+v", x.name, got, bytewise)
		}
	}
}

// TestWhichID: heartbeats leave several places where an id may begin.
func TestWhichID(t *testing.T) {
	a := project.Identity{Heartbeats: [][]byte{[]byte("a")}}
	for _, x := range []struct {
		name  string
		ids   idSet
		bytes string
		want  looked
	}{
		{"the first to be complete", ids("aabb", "b"), "aabb", looked{Found, "b", "", 3}},
		{"the earlier of two that end together", ids("ab", "b"), "ab", looked{Found, "ab", "", 2}},
		{"after as many heartbeats as may be", ids("b"), strings.Repeat("a", maxBeats) + "b", looked{Found, "b", "", 9}},
		{"after one more", ids("b"), strings.Repeat("a", maxBeats+1) + "b\n", looked{Found, "aaaaaaaaab", "", 10}},
	} {
		f := framer(t, a)
		if got := look(f, []byte(x.bytes), false, x.ids); got != x.want {
			t.Errorf("%s: %+v, want %+v", x.name, got, x.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	const phone, imei = "13066668888", "355837089512343"
	own := project.Identity{Preset: "line", Ack: []byte("OK"), Nack: []byte("NO")}
	ddp := project.Identity{Preset: "ddp", Nack: []byte("NO")}
	tests := []struct {
		cfg            project.Identity
		id             string
		accept, refuse string
	}{
		{project.Identity{}, "c0001", "", ""},
		{own, "c0001", "OK", "NO"},
		{project.Identity{Preset: "imei"}, imei, "\x01", "\x00"},
		{ddp, phone, "\x7B\x81\x00\x10" + phone + "\x7B", "NO"},
		{project.Identity{Preset: "inhand"}, phone, "", ""},
	}
	for _, x := range tests {
		f := framer(t, x.cfg)
		if got := string(f.Accept([]byte("."), []byte(x.id))); got != "."+x.accept {
			t.Errorf("%s: Accept appends %q, want %q", x.cfg.Preset, got, x.accept)
		}
		if got := string(f.Refuse([]byte("."), []byte(x.id))); got != "."+x.refuse {
			t.Errorf("%s: Refuse appends %q, want %q", x.cfg.Preset, got, x.refuse)
		}
	}
}

func TestOptions(t *testing.T) {
	beats := func(h ...string) (list [][]byte) {
		for _, s := range h {
			list = append(list, []byte(s))
		}
		return list
	}
	const e = "codec: identity: "
	tests := []struct {
		cfg  project.Identity
		want string
	}{
		{project.Identity{Preset: "otto"}, e + `preset "otto", want auto, usr, template, four-faith, ddp, inhand, imei, ` +
			`line, fixed, length-prefixed, hex or regex`},
		{project.Identity{MaxBytes: -1}, e + "max_bytes -1, want 1 to 1024"},
		{project.Identity{MaxBytes: 1025}, e + "max_bytes 1025, want 1 to 1024"},
		{project.Identity{Preset: "fixed"}, e + "length 0, want 1 to max_bytes (128)"},
		{project.Identity{Preset: "hex", Length: 129}, e + "length 129, want 1 to max_bytes (128)"},
		{project.Identity{Preset: "template", Length: -1}, e + "length -1, want 1 to max_bytes (128)"},
		{project.Identity{Preset: "length-prefixed", Length: 3},
			e + "length 3, want the size of the length field: 1, 2 or 4"},
		{project.Identity{Preset: "length-prefixed", Length: 2, Endian: "middle"}, e + `endian "middle", want big or little`},
		{project.Identity{Preset: "usr", Mode: "often"}, e + `mode "often", want connect, packet or both`},
		{project.Identity{Preset: "line", Prefix: []byte("a\n")},
			e + "61 0A: prefix and suffix of a line hold no CR, LF or NUL"},
		{project.Identity{Preset: "line", Prefix: []byte(" a")},
			e + `prefix " a": want one that does not begin with a blank, which is skipped`},
		{project.Identity{Preset: "line", Suffix: []byte("a ")},
			e + `suffix "a ": want one that does not end with a blank, which is trimmed`},
		{project.Identity{MaxBytes: 1, Prefix: []byte("ab")},
			e + "prefix and suffix have 2 bytes, want at most max_bytes (1)"},
		{project.Identity{Preset: "imei", Ack: []byte("1")}, e + "ack: preset imei answers 01 by itself; leave ack out"},
		{project.Identity{Preset: "imei", Nack: []byte("1")}, e + "nack: preset imei answers 00 by itself; leave nack out"},
		{project.Identity{Preset: "ddp", Ack: []byte("1")}, e + "ack: preset ddp answers 7B 81 by itself; leave ack out"},
		{project.Identity{Ack: make([]byte, 257)}, e + "ack and nack have 257 and 0 bytes, want at most 256 each"},
		{project.Identity{Heartbeats: beats("a", "")}, e + "heartbeats[1] has 0 bytes, want 1 to 64"},
		{project.Identity{Heartbeats: make([][]byte, 17)}, e + "17 heartbeats, want at most 16"},
		{project.Identity{Preset: "hex", Length: 4, Heartbeats: beats("{id}")},
			e + `heartbeats[0] "{id}": preset hex sends its id as raw bytes; write them out`},
		{project.Identity{Preset: "regex", Pattern: "c"}, e + `pattern "c": want a group named id, as in (?P<id>[0-9]+)`},
		{project.Identity{Preset: "regex", Pattern: "("}, e + "pattern \"(\": error parsing regexp: missing closing ): `(`"},
		{project.Identity{Preset: "regex", Pattern: "(?P<id>a{300})"},
			e + `pattern "(?P<id>a{300})": 304 steps, want at most 256`},
	}
	for _, x := range tests {
		f, err := New(x.cfg)
		if !errors.Is(err, ErrConfig) || f != nil || err.Error() != x.want {
			t.Errorf("%+v:\n got %v\nwant %s", x.cfg, err, x.want)
		}
	}
}
