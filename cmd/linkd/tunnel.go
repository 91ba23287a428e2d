package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

const tunnelLinger = 2 * time.Second // how long a client may take to close once the device's side has ended

func tunnelCommand() *cli.Command {
	return &cli.Command{
		Name:      "tunnel",
		Usage:     "join a local TCP port to a connection's device, until Ctrl-C",
		ArgsUsage: "P/C",
		Flags: clientFlags(
			&cli.StringFlag{Name: "listen", Usage: "local `ADDR`, such as 127.0.0.1:5020"},
		),
		Action: tunnel,
	}
}

func tunnel(c *cli.Context) error {
	at, err := onePoint(c)
	if err != nil {
		return err
	}
	addr := c.String("listen")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return usagef("--listen %q: not an address; write HOST:PORT, such as 127.0.0.1:5020", addr)
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	var known api.Connection // a wrong name shows now, not when the first client comes
	if err := cl.call(c.Context, http.MethodGet, at.path(""), nil, &known); err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", addr, listenCause(err))
	}
	unlisten := context.AfterFunc(c.Context, func() { l.Close() })
	defer unlisten()
	defer l.Close()
	fmt.Fprintf(c.App.Writer, "listening on %s for %s\n", l.Addr(), at)
	t := &tunneller{client: cl, at: at, stderr: c.App.ErrWriter}
	return unlessCancelled(c, t.serve(c.Context, l))
}

func listenCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// tunneller lets one client at a time through to a device.
type tunneller struct {
	client *client
	at     point

	mu     sync.Mutex
	stderr io.Writer
	user   string // address of the client that has the tunnel; empty when none has
}

// serve accepts clients until l closes, and returns when the last of them is gone.
func (t *tunneller) serve(ctx context.Context, l net.Listener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("tunnel: %w", err)
		}
		if !t.take(conn) {
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer t.free()
			defer conn.Close()
			if err := t.join(ctx, conn); err != nil && ctx.Err() == nil {
				t.say("%s: %v", conn.RemoteAddr(), err)
			}
		})
	}
}

func (t *tunneller) take(conn net.Conn) bool {
	who := conn.RemoteAddr().String()
	t.mu.Lock()
	user := t.user
	if user == "" {
		t.user = who
	}
	t.mu.Unlock()
	if user != "" {
		t.say("%s: refused, as %s has the tunnel; one client at a time", who, user)
	}
	return user == ""
}

func (t *tunneller) free() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.user = ""
}

func (t *tunneller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	complain(t.stderr, fmt.Errorf(format, args...))
}

// join moves bytes both ways until both sides are done, one fails, or ctx is done.
func (t *tunneller) join(ctx context.Context, conn net.Conn) error {
	device, err := t.client.upgrade(ctx, t.at)
	if err != nil {
		return err
	}
	defer device.Close()
	unblock := context.AfterFunc(ctx, func() {
		conn.Close()
		device.Close()
	})
	defer unblock()

	clientDone := make(chan struct{})
	go func() {
		defer close(clientDone)
		_, err := io.Copy(device, conn)
		if err != nil || closeWrite(device) != nil {
			device.Close()
		}
		_, _ = io.Copy(io.Discard, conn) // so that closing does not reset it; bounded below
	}()
	_, err = io.Copy(conn, device)
	device.Close()
	if err != nil || closeWrite(conn) != nil || conn.SetReadDeadline(time.Now().Add(tunnelLinger)) != nil {
		conn.Close()
	}
	<-clientDone
	return nil
}

func closeWrite(c io.Closer) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// upgrade asks for a tunnel and returns its raw bytes.
func (c *client) upgrade(ctx context.Context, at point) (io.ReadWriteCloser, error) {
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"linkd-tunnel"}}
	resp, err := c.open(ctx, http.MethodGet, at.path("/tunnel"), header, nil)
	if err != nil {
		return nil, err
	}
	device, ok := resp.Body.(io.ReadWriteCloser)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		resp.Body.Close()
		return nil, c.notLinkd(resp)
	}
	return device, nil
}
