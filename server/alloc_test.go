package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"unsafe"

	"linkd/drivers"
	"linkd/drivers/raw"
)

// quietConn is a socket that takes everything.
type quietConn struct{ sent int }

func (c *quietConn) Write(b []byte) (int, error) { c.sent += len(b); return len(b), nil }
func (c *quietConn) OutboundBuffered() int       { return 0 }

// benchLoop is a loop with a fleet of ten thousand, without subscribers, that echoes. frames is that of Config: a link
// of a large fleet has no ring, which is below 0.
func benchLoop(tb testing.TB, frames int) *loop {
	tb.Helper()
	cfg := Config{Log: slog.New(slog.DiscardHandler), Capacity: 1 << 20, Drivers: drivers.Table{raw.Driver()},
		Frames: frames}
	w := newSimWith(tb, cfg, 1,
		project1(nil, []string{`name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: 10000`},
			`name: "ch_{connection}", connection: s1/*, driver: raw, options: {echo: true}`))
	w.srv.events.anyone.Store(0)
	return w.hosts[0].loop
}

// bound is one link from accept to bound session.
func bound(l *loop, c *quietConn, id []byte) *session {
	s := l.enter(c, simAddr, noPoint)
	l.begin(s, noPoint)
	l.traffic(s, id)
	l.rest()
	return s
}

// thousand are the ids of some of the fleet.
func thousand() [][]byte {
	ids := make([][]byte, 1000)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "c%07d", i+1)
	}
	return ids
}

// TestIdentifyAllocatesNothing holds the path from a link's first byte to its bound session, and back, to no
// allocation.
func TestIdentifyAllocatesNothing(t *testing.T) {
	l, c, ids := benchLoop(t, 0), &quietConn{}, thousand()
	i := 0
	allocs := testing.AllocsPerRun(5000, func() {
		s := bound(l, c, ids[i%len(ids)])
		if s.phase != phaseOnline {
			t.Fatal("not bound")
		}
		s.fail(ReasonPeer, "")
		s.closed(nil)
		i++
	})
	if allocs != 0 {
		t.Fatalf("%.2f allocations a link, want 0", allocs)
	}
}

// TestMessageAllocatesNothing holds an echoed message, which a ring keeps, to no allocation.
func TestMessageAllocatesNothing(t *testing.T) {
	l, c := benchLoop(t, 0), &quietConn{}
	s := bound(l, c, []byte("c0000001"))
	msg := bytes.Repeat([]byte("x"), 64)
	if s.ring == 0 {
		t.Fatal("no ring")
	}
	if allocs := testing.AllocsPerRun(5000, func() { l.traffic(s, msg); l.rest() }); allocs != 0 {
		t.Fatalf("%.2f allocations a message, want 0", allocs)
	}
	if c.sent < 5000*64 {
		t.Fatalf("%d bytes echoed", c.sent)
	}
}

// TestFootprint pins what linkd itself keeps: a byte more per link or connection point is a decision.
func TestFootprint(t *testing.T) {
	for what, size := range map[string][2]uintptr{
		"session": {unsafe.Sizeof(chunk{}) >> chunkBits, 192}, // with its timers
		"point":   {unsafe.Sizeof(point{}), 80},
		"values":  {unsafe.Sizeof(values{}), 32},
	} {
		if size[0] > size[1] {
			t.Errorf("%s takes %d bytes, at most %d", what, size[0], size[1])
		}
		t.Logf("%s: %d bytes", what, size[0])
	}
}

func BenchmarkIdentify(b *testing.B) {
	l, c, ids := benchLoop(b, -1), &quietConn{}, thousand()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s := bound(l, c, ids[i%len(ids)])
		i++
		s.fail(ReasonPeer, "")
		s.closed(nil)
	}
}

func BenchmarkEcho(b *testing.B) {
	l, c := benchLoop(b, -1), &quietConn{}
	s := bound(l, c, []byte("c0000001"))
	msg := bytes.Repeat([]byte("x"), 64)
	b.ReportAllocs()
	for b.Loop() {
		l.traffic(s, msg)
		l.rest()
	}
}

// BenchmarkRecord keeps a frame in a ring that is full.
func BenchmarkRecord(b *testing.B) {
	l := benchLoop(b, 0)
	s := bound(l, &quietConn{}, []byte("c0000001"))
	msg := bytes.Repeat([]byte("x"), 64)
	for range ringBytes / len(msg) {
		s.record(0, l.now, msg)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.record(0, l.now, msg)
	}
}
