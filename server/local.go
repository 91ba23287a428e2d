package server

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"linkd/project"
)

// local serves the channels without a connection: a provider that people do not see, with a connection point for each
// such channel and a session on it that lasts as long as the channel does. Everything about tags is then as on a link.
type local struct {
	*provider
	host *localHost
}

// localName is the provider's name: no configured one is empty.
const localName = ""

// localHost is a loop's host without sockets: one goroutine.
type localHost struct {
	loop  *loop
	tasks chan func() // a loop asks for one delivery at a time, and the timer for one tick
	ended chan struct{}
	done  chan struct{}
	timer *time.Timer
}

var errEnded = errors.New("server: the loop has ended")

// localConf is the configuration of the local provider for a project.
func localConf(p *project.Project) *project.Provider {
	c := &project.Provider{Name: localName, Type: project.NoLink}
	for _, ch := range p.Channels {
		if ch.Connection == "" {
			c.Connections = append(c.Connections, &project.ConnPt{Name: ch.Name, SocketConnID: ch.Name})
		}
	}
	return c
}

// applyLocal makes the channels without a connection those of next.
func (s *Server) applyLocal(next *project.Project, chans map[*project.Channel]*served) error {
	conf := localConf(next)
	if s.local == nil && len(conf.Connections) == 0 {
		return nil
	}
	set, err := compileSettings(conf)
	if err != nil {
		return err
	}
	if s.local == nil {
		s.startLocal(conf)
	}
	s.local.adoptSettings(conf, set)
	s.local.reconcile(time.Now().UnixNano(), next, chans)
	return s.local.host.loop.post(letter{must: true, do: func(int64, *session) { s.local.openAll() }})
}

// startLocal starts the goroutine of the local provider.
func (s *Server) startLocal(conf *project.Provider) {
	p := s.newProvider(conf)
	h := &localHost{tasks: make(chan func(), 4), ended: make(chan struct{}), done: make(chan struct{})}
	h.loop = s.addLoop(p, h, monotonic(time.Now()))
	h.timer = time.AfterFunc(time.Hour, func() { _ = h.run(h.loop.tick) }) // an error: it has ended
	h.timer.Stop()
	s.mu.Lock()
	s.local = &local{provider: p, host: h}
	s.mu.Unlock()
	go h.serve()
}

// openAll gives every connection point that has none its session. On the loop.
func (l *local) openAll() {
	var without []uint32
	l.mu.RLock()
	l.eachPoint(1, func(n uint32, pt *point, _ []byte) bool {
		if pt.binding.Owner() == 0 {
			without = append(without, n)
		}
		return true
	})
	l.mu.RUnlock()
	for _, n := range without {
		c := &localConn{}
		if c.session = l.host.loop.enter(c, netip.AddrPort{}, n); c.session != nil {
			l.host.loop.begin(c.session, n)
		}
	}
	l.host.loop.rest()
}

// stop ends the sessions and the goroutine.
func (l *local) stop(ctx context.Context, r Reason) error {
	err := l.provider.stop(ctx, r)
	close(l.host.ended)
	<-l.host.done
	return err
}

// serve runs the tasks until the host is ended.
func (h *localHost) serve() {
	defer close(h.done)
	defer func() {
		h.timer.Stop()
		h.loop.provider.srv.dropLoop(h.loop)
	}()
	for {
		select {
		case task := <-h.tasks:
			task()
		case <-h.ended:
			return
		}
	}
}

// run implements host.
func (h *localHost) run(task func()) error {
	select {
	case h.tasks <- task:
		return nil
	case <-h.ended:
		return errEnded
	}
}

// wake implements host.
func (h *localHost) wake(after time.Duration) { h.timer.Reset(after) }

// drop implements host.
func (h *localHost) drop(c conn) { c.(*localConn).session.closed(nil) }

// unread implements host: there is no socket.
func (h *localHost) unread(conn) bool { return false }

// localConn is the socket that a local session has not: what is written to it is gone.
type localConn struct{ session *session }

func (*localConn) Write(b []byte) (int, error) { return len(b), nil }

func (*localConn) OutboundBuffered() int { return 0 }
