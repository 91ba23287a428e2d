package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// filter is a query that is being answered. It belongs to one goroutine.
type filter struct {
	providers []*provider
	state     State
	search    []byte // in lower case
	text      []byte // scratch
}

// filter makes a filter of what q asks for. Errors wrap ErrInvalid or ErrNotFound.
func (s *Server) filter(q ConnQuery) (*filter, error) {
	switch q.State {
	case "", Online, Offline, Disabled:
	default:
		return nil, fmt.Errorf("%w: state %q; one of online, offline, disabled", ErrInvalid, q.State)
	}
	f := &filter{state: q.State, search: bytes.ToLower([]byte(q.Search))}
	if q.Provider != "" {
		p, err := s.providerNamed(q.Provider)
		if err != nil {
			return nil, err
		}
		f.providers = []*provider{p}
		return f, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f.providers = slices.Clone(s.providers)
	return f, nil
}

// each calls do for every connection point that is selected, from number first of the first provider on, in a stable
// order, with its stripe and its provider's mutex locked.
func (f *filter) each(first uint32, do func(p *provider, n uint32, pt *point) bool) {
	for _, p := range f.providers {
		more := true
		p.mu.RLock()
		p.pts.each(first, func(n uint32, pt *point) bool {
			if f.selects(p, n, pt) {
				more = do(p, n, pt)
			}
			return more
		})
		p.mu.RUnlock()
		if !more {
			return
		}
		first = 0
	}
}

// selects reports whether a connection point is one of those that are asked for.
func (f *filter) selects(p *provider, n uint32, pt *point) bool {
	if f.state != "" && f.state != pt.state() {
		return false
	}
	if len(f.search) == 0 {
		return true
	}
	if f.text = p.pts.appendName(f.text[:0], pt.origin, n); bytes.Contains(bytes.ToLower(f.text), f.search) {
		return true
	}
	if f.text = p.pts.appendID(f.text[:0], pt.origin, n); bytes.Contains(bytes.ToLower(f.text), f.search) {
		return true
	}
	return strings.Contains(strings.ToLower(p.pts.title(pt.origin, n)), string(f.search))
}

// Select calls do for every connection point that q selects, whatever its Limit, Sort and Cursor, in a stable order. do
// must not call the server; name is valid until it returns. Errors wrap ErrInvalid or ErrNotFound.
func (s *Server) Select(q ConnQuery, do func(provider string, name []byte, state State)) error {
	f, err := s.filter(q)
	if err != nil {
		return err
	}
	var name []byte
	f.each(0, func(p *provider, n uint32, pt *point) bool {
		name = p.pts.appendName(name[:0], pt.origin, n)
		do(p.name, name, pt.state())
		return true
	})
	return nil
}
