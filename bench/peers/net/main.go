// Command net is a server as it is usually written in Go: a goroutine for each link, with a ticker where it polls.
package main

import (
	"context"
	"errors"
	"net"
	"time"

	"linkd/bench/peers/common"
)

// serveLink is the life of one link.
func serveLink(s *common.Server, c net.Conn) {
	defer c.Close()
	l := s.NewLink(func(b []byte) error {
		_, err := c.Write(b)
		return err
	}, func() { _ = c.Close() })
	defer l.Gone()
	b := make([]byte, 512)
	var due time.Time // of the next question; zero: none
	for {
		if err := c.SetReadDeadline(due); err != nil {
			return
		}
		n, err := c.Read(b)
		s.Wait()
		if n > 0 {
			reply, stay := l.Take(b[:n])
			if !stay {
				return
			}
			if len(reply) > 0 {
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}
		if l.Polled() {
			due = time.Now().Add(l.First())
		}
		if !due.IsZero() && !time.Now().Before(due) {
			if l.Ask() != nil {
				return
			}
			due = time.Now().Add(l.Next())
		}
		if timeout, ok := err.(net.Error); err != nil && (!ok || !timeout.Timeout()) {
			return
		}
	}
}

func serve(s *common.Server) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute,
			Interval: 10 * time.Second, Count: 3}}
		l, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = l.Close() })
		ready()
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) && ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			go serveLink(s, c)
		}
	}
}

func main() {
	common.Main(func(s *common.Server) common.IO { return common.IO{Serve: serve(s)} })
}
