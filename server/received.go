package server

import "sync"

// AnyName stands for every name in a BytesOf.
const AnyName = "*"

// BytesOf names connections whose bytes somebody asks for.
type BytesOf struct{ Provider, Connection string }

// Received is what a device has sent at once, as its driver gets it: without the identity, and what a preset adds. It
// and all that it refers to are valid only during the call that got it.
type Received struct {
	Provider   string
	Connection []byte // name
	Data       []byte
}

// receivedHead is one Received of a batch.
type receivedHead struct {
	point uint32
	size  int
}

// FollowReceived has take called with what the devices send that AskReceived names: one call at a time, what one
// session got in order. There is one follower at most. take must neither block, nor keep anything of what it is given,
// nor call stop; what it is too slow for is lost, and counted by Lost. Once stop has returned, it is
// called no more.
func (s *Server) FollowReceived(take func([]Received)) (stop func()) {
	r := s.reports
	set := func(f func([]Received)) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.receiver = f
	}
	set(take)
	return sync.OnceFunc(func() { set(nil) })
}

// AskReceived says whose bytes FollowReceived gives from now on, and no others'. A connection that is not configured
// is passed over: ask again when it may be.
func (s *Server) AskReceived(of []BytesOf) {
	s.asking.Lock()
	defer s.asking.Unlock()
	for _, p := range s.all() {
		if p.name != localName {
			p.ask(of)
		}
	}
}

// ask is AskReceived for one provider.
func (p *provider) ask(of []BytesOf) {
	all, points := false, map[uint32]struct{}{}
	p.mu.RLock()
	for _, o := range of {
		switch {
		case o.Provider != AnyName && o.Provider != p.name:
		case o.Connection == AnyName:
			all = true
		default:
			if n, ok := p.pts.find(o.Connection); ok {
				points[n] = struct{}{}
			}
		}
	}
	p.mu.RUnlock()
	was := p.asked
	p.asked = points
	for n := range was {
		if _, still := points[n]; !still {
			p.setAsked(n, false)
		}
	}
	for n := range points {
		p.setAsked(n, true)
	}
	if p.askedAll.Swap(all) == all {
		return
	}
	for _, l := range p.loops() {
		heed := func(int64, *session) { l.each((*session).heed) }
		_ = l.post(letter{must: true, do: heed}) // fails where the loop has ended, and its sessions with it
	}
}

func (p *provider) setAsked(n uint32, on bool) {
	if owner, changed := p.pts.mark(n, pointAsked, on); changed {
		p.srv.tell(owner, (*session).heed)
	}
}

// heed finds out whether the session's bytes are asked for.
func (s *session) heed() {
	if s.phase != phaseOnline {
		return
	}
	p := s.loop.provider
	pt := p.pts.lock(s.point)
	defer p.pts.unlock(s.point)
	s.hear(byAsk, p.asks(pt))
}

// asks reports whether the bytes of a connection point are asked for. The caller holds its stripe.
func (p *provider) asks(pt *point) bool { return pt.flags&pointAsked != 0 || p.askedAll.Load() }

// receive copies what a device has sent into the loop's batch.
func (l *loop) receive(s *session, data []byte) {
	if b := l.batch; b != nil && len(b.received) > 0 &&
		(len(b.received) >= batchReceived || len(b.bytes)+len(data) > batchBytes) {
		l.handOver()
	}
	b := l.filling()
	b.received = append(b.received, receivedHead{s.point, len(data)})
	b.bytes = append(b.bytes, data...)
}

// addReceived puts what devices have sent into words. The caller holds the provider's mu.
func (r *reports) addReceived(b *batch) {
	p, rest := b.provider, b.bytes
	for _, h := range b.received {
		data := rest[:h.size:h.size]
		rest = rest[h.size:]
		if origin, name := r.nameOf(p, h.point); origin != 0 {
			r.received = append(r.received, Received{Provider: p.name, Connection: name, Data: data})
		}
	}
}
