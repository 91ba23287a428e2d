package outputtest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Fake is a listener that hands each connection to a function on a goroutine of its own, and closes it after that; when
// the test ends, all are closed.
func Fake(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			forget := context.AfterFunc(ctx, func() { c.Close() })
			all.Go(func() {
				serve(c)
				forget()
				c.Close()
			})
		}
	})
	return l.Addr().String()
}
