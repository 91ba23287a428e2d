package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/drivertest"
	"linkd/drivers/tags"
	"linkd/project"
)

func TestConformance(t *testing.T) { drivertest.Run(t, Driver()) }

// load compiles the one channel of a project.
func load(channel string) (drivers.Channel, error) {
	src := "project: p\nproviders:\n- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, " +
		"socket_conn_id: x}]}\nchannels:\n- {name: ch, connection: s1/c1, driver: json, " + channel + "}\n"
	p, err := project.Parse("f", []byte(src), drivers.Table{Driver()})
	if err != nil {
		return nil, err
	}
	return Driver().Compile(p.Channels[0], p.Models)
}

const (
	oneTag  = `devices: [{name: d, tags: [{name: t, address: /t}]}]`
	written = `devices: [{name: d, tags: [{name: t, writable: true}]}]`
	label   = `devices: [{name: d, tags: [{name: t, type: string, writable: true}]}]`
	two     = `devices: [{name: a, tags: [{name: t, address: /t}]}, {name: b, address: a, tags: [{name: t, address: /t}]}]`
)

// TestRefusedConfig: what is wrong with a channel is told with what would be right.
func TestRefusedConfig(t *testing.T) {
	tests := []struct{ channel, want string }{
		{`poll: 1s`, "a json channel has devices"},
		{`devices: [{name: d, tags: [{name: t, address: t}]}]`, `tag t: address is "t"; write a JSON pointer such as`},
		{`devices: [{name: d, tags: [{name: t}]}]`, `tag t: address is ""; write a JSON pointer`},
		{`devices: [{name: d, tags: [{name: t, address: /a~2}]}]`, "write ~0 for ~ and ~1 for / in a key"},
		{`devices: [{name: d, tags: [{name: t, address: /t, type: bcd}]}]`, "choose one of: bool, int8"},
		{`devices: [{name: d, tags: [{name: t, address: "` + strings.Repeat("/a", 33) + `"}]}]`, "is 33 levels deep"},
		{oneTag + `, options: {max_object: 70000}`, "max_object is 70000; write a whole number from 2 to 65536"},
		{oneTag + `, options: {device: id}`, `device is "id"; write a JSON pointer`},
		{oneTag + `, options: {request: READ}`, "request is READ; write its keys as key: value"},
		{oneTag + `, options: {request: {send: READ}}`, "write poll: 10s"},
		{oneTag + `, options: {request: {send: READ, answer: x}}`,
			"request.answer is not known here; there are error, expect"},
		{oneTag + `, options: {request: {send: READ, expect: {t: 1}}}`, `request.expect.t is "t"; write a JSON pointer`},
		{oneTag + `, options: {request: {send: READ, expect: {/t: [1]}}}`, "request.expect./t is [1]; write a text"},
		{oneTag + `, options: {request: {send: READ, expect: {}}}`, "request.expect has 0 pointers; write 1 to 16"},
		{oneTag + `, options: {request: {send: "{value}"}}`, "request.send has {value}, but a request has none"},
		{oneTag + `, poll: 1s, options: {request: {send: '{"a":'}}`, "no JSON or ends early"},
		{oneTag + `, poll: 1s, options: {request: {send: "{address}"}}`,
			"request sends the address of device d, which has none"},
		{written, "tag t: is writable, but nothing says how; write options.writes.t: {send, expect}"},
		{written + `, options: {writes: {t: {send: "{value}"}}}`, "writes.t has no expect"},
		{written + `, options: {writes: {t: {send: "X", expect: {/a: }}}}`, "writes.t.send has no {value}"},
		{written + `, options: {writes: {t: {send: "{value:A|B}", expect: {/a: }}}}`, "is a float64, but its write has"},
		{written + `, options: {writes: {t: {send: "{value}", expect: {/a: }}, u: {send: "{value}", expect: {/a: }}}}`,
			"writes.u: no device has a tag of that name"},
		{label + `, options: {writes: {t: {send: '{"a":"{value}"}', expect: {/a: }}}}`, "a string brings its quotes"},
		{`devices: [{name: d, tags: [{name: t, writable: true, readback: true}]}], options: {writes: {t: {send: "{value}", ` +
			`expect: {/a: }}}}`, "readback needs options.request"},
		{two, "device is missing, and the channel has 2 devices; write the pointer"},
		{two + `, options: {device: /id}`, "device cannot tell all apart: devices a and b both have id a"},
	}
	for _, tt := range tests {
		_, err := load(tt.channel)
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n%v, want %q", tt.channel, err, tt.want)
		}
	}
}

// TestPointers are the examples of RFC 6901, section 5, but for "", which is the whole document.
func TestPointers(t *testing.T) {
	doc := []byte(`{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7,
		"m~n": 8}`)
	for pointer, want := range map[string]string{"/foo": `["bar", "baz"]`, "/foo/0": `"bar"`, "/": "0", "/a~1b": "1",
		"/c%d": "2", "/e^f": "3", "/g|h": "4", `/i\j`: "5", `/k"l`: "6", "/" + " ": "7", "/m~0n": "8",
		"/foo/2": "", "/foo/00": "", "/foo/-": "", "/foo/0/x": "", "/FOO": "", "/m~01n": ""} {
		parts, err := parsePointer(pointer)
		if err != nil {
			t.Fatal(err)
		}
		root := &node{index: -1}
		root.add(parts).tags = []int{0}
		if got := string(at(root, doc)); got != want {
			t.Errorf("%s: %s, want %s", pointer, got, want)
		}
	}
}

// TestPlain: escapes, surrogates and halves of them.
func TestPlain(t *testing.T) {
	for raw, want := range map[string]string{`"a\"\\\/\b\f\n\r\tz"`: "a\"\\/\b\f\n\r\tz", `"\u00e9\ud83d\ude00"`: "é😀",
		`"\ud83dx"`: "\uFFFDx", `"\ude00"`: "\uFFFD", `"\ud83d\u0041"`: "\uFFFDA", `"\u00"`: "\uFFFD", `12`: "12", `""`: ""} {
		if got := string(plain([]byte(raw))); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

// link is a link that keeps nothing.
type link struct {
	values int
	room   [256]byte
}

func (*link) Send([]byte) error                            { return nil }
func (*link) Wake(int64)                                   {}
func (*link) Fail(string)                                  {}
func (*link) Number() uint64                               { return 1 }
func (l *link) Scratch() []byte                            { return l.room[:0] }
func (*link) Unread() bool                                 { return false }
func (l *link) Value(int, tags.Value)                      { l.values++ }
func (*link) Bad(int, tags.Reason)                         {}
func (*link) Polled(int, drivers.PollResult, int64, int64) {}

// TestRubbish: a megabyte of each kind of rubbish keeps no more than an object, and the next object is read.
func TestRubbish(t *testing.T) {
	ch, err := load(oneTag)
	if err != nil {
		t.Fatal(err)
	}
	for _, rubbish := range []string{"x", "{", "[", `{"a":`, `{"a":[`, `"`, `{"`, `\`, "\x00", `{"a":"`, "[1,", "]}",
		"\n"} {
		l, m := &link{}, ch.Machine()
		m.Open(1, l)
		in := []byte(strings.Repeat(rubbish, 1<<20/len(rubbish)) + "\n}\n{\"t\":1}{\"t\":2}")
		var held []byte
		for len(in) > 0 {
			n := min(1000, len(in))
			held, in = append(held, in[:n]...), in[n:]
			for len(held) > 0 {
				taken := m.Receive(1, held, l)
				if held = held[taken:]; taken == 0 {
					break
				}
			}
			if len(held) > defaultObject {
				t.Fatalf("%q: %d bytes are kept", rubbish, len(held))
			}
		}
		if l.values < 1 || len(held) != 0 {
			t.Errorf("%q: %d values and %d bytes left, want 1 or 2 and 0", rubbish, l.values, len(held))
		}
	}
}

// TestExplain: what an object says, for people who tap.
func TestExplain(t *testing.T) {
	ch, err := load(oneTag + `, options: {device: /id}`)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{`{"x":1{"id":"d","t":"x"}{"id":"d","t":2}`: `d t="x"; d t=2`,
		`{"id":1}`: "an object of no device that is known",
		`{"id":`:   "", `{"id":x}`: "", "": ""} {
		if got := ch.(drivers.Explainer).Explain(true, []byte(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func FuzzLink(f *testing.F) {
	drivertest.Fuzz(f, Driver(), `driver: json, poll: 1s, options: {max_object: 60, device: /id, request: {send: READ, `+
		`expect: {/ok: true}, error: {/ok: false}}}, devices: [{name: a, tags: [{name: t, address: /t}, {name: u, `+
		`address: /v/1, type: uint8}]}, {name: b, unit: 2, tags: [{name: t, address: /t/t, type: string}]}]`,
		`{"id":"a","t":1}{"id":2,"t":{"t":"\u00e9"}}`, `{"id":"a","ok":true,"v":[1,2]}`, `{"id":"a","ok":false}{{"id":"b"}`,
		"{\"id\":\"a\n{\"id\":\"b\",\"t\":{}}", `[[]]`, `{"t":"`, `{"x":1 "y":2} {"id":"a","t":3}`)
}

// FuzzSplit: a whole object is found after anything, at the start of a line, and the splitter always gets on.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":"}"}`, `{"a":[{}]}`, `{"a`, "]", `{"a":"\"`, "\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const good = "\n}\n{\"good\":[1,{}]}"
		in := append(bytes.Clone(b), "\n\""+good+good...)
		var s splitter
		found := 0
		for calls := 0; len(in) > 0; calls++ {
			n, whole := s.next(in, 1000)
			if n < 0 || n > len(in) || whole && n < 2 || n == 0 && int(s.at) != len(in) || calls > 3*len(b)+100 {
				t.Fatalf("%q: %d of %d bytes, whole %v", b, n, len(in), whole)
			}
			if whole && string(in[:n]) == good[3:] {
				found++
			}
			if n == 0 {
				break
			}
			in = in[n:]
		}
		if found == 0 {
			t.Fatalf("%q: the objects after it are not found", b)
		}
	})
}

// FuzzWalk: of any bytes no panic; of an object the values that encoding/json has. Objects with one key twice are told
// apart differently and left out.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,{"c":2}]}}`, `{"a":"\u00e9\n","b":null}`, `[1,[2,[3]]]`, `{"a":1e400}`,
		`{"a":`,
		`{"a/b":{"":true}}`, `{"\u0061":1}`, `{"a":tru}`, `[,]`, `{"a":[]]`} {
		f.Add([]byte(s), "/a/b")
		f.Add([]byte(s), "/a")
		f.Add([]byte(s), "/1/1/0")
		f.Add([]byte(s), "/a~1b/")
	}
	f.Fuzz(func(t *testing.T, b []byte, pointer string) {
		parts, err := parsePointer(pointer)
		if err != nil {
			return
		}
		root := &node{index: -1}
		root.add(parts).tags = []int{0}
		raw := at(root, b)
		if !stdjson.Valid(b) || bytes.Contains(b, []byte{0}) || strings.ContainsRune(pointer, '\uFFFD') {
			return
		}
		want, there, twice := follow(b, parts)
		if twice {
			return
		}
		if there != (raw != nil) {
			t.Fatalf("%s in %s: %q, there %v", pointer, b, raw, there)
		}
		var got any
		if there && (stdjson.Unmarshal(raw, &got) != nil && stdjson.Valid(raw) != true || !reflect.DeepEqual(got, want)) {
			t.Fatalf("%s in %s: %s, want %v", pointer, b, raw, want)
		}
		if text, ok := want.(string); ok && strings.ToValidUTF8(string(plain(raw)), "\uFFFD") != text &&
			!strings.Contains(text, "\uFFFD") {
			t.Fatalf("%s is %q, want %q", raw, plain(raw), text)
		}
	})
}

// follow is what encoding/json has at a pointer.
func follow(b []byte, parts []string) (v any, there, twice bool) {
	for _, p := range parts {
		var members map[string]stdjson.RawMessage
		var items []stdjson.RawMessage
		switch {
		case stdjson.Unmarshal(b, &members) == nil && members != nil:
			d := stdjson.NewDecoder(bytes.NewReader(b))
			keys := map[string]int{}
			_, _ = d.Token()
			for d.More() {
				key, _ := d.Token()
				keys[fmt.Sprint(key)]++
				var skipped stdjson.RawMessage
				if d.Decode(&skipped) != nil {
					return nil, false, true
				}
			}
			if keys[p] > 1 {
				return nil, false, true
			}
			next, ok := members[p]
			if !ok {
				return nil, false, false
			}
			b = next
		case stdjson.Unmarshal(b, &items) == nil:
			i := arrayIndex(p)
			if i < 0 || i >= len(items) {
				return nil, false, false
			}
			b = items[i]
		default:
			return nil, false, false
		}
	}
	_ = stdjson.Unmarshal(b, &v)
	return v, true, false
}
