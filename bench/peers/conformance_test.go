// Package peers_test holds every peer to what README.md says of them.
package peers_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"
)

// recipes say how each peer is built into a folder, and started.
var recipes = map[string]func(dir string) (build, start []string){
	"gnet": goPeer("gnet", "-race"), "net": goPeer("net", "-race"), "netpoll": goPeer("netpoll", "-race"),
	"nbio": goPeer("nbio"), // it hands links to its pollers through the kernel, which the race detector does not see
	"c-epoll": func(dir string) (build, start []string) {
		out := filepath.Join(dir, "c-epoll")
		return []string{"gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-o", out,
			"c-epoll/epoll.c"}, []string{out}
	},
	"c-paced": func(dir string) (build, start []string) {
		out := filepath.Join(dir, "c-paced")
		return []string{"gcc", "-O1", "-o", out, "c-epoll/epoll.c"}, []string{out, "-paced"}
	},
	"java-threads": func(dir string) (build, start []string) {
		out := filepath.Join(dir, "java")
		return []string{"javac", "-d", out, "java-threads/Server.java"},
			[]string{"java", "-Xss256k", "-Xmx256m", "-cp", out, "Server"}
	},
}

func goPeer(name string, flags ...string) func(dir string) (build, start []string) {
	return func(dir string) (build, start []string) {
		out := filepath.Join(dir, name)
		return append(append([]string{"go", "build"}, flags...), "-o", out, "./"+name), []string{out}
	}
}

// peer is one that runs.
type peer struct {
	t             *testing.T
	addr, control string
}

var listens = regexp.MustCompile(`^listening=(\S+) control=(\S+)\n$`)

// start starts a peer; it is ended with the test, and must end well.
func start(t *testing.T, command []string, args ...string) *peer {
	t.Helper()
	cmd := exec.Command(command[0], append(command[1:], args...)...)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil || !kill.Stop() {
			t.Errorf("ended by SIGTERM: %v", err)
		}
	})
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("it does not say where it listens: %q, %v", line, err)
		}
		if m := listens.FindStringSubmatch(line); m != nil { // libraries may have said something before
			return &peer{t, m[1], m[2]}
		}
	}
}

func (p *peer) dial(first string) net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	send(p.t, c, []byte(first))
	return c
}

func send(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

// closed waits for the link to be closed from the other side.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Fatalf("read %d bytes, %v; want the link closed", n, err)
	}
}

func (p *peer) order(path string) int {
	p.t.Helper()
	r, err := http.Post("http://"+p.control+path, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}

type stats struct {
	Bound    int      `json:"bound"`
	BytesIn  int      `json:"bytes_in"`
	Polls    int      `json:"polls"`
	Lost     int      `json:"lost"`
	Commands int      `json:"commands"`
	Lag      []uint64 `json:"lag"`
}

// until asks for the counts until they are right.
func (p *peer) until(what string, right func(stats) bool) stats {
	p.t.Helper()
	var s stats
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r, err := http.Get("http://" + p.control + "/stats")
		if err != nil {
			p.t.Fatal(err)
		}
		err = json.NewDecoder(r.Body).Decode(&s)
		_ = r.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if right(s) {
			return s
		}
	}
	p.t.Fatalf("waited for %s; the counts are %+v", what, s)
	return s
}

func crc(b []byte) []byte {
	c := uint16(0xFFFF)
	for _, x := range b {
		c ^= uint16(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
	}
	return binary.LittleEndian.AppendUint16(b, c)
}

func TestConformance(t *testing.T) {
	for _, name := range []string{"gnet", "net", "nbio", "netpoll", "c-epoll", "c-paced", "java-threads"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			build, run := recipes[name](t.TempDir())
			if _, err := exec.LookPath(build[0]); err != nil {
				t.Skipf("%s is built with %s, which is not here", name, build[0])
			}
			if out, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for what, check := range map[string]func(*testing.T, []string){
				"echo": echo, "sink": sink, "poll": poll, "stall": stall, "usage": usage} {
				t.Run(what, func(t *testing.T) { check(t, run) })
			}
		})
	}
}

// echo: ids in pieces and glued, strangers, takeover.
func echo(t *testing.T, run []string) {
	p := start(t, run, "-n", "100", "-job", "echo", "-loops", "1")
	a := p.dial("c00")
	send(t, a, []byte("00001hel"))
	send(t, a, []byte("lo"))
	expect(t, a, "hello")
	b := p.dial("c0000002glued")
	expect(t, b, "glued")
	closed(t, p.dial("c0000101"))
	closed(t, p.dial("x0000001rubbish"))
	if s := p.until("two devices and 10 bytes", func(s stats) bool { return s.Bound == 2 && s.BytesIn == 10 }); len(s.Lag) != 16 {
		t.Errorf("%d counts of lag, want 16", len(s.Lag))
	}
	again := p.dial("c0000001new")
	expect(t, again, "new")
	closed(t, a)
	_ = b.Close()
	p.until("one device", func(s stats) bool { return s.Bound == 1 })
}

// sink: what comes is counted; a command goes to all, and its echo is an answer.
func sink(t *testing.T, run []string) {
	p := start(t, run, "-n", "100", "-job", "sink")
	links := []net.Conn{p.dial("c0000001123"), p.dial("c000000245678")}
	p.until("two devices and 8 bytes", func(s stats) bool { return s.Bound == 2 && s.BytesIn == 8 })
	for round := range 2 {
		if code := p.order("/command"); code >= 300 {
			t.Fatalf("/command: %d", code)
		}
		for i, c := range links {
			frame := make([]byte, 8)
			if _, err := io.ReadFull(c, frame); err != nil {
				t.Fatal(err)
			}
			value := binary.BigEndian.Uint16(frame[4:])
			if !slices.Equal(frame, crc(slices.Clone(frame[:6]))) || !slices.Equal(frame[:4], []byte{1, 6, 0, 0}) ||
				value < 50 || value > 400 {
				t.Fatalf("command % x", frame)
			}
			send(t, c, frame[:i+3])
			send(t, c, frame[i+3:])
		}
		p.until("the answers", func(s stats) bool { return s.Commands == 2*(round+1) })
	}
}

// poll: answers whole, in pieces, with a wrong checksum; a device that never answers; devices that are not polled.
func poll(t *testing.T, run []string) {
	p := start(t, run, "-n", "100", "-job", "poll", "-p", "200", "-share", "2")
	question := crc([]byte{1, 4, 0, 0, 0, 10})
	answer := crc(append([]byte{1, 4, 20}, make([]byte, 20)...))
	quiet, dead, well := p.dial("c0000001"), p.dial("c0000002"), p.dial("c0000004")
	ask := func() {
		t.Helper()
		expect(t, well, string(question))
	}
	ask()
	send(t, well, answer)
	ask()
	send(t, well, answer[:7])
	time.Sleep(20 * time.Millisecond) // pieces
	send(t, well, answer[7:])
	before := p.until("two polls", func(s stats) bool { return s.Polls == 2 })
	ask()
	wrong := slices.Clone(answer)
	wrong[9]++
	send(t, well, wrong)
	p.until("the wrong answer as lost", func(s stats) bool { return s.Lost > before.Lost })
	expect(t, dead, string(question))
	s := p.until("all three", func(s stats) bool { return s.Bound == 3 })
	if asked := sum(s.Lag); asked < 4 {
		t.Errorf("%d questions are counted by their lag, want 4 or more", asked)
	}
	_ = quiet.SetReadDeadline(time.Now().Add(250 * time.Millisecond))
	if n, err := quiet.Read(make([]byte, 8)); n > 0 {
		t.Errorf("a device that is not polled was asked (%d bytes, %v)", n, err)
	}
	// After its patience the question is asked again, and answered.
	_ = well.SetReadDeadline(time.Now().Add(10 * time.Second))
	ask()
	send(t, well, answer)
	p.until("the third poll", func(s stats) bool { return s.Polls == 3 })
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// stall: what comes in that time waits.
func stall(t *testing.T, run []string) {
	p := start(t, run, "-n", "100", "-job", "echo")
	c := p.dial("c0000001first")
	expect(t, c, "first")
	for _, wrong := range []string{"0", "5001", "x", ""} {
		if code := p.order("/stall?ms=" + wrong); code != http.StatusBadRequest {
			t.Errorf("ms=%q: %d, want 400", wrong, code)
		}
	}
	began := time.Now()
	if code := p.order("/stall?ms=600"); code != http.StatusNoContent {
		t.Fatalf("stall: %d", code)
	}
	send(t, c, []byte("held"))
	expect(t, c, "held")
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("answered %v after the stall began; want 600ms", took)
	}
	again := time.Now()
	send(t, c, []byte("on"))
	expect(t, c, "on")
	if took := time.Since(again); took > 400*time.Millisecond {
		t.Errorf("answered after %v; it is held up for good", took)
	}
}

// usage: a wrong command line is an error.
func usage(t *testing.T, run []string) {
	for _, args := range [][]string{{"-job", "dance"}, {"-n", "0"}, {"-p", "0", "-job", "poll"}} {
		if out, err := exec.Command(run[0], append(slices.Clone(run[1:]), args...)...).CombinedOutput(); err == nil {
			t.Errorf("%v is taken: %s", args, out)
		} else if len(out) == 0 {
			t.Error(fmt.Sprint(args), "is refused without a word")
		}
	}
}
