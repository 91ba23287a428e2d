package main

import (
	"net"
	"net/netip"
	"reflect"
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// probe notes the size of gnet's connection.
type probe struct {
	gnet.BuiltinEventEngine
	booted chan gnet.Engine
	size   chan uintptr
}

func (p *probe) OnBoot(e gnet.Engine) gnet.Action {
	p.booted <- e
	return gnet.None
}

func (p *probe) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	p.size <- reflect.TypeOf(c).Elem().Size()
	return nil, gnet.Close
}

// TestConnection: a loop listens on a reserved port; its connections have the size that docs/performance.md says.
func TestConnection(t *testing.T) {
	fd, addr, err := reserve(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	p := &probe{booted: make(chan gnet.Engine, 1), size: make(chan uintptr, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(p, "tcp://"+addr.String(), gnet.WithReuseAddr(true), gnet.WithReusePort(true))
	}()
	select {
	case err := <-ended:
		t.Fatal(err)
	case e := <-p.booted:
		defer func() {
			if err := e.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}()
	}
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if size := <-p.size; size != 240 {
		t.Errorf("gnet's connection has %d bytes; docs/performance.md says 240", size)
	}
}
