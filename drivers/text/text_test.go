package text_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/drivertest"
	"linkd/drivers/tags"
	"linkd/drivers/text"
	"linkd/project"
)

func TestConformance(t *testing.T) { drivertest.Run(t, text.Driver()) }

// load compiles the one channel of a project.
func load(channel string) (drivers.Channel, error) {
	src := "project: p\nproviders:\n- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, " +
		"socket_conn_id: x}]}\nchannels:\n- {name: ch, connection: s1/c1, driver: text, " + channel + "}\n"
	p, err := project.Parse("f", []byte(src), drivers.Table{text.Driver()})
	if err != nil {
		return nil, err
	}
	return text.Driver().Compile(p.Channels[0], p.Models)
}

const (
	oneTag  = `devices: [{name: d, tags: [{name: t, address: t}]}]`
	written = `devices: [{name: d, tags: [{name: t, writable: true}]}]`
	two     = `devices: [{name: a, unit: 1, tags: [{name: t, address: t}]}, {name: b, unit: 1, ` +
		`tags: [{name: t, address: t}]}]`
)

// TestRefusedConfig: what is wrong with a channel is told with what would be right.
func TestRefusedConfig(t *testing.T) {
	tests := []struct{ channel, want string }{
		{`poll: 1s`, "a text channel has devices"},
		{oneTag, `tag t: address is "t"; write a named group of a pattern or of a request's expect; there are none`},
		{oneTag + `, options: {patterns: {p: '(?P<u>x)'}}`, "expect; there are p.u"},
		{oneTag + `, options: {patterns: {p: '(?P<t>x'}}`, "patterns.p is no regular expression that Go knows: " +
			"error parsing regexp: missing closing )"},
		{oneTag + `, options: {patterns: {p: '(?P<t>(x{100}){10}y{999}z{999})'}}`, "patterns.p is too costly to match"},
		{oneTag + `, options: {patterns: {p: [1]}}`, "patterns.p is [1]; write a text"},
		{oneTag + `, options: {patterns: {p: }}`, "patterns.p is 0 bytes long; write a regular expression of 1 to 1024"},
		{oneTag + `, options: {patterns: x}`, "patterns is x; write its keys"},
		{oneTag + `, options: {terminator: 123456789}`, "terminator is 9 bytes long; write 1 to 8"},
		{oneTag + `, options: {max_line: 0}`, "max_line is 0; write a whole number from 1 to 8192"},
		{oneTag + `, options: {pattern: {p: x}}`, "pattern is no option of this driver; it has"},
		{oneTag + `, options: {requests: {q: {send: Q, expect: '(?P<t>x)'}}}`, "nothing says how often; write poll: 10s"},
		{oneTag + `, options: {requests: {q: {send: Q, expects: x}}}`, "requests.q.expects is not known here; there are " +
			"error, expect, send"},
		{oneTag + `, options: {requests: {q: {expect: x}}}`, "requests.q.send is 0 bytes long; write 1 to 1024"},
		{oneTag + `, options: {requests: {q: {send: "{value}", expect: x}}}`, "requests.q.send has {value}, but a request"},
		{oneTag + `, options: {requests: {q: {send: "{units}", expect: x}}}`,
			"requests.q.send has {units}; there are {unit}"},
		{oneTag + `, options: {patterns: {q: x}, requests: {q: {send: "Q", expect: x}}}`,
			"requests.q is the name of a pattern"},
		{oneTag + `, poll: 1s, options: {requests: {q: {send: "{address}", expect: '(?P<t>x)'}}}`,
			"device d has no address, but q"},
		{oneTag + `, poll: 1s, options: {requests: {q: {send: "A\nB", expect: '(?P<t>x)'}}}`,
			"device d is sent q with the end"},
		{written, "tag t: is writable, but nothing says how; write options.writes.t: {send, expect}"},
		{written + `, options: {writes: {t: {send: X, expect: x}}}`, "writes.t.send has no {value}"},
		{written + `, options: {writes: {t: {send: "{value:A|B}", expect: x}}}`,
			"is a float64, but its write has {value:ON|OFF}"},
		{written + `, options: {writes: {t: {send: "{value}"}}}`, "writes.t.expect is 0 bytes long"},
		{written + `, options: {writes: {t: {send: "{value}", expect: x}, u: {send: "{value}", expect: x}}}`,
			"writes.u: no device has a tag of that name with writable: true"},
		{`devices: [{name: d, tags: [{name: t, writable: true, readback: true}]}], options: {writes: {t: {send: "{value}", ` +
			`expect: x}}}`, "tag t: readback needs a request that brings the tag"},
		{two + `, options: {patterns: {p: '(?P<t>x)'}}`, "patterns.p does not say whose line it is, and the channel has 2"},
		{two + `, options: {patterns: {p: '(?P<unit>.)(?P<t>x)'}}`, "devices a and b both have unit 1"},
	}
	for _, tt := range tests {
		_, err := load(tt.channel)
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\n%v, want %q", tt.channel, err, tt.want)
		}
	}
	list := make([]string, 65)
	for i := range list {
		list[i] = fmt.Sprintf("p%d: '(?P<t>x)'", i)
	}
	_, err := load(oneTag + ", options: {patterns: {" + strings.Join(list, ", ") + "}}")
	if err == nil || !strings.Contains(err.Error(), "patterns and requests are more than 64; use fewer") {
		t.Errorf("65 patterns: %v", err)
	}
}

// link is a link that keeps nothing.
type link struct {
	sent   []byte
	values int
	wake   int64
	room   [256]byte
}

func (l *link) Send(b []byte) error                        { l.sent = append(l.sent[:0], b...); return nil }
func (l *link) Wake(d int64)                               { l.wake = d }
func (*link) Fail(string)                                  {}
func (*link) Number() uint64                               { return 1 }
func (l *link) Scratch() []byte                            { return l.room[:0] }
func (*link) Unread() bool                                 { return false }
func (l *link) Value(int, tags.Value)                      { l.values++ }
func (*link) Bad(int, tags.Reason)                         {}
func (*link) Polled(int, drivers.PollResult, int64, int64) {}

// TestInjection: no value can end a line, so that nothing but the write is sent.
func TestInjection(t *testing.T) {
	_, err := load(`options: {ending: ";;", writes: {t: {send: "T={value};", expect: OK}, u: {send: "U={value}", ` +
		`expect: OK}}}, devices: [{name: d, tags: [{name: t, type: string, writable: true}, {name: u, type: string, ` +
		`writable: true}]}]`)
	if err == nil {
		t.Fatal("a template that ends with half an ending was taken")
	}
	ch, err := load(`options: {ending: ";;", writes: {u: {send: "U={value}", expect: OK}}}, devices: [{name: d, tags: ` +
		`[{name: u, type: string, writable: true}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"a;b": "U=a;b;;", "\u00fc": "U=\u00fc;;", "": "U=;;",
		"x;": "would end the line early", "x;;SP=1": "would end the line early",
		"x\nRESET": "control character", "x\rRESET": "control character", "x\x00": "control character",
	} {
		l := &link{}
		m := ch.Machine()
		m.Open(1, l)
		got := ""
		m.(drivers.Commander).Command(1, &drivers.Command{Writes: []drivers.Write{{Tag: 0, Value: tags.Text(value)}},
			Answer: func(_ drivers.Result, _ tags.Reason, detail string) { got = detail }}, l)
		if got += string(l.sent); !strings.Contains(got, want) || len(l.sent) > 0 && got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// TestRubbish: a megabyte without an end keeps no more than a line, and the next line is read.
func TestRubbish(t *testing.T) {
	ch, err := load(oneTag + `, options: {patterns: {p: '^T=(?P<t>\d+)$'}}`)
	if err != nil {
		t.Fatal(err)
	}
	l, m := &link{}, ch.Machine()
	m.Open(1, l)
	in := append(bytes.Repeat([]byte("T=1 "), 1<<18), "\nT=2\n"...)
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
		if len(held) > 1024+2 {
			t.Fatalf("%d bytes are kept", len(held))
		}
	}
	if l.values != 1 || len(held) != 0 {
		t.Errorf("%d values and %d bytes left, want 1 and 0", l.values, len(held))
	}
}

// TestExplain: what the patterns make of a line, for people who tap.
func TestExplain(t *testing.T) {
	ch, err := load(oneTag + `, poll: 1s, options: {patterns: {p: 'T=(?P<t>\d+)'}, requests: {q: {send: Q, expect: ` +
		`'T=(?P<t>\d)(?P<x>x)?'}}}`)
	if err != nil {
		t.Fatal(err)
	}
	explain := ch.(drivers.Explainer).Explain
	if got, want := explain(true, []byte("T=21\r\n")), `p: t="21"; q: t="2"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := explain(true, []byte("T=2\n\nT=3x\nT")), `p: t="2"; q: t="2"; p: t="3"; q: t="3" x="x"`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if explain(true, []byte("T=21")) != "" || explain(true, []byte("\n")) != "" || explain(false, []byte("T=2\n")) != "" {
		t.Error("words for half a line, an empty one, or linkd's own")
	}
}

func FuzzLines(f *testing.F) {
	drivertest.Fuzz(f, text.Driver(), `driver: text, poll: 1s, options: {max_line: 12, patterns: {p: `+
		`'^(?P<unit>\d) (?P<t>\S+)', d: '(?P<device>A)(?P<s>.*)'}, requests: {q: {send: Q, `+
		`expect: '^(?P<unit>\d)=(?P<t>.*)', `+
		`error: '^(?P<unit>\d)!'}}}, devices: [{name: d1, unit: 1, tags: [{name: t, address: t}]}, {name: d2, unit: 2, `+
		`address: A, tags: [{name: t, address: t, type: int8}, {name: s, address: s, type: string}]}]`,
		"1 21.5\n2 -4\r\n", "1=3\n2=128\n", "1!\nA\xff\n", "................1=2\n1=2\n", "\n\r\n\r\r\n",
		"1 NaN\n2 1e400\nAA\n")
}

func FuzzEnds(f *testing.F) {
	drivertest.Fuzz(f, text.Driver(), `driver: text, poll: 1s, options: {max_line: 6, terminator: "abab", patterns: {p: `+
		`'(?P<t>\d)'}, requests: {q: {send: Q, expect: '=(?P<t>.*)'}}}, devices: [{name: d1, tags: [{name: t, address: t}]}]`,
		"1abab=2abab", "ababab", "1234567abab=8abab", "1aba1ababab")
}
