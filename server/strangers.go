package server

import (
	"container/list"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxStrangers bounds the list; the one that was seen longest ago makes way for a new one.
const maxStrangers = 1000

// strangers lists the links that could not be bound, by provider and id, or by provider and address where no id came.
type strangers struct {
	mu    sync.Mutex
	m     map[string]*list.Element
	order list.List // of *stranger, the one seen last in front
}

type stranger struct {
	Stranger
	about subject
	from  netip.Addr // newest
}

// strangeness is what a link that could not be bound is known by.
func strangeness(p *provider, id []byte, from netip.Addr) subject {
	if len(id) > 0 {
		return subject{provider: p.name, id: string(id)}
	}
	return subject{provider: p.name, addr: from}
}

// note lists a link that has closed as a stranger's. s must still have its bytes.
func (l *strangers) note(p *provider, s *session, now int64) {
	id := s.idBytes()
	first := id
	if s.in != nil {
		first = s.in.B
	}
	first = first[:min(len(first), firstBytes)]
	addr := s.remote()
	source := addr.Addr().As16()
	about := strangeness(p, id, addr.Addr())
	if p.srv.rules.applies(Ignore, about, now) {
		return
	}
	key := about.key()

	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.m[key]
	if at == nil {
		if l.m == nil {
			l.m = map[string]*list.Element{}
		}
		if len(l.m) >= maxStrangers {
			oldest := l.order.Remove(l.order.Back()).(*stranger)
			delete(l.m, oldest.Key)
		}
		e := &stranger{about: about, Stranger: Stranger{Key: key, Provider: p.name, FirstSeen: time.Unix(0, now)}}
		e.ID = Printable(id)
		at = l.order.PushFront(e)
		l.m[key] = at
		p.srv.events.publish(record{kind: kindStranger, time: now, provider: p, session: s.number,
			addr: source, port: addr.Port(), reason: s.reason, id: e.ID})
	}
	l.order.MoveToFront(at)
	e := at.Value.(*stranger)
	e.from = addr.Addr()
	e.RemoteAddr, e.Reason, e.LastSeen = addr.String(), s.reason.String(), time.Unix(0, now)
	e.FirstBytes = append(e.FirstBytes[:0:0], first...)
	e.Count++
}

// Printable returns id as it is when all of it can be shown, quoted as in Go otherwise.
func Printable(id []byte) string {
	s := string(id)
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

// Strangers returns the links that could not be bound, the newest first.
func (s *Server) Strangers() []Stranger {
	l := &s.strangers
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make([]Stranger, 0, len(l.m))
	for at := l.order.Front(); at != nil; at = at.Next() {
		e := at.Value.(*stranger).Stranger
		e.FirstBytes = slices.Clone(e.FirstBytes)
		found = append(found, e)
	}
	return found
}

// Newcomer is a stranger that can be made a connection.
type Newcomer struct {
	Provider string
	ID       []byte // as sent
}

// Newcomer returns the stranger of a key. Errors: ErrNotFound, ErrInvalid for one that sent no id.
func (s *Server) Newcomer(key string) (Newcomer, error) {
	l := &s.strangers
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.m[key]
	if !ok {
		return Newcomer{}, fmt.Errorf("%w: no stranger %q", ErrNotFound, key)
	}
	e := at.Value.(*stranger)
	if e.about.id == "" {
		return Newcomer{}, fmt.Errorf("%w: the stranger sent no id; only one with an id can be adopted", ErrInvalid)
	}
	return Newcomer{Provider: e.Provider, ID: []byte(e.about.id)}, nil
}

// find returns what the stranger of a key is known by, and where it came from last.
func (l *strangers) find(key string) (about subject, from netip.Addr, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.m[key]
	if !ok {
		return about, from, false
	}
	e := at.Value.(*stranger)
	return e.about, e.from, true
}

// Forget takes a stranger off the list.
func (s *Server) Forget(key string) {
	l := &s.strangers
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.m[key]; at != nil {
		l.order.Remove(at)
		delete(l.m, key)
	}
}
