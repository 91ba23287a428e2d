// Package common is what the servers of bench/peers that are written in Go share: the command line, who is known, what
// is counted, the control address, the frames of Modbus RTU and when they are due. It reads no device's socket: how
// that is done is what the servers differ in, and all that their own code shows.
package common

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is how long a server may take to close its links when it is to end. After that the system does.
const grace = 3 * time.Second

// Main is the whole of a server's main. serve listens on the address that the options name, calls Ready, and serves
// until its context is done. Then it may close its links, and returns.
func Main(serve func(context.Context, *Server) error) {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := run(o, serve); err != nil {
		log.Fatal(err)
	}
}

func run(o Options, serve func(context.Context, *Server) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s := newServer(o)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, s) }()
	select {
	case err := <-ended:
		if ctx.Err() == nil {
			return fmt.Errorf("the server ended by itself: %w", err)
		}
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(grace):
		return nil
	}
}

// Listen listens on a free port for devices. Links inherit the socket's keep-alive.
func (s *Server) Listen() (net.Listener, error) {
	config := net.ListenConfig{
		KeepAlive: -1, // net has nothing to set, link by link
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			if e := c.Control(func(fd uintptr) { err = keepAlive(int(fd)) }); e != nil {
				return e
			}
			return err
		},
	}
	return config.Listen(context.Background(), "tcp4", net.JoinHostPort(s.IP.String(), "0"))
}

// Keep-alive of links: an idle one is probed after KeepIdle, every KeepInterval, KeepCount times.
const (
	KeepIdle     = time.Minute
	KeepInterval = 10 * time.Second
	KeepCount    = 3
)

func keepAlive(fd int) error {
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(KeepIdle.Seconds())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(KeepInterval.Seconds())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, KeepCount))
}
