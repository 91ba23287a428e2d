package server

import (
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// values are the tags of one connection point: its session's while it is online, its stripe's while it is not.
type values struct {
	served *served
	block  tags.Block
}

func newValues(c *served) *values { return &values{served: c, block: tags.NewBlock(c.set)} }

// legacy is what a session leaves for the next one of its connection point.
type legacy struct {
	values  *values
	machine drivers.Machine // with what it has learned of the devices; nil: nothing
}

// inherit gives the session that has just got connection point n what the session before left, or new values. The
// caller holds the stripe.
func (p *provider) inherit(s *session, n uint32) {
	s.values, s.machine = nil, nil
	if s.served == nil || s.served.set == nil {
		return
	}
	kept := p.pts.kept[n%stripeCount]
	was := kept[n]
	delete(kept, n)
	if was.values == nil || was.values.served != s.served {
		was = legacy{values: newValues(s.served)}
	}
	was.values.block.MarkAll(tags.NotPolled)
	s.values, s.machine = was.values, was.machine
}

// bequeath keeps the values and the machine of a session that ends and still had connection point n, and returns the
// values, bad from now on; nil for none. The caller holds the stripe.
func (p *provider) bequeath(s *session, n uint32) *values {
	v := s.values
	if v == nil {
		return nil
	}
	v.block.MarkAll(tags.Offline)
	i := n % stripeCount
	if p.pts.kept[i] == nil {
		p.pts.kept[i] = map[uint32]legacy{}
	}
	p.pts.kept[i][n] = legacy{v, s.machine}
	s.values, s.machine = nil, nil
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
	if changed || !s.served.set.Tags[tag].OnChange {
		s.news(s.values, tag)
	}
}

// Bad implements drivers.Link.
func (s *session) Bad(tag int, r tags.Reason) {
	if s.values == nil {
		return
	}
	s.loop.bad++
	if s.values.block.Mark(tag, r, s.loop.now) {
		s.news(s.values, tag)
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
	if g, ok := s.machine.(drivers.Gatherer); ok && (l.batch != nil || len(l.gathered.of) > 0) {
		l.gather(s, device, g.Gathers(device))
	}
	l.reported()
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
		if s.values.block.Expire(i, s.loop.now) {
			s.news(s.values, i)
		}
	}
}

// lag counts how late a question was asked; a negative one waited for others and says nothing.
func (c *driverCounters) lag(late int64) {
	if late >= 0 {
		c.late.add(LagBounds, time.Duration(late))
	}
}
