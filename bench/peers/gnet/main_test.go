package main

import (
	"io"
	"net"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
)

// probe notes the size of gnet's connection.
type probe struct {
	*server
	size chan uintptr
}

func (p *probe) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	p.size <- reflect.TypeOf(c).Elem().Size()
	return nil, gnet.None
}

// TestBindAndEcho: the id may be cut anywhere and glued to data; all that follows comes back, the id does not.
// It prints what docs/performance.md says of sizes.
func TestBindAndEcho(t *testing.T) {
	s := &server{devices: map[string]*device{"c0000001": {}}, booted: make(chan gnet.Engine, 1)}
	p := &probe{s, make(chan uintptr, 8)}
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- gnet.Run(p, "tcp://"+addr, gnet.WithReuseAddr(true), gnet.WithReusePort(true)) }()
	var e gnet.Engine
	select {
	case e = <-s.booted:
	case err := <-ended:
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	for _, parts := range [][]string{{"c0000001", "hello"}, {"c0000001hello"}, {"c00", "00001hel", "lo"}} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, len("hello"))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Errorf("%q: %q, %v", parts, b, err)
		}
		_ = c.Close()
	}
	if size := <-p.size; size != 240 {
		t.Errorf("gnet's connection has %d bytes; docs/performance.md says 240", size)
	}
	if size := unsafe.Sizeof(device{}); size != 16 {
		t.Errorf("a device has %d bytes; docs/performance.md says 16", size)
	}
	if n := s.devices["c0000001"].bytesIn.Load(); n != 15 {
		t.Errorf("%d bytes counted, want 15", n)
	}
}
