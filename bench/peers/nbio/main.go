// Command nbio is a bare nbio server: its pollers call back with what came, and a ticker goroutine asks what is due.
package main

import (
	"context"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"

	"linkd/bench/peers/common"
)

func serve(s *common.Server) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		logging.SetLevel(logging.LevelError)
		engine := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{addr}, NPoller: s.Loops,
			ReadBufferSize: 64 << 10})
		wheel := s.NewWheel()
		engine.OnOpen(func(c *nbio.Conn) {
			_ = c.SetKeepAlive(true)
			_ = c.SetKeepAlivePeriod(time.Minute)
			c.SetSession(s.NewLink(func(b []byte) error {
				_, err := c.Write(b)
				return err
			}, func() { _ = c.Close() }))
		})
		engine.OnData(func(c *nbio.Conn, b []byte) {
			s.Wait()
			l := c.Session().(*common.Link)
			reply, stay := l.Take(b)
			if !stay {
				_ = c.Close()
				return
			}
			if l.Polled() {
				wheel.Add(l)
			}
			if len(reply) > 0 {
				_, _ = c.Write(reply) // an error closes the link
			}
		})
		engine.OnClose(func(c *nbio.Conn, _ error) {
			l, ok := c.Session().(*common.Link)
			if !ok {
				return
			}
			l.Gone()
			if l.Waited() {
				wheel.Remove(l)
			}
		})
		if err := engine.Start(); err != nil {
			return err
		}
		ready()
		if s.Job == common.Poll {
			common.Every(ctx, wheel.Run)
		}
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		return engine.Shutdown(ctx)
	}
}

func main() {
	common.Main(func(s *common.Server) common.IO { return common.IO{Serve: serve(s)} })
}
