package server

import "sync"

// changes are the connection points of a provider that came or went since they were last told, each once: four bytes
// for each, where events would take words. Nobody waits for who is told.
type changes struct {
	mu   sync.Mutex
	list []uint32
}

// changesAtOnce is for how many connections Changes holds a provider's lock.
const changesAtOnce = 256

// note adds connection point n to the changes. The caller holds its stripe. A channel without a connection has none.
func (p *provider) note(pt *point, n uint32) {
	if pt.flags&pointChanged != 0 || p.name == localName {
		return
	}
	pt.flags |= pointChanged
	p.changes.mu.Lock()
	p.changes.list = append(p.changes.list, n)
	p.changes.mu.Unlock()
}

func (c *changes) take() []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

// Changes calls f with every connection that came or went since Changes was last called, or since the start, as it is
// now. It is for one caller: who calls it has been told.
func (s *Server) Changes(f func(ConnView)) {
	var views []ConnView
	for _, p := range s.all() {
		for list := p.changes.take(); len(list) > 0; list = list[min(changesAtOnce, len(list)):] {
			views = p.changed(views[:0], list[:min(changesAtOnce, len(list))])
			for _, v := range views {
				f(v)
			}
		}
	}
}

// changed appends how these connection points are; those that have been removed are not there any more.
func (p *provider) changed(views []ConnView, list []uint32) []ConnView {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, n := range list {
		pt := p.pts.lock(n)
		pt.flags &^= pointChanged
		if pt.origin != 0 && pt.flags&pointGone == 0 {
			views = append(views, p.view(n, pt))
		}
		p.pts.unlock(n)
	}
	return views
}
