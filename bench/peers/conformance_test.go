package peers_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConformance(t *testing.T) {
	cases := map[string]func(*testing.T, []string){"echo": echo, "takeover": takeover, "sink": sink,
		"answers": answers, "wrong": wrong, "dead": dead, "share": share, "leaving": leaving, "stall": stall,
		"usage": usage}
	for _, r := range recipes(t.TempDir()) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.make(t)
			for name, check := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					check(t, r.start)
				})
			}
		})
	}
}

// echo: ids come in pieces and glued to data; an unknown one is closed; all that follows comes back.
func echo(t *testing.T, program []string) {
	p := start(t, program, "-n", "100", "-job", "echo", "-loops", "2")
	pieces := p.dial("")
	pieces.sendPieces([]byte("c0000001hello"), 3)
	pieces.expect("hello")
	glued := p.dial("c0000100glued")
	glued.expect("glued")
	p.dial("c0000101").expectClosed()
	p.dial("x0000001data").expectClosed()
	p.dial("c000000x").expectClosed()
	p.until("two devices and 10 bytes", func(s stats) bool { return s.Bound == 2 && s.BytesIn == 10 })

	much := strings.Repeat("0123456789abcdef", 2<<10)
	go func() { _, _ = glued.Write([]byte(much)) }() // it may not fit into what the kernel holds
	glued.expect(much)
	p.until("all bytes", func(s stats) bool { return s.BytesIn == 10+len(much) })
	if code := p.order("/free"); code >= 300 {
		t.Errorf("/free: %d", code)
	}
	_ = pieces.Close()
	p.until("one device", func(s stats) bool { return s.Bound == 1 })
	p.end() // with a link
}

// takeover: a new link of a device that is there takes its place, and the end of the old one does not harm it.
func takeover(t *testing.T, program []string) {
	p := start(t, program, "-n", "10", "-loops", "2")
	last := p.dial("c0000001")
	p.until("a device", func(s stats) bool { return s.Bound == 1 })
	for i := range 8 { // on other loops too
		next := p.dial(fmt.Sprintf("c0000001new%d", i))
		next.expect(fmt.Sprintf("new%d", i))
		last.expectClosed()
		last = next
	}
	last.send([]byte("on"))
	last.expect("on")
	p.until("one device", func(s stats) bool { return s.Bound == 1 })
	_ = last.Close()
	p.until("none", func(s stats) bool { return s.Bound == 0 })
}

// readCommand reads a command, which must come next.
func (l link) readCommand() []byte {
	l.t.Helper()
	frame := make([]byte, 8)
	if _, err := io.ReadFull(l, frame); err != nil {
		l.t.Fatal(err)
	}
	value := binary.BigEndian.Uint16(frame[4:])
	if !bytes.Equal(frame, sealed(1, 6, 0, 0, frame[4], frame[5])) || value < 50 || value >= 400 {
		l.t.Fatalf("read % x; want function 6, address 0 and a value from 50 to 399", frame)
	}
	return frame
}

// sink: what comes is counted, and nothing sent back; a command goes to all, and its echo is an answer.
func sink(t *testing.T, program []string) {
	p := start(t, program, "-n", "100", "-job", "sink")
	links := []link{p.dial("c0000001123"), p.dial("c000000245678")}
	p.until("two devices and 8 bytes", func(s stats) bool { return s.Bound == 2 && s.BytesIn == 8 })
	var last []byte
	for round := 1; round <= 2; round++ {
		if code := p.order("/command"); code >= 300 {
			t.Fatalf("/command: %d", code)
		}
		for i, l := range links {
			frame := l.readCommand()
			if i == 0 && bytes.Equal(frame, last) {
				t.Errorf("two commands are % x; want other values", frame)
			}
			last = frame
			l.sendPieces(frame, i+5)
		}
		p.until("the answers", func(s stats) bool { return s.Commands == 2*round && s.BytesIn == 8+16*round })
	}
}

var (
	question = sealed(1, 4, 0, 0, 0, 10)
	answer   = sealed(append([]byte{1, 4, 20}, "0123456789abcdefghij"...)...)
)

// answers: they come whole and in pieces, and are counted; a device is asked once a period at most.
func answers(t *testing.T, program []string) {
	const period = 100 * time.Millisecond
	p := start(t, program, "-n", "10", "-job", "poll", "-p", "100")
	began := time.Now()
	l := p.dial("c0000001")
	sizes := []int{25, 1, 7, 24, 25}
	for _, size := range sizes {
		l.expect(string(question))
		l.sendPieces(answer, size)
	}
	l.expect(string(question))
	s := p.until("all polls", func(s stats) bool { return s.Polls == len(sizes) })
	if s.BytesIn != len(sizes)*len(answer) {
		t.Errorf("%d bytes, want %d", s.BytesIn, len(sizes)*len(answer))
	}
	if n, most := s.asked()+s.Lost, int(time.Since(began)/period)+1; s.asked() <= len(sizes) || n > most {
		t.Errorf("%d were asked and %d lost, want more than %d asked and %d together at most", s.asked(), s.Lost,
			len(sizes), most)
	}
}

// wrong: bytes that are no answer are thrown away and lost; the question that is in flight, or the next, is answered.
func wrong(t *testing.T, program []string) {
	p := start(t, program, "-n", "10", "-job", "poll", "-p", "500")
	l := p.dial("c0000001rubbish")
	p.until("rubbish behind an id as lost", func(s stats) bool { return s.Lost > 0 && s.BytesIn == 7 })
	l.expect(string(question))
	before := p.until("nothing", func(stats) bool { return true })
	l.send([]byte{9, 9, 9})
	p.until("rubbish as lost", func(s stats) bool { return s.Lost > before.Lost })
	l.send(answer)
	p.until("the answer behind it", func(s stats) bool { return s.Polls == 1 })

	l.expect(string(question))
	flipped := slices.Clone(answer)
	flipped[9]++
	for _, bad := range [][]byte{flipped, ofUnit(2, 4, 20), ofUnit(1, 3, 20), ofUnit(1, 4, 18)} {
		before = p.until("nothing", func(stats) bool { return true })
		l.send(bad)
		before = p.until("a wrong answer as lost", func(s stats) bool { return s.Lost > before.Lost })
	}
	if before.Polls != 1 {
		t.Errorf("%d polls, want 1", before.Polls)
	}
	l.expect(string(question)) // the one before was given up
	l.send(answer)
	p.until("the next answer", func(s stats) bool { return s.Polls == 2 })
}

// ofUnit is a frame with so many bytes behind its head.
func ofUnit(unit, function, size byte) []byte {
	return sealed(append([]byte{unit, function, size}, make([]byte, size)...)...)
}

// serve answers all questions and commands until the link ends.
func (l link) serve() {
	frame := make([]byte, 8)
	for {
		if _, err := io.ReadFull(l, frame); err != nil {
			return
		}
		reply := answer
		if frame[1] == 6 {
			reply = frame
		}
		if _, err := l.Write(reply); err != nil {
			return
		}
	}
}

// dead: a device that does not answer stays linked, is asked again after 3 s, and does not stop the others.
func dead(t *testing.T, program []string) {
	p := start(t, program, "-n", "10", "-job", "poll", "-p", "100")
	silent := p.dial("c0000001")
	go p.dial("c0000002").serve()
	silent.expect(string(question))
	first := time.Now()
	before := p.until("a poll", func(s stats) bool { return s.Polls > 0 })
	p.until("others", func(s stats) bool { return s.Polls > before.Polls+10 && s.Lost > 0 && s.Bound == 2 })
	silent.expect(string(question))
	if after := time.Since(first); after < 2500*time.Millisecond {
		t.Errorf("asked again after %v, want 3s", after)
	}
	go silent.serve()
	before = p.until("both links", func(s stats) bool { return s.Bound == 2 })
	p.until("polls of both", func(s stats) bool { return s.Polls > before.Polls+6 })
	p.end() // with questions in flight
}

// share: devices whose number it does not divide are not asked; a command goes to all, and does not stop the polls.
func share(t *testing.T, program []string) {
	p := start(t, program, "-n", "100", "-job", "poll", "-p", "50", "-share", "3")
	one, three := p.dial("c0000001"), p.dial("c0000003")
	go three.serve()
	p.until("polls", func(s stats) bool { return s.Polls > 5 && s.Bound == 2 })
	p.order("/command")
	one.send(one.readCommand())
	before := p.until("the answers", func(s stats) bool { return s.Commands == 2 })
	p.until("polls", func(s stats) bool { return s.Polls > before.Polls+5 })
}

// leaving: fleets that hang up while they are polled take no server with them.
func leaving(t *testing.T, program []string) {
	p := start(t, program, "-n", "100", "-job", "poll", "-p", "2", "-loops", "2")
	for range 6 {
		var links []link
		for n := range 50 {
			l := p.dial(fmt.Sprintf("c%07d", n+1))
			links = append(links, l)
			go l.serve()
		}
		p.until("the fleet", func(s stats) bool { return s.Bound == len(links) })
		for _, l := range links {
			_ = l.Close()
		}
		p.until("none", func(s stats) bool { return s.Bound == 0 })
	}
}

// stall: what comes in that time waits, on every link.
func stall(t *testing.T, program []string) {
	p := start(t, program, "-n", "100", "-job", "echo", "-loops", "2")
	var links []link
	for n := range 8 {
		l := p.dial(fmt.Sprintf("c%07dfirst", n+1))
		l.expect("first")
		links = append(links, l)
	}
	for _, bad := range []string{"?ms=0", "?ms=5001", "?ms=-1", "?ms=x", "?ms=", ""} {
		if code := p.order("/stall" + bad); code != http.StatusBadRequest {
			t.Errorf("/stall%s: %d, want 400", bad, code)
		}
	}
	const held = 500 * time.Millisecond
	began := time.Now()
	if code := p.order("/stall?ms=500"); code != http.StatusNoContent {
		t.Fatalf("stall: %d, want 204", code)
	}
	for _, l := range links {
		l.send([]byte("held"))
	}
	for _, l := range links {
		l.expect("held")
		if took := time.Since(began); took < held-time.Millisecond {
			t.Errorf("answered %v after the stall began, want %v", took, held)
		}
	}
}

// usage: what the command line asks for is done, or refused with a word.
func usage(t *testing.T, program []string) {
	p := start(t, program, "-n", "1", "-addr", "127.0.0.2")
	if !strings.HasPrefix(p.addr, "127.0.0.2:") || !strings.HasPrefix(p.control, "127.0.0.1:") {
		t.Errorf("it listens on %s and %s, want 127.0.0.2 and 127.0.0.1", p.addr, p.control)
	}
	p.dial("c0000001x").expect("x")
	for _, args := range []string{"-job dance", "-n 0", "-n x", "-p 0", "-share 0", "-loops 0", "-addr here", "-what",
		"more"} {
		command := append(slices.Clone(program), strings.Fields(args)...)
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err == nil || len(out) == 0 {
			t.Errorf("%s: %q, %v; want an error", args, out, err)
		}
	}
}
