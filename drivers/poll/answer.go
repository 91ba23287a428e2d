package poll

import (
	"slices"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// Receive implements drivers.Machine. What is no answer is dropped and does not end the wait for one. What comes at the
// moment in which a question is sent came together with the answer before it, and is no answer to this one.
func (m *machine) Receive(now int64, b []byte, l drivers.Link) int {
	m.unheard = 0
	var answered *flight
	from, to := len(b), 0
	for i := range m.flights() {
		f := m.flight(i)
		if f.deadline == 0 || f.sentAt == now {
			continue
		}
		x, y := m.exchange(f).Find(b, f.seq)
		if y > 0 && (to == 0 || x < from) {
			answered, from, to = f, x, y
		} else if to == 0 {
			from = min(from, x)
		}
	}
	known, taken := m.stray(now, b[:from], l)
	switch {
	case known:
		return taken
	case to == 0:
		return m.drop(b, taken)
	}
	m.answered(now, answered, b[from:to], l)
	m.next(now, false, l)
	return to
}

// answered settles the question of f.
func (m *machine) answered(now int64, f *flight, answer []byte, l drivers.Link) {
	f.deadline = 0
	took := f.took(now)
	m.sample(took)
	m.hush(now + int64(m.c.cfg.Gap))
	x := m.exchange(f)
	why := m.take(x, answer, l)
	if f.entry == command {
		words := ""
		if r, ok := x.(Refusal); ok && why != tags.Fine {
			words = why.String() + ": " + r.Words(answer)
		}
		m.orderAnswer(now, why, words)
	} else {
		m.answer(now, f, why, took, l)
	}
}

// exchange is what is in flight at f.
func (m *machine) exchange(f *flight) Exchange {
	if f.entry == command {
		return m.orders.exchange()
	}
	return m.plan().entries[f.entry].Exchange
}

// answer settles a plan entry that was answered; why is Fine, or what the device refused it for.
func (m *machine) answer(now int64, f *flight, why tags.Reason, took int64, l drivers.Link) {
	p := m.plan()
	e := &p.entries[f.entry]
	u := m.unit(e.Device)
	u.fails, u.retryAt = 0, 0
	if u.owed > 0 && (u.entry == f.entry || u.entry == several) { // this may be an older one, and f's still come
		u.lateUntil = f.sentAt + int64(m.c.cfg.LateWindow)
	}
	if why == tags.Fine {
		l.Polled(e.Device, drivers.PollOK, took, f.lateness())
		return
	}
	for _, t := range e.Tags {
		l.Bad(t, why)
	}
	l.Polled(e.Device, drivers.PollRefused, took, f.lateness())
	if why == tags.IllegalAddress && m.c.cfg.Split != nil {
		m.split(int(f.entry), m.c.cfg.Split(e))
		m.rare.learned = now
	}
}

// split gives the link a plan of its own without the part that the device refused. What is left of the entry is asked
// in the same round.
func (m *machine) split(e int, parts []Planned) {
	before := m.plan()
	m.seldom().own = before.split(e, parts)
	for k := range before.classes {
		state := m.class(k)
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

// recall marks what the devices have refused before the link's plan was made without it.
func (m *machine) recall(l drivers.Link) {
	if m.rare.own == nil {
		return
	}
	for _, p := range m.c.cfg.Plan {
		for _, t := range p.Tags {
			if !slices.ContainsFunc(m.rare.own.entries, func(e Planned) bool { return slices.Contains(e.Tags, t) }) {
				l.Bad(t, tags.IllegalAddress)
			}
		}
	}
}

// stray is given what is no part of an answer that is waited for: late answers, what devices say unasked, and rubbish.
// What stands before taken is known, or else of no use.
func (m *machine) stray(now int64, b []byte, l drivers.Link) (known bool, taken int) {
	if len(b) == 0 {
		return false, 0
	}
	p := m.plan()
	kept := len(b)
	for d := range m.c.cfg.Tags.Devices {
		u := m.unit(d)
		if u.owed == 0 || u.lateUntil <= now || u.entry < 0 || int(u.entry) >= len(p.entries) {
			continue
		}
		from, to := p.entries[u.entry].Exchange.Find(b, m.seq)
		if to == 0 {
			kept = min(kept, from) // its beginning may be there
			continue
		}
		if heard, taken := m.hear(b[:from], l); heard {
			return true, taken
		}
		m.late(now, u)
		l.Polled(d, drivers.PollLate, 0, unclear)
		return true, to
	}
	return m.hear(b[:kept], l)
}

// late settles an answer that a device owed. Where the largest timeout would have been enough for it the device lives,
// and is asked as before: the link's latency is known better now. One that takes longer is left alone as a dead one is,
// since each question to it would hold up its neighbours for as long.
func (m *machine) late(now int64, u *unitState) {
	took := now - (u.lateUntil - int64(m.c.cfg.LateWindow)) // since it was asked last
	if took <= int64(m.c.cfg.TimeoutMax) {
		m.sample(took)
		u.fails, u.retryAt = 0, 0
	}
	if u.owed--; u.owed == 0 {
		u.lateUntil = 0
	}
}

// hear offers b, which is no part of an answer, to what devices say unasked. What stands before taken is of no use.
func (m *machine) hear(b []byte, l drivers.Link) (heard bool, taken int) {
	if !m.c.hears || len(b) == 0 {
		return false, len(b)
	}
	from, to := m.heard(b, l)
	if to > 0 {
		return true, to
	}
	return false, from
}

// drop is how many bytes of b can go when what stands before kept can be part of nothing.
func (m *machine) drop(b []byte, kept int) int {
	return max(min(kept, len(b)), len(b)-m.c.cfg.MaxFrame, 0)
}
