package poll

import (
	"linkd/drivers"
	"linkd/drivers/tags"
)

// Receive implements drivers.Machine. What is no answer is dropped and does not end the wait for one.
func (m *machine) Receive(now int64, b []byte, l drivers.Link) int {
	if m.deadline == 0 {
		return m.unasked(now, b, l)
	}
	x := m.inFlight()
	from, to := x.Find(b, m.seq)
	heard, taken := m.hear(b[:from], l)
	switch {
	case heard:
		return taken
	case to == 0:
		return m.drop(b, taken)
	}
	m.deadline = 0
	took := now - m.firstAt
	m.sample(took)
	m.quietTo = now + int64(m.c.cfg.Gap)
	if m.entry == command {
		m.orderAnswer(x, b[from:to], l)
	} else {
		m.answer(now, x.Take(b[from:to], l), took, l)
	}
	m.next(now, l)
	return to
}

// inFlight is the exchange whose answer is waited for.
func (m *machine) inFlight() Exchange {
	if m.entry == command {
		return m.orders.exchange()
	}
	return m.plan().entries[m.entry].Exchange
}

// answer settles a plan entry that was answered; why is Fine, or what the device refused it for.
func (m *machine) answer(now int64, why tags.Reason, took int64, l drivers.Link) {
	p := m.plan()
	e := &p.entries[m.entry]
	u := &m.units[e.Device]
	u.fails, u.retryAt = 0, 0
	if u.owed > 0 && u.entry == m.entry { // of several questions one was answered; the others may be, later
		u.lateUntil = m.sentAt + int64(m.c.cfg.LateWindow)
	}
	if why == tags.Fine {
		l.Polled(e.Device, drivers.PollOK, took, m.late)
		return
	}
	for _, t := range e.Tags {
		l.Bad(t, why)
	}
	l.Polled(e.Device, drivers.PollRefused, took, m.late)
	if why == tags.IllegalAddress && m.c.cfg.Split != nil {
		m.split(int(m.entry), m.c.cfg.Split(e))
	}
}

// split gives the link a plan of its own without the part that the device refused. What is left of the entry is asked
// in the same round.
func (m *machine) split(e int, parts []Planned) {
	before := m.plan()
	m.own = before.split(e, parts)
	for k := range m.classes {
		state := &m.classes[k]
		for i, entry := range before.classes[k].entries {
			if entry != e {
				continue
			}
			if state.next == idle {
				if len(parts) > 0 {
					state.next = int32(i) // the round was over: it goes on with the parts
				}
			} else if int(state.next) == i+1 {
				state.next = int32(i)
			}
		}
	}
}

// unasked is given what comes while no answer is waited for: late answers, and rubbish.
func (m *machine) unasked(now int64, b []byte, l drivers.Link) int {
	p := m.plan()
	kept := len(b)
	for d := range m.units {
		u := &m.units[d]
		if u.owed == 0 || u.lateUntil <= now || u.entry < 0 || int(u.entry) >= len(p.entries) {
			continue
		}
		from, to := p.entries[u.entry].Exchange.Find(b, m.seq)
		if to == 0 {
			kept = min(kept, from) // its beginning may be there
			continue
		}
		if u.owed--; u.owed == 0 {
			u.lateUntil = 0
		}
		l.Polled(d, drivers.PollLate, 0, unclear)
		return to
	}
	heard, taken := m.hear(b[:kept], l)
	if heard {
		return taken
	}
	return m.drop(b, taken)
}

// hear offers b, which is no part of an answer, to what devices say unasked. What stands before taken is of no use.
func (m *machine) hear(b []byte, l drivers.Link) (heard bool, taken int) {
	if m.c.cfg.Hear == nil || len(b) == 0 {
		return false, len(b)
	}
	from, to := m.c.cfg.Hear(b, l)
	if to > 0 {
		return true, to
	}
	return false, from
}

// drop is how many bytes of b can go when what stands before kept can be part of nothing.
func (m *machine) drop(b []byte, kept int) int {
	return max(min(kept, len(b)), len(b)-m.c.cfg.MaxFrame, 0)
}
