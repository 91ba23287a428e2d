package natsdial

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestOneConnection: a connection that the client has left open is closed by the next Dial, and the last by the end of
// the context.
func TestOneConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &Dialer{Context: ctx, Timeout: time.Minute, Most: 1}
	dialled := func() (there net.Conn) {
		t.Helper()
		accepted := make(chan net.Conn)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, err = io.WriteString(c, "INFO {}\r\n")
			}
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		}()
		if _, err := d.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		return <-accepted
	}
	ended := func(c net.Conn) {
		t.Helper()
		defer c.Close()
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("it is open: %d, %v", n, err)
		}
	}
	first := dialled()
	second := dialled()
	ended(first)
	cancel()
	ended(second)
}
