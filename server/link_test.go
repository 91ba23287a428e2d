package server

import (
	"bytes"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// socketConn is a conn with a socket; what does not go past it is in kept.
type socketConn struct {
	fd     int
	waits  int // bytes that wait from before
	kept   []byte
	writes int
}

func (c *socketConn) Fd() int               { return c.fd }
func (c *socketConn) OutboundBuffered() int { return c.waits }

func (c *socketConn) Write(b []byte) (int, error) {
	c.writes++
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// TestGive: bytes leave in order, at once where nothing waits before them, and by conn.Write where the kernel takes a
// part of them or none.
func TestGive(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(pair[1]), "peer")
	c := &socketConn{fd: pair[0]}
	defer func() { _ = unix.Close(pair[0]) }()
	s := &session{conn: c}
	give := func(b []byte) {
		t.Helper()
		if n, err := s.give(b); n != len(b) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		}
	}
	give([]byte("one"))
	give(nil)
	got := make([]byte, 3)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "one" || len(c.kept) > 0 {
		t.Fatalf("the peer got %q, %v; %q went the long way", got, err, c.kept)
	}
	c.waits = 1
	give([]byte("two"))
	if string(c.kept) != "two" {
		t.Fatalf("%q went the long way, want two: it may not overtake what waits", c.kept)
	}
	c.waits, c.kept, c.writes = 0, nil, 0
	big := bytes.Repeat([]byte("0123456789"), 1<<18)
	give(big)
	if c.writes != 1 || len(c.kept) == 0 || len(c.kept) == len(big) {
		t.Fatalf("%d of %d bytes went the long way, in %d pieces; want a part, in one", len(c.kept), len(big), c.writes)
	}
	taken := make([]byte, len(big)-len(c.kept))
	if _, err := io.ReadFull(peer, taken); err != nil || !bytes.Equal(append(taken, c.kept...), big) {
		t.Fatalf("what the peer got and what went the long way are not what was given: %v", err)
	}
	_ = peer.Close()
	c.kept = nil
	give([]byte("three"))
	if string(c.kept) != "three" {
		t.Fatalf("%q went the long way, want three: conn.Write meets the error", c.kept)
	}
}
