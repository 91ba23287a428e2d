package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ten input registers of unit 1: the question, and an answer with zeros.
var (
	question = []byte{1, 4, 0, 0, 0, registers, 0x70, 0x0D}
	zeros    = append(append([]byte{1, 4, 2 * registers}, make([]byte, 2*registers)...), 0x95, 0x81)
)

// client is the device's end of a link.
type client struct {
	net.Conn
	t *testing.T
}

// dial links a device to a server; what it says is sent in parts.
func dial(t *testing.T, s *server, parts ...string) client {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(startTime))
	for _, part := range parts {
		if _, err := io.WriteString(c, part); err != nil {
			t.Fatal(err)
		}
	}
	return client{c, t}
}

// expect reads what has to come next; nothing: the end.
func (c client) expect(want string) {
	c.t.Helper()
	got := make([]byte, max(len(want), 1))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want || want == "" && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("got %q, %v; want %q", got[:n], err, want)
	}
}

// answer is a slave: it answers questions in two pieces and takes commands, until the link ends.
func (c client) answer() {
	frame := make([]byte, len(question))
	for {
		if _, err := io.ReadFull(c, frame); err != nil {
			return
		}
		pieces := [][]byte{frame}
		if bytes.Equal(frame, question) {
			pieces = [][]byte{zeros[:9], zeros[9:]}
		}
		for _, p := range pieces {
			if _, err := c.Write(p); err != nil {
				return
			}
		}
	}
}

// TestOtherLanguages is what servers that are not written in Go do; bench/peers has the tests that all of them pass.
func TestOtherLanguages(t *testing.T) {
	c := Config{PeersDir: "peers", Scenarios: []string{"echo"}, Peers: []string{CEpoll, CPaced, Java}}.withDefaults()
	b := &bench{Config: c, dir: t.TempDir(), report: &Report{Config: c}}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("CI") != "" && !slices.Contains(b.Peers, CEpoll) {
		t.Error("no C compiler; scripts/install-packages installs one on Debian")
	}
	for _, note := range b.report.Notes {
		t.Log(note)
	}
	for _, peer := range b.Peers {
		run := func(name string, j job, f func(context.Context, *testing.T, *server)) {
			t.Run(peer+"/"+name, func(t *testing.T) {
				s, err := b.start(t.Context(), peer, j)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := s.stop(); err != nil {
						t.Error(err)
					}
				}()
				f(t.Context(), t, s)
			})
		}
		run("echo", job{}, echoed)
		run("polls", polling(100*time.Millisecond), answered)
	}
}

func echoed(ctx context.Context, t *testing.T, s *server) {
	first := dial(t, s, "c00", "00001hel", "lo")
	first.expect("hello")
	second := dial(t, s, "c0000001")
	first.expect("")
	dial(t, s, "c9999999").expect("")
	if _, err := request(ctx, http.MethodPost, s.stallURL+"?ms=0"); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a stall of nothing: %v, want status 400", err)
	}
	const stalled = 50 * time.Millisecond
	began := time.Now()
	if _, err := request(ctx, http.MethodPost, s.stallURL+"?ms=50"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(second, "late"); err != nil {
		t.Fatal(err)
	}
	second.expect("late")
	if took := time.Since(began); took < stalled {
		t.Errorf("echoed after %v, within a stall of %v", took, stalled)
	}
	if now, err := s.stats(ctx); err != nil || now.Bound != 1 || now.BytesIn != 9 || len(now.Lag) != len(lagBounds)+1 {
		t.Errorf("%+v, %v; want 1 device, 9 bytes, %d buckets", now, err, len(lagBounds)+1)
	}
}

func answered(ctx context.Context, t *testing.T, s *server) {
	dial(t, s, "c0000002") // never answers
	rude := dial(t, s, "c0000003")
	rude.expect(string(question))
	if _, err := io.WriteString(rude, "rubbish"+string(zeros)); err != nil {
		t.Fatal(err)
	}
	if err := s.await(ctx, func(now stats) bool { return now.Polls == 1 && now.Lost >= 1 }); err != nil {
		t.Fatal(err)
	}
	go rude.answer()
	go dial(t, s, "c0000001").answer()
	if err := s.await(ctx, func(now stats) bool { return now.Bound == 3 && now.Polls >= 6 }); err != nil {
		t.Fatal(err)
	}
	if err := s.command(ctx, 2); err != nil {
		t.Error(err)
	}
	now, err := s.stats(ctx)
	sent := uint64(0)
	for _, n := range now.Lag {
		sent += n
	}
	if err != nil || now.Commands != 2 || now.BytesIn < 7+6*uint64(len(zeros)) || sent < now.Polls+1 {
		t.Errorf("%+v, %v; want 2 commands, 7 bytes and those of all answers, a lag for each poll", now, err)
	}
}

// TestMissingSource: a server that cannot be built for want of its source is named.
func TestMissingSource(t *testing.T) {
	c := Config{PeersDir: t.TempDir(), Scenarios: []string{"echo"}, Peers: []string{Linkd, NBIO}}.withDefaults()
	b := &bench{Config: c, dir: t.TempDir(), report: &Report{Config: c}}
	err := b.build(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no source of nbio") ||
		!strings.Contains(err.Error(), filepath.Join(c.PeersDir, NBIO)) {
		t.Errorf("%v; want an error that says where nbio's source should be", err)
	}
}
