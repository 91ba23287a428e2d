// Command net is a bare server as it is usually written in Go: a goroutine that reads each link, and another with a
// ticker for each that is polled. It does the job that bench/peers/README.md describes, and no more.
//
// It has no limits, no retries and no values that others could ask for: on an open network it would not do.
package main

import (
	"context"
	"net"
	"time"

	"linkd/bench/peers/common"
)

const (
	bufBytes = 1 << 10 // more than most devices send at once
	retry    = 10 * time.Millisecond
)

type server struct {
	*common.Server
	counters *common.Counters
}

// link is the life of one link.
func (s *server) link(c net.Conn) {
	l := s.NewLink(c, s.counters, &ticker{server: s.Server, done: make(chan struct{})})
	defer l.End()
	defer c.Close()
	b := make([]byte, bufBytes)
	for {
		n, err := c.Read(b)
		l.Lock()
		ok := l.Input(b[:n])
		l.Unlock()
		if err != nil || !ok {
			return
		}
	}
}

// ticker implements common.Timers for one link.
type ticker struct {
	server *common.Server
	done   chan struct{}
}

// Start implements common.Timers.
func (t *ticker) Start(l *common.Link) { go t.poll(l, l.FirstDue()) }

// Stop implements common.Timers.
func (t *ticker) Stop(*common.Link) { close(t.done) }

// poll asks once a period, from a first time on.
func (t *ticker) poll(l *common.Link, due int64) {
	first := time.NewTimer(time.Duration(due - t.server.Now()))
	defer first.Stop()
	select {
	case <-t.done:
		return
	case <-first.C:
	}
	ticks := time.NewTicker(t.server.Period)
	defer ticks.Stop()
	for {
		for ; due <= t.server.Now(); due += int64(t.server.Period) { // more than once where the ticker has dropped a tick
			l.Lock()
			ok := l.Ask(due)
			l.Unlock()
			if !ok {
				_ = l.Conn.Close()
				return
			}
		}
		select {
		case <-t.done:
			return
		case <-ticks.C:
		}
	}
}

func serve(ctx context.Context, cs *common.Server) error {
	s := &server{cs, cs.NewCounters()}
	listener, err := s.Listen()
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	if err := s.Ready(listener.Addr().String()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		c, err := listener.Accept()
		if err != nil {
			time.Sleep(retry) // no descriptors: some may come back
			continue
		}
		go s.link(c)
	}
	return nil // links end with the process
}

func main() { common.Main(serve) }
