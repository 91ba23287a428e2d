package server

import (
	"net/netip"
	"time"
)

// Seen is what was last seen of a connection.
type Seen struct {
	Provider   string
	Connection string
	Session    uint64    // number of the newest session
	Online     bool      // Recall takes no notice: no link outlives linkd
	Since      time.Time // when it went online or offline
	RemoteAddr string    // of the newest session
	Reconnects uint64
	LastClose  string // reason of the newest close
}

// Continue has session numbers go on after n. Call it before the first Apply.
func (s *Server) Continue(n uint64) { s.numbers.Store(n) }

// Recall tells what is known of a connection from before. The project must have been applied; a connection that is not
// in it is passed over, and one that has come back already keeps what it has since.
func (s *Server) Recall(c Seen) {
	p, n, err := s.lookup(c.Provider, c.Connection)
	if err != nil {
		return
	}
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	if c.Reconnects > 0 || c.Session > 0 {
		pt.sessions += uint32(min(c.Reconnects+1, 1<<31))
	}
	if pt.session != 0 {
		return
	}
	pt.session, pt.closed = c.Session, reasonNamed(c.LastClose)
	if !c.Since.IsZero() {
		pt.since = c.Since.UnixNano()
	}
	if a, err := netip.ParseAddrPort(c.RemoteAddr); err == nil {
		pt.addr, pt.port = a.Addr().As16(), a.Port()
	}
}

// reasonNamed is the reason of a name; one of another version of linkd is none.
func reasonNamed(name string) Reason {
	for r := range reasonCount {
		if r.String() == name {
			return r
		}
	}
	return notClosed
}
