// Package peers_test holds every peer to what README.md says of them.
package peers_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recipe is how a peer is built, in this folder, and started.
type recipe struct {
	name         string
	build, start []string
}

// recipes are for all peers, built into dir. LINKD_PEER="NAME=PROGRAM ARGUMENTS" adds one that is built already.
func recipes(dir string) []recipe {
	out := func(name string) string { return filepath.Join(dir, name) }
	var list []recipe
	for _, name := range []string{"gnet", "net", "nbio", "netpoll"} {
		list = append(list, recipe{name, []string{"go", "build", "-race", "-o", out(name), "./" + name}, []string{out(name)}})
	}
	list = append(list,
		recipe{"c-epoll", []string{"gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
			"-o", out("c-epoll"), "c-epoll/epoll.c"}, []string{out("c-epoll")}},
		recipe{"c-paced", []string{"gcc", "-O1", "-o", out("c-paced"), "c-epoll/epoll.c"},
			[]string{out("c-paced"), "-paced"}},
		recipe{"java-threads", []string{"javac", "-d", out("java"), "java-threads/Server.java"},
			[]string{"java", "-Xss256k", "-Xmx256m", "-cp", out("java"), "Server"}})
	if name, command, ok := strings.Cut(os.Getenv("LINKD_PEER"), "="); ok {
		list = append(list, recipe{name, nil, strings.Fields(command)})
	}
	return list
}

// make builds a peer. Where its compiler is not there the test is skipped, or fails if LINKD_REQUIRE_PEERS=1.
func (r recipe) make(t *testing.T) {
	t.Helper()
	if len(r.build) == 0 {
		return
	}
	if _, err := exec.LookPath(r.build[0]); err != nil {
		if os.Getenv("LINKD_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is built with %s: %v", r.name, r.build[0], err)
		}
		t.Skipf("%s is built with %s, which is not here", r.name, r.build[0])
	}
	if out, err := exec.Command(r.build[0], r.build[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// peer is one that runs.
type peer struct {
	t             *testing.T
	cmd           *exec.Cmd
	addr, control string
	ended         bool
}

var (
	listens = regexp.MustCompile(`^listening=(\S+) control=(\S+)\n$`)
	// client leaves no connection behind.
	client = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
)

const (
	patience = 30 * time.Second // of the test
	endTime  = 10 * time.Second // from SIGTERM to the end; peers take 5 s on a machine that is not busy
)

// start starts a peer; it is ended with the test, and must end well.
func start(t *testing.T, command []string, args ...string) *peer {
	t.Helper()
	p := &peer{t: t, cmd: exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)}
	p.cmd.Stderr = t.Output()
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10") // the race detector's own would be a second
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	line, err := bufio.NewReader(out).ReadString('\n')
	m := listens.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("it does not say where it listens: %q, %v", line, err)
	}
	p.addr, p.control = m[1], m[2]
	return p
}

// end ends the peer, once.
func (p *peer) end() {
	p.t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(endTime, func() { _ = p.cmd.Process.Kill() })
	if err := p.cmd.Wait(); err != nil || !kill.Stop() {
		p.t.Errorf("ended by SIGTERM: %v; want status 0, and soon", err)
	}
}

// link is a device's.
type link struct {
	net.Conn
	t *testing.T
}

func (p *peer) dial(first string) link {
	p.t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	l := link{c, p.t}
	l.send([]byte(first))
	return l
}

func (l link) send(b []byte) {
	l.t.Helper()
	if _, err := l.Write(b); err != nil {
		l.t.Fatal(err)
	}
}

// sendPieces sends b in pieces, which come apart.
func (l link) sendPieces(b []byte, size int) {
	l.t.Helper()
	for ; len(b) > 0; b = b[min(size, len(b)):] {
		l.send(b[:min(size, len(b))])
		time.Sleep(2 * time.Millisecond)
	}
}

func (l link) expect(want string) {
	l.t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(l, b); err != nil || string(b) != want {
		l.t.Fatalf("read %q, %v; want %q", b, err, want)
	}
}

// expectClosed waits for the link to be closed from the other side.
func (l link) expectClosed() {
	l.t.Helper()
	if n, err := l.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Fatalf("read %d bytes, %v; want the link closed", n, err)
	}
}

// order posts a request and returns the status.
func (p *peer) order(path string) int {
	p.t.Helper()
	r, err := client.Post("http://"+p.control+path, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// stats are what GET /stats answers.
type stats struct {
	Bound    int   `json:"bound"`
	BytesIn  int   `json:"bytes_in"`
	Polls    int   `json:"polls"`
	Lost     int   `json:"lost"`
	Commands int   `json:"commands"`
	Lag      []int `json:"lag"`
}

// asked is how many questions were sent.
func (s stats) asked() (n int) {
	for _, of := range s.Lag {
		n += of
	}
	return n
}

// until asks for the counts until they are right.
func (p *peer) until(what string, right func(stats) bool) stats {
	p.t.Helper()
	var s stats
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r, err := client.Get("http://" + p.control + "/stats")
		if err != nil {
			p.t.Fatal(err)
		}
		s = stats{}
		err = json.NewDecoder(r.Body).Decode(&s)
		_ = r.Body.Close()
		if err != nil || len(s.Lag) != 16 {
			p.t.Fatalf("the counts are %+v, %v; want 16 of lag", s, err)
		}
		if right(s) {
			return s
		}
	}
	p.t.Fatalf("waited for %s; the counts are %+v", what, s)
	return s
}

// sealed appends the CRC of Modbus RTU.
func sealed(b ...byte) []byte {
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
