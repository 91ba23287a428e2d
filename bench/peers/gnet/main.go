// Command gnet is a bare server on gnet, as its README has it: event loops with a listener each (SO_REUSEPORT), and all
// that concerns a link done on its loop. Polls are started by one goroutine that wakes the loops every 2 ms; each then
// asks those of its links that are due. It does the job that bench/peers/README.md describes, and no more.
//
// It has no limits, no retries and no values that others could ask for: on an open network it would not do.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"linkd/bench/peers/common"
)

type server struct {
	gnet.BuiltinEventEngine
	*common.Server
	booted chan gnet.Engine

	mu    sync.Mutex
	loops []*loop // that have had a link
}

// loop is one of gnet's, with what its links share.
type loop struct {
	gnet.EventLoop
	server   *server
	counters *common.Counters
	wheel    *common.Wheel
	due      []common.Due // reused
	posted   atomic.Bool  // Run is to be called
}

func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	s.booted <- e
	return gnet.None
}

// OnTraffic implements gnet.EventHandler.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	l, ok := c.Context().(*common.Link)
	if !ok {
		on := s.loop(c.EventLoop())
		l = s.NewLink(c, on.counters, on.wheel)
		c.SetContext(l)
	}
	b, err := c.Next(-1)
	if err != nil || !l.Input(b) {
		return gnet.Close
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (s *server) OnClose(c gnet.Conn, _ error) gnet.Action {
	if l, ok := c.Context().(*common.Link); ok {
		l.End()
	}
	return gnet.None
}

// loop finds what belongs to a loop, which it may see for the first time.
func (s *server) loop(el gnet.EventLoop) *loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, on := range s.loops {
		if on.EventLoop == el {
			return on
		}
	}
	on := &loop{EventLoop: el, server: s, counters: s.NewCounters(), wheel: s.NewWheel()}
	s.loops = append(s.loops, on)
	return on
}

// Run implements gnet.Runnable: it asks the loop's links that are due.
func (on *loop) Run(context.Context) error {
	on.posted.Store(false)
	for some := true; some; {
		on.due, some = on.wheel.Next(on.server.Now(), on.due[:0])
		for _, d := range on.due {
			if !d.Link.Ask(d.At) {
				_ = d.Link.Conn.Close()
			}
		}
	}
	return nil
}

// tick has every loop run once a tick. A loop that has not come to it yet is not told again.
func (s *server) tick(ctx context.Context) {
	ticks := time.NewTicker(common.Tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		s.mu.Lock()
		for _, on := range s.loops {
			if on.posted.CompareAndSwap(false, true) {
				_ = on.Execute(ctx, on) // it fails when the engine ends
			}
		}
		s.mu.Unlock()
	}
}

// onAll has every loop call f, and returns when all have begun to.
func (s *server) onAll(f func(*loop)) {
	s.mu.Lock()
	loops := slices.Clone(s.loops) // a loop may wait for the mutex before it comes to what it is told
	s.mu.Unlock()
	var begun sync.WaitGroup
	for _, on := range loops {
		begun.Add(1)
		err := on.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
			begun.Done()
			f(on)
			return nil
		}))
		if err != nil { // the engine ends
			begun.Done()
		}
	}
	begun.Wait()
}

func (s *server) command(frame *common.Frame) {
	s.onAll(func(on *loop) {
		s.Each(func(l *common.Link) {
			if l.Conn.(gnet.Conn).EventLoop() == on.EventLoop && !l.Command(frame) {
				_ = l.Conn.Close()
			}
		})
	})
}

// reserve binds a free port of an address, on which each loop can then listen, and returns the socket that does.
func reserve(ip netip.Addr) (fd int, addr netip.AddrPort, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, addr, fmt.Errorf("socket: %w", err)
	}
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4()}))
	if err == nil {
		var name unix.Sockaddr
		if name, err = unix.Getsockname(fd); err == nil {
			return fd, netip.AddrPortFrom(ip, uint16(name.(*unix.SockaddrInet4).Port)), nil
		}
	}
	_ = unix.Close(fd)
	return -1, addr, fmt.Errorf("reserve a port of %s: %w", ip, err)
}

// logger has gnet say what goes wrong on standard error. Its own writes to standard output, which says where we listen.
type logger struct{ *log.Logger }

func (logger) Debugf(string, ...any) {}

func (logger) Infof(string, ...any) {}

func (l logger) Warnf(format string, args ...any) { l.Printf(format, args...) }

func (l logger) Errorf(format string, args ...any) { l.Printf(format, args...) }

func serve(ctx context.Context, cs *common.Server) error {
	s := &server{Server: cs, booted: make(chan gnet.Engine, 1)}
	s.Stall = func(d time.Duration) { s.onAll(func(*loop) { time.Sleep(d) }) }
	s.Command = s.command
	fd, addr, err := reserve(s.IP)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(s, "tcp://"+addr.String(), gnet.WithNumEventLoop(s.Loops), gnet.WithReusePort(true),
			gnet.WithReuseAddr(true), gnet.WithTCPKeepAlive(common.KeepIdle),
			gnet.WithTCPKeepInterval(common.KeepInterval), gnet.WithTCPKeepCount(common.KeepCount),
			gnet.WithLogger(logger{log.Default()}))
	}()
	var engine gnet.Engine
	select {
	case err := <-ended:
		return err
	case engine = <-s.booted:
	}
	if s.Job == common.Poll {
		go s.tick(ctx)
	}
	if err := s.Ready(addr.String()); err != nil {
		return err
	}
	_ = unix.Close(fd) // the loops listen
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return engine.Stop(context.Background())
	}
}

func main() { common.Main(serve) }
