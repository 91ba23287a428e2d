package codec

import (
	"bytes"
	"strings"
	"testing"

	"linkd/project"
)

// offer is one call of Decode with what was left over and what has come.
type offer struct {
	bytes   string
	quiet   bool
	payload string
	left    int  // bytes untaken
	held    bool // silence would release them
}

var (
	log    = project.Identity{Preset: "inhand", Heartbeats: [][]byte{[]byte("LOG"), []byte("LOGOUT")}}
	packet = project.Identity{Preset: "usr", Mode: "packet"}

	beating  = project.Identity{Preset: "usr", Mode: "packet", Heartbeats: [][]byte{[]byte("I")}}
	escaping = project.Identity{Preset: "four-faith", Heartbeats: [][]byte{{0xFD, 0xED}}}
)

var reads = []struct {
	name string
	cfg  project.Identity
	sent bool
	run  []offer
}{
	{"heartbeat", log, false, []offer{{bytes: "LOGx", payload: "x"}, {bytes: "LOGLOGOUTLOGy", payload: "y"}}},
	{"heartbeat in a payload", log, false, []offer{{bytes: "xLOG", payload: "xLOG"}}},
	{"part completed", log, false, []offer{{bytes: "LO", left: 2, held: true}, {bytes: "Gx", payload: "x"}}},
	{"part refuted", log, false, []offer{{bytes: "LO", left: 2, held: true}, {bytes: "x", payload: "LOx"}}},
	{"part released", log, false, []offer{{bytes: "LO", left: 2, held: true}, {quiet: true, payload: "LO"},
		{bytes: "LOGx", payload: "x"}}},
	{"longer one possible", log, false, []offer{{bytes: "LOG", left: 3, held: true}, {quiet: true}, {bytes: "x",
		payload: "x"}}},
	{"longer one refuted", log, false, []offer{{bytes: "LOGO", left: 4, held: true}, {bytes: "K", payload: "OK"}}},
	{"whole and part, silence", log, false, []offer{{bytes: "LOGLO", left: 2, held: true}, {quiet: true, payload: "LO"}}},

	{"line end later", project.Identity{}, false, []offer{{bytes: "\r"}, {bytes: "\n"}, {bytes: "\n", payload: "\n"}}},
	{"blanks then data", project.Identity{}, false, []offer{{bytes: "\t", left: 1, held: true}, {bytes: "\x03",
		payload: "\t\x03"}}},
	{"blanks then silence", project.Identity{}, false, []offer{{bytes: " ", left: 1, held: true}, {quiet: true},
		{bytes: "\n", payload: "\n"}}},
	{"too many blanks", project.Identity{}, false, []offer{{bytes: strings.Repeat(" ", 65),
		payload: strings.Repeat(" ", 65)}}},
	{"most blanks", project.Identity{}, false, []offer{{bytes: strings.Repeat(" ", 64), left: 64, held: true},
		{bytes: "\n"}, {bytes: "x", payload: "x"}}},

	{"answer of Modbus TCP", project.Identity{}, true, []offer{{bytes: "\x00\x01\x00\x00", payload: "\x00\x01\x00\x00"}}},
	{"answer of Modbus TCP in pieces", project.Identity{}, true,
		[]offer{{bytes: "\x00", left: 1, held: true}, {bytes: "\x00\x00", payload: "\x00\x00\x00"}}},
	{"answer of unit 10", project.Identity{}, true, []offer{{bytes: "\n\x03", payload: "\n\x03"}}},
	{"late CRLF", project.Identity{}, true, []offer{{bytes: "\r", left: 1, held: true}, {bytes: "\n\x01",
		payload: "\x01"}}},
	{"late LF, silence", project.Identity{}, true, []offer{{bytes: "\n", left: 1, held: true}, {quiet: true},
		{bytes: "\n", payload: "\n"}}},
	{"short answer of blanks", project.Identity{}, true, []offer{{bytes: " ", left: 1, held: true}, {quiet: true,
		payload: " "}}},

	{"packets", packet, false, []offer{{bytes: "ID:1aID:1bID:1", payload: "ab"}, {bytes: "ID:1LOGc", payload: "c"}}},
	{"part of an id", packet, false, []offer{{bytes: "aID", payload: "a", left: 2, held: true}, {bytes: ":1b",
		payload: "b"}}},
	{"part of an id refuted", packet, false, []offer{{bytes: "aID", payload: "a", left: 2, held: true},
		{bytes: "x", payload: "IDx"}}},
	{"part of an id, silence", packet, false, []offer{{bytes: "aID", payload: "a", left: 2, held: true},
		{quiet: true, payload: "ID"}}},
	{"a heartbeat inside a packet, behind a cut", beating, false,
		[]offer{{bytes: "aI", payload: "a", left: 1, held: true}, {bytes: "x", payload: "Ix"}, {bytes: "IIx", payload: "x"}}},
	{"a heartbeat inside an escape", escaping, false,
		[]offer{{bytes: "a\xFD", payload: "a", left: 1}, {bytes: "\xED", payload: "\xFD"},
			{bytes: "\xFD\xEDx", payload: "x"}}},
	{"part of an id at a start", packet, false, []offer{{bytes: "ID", left: 2, held: true}, {bytes: "ID:1x",
		payload: "IDx"}}},
}

// TestHeld walks through reads and silences after the id.
func TestHeld(t *testing.T) {
	for _, x := range reads {
		t.Run(x.name, func(t *testing.T) {
			f := framer(t, x.cfg)
			l := &link{t: t, f: f, bound: true, got: outcome{id: "ID:1"}}
			if x.sent {
				l.st.Sent()
			}
			for i, o := range x.run {
				l.got.payload = nil
				l.feed([]byte(o.bytes), o.quiet)
				if string(l.got.payload) != o.payload || len(l.buf) != o.left {
					t.Fatalf("step %d: payload %q, left %q, want %q and %d bytes", i, l.got.payload, l.buf, o.payload, o.left)
				}
				st := l.st
				if d := f.Decode(nil, l.buf, []byte(l.got.id), false, &st); len(l.buf) > 0 && d.Held != o.held {
					t.Fatalf("step %d: Held %v, want %v", i, d.Held, o.held)
				}
			}
		})
	}
}

func TestNeeds(t *testing.T) {
	for _, x := range []struct {
		cfg    project.Identity
		id     bool
		encode bool
	}{
		{project.Identity{}, false, false},
		{project.Identity{Heartbeats: [][]byte{[]byte("{id}")}}, true, false},
		{packet, true, false},
		{project.Identity{Preset: "usr"}, false, false},
		{project.Identity{Preset: "four-faith"}, false, true},
		{project.Identity{Preset: "ddp"}, true, true},
	} {
		f := framer(t, x.cfg)
		if f.NeedsID() != x.id || f.Encodes() != x.encode {
			t.Errorf("%+v: NeedsID %v, Encodes %v; want %v, %v", x.cfg, f.NeedsID(), f.Encodes(), x.id, x.encode)
		}
	}
}

// TestAfterTheID: the line end that Identify has taken a part of goes on in Decode, and only that one.
func TestAfterTheID(t *testing.T) {
	f := framer(t, project.Identity{})
	for _, x := range []struct{ first, sent, then, payload string }{
		{"c0001", "", "\n\x01", "\x01"},
		{"c0001\r", "", "\n\x01", "\x01"},
		{"c0001\r", "yes", "\n\x01", "\x01"},
		{"c0001\n", "", "\n\x03", "\n\x03"},
		{"c0001\x00", "", "\x00\x01", "\x01"},
		{"c0001\x00", "yes", "\x00\x01\x00", "\x00\x01\x00"},
		{"c0001\r\n", "yes", "\x00\x01\x00", "\x00\x01\x00"},
	} {
		l := &link{t: t, f: f, ids: ids("c0001")}
		l.feed([]byte(x.first), false)
		if x.sent != "" {
			l.st.Sent()
		}
		l.feed([]byte(x.then), false)
		if string(l.got.payload) != x.payload {
			t.Errorf("%q then %q: payload %q, want %q", x.first, x.then, l.got.payload, x.payload)
		}
	}
}

func TestEncode(t *testing.T) {
	ddpID := "13066668888"
	big := strings.Repeat("x", 1030)
	tests := []struct{ preset, payload, want string }{
		{"auto", "\xFD\xFE", "\xFD\xFE"},
		{"usr", "abc", "abc"},
		{"four-faith", "\x01\xFD\xFE\xED", "\x01\xFD\xED\xFD\xEE\xED"},
		{"ddp", "", ""},
		{"ddp", "\x01\x03", "\x7B\x89\x00\x12" + ddpID + "\x01\x03\x7B"},
		{"ddp", big, "\x7B\x89\x04\x10" + ddpID + big[:1024] + "\x7B" + "\x7B\x89\x00\x16" + ddpID + big[1024:] + "\x7B"},
	}
	for _, x := range tests {
		got := framer(t, project.Identity{Preset: x.preset}).Encode([]byte("."), []byte(x.payload), []byte(ddpID))
		if string(got) != "."+x.want {
			t.Errorf("%s: % X becomes % X, want % X", x.preset, x.payload, got, x.want)
		}
	}
}

func TestTransparent(t *testing.T) {
	for _, x := range []struct {
		cfg  project.Identity
		want bool
	}{
		{project.Identity{}, false},
		{project.Identity{Preset: "line"}, false},
		{project.Identity{Preset: "imei"}, true},
		{project.Identity{Preset: "inhand"}, true},
		{project.Identity{Preset: "inhand", Heartbeats: [][]byte{[]byte("{id}")}}, false},
		{project.Identity{Preset: "template", Heartbeats: [][]byte{{0}}}, false},
		{project.Identity{Preset: "four-faith"}, false},
		{project.Identity{Preset: "ddp"}, false},
		{project.Identity{Preset: "usr", Mode: "packet", Heartbeats: [][]byte{}}, false},
	} {
		f := framer(t, x.cfg)
		if f.Transparent() != x.want {
			t.Errorf("%+v: Transparent is %v", x.cfg, !x.want)
		}
		b := []byte("\x00\xFE\xFD\n 12")
		if d := f.Decode(nil, b, nil, false, &Stream{}); x.want && (!bytes.Equal(d.Payload, b) || d.Taken != len(b)) {
			t.Errorf("%+v: says it is transparent, and gives % X", x.cfg, d.Payload)
		}
	}
}
