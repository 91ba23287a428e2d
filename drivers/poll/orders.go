package poll

import (
	"cmp"
	"slices"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// maxOrders bounds the commands that wait on one link.
const maxOrders = 32

// orders are the commands of a link: the first is under way.
type orders struct {
	list      []*drivers.Command
	exchanges []Exchange // of the first; empty: it has not begun
	writes    int        // how many of these are writes; reads follow
	at        int        // the next, or the one in flight
}

func (o *orders) exchange() Exchange { return o.exchanges[o.at] }

// Command implements drivers.Commander.
func (m *machine) Command(now int64, c *drivers.Command, l drivers.Link) {
	if m.orders == nil {
		m.orders = &orders{}
	}
	if len(m.orders.list) >= maxOrders {
		c.Answer(drivers.Unsent, tags.Busy, "")
		return
	}
	m.orders.list = append(m.orders.list, c)
	m.next(now, false, l)
}

// ordered is when the first command may go on, 0 when there is none.
func (m *machine) ordered() int64 {
	if m.orders == nil || m.flying(command) != nil {
		return 0
	}
	return max(m.hold(), 1)
}

// hold is until when the first command has to wait for a late answer that could be taken for its own, 0 for not.
func (m *machine) hold() int64 {
	o := m.orders
	u := m.unit(o.list[0].Device)
	if u.lateUntil == 0 || len(o.exchanges) == 0 {
		return 0
	}
	alike := o.at >= o.writes || u.entry == command // an answer to a write is none to a poll
	if s, ok := o.exchange().(Shaped); ok {
		alike = s.Shape() == u.shape || u.entry == several
	}
	if alike {
		return u.lateUntil
	}
	return 0
}

// order sends the next exchange of the first command; false when there is none to send.
func (m *machine) order(now int64, f *flight, l drivers.Link) bool {
	for m.orders != nil && m.flying(command) == nil {
		o := m.orders
		if len(o.exchanges) == 0 {
			writes, reads, err := m.c.cfg.Writes(o.list[0])
			if err != nil {
				m.settle(drivers.Rejected, tags.Refused, err.Error())
				continue
			}
			o.exchanges, o.writes, o.at = slices.Concat(writes, reads), len(writes), 0
		}
		if m.hold() > now {
			return false
		}
		m.ask(now, f, command, unclear, l)
		return true
	}
	return false
}

// orderAnswer settles an exchange of the first command that was answered; words are the device's, where it refuses.
func (m *machine) orderAnswer(now int64, why tags.Reason, words string) {
	o := m.orders
	u := m.unit(o.list[0].Device)
	u.fails, u.retryAt = 0, 0
	switch {
	case why != tags.Fine && o.at < o.writes:
		m.settle(drivers.Rejected, why, words)
	case why != tags.Fine:
		m.settle(drivers.Rejected, why, "written, but it cannot be read back: "+cmp.Or(words, why.String()))
	case o.at+1 < len(o.exchanges):
		o.at++
	default:
		if o.writes == len(o.exchanges) {
			m.readAt(now, o.list[0])
		}
		m.settle(drivers.Confirmed, tags.Fine, "")
	}
}

// readAt has what a command has changed, or may have, read at a time, without waiting for its turn: until then people
// would be shown what was before.
func (m *machine) readAt(at int64, c *drivers.Command) {
	for i, p := range m.plan().entries {
		if slices.ContainsFunc(c.Writes, func(w drivers.Write) bool { return slices.Contains(p.Tags, w.Tag) }) {
			m.deferEntry(i, at)
		}
	}
}

// orderTimeout gives the first command up: it is not sent again, as the device may have done it.
func (m *machine) orderTimeout(now int64, f *flight) {
	c := m.orders.list[0]
	u := m.unit(c.Device)
	m.owes(u, f)
	m.readAt(max(now, u.lateUntil), c)
	m.settle(drivers.TimedOut, tags.Timeout, "")
}

// settle answers the first command and takes it off the list.
func (m *machine) settle(r drivers.Result, why tags.Reason, detail string) {
	o := m.orders
	c := o.list[0]
	o.list, o.exchanges, o.writes, o.at = o.list[1:], nil, 0, 0
	if len(o.list) == 0 {
		m.orders = nil
	}
	c.Answer(r, why, detail)
}

// abandon answers all commands: the link is over.
func (m *machine) abandon() {
	sent := m.flying(command) != nil || m.orders != nil && m.orders.at > 0
	for m.orders != nil {
		if sent {
			m.settle(drivers.LinkLost, tags.Offline, "")
		} else {
			m.settle(drivers.Unsent, tags.Offline, "")
		}
		sent = false
	}
	for i := range m.flights() {
		m.flight(i).deadline = 0
	}
}
