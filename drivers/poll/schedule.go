package poll

import (
	"slices"

	"linkd/drivers"
)

// most missed rounds of a class that are reported one by one, after a link was not run for long.
const maxMissed = 100

// waits is the time at which something is to be asked, 0 for never.
func (m *machine) waits() int64 {
	at := int64(0)
	for i := range m.classes {
		if m.classes[i].next == idle {
			at = earlier(at, m.classes[i].due)
		} else {
			at = 1
		}
	}
	if m.aside != nil {
		p := m.plan()
		for _, e := range m.aside.waiting {
			at = earlier(at, max(m.units[p.entries[e].Device].lateUntil, 1))
		}
	}
	return earlier(at, m.ordered())
}

// poll asks the next entry that is due; false when there is none. Classes that are due take turns.
func (m *machine) poll(now int64, q *question, l drivers.Link) bool {
	if m.resume(now, q, l) {
		return true
	}
	p := m.plan()
	for range m.classes {
		m.turn = uint16((int(m.turn) + 1) % len(m.classes))
		k := &m.classes[m.turn]
		late := int64(unclear)
		if k.next == idle {
			if k.due > now {
				continue
			}
			k.next, late = 0, now-k.due
		}
		entries := p.classes[m.turn].entries
		for int(k.next) < len(entries) {
			e := entries[k.next]
			k.next++
			if m.askable(now, int32(e), p, l) {
				m.pollEntry(now, q, int32(e), late, &p.entries[e], l)
				m.ended(now, k, p, l)
				return true
			}
		}
		m.ended(now, k, p, l)
	}
	return false
}

// pollEntry asks a plan entry. A dead device is asked this one thing until it has answered.
func (m *machine) pollEntry(now int64, q *question, e int32, late int64, p *Planned, l drivers.Link) {
	m.begin(now, q, e, late, p.Exchange, l)
	if u := &m.units[p.Device]; u.fails >= deadAfter {
		u.retryAt = q.deadline
	}
}

// ended ends a round that has nothing left to ask: the next one is due at the link's own phase of the period.
func (m *machine) ended(now int64, k *classState, p plan, l drivers.Link) {
	entries := p.classes[m.turn].entries
	if int(k.next) < len(entries) {
		return
	}
	if k.next = idle; k.due > now {
		return // what is left of a split entry was asked after its round
	}
	every := m.c.classes[m.turn].every
	phase := spread(l.Number(), every)
	next := k.due + every/2
	next += ((phase-next)%every + every) % every
	if next <= now {
		missed := (now-next)/every + 1
		next += missed * every
		for range min(missed, maxMissed) {
			missedRound(p, entries, l)
		}
	}
	k.due = next
}

// missedRound reports each device of a round once. The entries of a device are neighbours.
func missedRound(p plan, entries []int, l drivers.Link) {
	last := none
	for _, e := range entries {
		if d := p.entries[e].Device; d != last {
			l.Polled(d, drivers.PollMissed, 0, unclear)
			last = d
		}
	}
}

// askable reports whether an entry may be asked now: its device is not being left alone, and owes no answer that could
// be taken for this one's. An entry that has to wait for that missed its time, and is asked when it may be.
func (m *machine) askable(now int64, e int32, p plan, l drivers.Link) bool {
	device := p.entries[e].Device
	u := &m.units[device]
	switch {
	case u.retryAt > now:
		return false
	case u.window(now) && (u.entry != e || m.awaited(device, e, p)):
		if a := m.beside(); !slices.Contains(a.waiting, e) {
			a.waiting = append(a.waiting, e)
		}
	case !m.flying(e):
		return true
	}
	l.Polled(device, drivers.PollMissed, 0, unclear)
	return false
}

// awaited reports whether something else waits until the device owes no answer. Then the question whose answer is owed
// is not asked again either: each time would keep the others waiting longer.
func (m *machine) awaited(device int, e int32, p plan) bool {
	if m.orders != nil && m.orders.list[0].Device == device && m.hold() != 0 {
		return true
	}
	return m.aside != nil && slices.ContainsFunc(m.aside.waiting, func(w int32) bool {
		return w != e && p.entries[w].Device == device
	})
}

// resume asks an entry that had to wait and need not any more; false when there is none.
func (m *machine) resume(now int64, q *question, l drivers.Link) bool {
	if m.aside == nil {
		return false
	}
	p, a := m.plan(), m.aside
	for i := 0; i < len(a.waiting); {
		e := a.waiting[i]
		u := &m.units[p.entries[e].Device]
		dead := u.retryAt > now
		if !dead && u.window(now) {
			i++
			continue
		}
		a.waiting = slices.Delete(a.waiting, i, i+1)
		if !dead {
			m.pollEntry(now, q, e, unclear, &p.entries[e], l)
			return true
		}
	}
	return false
}
