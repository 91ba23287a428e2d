package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"linkd/project"
	"linkd/routing"
)

// States of a provider.
const (
	stateListening  = "listening"
	stateDialling   = "dialling"
	stateRestarting = "restarting"
	stateStopped    = "stopped"
)

const (
	restartFirst   = 100 * time.Millisecond
	restartLongest = 30 * time.Second
)

// supervisor runs a provider's engines one after another: an engine that returns without having been asked to is a
// fault, logged and counted once, and the next one starts after a pause that doubles.
type supervisor struct {
	p      *provider
	loops  int
	local  netip.AddrPort
	freed  func() // gives the claim on the address back
	cancel context.CancelFunc
	ctx    context.Context
	engine chan *engine // holds the engine that runs
	done   chan struct{}
}

// newProvider makes a provider that has no settings and no connection points yet.
func (s *Server) newProvider(c *project.Provider) *provider {
	p := &provider{srv: s, name: c.Name, table: routing.NewTable(c.Len()), pts: newPoints(), limit: &s.limit,
		state: stateStopped}
	p.served.Store(&[]*served{nil})
	return p
}

// adoptSettings makes set what new links get.
func (p *provider) adoptSettings(c *project.Provider, set *settings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conf = c
	p.live.Store(set)
	switch {
	case c.AcceptRate <= 0:
		p.rate.Store(nil)
	case p.rate.Load() == nil || float64(p.rate.Load().Limit()) != c.AcceptRate:
		p.rate.Store(rate.NewLimiter(rate.Limit(c.AcceptRate), max(int(c.AcceptRate), 1)))
	}
}

// start begins to listen. The error is one that the user sees.
func (p *provider) start(loops int) error {
	local, freed, err := claim(netip.AddrPortFrom(p.conf.LocalIP, p.conf.LocalPort))
	if err != nil {
		p.setState(stateStopped, err.Error())
		return fmt.Errorf("provider %s: %w", p.name, err)
	}
	v := &supervisor{p: p, loops: loops, local: local, freed: freed, engine: make(chan *engine, 1),
		done: make(chan struct{})}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	p.supervisor = v
	p.mu.Lock()
	p.addr = listenAddr(local)
	p.mu.Unlock()
	first := make(chan error, 1)
	go v.run(first)
	if err := <-first; err != nil {
		<-v.done
		p.setState(stateStopped, err.Error())
		return fmt.Errorf("provider %s: %w", p.name, err)
	}
	p.srv.log.Info("listening", "provider", p.name, "addr", p.addr, "loops", loops)
	return nil
}

// listenAddr is a listener's address as gnet and people read it; all local addresses are "[::]".
func listenAddr(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port()).String()
	}
	return a.String()
}

// run starts engines until the supervisor is stopped. first gets the outcome of the first start.
func (v *supervisor) run(first chan<- error) {
	defer close(v.done)
	defer v.freed()
	pause := restartFirst
	for {
		began := time.Now()
		up, err := v.runEngine(first)
		if v.ctx.Err() != nil {
			return
		}
		if first != nil && !up { // the user's to mend
			first <- err
			return
		}
		first = nil
		if time.Since(began) > restartLongest {
			pause = restartFirst
		}
		v.p.srv.restarts.Add(1)
		v.p.setState(stateRestarting, err.Error())
		v.p.srv.log.Error("the provider's event loops ended; they are started again", "provider", v.p.name,
			"error", err, "pause", pause)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-v.ctx.Done():
			return
		}
		pause = min(pause*2, restartLongest)
	}
}

// runEngine runs one engine to its end. up says that it listened; first, if there is one, is told so at once.
func (v *supervisor) runEngine(first chan<- error) (up bool, err error) {
	e := newEngine(v.p, v.loops)
	out := make(chan error, 1)
	go func() { out <- e.run(v.address()) }()
	select {
	case err := <-out:
		return false, err
	case g := <-e.booted:
		e.booted <- g
	}
	v.p.setState(stateListening, "")
	v.engine <- e
	if first != nil {
		first <- nil
	}
	err = <-out
	<-v.engine
	return true, err
}

// address is where to listen, as gnet reads it.
func (v *supervisor) address() string {
	if v.local.Addr().IsValid() {
		return v.local.String()
	}
	return fmt.Sprintf(":%d", v.local.Port())
}

// stop ends the engine and the supervision.
func (v *supervisor) stop(ctx context.Context) error {
	v.cancel()
	var err error
	select {
	case e := <-v.engine:
		err = e.stop(ctx)
		v.engine <- e
	case <-v.done:
	}
	select {
	case <-v.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

func (p *provider) setState(state, fault string) {
	p.mu.Lock()
	changed := p.state != state
	p.state, p.fault = state, fault
	p.mu.Unlock()
	if changed {
		detail := state
		if fault != "" {
			detail += ": " + fault
		}
		p.srv.events.publish(record{kind: kindProvider, time: time.Now().UnixNano(), provider: p, detail: detail})
	}
}

func (p *provider) condition() (state, fault string) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.state, p.fault
}

// stop closes every link for reason r, waits until they have gone, and stops listening or dialling.
func (p *provider) stop(ctx context.Context, r Reason) error {
	p.closing.Store(uint32(r))
	if p.dialer != nil {
		p.dialer.stop()
	}
	for _, l := range *p.srv.loops.Load() {
		if l == nil || l.provider != p {
			continue
		}
		_ = l.post(letter{must: true, do: func(int64, *session) { // fails only where the loop has gone
			l.each(func(s *session) { l.step(s, func() { s.fail(r, "") }) })
		}})
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for p.sessions.Load() > 0 && ctx.Err() == nil {
		<-tick.C
	}
	var err error
	switch {
	case p.supervisor != nil:
		err = p.supervisor.stop(ctx)
	case p.dialer != nil:
		err = p.dialer.end(ctx)
	}
	p.setState(stateStopped, "")
	return err
}
