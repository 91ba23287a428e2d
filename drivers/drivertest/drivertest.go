// Package drivertest is the conformance suite that every driver passes, and the runner of its data-driven cases.
//
// A case is a folder testcases/NAME with three files: config (one channel as in the project file), input (a script)
// and expected (what the driver does). A line of input is
//
//	> 01 03 "text"   the device sends these bytes
//	wait 1.5s        time passes
//	await            time passes until the driver sends something, a minute at most
//	write d1/t 21.5  a person writes a tag
//
// and a line of expected is
//
//	< 01 03          the driver sends these bytes; neighbouring sends are one line
//	fail detail      the driver gives the link up
//	value d1/t 21.5  a tag was read
//	bad d1/t timeout a tag could not be read
//	poll d1 ok       an exchange with a device ended
//	write confirmed  what came of a write, and why
//
// Bytes are hex, or text in Go's quotes. Empty lines and lines that begin with # mean nothing. Each case runs with the
// device's bytes as written, a byte at a time, and all that stand together in one piece: the outcome must be the same.
package drivertest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
)

// Run holds d against the contract of package drivers, with each of the channel configurations that its cases have,
// and runs its cases in testcases/ of the package under test.
func Run(t *testing.T, d *drivers.Driver) {
	t.Run("descriptor", func(t *testing.T) { descriptor(t, d) })
	t.Run("options", func(t *testing.T) { described(t, d) })
	folders, err := filepath.Glob(filepath.Join("testcases", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no testcases/NAME/{config,input,expected}: %v", err)
	}
	for _, dir := range folders {
		ch := compile(t, d, read(t, dir, "config"))
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Run("case", func(t *testing.T) { scripted(t, d, ch, dir) })
			t.Run("hostile bytes", func(t *testing.T) { hostile(t, d, ch) })
			t.Run("deterministic", func(t *testing.T) { deterministic(t, d, ch) })
			t.Run("silent after close, opened again", func(t *testing.T) { silent(t, ch) })
		})
	}
}

func descriptor(t *testing.T, d *drivers.Driver) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(d.Name) {
		t.Errorf("name %q: want lower case letters, digits and -", d.Name)
	}
	if d.Title == "" || len(d.Links) == 0 || d.MaxFrame < 0 || d.MaxFrame > 64<<10 {
		t.Errorf("title %q, links %q, largest frame %d: each must be set, the frame at most 64 KiB", d.Title, d.Links,
			d.MaxFrame)
	}
	unknown := &project.Channel{Name: "ch", Driver: d.Name, Options: map[string]any{"no_such_option": 1}}
	if _, err := d.Compile(unknown, nil); err == nil || !strings.Contains(err.Error(), "no_such_option") {
		t.Errorf("an option that does not exist: %v; want an error that names it", err)
	}
}

// compile reads one channel, in the words of the project file, and compiles it.
func compile(t testing.TB, d *drivers.Driver, config string) drivers.Channel {
	t.Helper()
	provider := "{name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}"
	connection := "connection: s1/c1, "
	switch {
	case d.Allow(project.NoLink) == nil:
		connection = ""
	case d.Allow(project.TCPServer) != nil:
		provider = "{name: s1, type: tcp-client, connections: [{name: c1, host: 127.0.0.1, port: 1}]}"
	}
	src := "project: drivertest\nproviders:\n  - " + provider + "\n" +
		"channels:\n  - {name: ch, " + connection + "driver: " + d.Name + "}\n"
	src = strings.Replace(src, "driver: "+d.Name, strings.TrimSpace(config), 1)
	p, err := project.Parse("config", []byte(src), drivers.Table{d})
	if err != nil {
		t.Fatal(err)
	}
	ch, err := d.Compile(p.Channels[0], p.Models)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// link is a Link that writes down what the driver does.
type link struct {
	t      *testing.T
	now    int64
	wake   int64     // 0: none asked
	set    *tags.Set // nil: the channel has no tags
	log    []string
	sends  int
	closed bool
	failed bool
}

func (l *link) Send(b []byte) error {
	if l.closed {
		l.t.Errorf("sent % x after Close", b)
	}
	l.sends++
	line := "<"
	if n := len(l.log); n > 0 && strings.HasPrefix(l.log[n-1], "<") {
		line, l.log = l.log[n-1], l.log[:n-1]
	}
	l.log = append(l.log, fmt.Sprintf("%s % x", line, b))
	return nil
}

func (l *link) Wake(d int64) {
	if l.wake = 0; d > 0 {
		l.wake = l.now + d
	}
}

func (l *link) Fail(detail string) {
	if !l.failed {
		l.log = append(l.log, "fail "+detail)
	}
	l.failed = true
}

// rig is one link with a machine on it, as a session would run it.
type rig struct {
	*link
	m    drivers.Machine
	held []byte
	max  int
}

func newRig(t *testing.T, ch drivers.Channel, max int) *rig {
	r := &rig{link: &link{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()}, m: ch.Machine(), max: max}
	if tagged, ok := ch.(drivers.Tagged); ok {
		r.set = tagged.Tags()
	}
	r.m.Open(r.now, r.link)
	return r
}

// receive offers bytes until the machine takes none. The bytes are spoilt afterwards: they were only lent.
func (r *rig) receive(b []byte) {
	r.held = append(r.held, b...)
	for len(r.held) > 0 && !r.failed {
		lent := bytes.Clone(r.held)
		n := r.m.Receive(r.now, lent, r.link)
		if n < 0 || n > len(lent) {
			r.t.Fatalf("took %d of %d bytes", n, len(lent))
		}
		if !bytes.Equal(lent, r.held) {
			r.t.Fatal("wrote into bytes that were only lent")
		}
		for i := range lent {
			lent[i] = 0xA5
		}
		r.held = r.held[n:]
		if n == 0 {
			break
		}
	}
	if len(r.held) > r.max && !r.failed {
		r.log = append(r.log, "overflow")
		r.failed = true
	}
}

// pass lets time go by, with the timers that the machine asked for.
func (r *rig) pass(d time.Duration) {
	end := r.now + int64(d)
	for !r.failed && r.wake != 0 && r.wake <= end {
		r.now, r.wake = r.wake, 0
		r.m.Timer(r.now, r.link)
	}
	r.now = end
}

// await lets time go by until the machine sends.
func (r *rig) await() {
	end := r.now + int64(time.Minute)
	for before := r.sends; r.sends == before; {
		if r.failed || r.wake == 0 || r.wake > end {
			r.t.Fatal("await: the driver sends nothing within a minute")
		}
		r.now, r.wake = r.wake, 0
		r.m.Timer(r.now, r.link)
	}
}

// step is one line of a script: bytes, time, or a write.
type step struct {
	rest       bool // data goes on in the moment of the step before
	data       []byte
	wait       time.Duration
	tag, value string
	await      bool
}

func parse(t *testing.T, script string) (steps []step) {
	t.Helper()
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '>':
			steps = append(steps, step{data: parseBytes(t, line[1:])})
		case strings.HasPrefix(line, "wait "):
			d, err := time.ParseDuration(line[5:])
			if err != nil {
				t.Fatalf("input:%d: %v", i+1, err)
			}
			steps = append(steps, step{wait: d})
		case line == "await":
			steps = append(steps, step{await: true})
		case strings.HasPrefix(line, "write "):
			tag, value, _ := strings.Cut(line[6:], " ")
			steps = append(steps, step{tag: tag, value: value})
		default:
			t.Fatalf("input:%d: %q; write > BYTES, wait DURATION, await or write DEVICE/TAG VALUE", i+1, line)
		}
	}
	return steps
}

func parseBytes(t *testing.T, s string) (out []byte) {
	t.Helper()
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] == '"' {
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			text, _ := strconv.Unquote(quoted)
			out, s = append(out, text...), s[len(quoted):]
			continue
		}
		word, rest, _ := strings.Cut(s, " ")
		b, err := hex.DecodeString(word)
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		out, s = append(out, b...), rest
	}
	return out
}

// want is expected in the form in which link writes it down.
func want(t *testing.T, expected string) (lines []string) {
	t.Helper()
	for _, line := range strings.Split(expected, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '<':
			lines = append(lines, fmt.Sprintf("< % x", parseBytes(t, line[1:])))
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

// scripted runs the case in dir in each way of cutting the device's bytes.
func scripted(t *testing.T, d *drivers.Driver, ch drivers.Channel, dir string) {
	steps, expect := parse(t, read(t, dir, "input")), want(t, read(t, dir, "expected"))
	cuts := map[string][]step{"as written": steps, "a byte at a time": single(steps), "glued": glued(steps)}
	for name, steps := range cuts {
		r := newRig(t, ch, d.MaxFrame)
		for _, s := range steps {
			if s.data != nil {
				if !s.rest {
					r.now++ // nothing is answered in the moment in which it is asked
				}
				r.receive(s.data)
			}
			if s.tag != "" {
				r.write(s.tag, s.value)
			}
			if s.await {
				r.await()
			}
			r.pass(s.wait)
		}
		if got := strings.Join(r.log, "\n"); got != strings.Join(expect, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, strings.Join(expect, "\n"))
		}
	}
}

func single(steps []step) (out []step) {
	for _, s := range steps {
		for i := range s.data {
			out = append(out, step{data: s.data[i : i+1], rest: i > 0})
		}
		if s.data == nil {
			out = append(out, s)
		}
	}
	return out
}

func glued(steps []step) (out []step) {
	for _, s := range steps {
		if n := len(out); n > 0 && s.data != nil && out[n-1].data != nil {
			out[n-1].data = append(bytes.Clone(out[n-1].data), s.data...)
			continue
		}
		out = append(out, s)
	}
	return out
}

// hostile sends what no device should: the machine must neither panic nor hold more than it may without saying so.
func hostile(t *testing.T, d *drivers.Driver, ch drivers.Channel) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		r := newRig(t, ch, d.MaxFrame)
		for range 50 {
			b := make([]byte, rnd.IntN(300))
			for i := range b {
				b[i] = byte(rnd.Uint32() >> (seed % 8 * 4))
			}
			r.receive(b)
			r.pass(time.Duration(rnd.Int64N(int64(2 * time.Second))))
		}
		r.m.Close(r.now, r.link)
	}
}

// deterministic: two links with the same input do the same, and a third beside them changes nothing.
func deterministic(t *testing.T, d *drivers.Driver, ch drivers.Channel) {
	a, other, b := newRig(t, ch, d.MaxFrame), newRig(t, ch, d.MaxFrame), newRig(t, ch, d.MaxFrame)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		in := make([]byte, rnd.IntN(40))
		for i := range in {
			in[i] = byte(rnd.Uint32())
		}
		wait := time.Duration(rnd.Int64N(int64(time.Second)))
		a.receive(in)
		other.receive([]byte{1, 2, 3})
		b.receive(in)
		a.pass(wait)
		b.pass(wait)
	}
	if strings.Join(a.log, "\n") != strings.Join(b.log, "\n") {
		t.Error("the same input on two links had two outcomes: state is shared, or comes from outside")
	}
}

// silent: after Close nothing is sent; opened again, the machine does what a new one does.
func silent(t *testing.T, ch drivers.Channel) {
	r := newRig(t, ch, 1<<20)
	r.receive([]byte("something"))
	r.closed = true
	r.m.Close(r.now, r.link)
	r.closed, r.wake, r.held = false, 0, nil
	r.m.Open(r.now, r.link)
	fresh := newRig(t, ch, 1<<20)
	r.log, fresh.log = nil, nil
	for range 10 {
		r.pass(time.Second)
		fresh.pass(time.Second)
	}
	if strings.Join(r.log, "\n") != strings.Join(fresh.log, "\n") {
		t.Errorf("opened again it does\n%q\na new machine does\n%q", r.log, fresh.log)
	}
}
