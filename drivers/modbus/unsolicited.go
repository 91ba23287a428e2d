package modbus

import (
	"fmt"
	"slices"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
)

// listen makes the channel take answers that nobody asked for, as DTUs send that poll their slaves themselves. Such an
// answer tells its unit, function and length alone, so that no two requests of a unit may share these. Requests without
// an interval are only listened for.
func (c *channel) listen(cfg *poll.Config) error {
	c.heard = slices.Clone(cfg.Plan)
	for i, p := range c.heard {
		q := p.Exchange.(*reading)
		for _, o := range c.heard[:i] {
			if r := o.Exchange.(*reading); r.unit == q.unit && slices.Equal(r.head, q.head) {
				t := &c.set.Tags[q.refs[0].tag]
				return &project.FieldError{Field: t.Field, Err: fmt.Errorf("tag %s: unsolicited answers for %s and %s have the "+
					"same unit, function and length, and cannot be told apart; let their requests differ in length", t.Name,
					r.refs[0], q.refs[0])}
			}
		}
	}
	cfg.Plan = slices.DeleteFunc(cfg.Plan, func(p poll.Planned) bool { return p.Every == 0 })
	cfg.Hear = c.hear
	return nil
}

// hear implements poll.Config's Hear.
func (c *channel) hear(b []byte, l drivers.Link) (from, to int) {
	var whose *poll.Planned
	from = len(b)
	for i := range c.heard {
		x, y := c.heard[i].Exchange.Find(b, 0)
		switch {
		case y > 0 && (whose == nil || x < from):
			whose, from, to = &c.heard[i], x, y
		case whose == nil:
			from = min(from, x)
		}
	}
	if whose == nil {
		return from, 0
	}
	if why := whose.Exchange.Take(b[from:to], l); why != tags.Fine {
		for _, t := range whose.Tags {
			l.Bad(t, why)
		}
	}
	l.Polled(whose.Device, drivers.PollHeard, 0, -1)
	return from, to
}
