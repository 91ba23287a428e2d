// Command nbio is a bare server on nbio: its pollers read and call back (OnData), any goroutine may write. Polls are
// started by one goroutine that looks every 2 ms who is due. It does the job that bench/peers/README.md describes, and
// no more.
//
// It has no limits, no retries and no values that others could ask for: on an open network it would not do.
package main

import (
	"context"
	"net"
	"os"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"

	"linkd/bench/peers/common"
)

// mostUnsent is how much a device may leave untaken until its link is closed, in bytes.
const mostUnsent = 1 << 20

func serve(ctx context.Context, s *common.Server) error {
	logging.Output = os.Stderr // standard output says where we listen
	logging.SetLevel(logging.LevelError)
	engine := nbio.NewEngine(nbio.Config{
		Network:            "tcp4",
		Addrs:              []string{s.IP.String()},
		Listen:             func(string, string) (net.Listener, error) { return s.Listen() },
		NPoller:            s.Loops,
		MaxWriteBufferSize: mostUnsent,
	})
	counters, ticker := s.NewCounters(), s.NewTicker()
	engine.OnData(func(c *nbio.Conn, b []byte) {
		l, ok := c.Session().(*common.Link)
		if !ok { // c is read by one poller
			l = s.NewLink(c, counters, ticker)
			c.SetSession(l)
		}
		l.Lock()
		ok = l.Input(b)
		l.Unlock()
		if !ok {
			_ = c.Close()
		}
	})
	engine.OnClose(func(c *nbio.Conn, _ error) {
		if l, ok := c.Session().(*common.Link); ok {
			l.End()
		}
	})
	if err := engine.Start(); err != nil {
		return err
	}
	go ticker.Run(ctx)
	if err := s.Ready(engine.Addrs[0]); err != nil {
		return err
	}
	<-ctx.Done()
	engine.Stop()
	return nil
}

func main() { common.Main(serve) }
