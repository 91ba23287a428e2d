package poll

import (
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// Receive implements drivers.Machine. What is no answer is dropped and does not end the wait for one.
func (m *machine) Receive(now int64, b []byte, l drivers.Link) int {
	q, from, to := m.find(b)
	if q == nil {
		return m.unasked(now, b, l)
	}
	if taken, keep := m.overdue(now, b, from, l); taken > 0 {
		return taken
	} else if to == 0 {
		return m.drop(b, keep)
	}
	newest := m.seq
	q.deadline = 0
	took := now - q.firstAt
	m.sample(took)
	m.quietTo = now + int64(m.c.cfg.Gap)
	why := m.exchange(q).Take(b[from:to], l)
	if q.entry == command {
		m.orderAnswer(why)
	} else {
		m.answer(q, why, took, l)
	}
	if m.c.cfg.Distinct {
		m.next(now, l)
		return to
	}
	for to < len(b) {
		n := m.unasked(now, b[to:], l)
		if to += n; n == 0 {
			break
		}
	}
	if m.next(now, l); m.seq != newest {
		return len(b) // what came before a question cannot answer it
	}
	return to
}

// find looks for the first answer to a question in flight. q is nil when there is no such question; to is 0 when no
// answer is there, and from is then where one may begin.
func (m *machine) find(b []byte) (q *question, from, to int) {
	for i := range m.places() {
		p := m.place(i)
		if p.deadline == 0 {
			continue
		}
		f, t := m.exchange(p).Find(b, p.seq)
		if q == nil || t > 0 && (to == 0 || f < from) || t == 0 && to == 0 && f < from {
			q, from, to = p, f, t
		}
	}
	return q, from, to
}

// exchange is what a question in flight is about.
func (m *machine) exchange(q *question) Exchange {
	if q.entry == command {
		return m.orders.exchange()
	}
	return m.plan().entries[q.entry].Exchange
}

// drop is how many bytes of b are taken when those from keep on may yet become something: no more are kept than the
// longest answer has.
func (m *machine) drop(b []byte, keep int) int {
	return max(min(keep, len(b)), len(b)-m.c.cfg.MaxFrame, 0)
}

// answer settles a plan entry that was answered; why is Fine, or what the device refused it for.
func (m *machine) answer(q *question, why tags.Reason, took int64, l drivers.Link) {
	p := m.plan()
	e := &p.entries[q.entry]
	u := &m.units[e.Device]
	u.fails, u.retryAt = 0, 0
	if u.owed > 0 && u.entry == q.entry { // of several questions one was answered; the others may be, later
		u.lateUntil = q.sentAt + int64(m.c.cfg.LateWindow)
	}
	if why == tags.Fine {
		l.Polled(e.Device, drivers.PollOK, took, q.late)
		return
	}
	for _, t := range e.Tags {
		l.Bad(t, why)
	}
	l.Polled(e.Device, drivers.PollRefused, took, q.late)
	if why == tags.IllegalAddress && m.c.cfg.Split != nil {
		m.split(int(q.entry), m.c.cfg.Split(e))
	}
}

// split gives the link a plan of its own without the part that the device refused. What is left of the entry is asked
// in the same round, or in the next when others have been asked since.
func (m *machine) split(e int, parts []Planned) {
	before := m.plan()
	m.beside().own = before.split(e, parts)
	for k := range m.classes {
		state := &m.classes[k]
		entries := before.classes[k].entries
		for i, entry := range entries {
			if entry != e {
				continue
			}
			switch {
			case state.next == idle:
				if len(parts) > 0 && i == len(entries)-1 {
					state.next = int32(i) // the round was over: it goes on with the parts
				}
			case int(state.next) == i+1:
				state.next = int32(i)
			case int(state.next) > i:
				state.next += int32(len(parts) - 1)
			}
		}
	}
}

// timeout is called when the answer has not come in time: the question is asked again, or given up.
func (m *machine) timeout(now int64, q *question, l drivers.Link) {
	q.deadline = 0
	if q.entry == command {
		m.owes(&m.units[m.orders.list[0].Device], q)
		m.settle(drivers.TimedOut, tags.Timeout, "") // not sent again: the device may have done it
		return
	}
	p := m.plan()
	e := &p.entries[q.entry]
	u := &m.units[e.Device]
	m.owes(u, q)
	if int(q.tries) < m.c.cfg.Retries && u.fails < deadAfter {
		q.tries++
		m.ask(now, q, e.Exchange, l)
		return
	}
	if u.fails = min(u.fails+1, 200); u.fails < deadAfter {
		for _, t := range e.Tags {
			l.Bad(t, tags.Timeout)
		}
	} else {
		for i := range p.classes {
			for _, other := range p.classes[i].entries {
				if p.entries[other].Device == e.Device {
					for _, t := range p.entries[other].Tags {
						l.Bad(t, tags.Timeout)
					}
				}
			}
		}
		u.retryAt = now + int64(m.pause(e.Every, u.fails))
	}
	l.Polled(e.Device, drivers.PollTimeout, 0, q.late)
}

// pause is how long a dead device is left alone: its period, doubled for each further question without an answer.
func (m *machine) pause(d time.Duration, fails uint8) time.Duration {
	most := m.c.cfg.BackoffMax
	for range fails - deadAfter {
		if d >= most {
			break
		}
		d *= 2
	}
	return min(d, most)
}

// owes notes that a device may still answer the try that was just given up.
func (m *machine) owes(u *unitState, q *question) {
	if m.c.cfg.Distinct {
		return
	}
	if u.entry != q.entry {
		u.owed = 0
	}
	u.owed = min(u.owed+1, 200)
	u.entry, u.lateUntil = q.entry, q.sentAt+int64(m.c.cfg.LateWindow)
}

// overdue looks in b[:limit] for a late answer of a device of which no question is in flight, and strikes it off. taken
// is 0 when none is there; from keep on one may begin.
func (m *machine) overdue(now int64, b []byte, limit int, l drivers.Link) (taken, keep int) {
	p := m.plan()
	keep = min(limit, len(b))
	for d := range m.units {
		u := &m.units[d]
		if u.owed == 0 || u.entry < 0 || !u.window(now) || m.asked(d, p) {
			continue
		}
		from, to := p.entries[u.entry].Exchange.Find(b, 0)
		if to == 0 || to > limit {
			keep = min(keep, from)
			continue
		}
		if u.owed--; u.owed == 0 {
			u.lateUntil = 0
		}
		l.Polled(d, drivers.PollLate, 0, unclear)
		return to, 0
	}
	return 0, keep
}

// asked reports whether a poll of a device is in flight.
func (m *machine) asked(device int, p plan) bool {
	q := &m.one // where answers are owed there is only one
	return q.deadline != 0 && q.entry >= 0 && p.entries[q.entry].Device == device
}

// unasked is given what comes while no answer is waited for: late answers, what devices say of themselves, rubbish.
func (m *machine) unasked(now int64, b []byte, l drivers.Link) int {
	taken, keep := m.overdue(now, b, len(b), l)
	if taken > 0 {
		return taken
	}
	if m.c.cfg.Unsolicited != nil {
		from, to, device := m.c.cfg.Unsolicited(b, l)
		if to > 0 {
			l.Polled(device, drivers.PollOK, 0, unclear)
			return to
		}
		keep = min(keep, from)
	}
	return m.drop(b, keep)
}
