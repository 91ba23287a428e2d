// Command netpoll is a bare server on CloudWeGo's netpoll: its pollers call back on a goroutine of a pool, and a ticker
// goroutine asks what is due.
package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/cloudwego/netpoll"

	"linkd/bench/peers/common"
)

type key struct{}

func serve(s *common.Server) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		if err := netpoll.Configure(netpoll.Config{PollerNum: s.Loops}); err != nil {
			return err
		}
		config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute,
			Interval: 10 * time.Second, Count: 3}}
		inner, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		l, err := netpoll.ConvertListener(inner)
		if err != nil {
			return err
		}
		p := &peer{Server: s, wheel: s.NewWheel()}
		loop, err := netpoll.NewEventLoop(p.request, netpoll.WithOnPrepare(p.prepare))
		if err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- loop.Serve(l) }()
		ready()
		if s.Job == common.Poll {
			go common.Every(ctx, p.wheel.Run)
		}
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		return loop.Shutdown(ctx)
	}
}

type peer struct {
	*common.Server
	wheel *common.Wheel
}

// send is called by the ticker goroutine and by the link's own, one at a time: netpoll's writer has one user.
func send(mu *sync.Mutex, c netpoll.Connection, b []byte) error {
	mu.Lock()
	defer mu.Unlock()
	if _, err := c.Writer().WriteBinary(b); err != nil {
		return err
	}
	return c.Writer().Flush()
}

func (p *peer) prepare(c netpoll.Connection) context.Context {
	var writer sync.Mutex
	l := p.NewLink(func(b []byte) error { return send(&writer, c, b) }, func() { _ = c.Close() })
	_ = c.AddCloseCallback(func(netpoll.Connection) error {
		l.Gone()
		if l.Waited() {
			p.wheel.Remove(l)
		}
		return nil
	})
	return context.WithValue(context.Background(), key{}, l)
}

func (p *peer) request(ctx context.Context, c netpoll.Connection) error {
	p.Wait()
	l := ctx.Value(key{}).(*common.Link)
	r := c.Reader()
	b, err := r.Next(r.Len())
	if err != nil {
		return err
	}
	reply, stay := l.Take(b)
	if !stay {
		return c.Close()
	}
	if l.Polled() {
		p.wheel.Add(l)
	}
	if len(reply) > 0 {
		if _, err := c.Writer().WriteBinary(reply); err != nil {
			return err
		}
		if err := c.Writer().Flush(); err != nil {
			return err
		}
	}
	return r.Release()
}

func main() {
	common.Main(func(s *common.Server) common.IO { return common.IO{Serve: serve(s)} })
}
