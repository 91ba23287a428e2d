package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"linkd/project"
)

// each calls f for every configured connection point from number first on, in the order of numbers, with its stripe
// locked. The caller holds the provider's mutex.
func (p *points) each(first uint32, f func(n uint32, pt *point) bool) {
	for n := max(first, 1); n < p.next; n++ {
		pt := p.lock(n)
		more := pt.removed() || f(n, pt)
		p.unlock(n)
		if !more {
			return
		}
	}
}

// eachPoint calls f for every configured connection point from number first on, in the order of numbers, with its
// stripe locked and its name, which is valid until f returns. The caller holds p.mu.
func (p *provider) eachPoint(first uint32, f func(n uint32, pt *point, name []byte) bool) {
	var name []byte
	p.pts.each(first, func(n uint32, pt *point) bool {
		name = p.pts.appendName(name[:0], pt.origin, n)
		return f(n, pt, name)
	})
}

// Connections returns one page of connection points, in a stable order, and the cursor of the next page, empty at the
// end. Errors wrap ErrInvalid or ErrNotFound.
func (s *Server) Connections(q ConnQuery) (items []ConnView, next string, err error) {
	if q.Limit < 1 || q.Limit > 1000 {
		q.Limit = 100
	}
	f, err := s.filter(q)
	if err != nil {
		return nil, "", err
	}
	switch q.Sort {
	case ByTrouble:
		return s.troubled(f, q, time.Now().UnixNano())
	case ByPlace:
	default:
		return nil, "", fmt.Errorf("%w: sort %q; trouble, or nothing", ErrInvalid, q.Sort)
	}
	start, first, err := cursor(f.providers, q.Cursor)
	if err != nil {
		return nil, "", err
	}
	f.providers = f.providers[start:]
	f.each(first, func(p *provider, n uint32, pt *point) bool {
		if len(items) == q.Limit {
			next = p.name + ":" + strconv.FormatUint(uint64(n), 10)
			return false
		}
		items = append(items, p.view(n, pt))
		return true
	})
	return items, next, nil
}

// cursor finds where a page starts: which provider, and from which connection point of it.
func cursor(providers []*provider, c string) (start int, first uint32, err error) {
	if c == "" {
		return 0, 0, nil
	}
	name, number, _ := strings.Cut(c, ":")
	n, err := strconv.ParseUint(number, 10, 32)
	start = slices.IndexFunc(providers, func(p *provider) bool { return p.name == name })
	if err != nil || start < 0 {
		return 0, 0, badCursor(c)
	}
	return start, uint32(n), nil
}

func badCursor(c string) error {
	return fmt.Errorf("%w: cursor %q; use the one that the page before gave as next", ErrInvalid, c)
}

// state is the state of a connection point as people see it.
func (pt *point) state() State {
	switch {
	case pt.flags&pointDisabled != 0:
		return Disabled
	case pt.binding.Owner() != 0:
		return Online
	}
	return Offline
}

// reconnects is the number of its sessions after the first.
func (pt *point) reconnects() uint64 { return uint64(max(pt.sessions, 1) - 1) }

// changedAt is when it went online or offline; zero when it never has.
func (pt *point) changedAt() time.Time {
	if pt.since == 0 {
		return time.Time{}
	}
	return time.Unix(0, pt.since)
}

// title returns the title of connection point n.
func (p *points) title(origin, n uint32) string {
	if c := p.conn(origin); c != nil {
		return c.Title
	}
	s, k := p.number(origin, n)
	return s.fleet.Title.Format(k)
}

// view is a connection point at this moment. The caller holds p.mu and the point's stripe.
func (p *provider) view(n uint32, pt *point) ConnView {
	v := ConnView{
		Provider: p.name, Name: string(p.pts.appendName(nil, pt.origin, n)), Title: p.pts.title(pt.origin, n),
		SocketConnID: string(p.pts.appendID(nil, pt.origin, n)), State: pt.state(), Session: pt.session,
		Flapping: pt.flapping(time.Now().UnixNano()),
		BytesIn:  pt.bytesIn, BytesOut: pt.bytesOut, Reconnects: pt.reconnects(),
		LastClose: pt.closed.String(), Since: pt.changedAt(),
	}
	if c := p.pts.conn(pt.origin); c != nil && c.RemoteIP.IsValid() {
		v.RemoteIP = c.RemoteIP.String()
		if c.RemoteIP.IsSingleIP() {
			v.RemoteIP = c.RemoteIP.Addr().String()
		}
	}
	if ch := (*p.served.Load())[pt.channel]; ch != nil {
		v.Channel, v.Driver = ch.channel.NameFor(v.Name), ch.driver.Name
	}
	owner := pt.binding.Owner()
	if owner == 0 {
		return v
	}
	v.RemoteAddr = string(appendAddr(nil, pt.addr, pt.port))
	if l := p.srv.loopOf(owner); l != nil {
		if s := l.find(owner); s != nil {
			v.BytesIn += s.bytesIn.Load()
			v.BytesOut += s.bytesOut.Load()
		}
	}
	return v
}

// Connection returns one connection point. The error wraps ErrNotFound.
func (s *Server) Connection(provider, name string) (ConnView, error) {
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return ConnView{}, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	return p.view(n, pt), nil
}

// Kick closes the session of a connection with the reason "kicked"; the device may dial in again. It returns when the
// link is closed. Errors: ErrNotFound, ErrOffline, ErrBusy.
func (s *Server) Kick(provider, name string) error {
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return err
	}
	h, err := p.owner(n)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	err = s.post(h, func(_ int64, s *session) {
		if s == nil {
			done <- ErrOffline
			return
		}
		s.fail(ReasonKicked, "")
		done <- nil
	})
	if err != nil {
		return err
	}
	if err = <-done; err != nil {
		return err
	}
	for end := time.Now().Add(time.Second); s.alive(h) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Drivers returns every driver, and whether a connection may select it; with neither provider nor name, every driver as
// it is. The error wraps ErrNotFound.
func (s *Server) Drivers(provider, name string) ([]DriverView, error) {
	if provider == "" && name == "" {
		return s.drivers(""), nil
	}
	p, _, err := s.lookup(provider, name)
	if err != nil {
		return nil, err
	}
	p.mu.RLock()
	kind := p.conf.Type
	p.mu.RUnlock()
	return s.drivers(kind), nil
}

// drivers lists the drivers as a link of some kind sees them, "" for none in particular.
func (s *Server) drivers(kind project.LinkKind) []DriverView {
	views := make([]DriverView, 0, len(s.cfg.Drivers))
	for _, d := range s.cfg.Drivers {
		v := DriverView{Name: d.Name, Title: d.Title, Selectable: true, Options: d.Options()}
		for _, l := range d.Links {
			v.Links = append(v.Links, string(l))
		}
		if kind != "" {
			if err := d.Allow(kind); err != nil {
				v.Selectable, v.Reason = false, err.Error()
			}
		}
		views = append(views, v)
	}
	return views
}
