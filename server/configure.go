package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"linkd/project"
)

// stopTime is how long a provider that is removed or restarted may take to close its links.
const stopTime = 10 * time.Second

// Apply makes p the project that runs: what p adds is started, what it lacks is stopped, what it changes is changed,
// and links that it does not concern are not touched. p must be validated (project.Load) and is the server's from
// then on.
//
// When p asks for something that cannot be compiled, nothing is changed. When a listener cannot be opened, the rest
// is applied, and the error says which; a later Apply tries it again.
func (s *Server) Apply(p *project.Project) error {
	s.apply.Lock()
	defer s.apply.Unlock()
	next := p
	if s.draining.Load() {
		return ErrClosed
	}
	chans, err := s.compileChannels(next)
	if err != nil {
		return err
	}
	sets := make([]*settings, len(next.Providers))
	for i, c := range next.Providers {
		if sets[i], err = compileSettings(c); err != nil {
			return fmt.Errorf("provider %s: %w", c.Name, err)
		}
	}
	s.mu.RLock()
	old := slices.Clone(s.providers)
	s.mu.RUnlock()
	running := map[string]*provider{}
	var errs []error
	for _, p := range old {
		c := next.Provider(p.name)
		if c != nil && !p.conf.Restarts(c) {
			running[p.name] = p
			continue
		}
		r := ReasonRemoved
		if c != nil {
			r = ReasonChanged
		}
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		errs = append(errs, p.stop(ctx, r))
		cancel()
	}
	share := s.share(listeners(next))
	providers := make([]*provider, len(next.Providers))
	for i, c := range next.Providers {
		p := running[c.Name]
		if p == nil {
			p = s.newProvider(c)
		}
		p.adoptSettings(c, sets[i])
		providers[i] = p
	}
	s.mu.Lock()
	s.project, s.providers = next, providers
	s.mu.Unlock()
	for _, p := range providers {
		if p.conf.Type == project.TCPClient && p.dialer == nil {
			errs = append(errs, p.startDialling())
		}
		p.reconcile(time.Now().UnixNano(), next, chans)
		if p.conf.Type == project.TCPServer && p.down() {
			errs = append(errs, p.start(share))
		}
	}
	return errors.Join(append(errs, s.applyLocal(next, chans))...)
}

// Check says which of the addresses that p listens on, and the project that runs does not, cannot be had now. The error
// says what would be right.
func (s *Server) Check(p *project.Project) error {
	had := map[netip.AddrPort]bool{}
	if now := s.Project(); now != nil {
		for _, c := range now.Providers {
			had[netip.AddrPortFrom(c.LocalIP, c.LocalPort)] = c.Type == project.TCPServer
		}
	}
	var errs []error
	for _, c := range p.Providers {
		addr := netip.AddrPortFrom(c.LocalIP, c.LocalPort)
		if c.Type != project.TCPServer || had[addr] {
			continue
		}
		_, free, err := claim(addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("provider %s: %w", c.Name, err))
			continue
		}
		free()
	}
	return errors.Join(errs...)
}

func listeners(p *project.Project) (n int) {
	for _, c := range p.Providers {
		if c.Type == project.TCPServer {
			n++
		}
	}
	return n
}

// down reports whether the provider's listener is to be started.
func (p *provider) down() bool {
	state, _ := p.condition()
	return state == stateStopped
}

// reconcile makes the provider's connection points those of its configuration, and their channels those of next.
// now is nanoseconds since the Unix epoch.
func (p *provider) reconcile(now int64, next *project.Project, chans map[*project.Channel]*served) {
	var orphans []*order
	defer func() { giveUp(orphans, WriteResult{Result: rejected, Reason: "the connection has been removed"}) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	orphans = p.pts.reclaim(now)
	p.removeConns() // first all that goes, so that its names and ids are free for what comes
	missing := p.removeNumbers()
	p.forgetFrames()
	p.addConns()
	p.addNumbers(missing)
	p.reconcileChannels(next, chans)
}

// removeConns removes the connection points that are listed no more, or with another id.
func (p *provider) removeConns() {
	if p.asListed() {
		return
	}
	pts := p.pts
	listed, found := make([]bool, pts.next), 0 // by number
	secrets := false
	for _, c := range p.conf.Connections {
		secrets = secrets || c.Secret != ""
		n, ok := pts.byName[c.Name]
		if !ok {
			continue
		}
		old := pts.conns[pts.at(n).origin]
		if c != old && (c.SocketConnID != old.SocketConnID || c.RemoteIP != old.RemoteIP) {
			p.removeConn(n, old, ReasonChanged)
			continue
		}
		listed[n] = true
		found++
	}
	p.secrets.Store(secrets)
	if found == len(pts.byName) {
		return
	}
	for _, n := range pts.byName {
		if !listed[n] {
			p.removeConn(n, pts.conns[pts.at(n).origin], ReasonRemoved)
		}
	}
}

// asListed reports whether the connection points are those of the configuration's list already.
func (p *provider) asListed() bool {
	was, is := p.listed, p.conf.Connections
	return len(was) == len(is) && (len(is) == 0 || &was[0] == &is[0])
}

// addConns adds the connection points that are listed one by one, and changes those that are there.
func (p *provider) addConns() {
	if p.asListed() {
		return
	}
	p.listed = p.conf.Connections
	pts := p.pts
	pts.expect(len(p.conf.Connections))
	for _, c := range p.conf.Connections {
		if n, ok := pts.byName[c.Name]; ok {
			if pts.conns[pts.at(n).origin] != c {
				p.updateConn(n, c)
			}
			continue
		}
		n := pts.addConn(c)
		switch {
		case p.dialer != nil:
			if !c.Disabled {
				p.dialer.add(n, c.Host, c.Port)
			}
		case c.RemoteIP.IsValid():
			p.addrs.Insert(c.RemoteIP, n)
		default:
			p.table.Insert([]byte(c.SocketConnID), n)
		}
	}
}

func (p *provider) removeConn(n uint32, c *project.ConnPt, r Reason) {
	delete(p.pts.byName, c.Name)
	switch {
	case p.dialer != nil:
		p.dialer.remove(n)
	case c.RemoteIP.IsValid():
		p.addrs.Delete(c.RemoteIP)
	default:
		p.table.Delete([]byte(c.SocketConnID))
	}
	p.end(p.pts.bury(n), r)
}

// updateConn takes over what changed of a connection point that keeps its id; its session ends if it has to.
func (p *provider) updateConn(n uint32, c *project.ConnPt) {
	pt := p.pts.lock(n)
	old := p.pts.conns[pt.origin]
	p.pts.conns[pt.origin] = c
	pt.flags = pt.flags&(pointWatched|pointFlapped|pointChanged|pointAsked) | connFlags(c)
	owner := pt.binding.Owner()
	p.pts.unlock(n)
	if p.dialer != nil {
		if c.Disabled {
			p.dialer.remove(n)
		} else {
			p.dialer.add(n, c.Host, c.Port)
		}
	}
	switch {
	case c.Disabled && !old.Disabled:
		p.end(owner, ReasonDisabled)
	case old.Ends(c):
		p.end(owner, ReasonChanged)
	}
}

// end closes a session, if there is one.
func (p *provider) end(owner handle, r Reason) {
	p.srv.tell(owner, func(s *session) { s.fail(r, "") })
}

// patterns are what a fleet is known by: numbers that both the old and the new configuration have keep their links.
type patterns struct{ name, id project.Pattern }

// removeNumbers removes the numbers that fleets have no more, and returns those that no span has yet.
func (p *provider) removeNumbers() (missing map[patterns][][2]int) {
	pts := p.pts
	missing = map[patterns][][2]int{}
	fleets := map[patterns]*project.Fleet{}
	for _, f := range p.conf.Fleets {
		key := patterns{f.Name, f.SocketConnID}
		fleets[key] = f
		missing[key] = append(missing[key], [2]int{f.From, f.To})
	}
	for i := range pts.spans {
		s := &pts.spans[i]
		if s.lo > s.hi {
			continue
		}
		key := patterns{s.fleet.Name, s.fleet.SocketConnID}
		lo, hi := 0, -1
		for _, r := range missing[key] {
			if from, to := max(r[0], s.lo), min(r[1], s.hi); from <= to {
				lo, hi = from, to
				missing[key] = without(missing[key], from, to)
				break
			}
		}
		for n := s.lo; n <= s.hi; n++ {
			if n < lo || n > hi {
				p.table.Delete(s.fleet.SocketConnID.Append(nil, n))
				p.end(pts.bury(s.point(n)), ReasonRemoved)
			}
		}
		s.lo, s.hi = lo, hi
		if f := fleets[key]; f != nil {
			s.fleet = f
		}
	}
	return missing
}

// addNumbers adds the missing numbers of fleets.
func (p *provider) addNumbers(missing map[patterns][][2]int) {
	var id []byte
	for _, f := range p.conf.Fleets {
		key := patterns{f.Name, f.SocketConnID}
		for _, r := range missing[key] {
			s := p.pts.addSpan(f, r[0], r[1])
			for n := r[0]; n <= r[1]; n++ {
				id = f.SocketConnID.Append(id[:0], n)
				p.table.Insert(id, s.point(n))
			}
		}
		delete(missing, key)
	}
}

// without takes from..to out of ranges.
func without(ranges [][2]int, from, to int) (left [][2]int) {
	for _, r := range ranges {
		if r[1] < from || r[0] > to {
			left = append(left, r)
			continue
		}
		if r[0] < from {
			left = append(left, [2]int{r[0], from - 1})
		}
		if r[1] > to {
			left = append(left, [2]int{to + 1, r[1]})
		}
	}
	return left
}
