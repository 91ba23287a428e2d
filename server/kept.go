package server

import (
	"fmt"
	"time"
)

// Shelf keeps writes for devices that are away beyond a restart. Its methods are safe for concurrent use.
type Shelf interface {
	// Put keeps a write and returns its number, which is not 0. It is on disk when it returns.
	Put(w KeptWrite) (id uint64, err error)
	// Drop forgets a write, on disk too when it returns.
	Drop(id uint64) error
}

// KeptWrite is a write that waits for its device.
type KeptWrite struct {
	ID uint64
	WriteRequest
	Asked, Until time.Time
}

const (
	sweepEvery = 10 * time.Second // how often writes whose time has passed are looked for
	maxAtOnce  = 1 << 12          // writes that may find room for one more at the same time
)

// delivery is a write whose device has come back.
type delivery struct {
	order   *order
	session handle
}

// keeper takes writes that have waited off the shelf, which takes a disk, before they go to their device: so that none
// goes twice, whatever happens to linkd meanwhile.
type keeper struct {
	srv   *Server
	due   chan delivery // has room for all that can wait
	end   chan struct{}
	ended chan struct{}
}

func newKeeper(s *Server) *keeper {
	k := &keeper{srv: s, due: make(chan delivery, maxWaits+maxAtOnce),
		end: make(chan struct{}), ended: make(chan struct{})}
	go k.run()
	return k
}

func (k *keeper) close() {
	close(k.end)
	<-k.ended
}

func (k *keeper) run() {
	defer close(k.ended)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case d := <-k.due:
			k.deliver(d)
		case now := <-sweep.C:
			k.sweep(now.UnixNano())
		case <-k.end:
			return
		}
	}
}

// deliver hands a write over to the session of its device.
func (k *keeper) deliver(d delivery) {
	o := d.order
	k.srv.waiting.Add(-1)
	if err := k.srv.unshelve(o); err != nil {
		o.done(WriteResult{Result: rejected,
			Reason: "it could not be taken off the disk, so it was not sent: " + err.Error()})
		return
	}
	if time.Now().After(o.until()) {
		o.done(tooLate())
		return
	}
	if err := k.srv.post(d.session, func(now int64, s *session) { o.command(now, s) }); err != nil {
		o.done(away())
	}
}

// sweep ends the writes whose time has passed.
func (k *keeper) sweep(now int64) {
	if k.srv.waiting.Load() == 0 {
		return
	}
	for _, p := range k.srv.all() {
		for i := range uint32(stripeCount) {
			p.pts.lock(i)
			points := make([]uint32, 0, len(p.pts.queued[i]))
			for n := range p.pts.queued[i] {
				points = append(points, n)
			}
			p.pts.unlock(i)
			for _, n := range points {
				p.pts.lock(n)
				_, late := p.expire(n, now)
				p.pts.unlock(n)
				giveUp(late, tooLate())
			}
		}
	}
}

// giveUp answers writes that wait no more, and takes them off the shelf.
func giveUp(list []*order, r WriteResult) {
	for _, o := range list {
		o.srv.waiting.Add(-1)
		if err := o.srv.unshelve(o); err != nil {
			o.srv.log.Error("a write that is given up stays on the disk until the next start", "why", r.Reason, "error", err)
		}
		o.done(r)
	}
}

// shelve keeps the order beyond a restart, where there is a shelf.
func (s *Server) shelve(o *order) (err error) {
	if s.cfg.Shelf == nil {
		return nil
	}
	o.kept, err = s.cfg.Shelf.Put(KeptWrite{WriteRequest: o.req, Asked: o.asked, Until: o.until()})
	return err
}

// unshelve forgets what shelve has kept.
func (s *Server) unshelve(o *order) error {
	if o.kept == 0 {
		return nil
	}
	id := o.kept
	o.kept = 0
	return s.cfg.Shelf.Drop(id)
}

// Restore takes up writes that waited when linkd stopped. The project must have been applied. One whose time has
// passed, or whose tag exists no more, is answered in the audit log and forgotten.
func (s *Server) Restore(list []KeptWrite) error {
	for _, w := range list {
		o, p, n, err := s.order(w.WriteRequest)
		if err == nil {
			o.asked, o.kept = w.Asked, w.ID
			refusal, unfit := o.compile()
			if err = unfit; refusal != "" {
				err = fmt.Errorf("%w: %s", ErrInvalid, refusal)
			}
		}
		if err == nil && time.Now().Before(w.Until) {
			o.enqueue(p, n)
			continue
		}
		reason := tooLate().Reason
		if err != nil {
			reason = err.Error()
		}
		s.cfg.Audit.Info("write", "who", w.Who, "channel", w.Channel, "device", w.Device, "result", timedOut,
			"reason", reason, "asked", w.Asked)
		if err := s.cfg.Shelf.Drop(w.ID); err != nil {
			return err
		}
	}
	return nil
}

// enqueue has the order wait for connection point n, or hands it to the session that has come meanwhile.
func (o *order) enqueue(p *provider, n uint32) {
	pt := p.pts.lock(n)
	owner := pt.binding.Owner()
	if owner == 0 {
		p.wait(n, o)
	}
	p.pts.unlock(n)
	if owner != 0 {
		o.srv.waiting.Add(1)
		o.srv.keeper.due <- delivery{o, owner}
	}
}

// wait puts the order at the end of what waits for connection point n. The caller holds the stripe.
func (p *provider) wait(n uint32, o *order) {
	i := n % stripeCount
	if p.pts.queued[i] == nil {
		p.pts.queued[i] = map[uint32][]*order{}
	}
	p.pts.queued[i][n] = append(p.pts.queued[i][n], o)
	o.srv.waiting.Add(1)
}

// expire takes the writes for connection point n whose time has passed out of what waits, and returns both. The caller
// holds the stripe, and counts those that it answers out of what waits.
func (p *provider) expire(n uint32, now int64) (left, late []*order) {
	i := n % stripeCount
	for _, o := range p.pts.queued[i][n] {
		if o.until().UnixNano() > now {
			left = append(left, o)
		} else {
			late = append(late, o)
		}
	}
	if len(left) == 0 {
		delete(p.pts.queued[i], n)
	} else {
		p.pts.queued[i][n] = left
	}
	return left, late
}

// takeQueued gives the session that has just opened its driver the writes that waited for its connection point.
func (s *session) takeQueued(now int64) {
	p := s.loop.provider
	srv := p.srv
	if srv.waiting.Load() == 0 {
		return
	}
	i := s.point % stripeCount
	p.pts.lock(s.point)
	list := p.pts.queued[i][s.point]
	delete(p.pts.queued[i], s.point)
	p.pts.unlock(s.point)
	for _, o := range list {
		if o.kept != 0 {
			srv.keeper.due <- delivery{o, s.handle()} // there is room: it counts as waiting until it is taken
			continue
		}
		srv.waiting.Add(-1)
		if o.until().UnixNano() <= now {
			o.done(tooLate())
			continue
		}
		o.command(now, s)
	}
}
