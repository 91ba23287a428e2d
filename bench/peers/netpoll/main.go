// Command netpoll is a bare server on netpoll: its pollers read, and hand what has come to a pool of goroutines
// (OnRequest). Polls are started by one goroutine that looks every 2 ms who is due. It does the job that
// bench/peers/README.md describes, and no more.
//
// It has no limits, no retries and no values that others could ask for: on an open network it would not do.
package main

import (
	"context"
	"time"

	"github.com/cloudwego/netpoll"

	"linkd/bench/peers/common"
)

const (
	bufBytes   = 1 << 10         // of each link at first, more than most devices send at once; netpoll's own is a page
	mostUnsent = 1 * time.Second // how long a device may leave bytes untaken until its link is closed
)

type linkKey struct{} // of a connection's context

func serve(ctx context.Context, s *common.Server) error {
	if err := netpoll.Configure(netpoll.Config{PollerNum: s.Loops, BufferSize: bufBytes}); err != nil {
		return err
	}
	listener, err := s.Listen()
	if err != nil {
		return err
	}
	counters, ticker := s.NewCounters(), s.NewTicker()
	accepted := func(c netpoll.Connection) context.Context {
		l := s.NewLink(c, counters, ticker)
		_ = c.AddCloseCallback(func(netpoll.Connection) error { // it does not fail
			l.End()
			return nil
		})
		return context.WithValue(context.Background(), linkKey{}, l)
	}
	loop, err := netpoll.NewEventLoop(request, netpoll.WithOnPrepare(accepted), netpoll.WithWriteTimeout(mostUnsent))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- loop.Serve(listener) }()
	go ticker.Run(ctx)
	if err := s.Ready(listener.Addr().String()); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return loop.Shutdown(context.Background())
	}
}

// request takes all that has come on a link.
func request(ctx context.Context, c netpoll.Connection) error {
	l := ctx.Value(linkKey{}).(*common.Link)
	r := c.Reader()
	b, err := r.Next(r.Len())
	if err == nil {
		l.Lock()
		ok := l.Input(b)
		l.Unlock()
		if ok {
			return r.Release()
		}
	}
	return c.Close()
}

func main() { common.Main(serve) }
