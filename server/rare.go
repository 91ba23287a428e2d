package server

import (
	"net/netip"

	"github.com/valyala/bytebufferpool"
)

// rare is what a session has only for a while: until its link is bound, and while it ends. It would be a sixth of the
// memory of each idle link.
type rare struct {
	addr   [16]byte // source address, IPv4 mapped; of a bound link without it, the connection point has it
	port   uint16
	id     *bytebufferpool.ByteBuffer // the id, where the preset needs it for every packet, and of a stranger
	detail string                     // of the reason
}

// maxSpare is how many a loop keeps for the next links, 20 KiB: of those that a storm has without identity at once.
const maxSpare = 256

// seldom returns the session's rare part.
func (s *session) seldom() *rare {
	if s.rare == nil {
		l := s.loop
		if n := len(l.spare); n > 0 {
			s.rare, l.spare = l.spare[n-1], l.spare[:n-1]
		} else {
			s.rare = new(rare)
		}
	}
	return s.rare
}

// plain gives the rare part back.
func (s *session) plain() {
	r := s.rare
	if r == nil {
		return
	}
	release(&r.id)
	*r, s.rare = rare{}, nil
	if len(s.loop.spare) < maxSpare {
		s.loop.spare = append(s.loop.spare, r)
	}
}

func (s *session) setRemote(a netip.AddrPort) {
	r := s.seldom()
	r.addr, r.port = a.Addr().As16(), a.Port()
}

// source is the link's address, IPv4 mapped, and port.
func (s *session) source() (addr [16]byte, port uint16) {
	if s.phase != phaseOnline || s.rare != nil && s.rare.addr != addr {
		r := s.seldom()
		return r.addr, r.port
	}
	pt := s.loop.provider.pts.lock(s.point)
	defer s.loop.provider.pts.unlock(s.point)
	return pt.addr, pt.port
}

func (s *session) remote() netip.AddrPort {
	addr, port := s.source()
	return unmapped(addr, port)
}

// idBytes is the id where the preset needs it, nil otherwise.
func (s *session) idBytes() []byte {
	if s.rare == nil || s.rare.id == nil {
		return nil
	}
	return s.rare.id.B
}

// reasonDetail is what more there is to say of the reason.
func (s *session) reasonDetail() string {
	if s.rare == nil {
		return ""
	}
	return s.rare.detail
}
