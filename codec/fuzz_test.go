package codec

import (
	"bytes"
	"encoding/binary"
	"testing"

	"linkd/project"
)

// fuzzConfigs are the identity options of all fixtures, and some more that look for trouble.
func fuzzConfigs() []project.Identity {
	list := []project.Identity{
		{Preset: "auto", MaxBytes: 4, Heartbeats: [][]byte{{'a'}, []byte("ab"), {0}}},
		{Preset: "regex", Pattern: `(?P<id>(a|ab)(c|bcd)(d*))(?P<secret>\bx.?)?`, Heartbeats: [][]byte{{'a'}}},
		{Preset: "regex", Pattern: `(?i)(?P<id>\pL+?)(?m:$)|(?P<secret>x)`},
	}
	for _, x := range fixtures() {
		list = append(list, x.cfg)
	}
	return list
}

var fuzzIDs = ids("c1", "c10", "c1023", "c0001", "c0002", "c01", "LOG", "LOGIN:1001", "13066668888", "355837089512343",
	"A1B2", "A1B200FF", "a", "abcd", "\u00e9ab")

// pieces cuts b as the bits of cuts say: after byte i where bit i%64 is set.
func pieces(b []byte, cuts uint64) (list [][]byte) {
	from := 0
	for i := range b {
		if cuts>>(i%64)&1 == 1 {
			list = append(list, b[from:i+1])
			from = i + 1
		}
	}
	return append(list, b[from:])
}

func FuzzIdentify(f *testing.F) {
	skip := len(fuzzConfigs()) - len(fixtures())
	for i, x := range fixtures() {
		f.Add(uint8(skip+i), bin(x.bytes), uint64(0x5A5A_0F0F_1248_8001))
	}
	var framers []*Framer
	for _, cfg := range fuzzConfigs() {
		framers = append(framers, framer(f, cfg))
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte, cuts uint64) {
		fr := framers[int(n)%len(framers)]
		whole := look(fr, b, false, fuzzIDs)
		var soFar int
		var got looked
		for _, p := range pieces(b, cuts) {
			soFar += len(p)
			got = look(fr, b[:soFar], false, fuzzIDs)
			if got.verdict == Found || got.verdict == Rubbish {
				break
			}
		}
		if got != whole {
			t.Fatalf("config %d, % X in %x: whole %+v, in pieces %+v", n, b, cuts, whole, got)
		}
		quiet := look(fr, b, true, fuzzIDs)
		decided := whole.verdict == Found || whole.verdict == Rubbish
		if quiet.verdict == WaitQuiet || decided && quiet != whole || quiet.verdict == Found && quiet.id == "" {
			t.Fatalf("config %d, % X: after quiet %+v, before %+v", n, b, quiet, whole)
		}
		if whole.verdict == Wait && quiet.verdict != Wait {
			t.Fatalf("config %d, % X: silence decides (%+v) though it was said not to", n, b, quiet)
		}
	})
}

// streamConfigs are streams in which nothing depends on where a read starts.
func streamConfigs() []project.Identity {
	none := [][]byte{}
	return []project.Identity{
		{Preset: "auto"}, {Preset: "line"}, {Preset: "imei"}, {Preset: "four-faith"}, {Preset: "ddp"},
		{Preset: "usr", Mode: "packet", Heartbeats: none}, {Preset: "usr", Mode: "connect", Heartbeats: none},
	}
}

const fuzzID = "13066668888"

func FuzzDecode(f *testing.F) {
	for i := range streamConfigs() {
		f.Add(uint8(i), bin("0D 0A 01 03 02 FD ED FE FD EE D7"), uint64(0x5A5A_0F0F_1248_8001))
		f.Add(uint8(i), []byte("\x7B\x09\x00\x12"+fuzzID+"\x01\x03\x7B"+fuzzID+"1306"), uint64(0x0000_1248_8421_0F00))
	}
	var framers, beating []*Framer
	for _, cfg := range streamConfigs() {
		framers = append(framers, framer(f, cfg))
		cfg.Heartbeats = [][]byte{[]byte("LOG"), {0x7B}, []byte("{id}"), {0x0D, 0x0A}, {0x01, 0x03, 0x02}}
		beating = append(beating, framer(f, cfg))
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte, cuts uint64) {
		fr := framers[int(n)%len(framers)]
		bound := outcome{verdict: Found, id: fuzzID}
		whole := &link{t: t, f: fr, bound: true, got: bound}
		whole.feed(b, false)
		split := &link{t: t, f: fr, bound: true, got: bound}
		for _, p := range pieces(b, cuts) {
			split.feed(p, false)
		}
		if !split.got.equal(whole.got) || whole.got.end == "" && !bytes.Equal(split.buf, whole.buf) {
			t.Fatalf("% X in %x:\nwhole  %v, left % X\npieces %v, left % X", b, cuts, whole.got, whole.buf, split.got, split.buf)
		}
		// Heartbeats depend on where reads start; silence may come at any time: nothing but totality to hold here.
		wild := &link{t: t, f: beating[int(n)%len(beating)], bound: true, got: bound}
		for i, p := range pieces(b, cuts) {
			if cuts>>(63-i%64)&1 == 1 {
				wild.st.Sent()
			}
			wild.feed(p, false)
			if i%3 == 2 {
				wild.feed(nil, true)
			}
		}
		roundTrip(t, b)
	})
}

// roundTrip sends b through Encode and back through Decode as the device's side would see it.
func roundTrip(t *testing.T, b []byte) {
	t.Helper()
	ff := &link{t: t, f: framer(t, project.Identity{Preset: "four-faith"}), bound: true, got: outcome{id: fuzzID}}
	ff.feed(ff.f.Encode(nil, b, []byte(fuzzID)), false)
	if !bytes.Equal(ff.got.payload, b) || ff.got.end != "" || len(ff.buf) > 0 {
		t.Fatalf("four-faith: % X comes back as %v", b, ff.got)
	}
	ddp := &link{t: t, f: framer(t, project.Identity{Preset: "ddp"}), bound: true, got: outcome{id: fuzzID}}
	wire := ddp.f.Encode(nil, b, []byte(fuzzID))
	for i := 0; i < len(wire); i += int(binary.BigEndian.Uint16(wire[i+2:])) {
		wire[i+1] = ddpUp
	}
	ddp.feed(wire, false)
	if !bytes.Equal(ddp.got.payload, b) || ddp.got.end != "" || len(ddp.buf) > 0 {
		t.Fatalf("ddp: % X comes back as %v", b, ddp.got)
	}
}
