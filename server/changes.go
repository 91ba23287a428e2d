package server

// A connection point that came or went is in the changes of its stripe once, until it is told: four bytes for each, where
// an event would take words. Nobody waits for who is told.

// changesAtOnce is for how many connections Changes holds a provider's lock.
const changesAtOnce = 256

// note adds connection point n to the changes. The caller holds its stripe. A channel without a connection has none.
func (p *provider) note(pt *point, n uint32) {
	if pt.flags&pointChanged == 0 && p.name != localName {
		pt.flags |= pointChanged
		p.pts.changed[n%stripeCount] = append(p.pts.changed[n%stripeCount], n)
	}
}

// Changes calls f with every connection that came or went since Changes was last called, or since the start, as it is
// now. It is for one caller: who calls it has been told.
func (s *Server) Changes(f func(ConnView)) {
	var views []ConnView
	for _, p := range s.all() {
		for stripe := range p.pts.changed {
			for list := p.changes(stripe); len(list) > 0; list = list[min(changesAtOnce, len(list)):] {
				views = p.changed(views[:0], list[:min(changesAtOnce, len(list))])
				for _, v := range views {
					f(v)
				}
			}
		}
	}
}

// changes takes the changes of a stripe.
func (p *provider) changes(stripe int) []uint32 {
	p.pts.stripes[stripe].Lock()
	defer p.pts.stripes[stripe].Unlock()
	list := p.pts.changed[stripe]
	p.pts.changed[stripe] = nil
	return list
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
