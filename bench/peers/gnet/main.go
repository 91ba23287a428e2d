// Command gnet is a bare gnet server: event loops with a port shared by SO_REUSEPORT, and a ticker goroutine that has
// each loop ask what is due, as gnet's documentation would have it.
package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"

	"linkd/bench/peers/common"
)

type server struct {
	gnet.BuiltinEventEngine
	*common.Server
	booted chan gnet.Engine

	mu    sync.Mutex
	loops map[gnet.EventLoop]*common.Wheel // each touched on its loop alone
}

func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	s.booted <- e
	return gnet.None
}

// OnOpen implements gnet.EventHandler.
func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	l := s.NewLink(func(b []byte) error {
		_, err := c.Write(b)
		return err
	}, func() { _ = c.Close() })
	l.Post = func(b []byte) error { return c.AsyncWrite(b, nil) }
	c.SetContext(l)
	s.wheel(c.EventLoop()) // from now on the loop is known
	return nil, gnet.None
}

// OnTraffic implements gnet.EventHandler.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	l := c.Context().(*common.Link)
	b, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	reply, stay := l.Take(b)
	if !stay {
		return gnet.Close
	}
	if l.Polled() {
		s.wheel(c.EventLoop()).Add(l)
	}
	if len(reply) > 0 {
		if _, err := c.Write(reply); err != nil {
			return gnet.Close
		}
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (s *server) OnClose(c gnet.Conn, _ error) gnet.Action {
	if l, ok := c.Context().(*common.Link); ok {
		l.Gone()
		if l.Waited() {
			s.wheel(c.EventLoop()).Remove(l)
		}
	}
	return gnet.None
}

func (s *server) wheel(loop gnet.EventLoop) *common.Wheel {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.loops[loop]
	if w == nil {
		w = s.NewWheel()
		s.loops[loop] = w
	}
	return w
}

// each has every loop that has links run f.
func (s *server) each(f func(*common.Wheel)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for loop, w := range s.loops {
		_ = loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
			f(w)
			return nil
		}))
	}
}

func (s *server) serve(ctx context.Context, addr string, ready func()) error {
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(s, "tcp://"+addr, gnet.WithNumEventLoop(s.Loops), gnet.WithReusePort(true),
			gnet.WithReuseAddr(true), gnet.WithTCPKeepAlive(time.Minute), gnet.WithTCPKeepInterval(10*time.Second),
			gnet.WithTCPKeepCount(3), gnet.WithLogLevel(logging.ErrorLevel))
	}()
	select {
	case err := <-ended:
		return err
	case e := <-s.booted:
		ready()
		if s.Job == common.Poll {
			go common.Every(ctx, func() { s.each((*common.Wheel).Run) })
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("gnet ended by itself"), err)
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		return e.Stop(ctx)
	}
}

func main() {
	common.Main(func(c *common.Server) common.IO {
		s := &server{Server: c, booted: make(chan gnet.Engine, 1), loops: map[gnet.EventLoop]*common.Wheel{}}
		return common.IO{Serve: s.serve, Stall: func(d time.Duration) {
			s.each(func(*common.Wheel) { time.Sleep(d) })
		}}
	})
}
