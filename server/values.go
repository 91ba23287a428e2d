package server

import (
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// values are the tags of one connection point: its session's while it is online, its stripe's while it is not.
type values struct {
	served  *served
	block   tags.Block
	machine drivers.Machine // of the session that has ended, for the next one; nil while there is one
}

// takeValues gives the session that has just got connection point n its values: those that the session before left,
// or new ones. The caller holds the stripe.
func (p *provider) takeValues(s *session, n uint32) {
	s.values = nil
	if s.served == nil || s.served.set == nil {
		return
	}
	kept := p.pts.kept[n%stripeCount]
	v := kept[n]
	delete(kept, n)
	if v == nil || v.served != s.served {
		v = &values{served: s.served, block: tags.NewBlock(s.served.set)}
	}
	v.block.MarkAll(tags.NotPolled)
	s.values = v
}

// leaveValues keeps the values of a session that ends and still had connection point n: bad from now on. The caller
// holds the stripe.
func (p *provider) leaveValues(s *session, n uint32) *values {
	v := s.values
	s.values = nil
	if v == nil {
		return nil
	}
	v.block.MarkAll(tags.Offline)
	i := n % stripeCount
	if p.pts.kept[i] == nil {
		p.pts.kept[i] = map[uint32]*values{}
	}
	p.pts.kept[i][n] = v
	return v
}

// Number implements drivers.Link: it is the same for every session of a connection point.
func (s *session) Number() uint64 { return uint64(s.point) }

// Scratch implements drivers.Link.
func (s *session) Scratch() []byte { return s.loop.frame[:0] }

// Value implements drivers.Link.
func (s *session) Value(tag int, raw tags.Value) {
	if s.values == nil {
		return
	}
	v, why := s.served.set.Tags[tag].Convert(raw)
	if why != tags.Fine {
		s.Bad(tag, why)
		return
	}
	changed := s.values.block.Put(tag, v, s.loop.now)
	s.loop.good++
	if s.loop.provider.srv.readers.anyone.Load() > 0 && (changed || !s.served.set.Tags[tag].OnChange) {
		s.tellValue(s.values, tag)
	}
}

// Bad implements drivers.Link.
func (s *session) Bad(tag int, r tags.Reason) {
	if s.values == nil {
		return
	}
	s.loop.bad++
	if s.values.block.Mark(tag, r, s.loop.now) && s.loop.provider.srv.readers.anyone.Load() > 0 {
		s.tellValue(s.values, tag)
	}
}

// Polled implements drivers.Link.
func (s *session) Polled(device int, r drivers.PollResult, took, late int64) {
	l := s.loop
	c := &l.counters.drivers[s.served.number]
	c.polls[r].Add(1)
	switch r {
	case drivers.PollOK, drivers.PollRefused:
		c.took.add(PollBounds, time.Duration(took))
		c.lag(late)
	case drivers.PollTimeout:
		c.lag(late)
	case drivers.PollMissed:
		s.expire(device)
	}
	if l.good > 0 {
		c.good.Add(l.good)
	}
	if l.bad > 0 {
		c.bad.Add(l.bad)
	}
	l.good, l.bad = 0, 0
}

// expire makes tags of a device whose poll was missed stale where they are overdue, so that those who follow values
// learn of it. Who asks for a tag sees it without this.
func (s *session) expire(device int) {
	if s.values == nil {
		return
	}
	d := &s.served.set.Devices[device]
	for i := d.First; i < d.End; i++ {
		if s.values.block.Expire(i, s.loop.now) && s.loop.provider.srv.readers.anyone.Load() > 0 {
			s.tellValue(s.values, i)
		}
	}
}

// lag counts how late a question was asked; a negative one waited for others and says nothing.
func (c *driverCounters) lag(late int64) {
	if late >= 0 {
		c.late.add(LagBounds, time.Duration(late))
	}
}
