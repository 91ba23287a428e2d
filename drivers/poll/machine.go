package poll

import (
	"math"
	"slices"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

const (
	none    = -1 // no plan entry
	command = -2 // an exchange of a command
	several = -3 // exchanges of several shapes
	// deadAfter is how many polls in a row a device leaves unanswered before it is asked less often.
	deadAfter = 2
	// remember is how long what a device has refused is not asked for again after it has dialled in anew.
	remember = time.Hour
	// behind is how late a round is that only the timer begins. Where answers are read so late, the loop has more to do
	// than it can: were each to bring the next question, it would find answers for ever and nothing else, no link that
	// dials in. The timers can wait for those.
	behind      = 20 * time.Millisecond
	mostDoubled = 16 // times that a timeout is doubled
	unclear     = -1 // the lateness of a question that had to wait for others of its round
)

// Open implements drivers.Machine.
func (m *machine) Open(now int64, l drivers.Link) {
	m.firstFlight, m.firstUnit, m.srtt, m.rttvar, m.silent, m.unheard = flight{}, unitState{}, 0, 0, 0, 0
	if r := m.rare; r != nil {
		clear(r.units)
		clear(r.flights)
		r.later, r.quietTo = nil, 0
		if now-r.learned > int64(remember) {
			r.own = nil
		}
		m.recall(l)
	}
	for i, k := range m.c.classes {
		within := min(k.every, int64(firstWithin))
		*m.class(i) = classState{due: now + spread(l.Number()+uint64(i), within), next: idle}
	}
	m.openAnnouncements(now, l)
	m.next(now, false, l)
}

// Timer implements drivers.Machine.
func (m *machine) Timer(now int64, l drivers.Link) {
	for i := range m.flights() {
		switch f := m.flight(i); {
		case f.deadline == 0 || now < f.deadline:
		case !f.excused && l.Unread(): // it is the loop that is late
			f.excused, f.deadline = true, now+int64(drivers.UnreadTime)
		default:
			m.timeout(now, f, l)
		}
	}
	m.next(now, true, l)
}

// Close implements drivers.Machine.
func (m *machine) Close(int64, drivers.Link) { m.abandon() }

// next asks what is to be asked now, if the line is free, and arms the timer for what comes then. timed says that it is
// the timer that calls.
func (m *machine) next(now int64, timed bool, l drivers.Link) {
	for i := range m.flights() {
		f := m.flight(i)
		if f.deadline != 0 || now < m.quietTo() {
			continue
		}
		if !m.order(now, f, l) && (m.announce(now, l) || !m.poll(now, timed, f, l)) {
			break
		}
	}
	m.arm(now, l)
}

// arm asks for the timer at the first time that matters.
func (m *machine) arm(now int64, l drivers.Link) {
	at, free := int64(0), false
	for i := range m.flights() {
		f := m.flight(i)
		free = free || f.deadline == 0
		at = earlier(at, f.deadline)
	}
	if free {
		if t := m.waits(); t != 0 {
			at = earlier(at, max(t, m.quietTo()))
		}
	}
	if at != 0 {
		l.Wake(max(at-now, 1))
	}
}

// earlier is the earlier of two times; 0 is never.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// waits is the time at which something is to be asked, 0 for never.
func (m *machine) waits() int64 {
	at := earlier(earlier(m.ordered(), m.deferredUntil()), m.announced())
	for i := range m.c.classes {
		if k := m.class(i); k.next == idle {
			at = earlier(at, k.due)
		} else {
			at = 1 // a round is under way
		}
	}
	return at
}

// poll asks the next entry that is due; false when there is none. Classes that are due take turns.
func (m *machine) poll(now int64, timed bool, f *flight, l drivers.Link) bool {
	p := m.plan()
	for e := m.undeferred(now); e != none; e = m.undeferred(now) {
		if m.askable(now, e, &p.entries[e], l) {
			m.ask(now, f, e, unclear, l)
			return true
		}
	}
	for range m.c.classes {
		m.turn = uint8((int(m.turn) + 1) % len(m.c.classes))
		k := m.class(int(m.turn))
		late := int64(unclear)
		if k.next == idle {
			if k.due > now || !timed && now-k.due > int64(behind) {
				continue
			}
			k.next, late = 0, now-k.due
		}
		entries := p.classes[m.turn].entries
		for int(k.next) < len(entries) {
			e := entries[k.next]
			k.next++
			if m.askable(now, e, &p.entries[e], l) {
				m.ask(now, f, e, late, l)
				m.ended(now, k, len(entries), l)
				return true
			}
		}
		m.ended(now, k, len(entries), l)
	}
	return false
}

// ended ends a round that has nothing left to ask: the next one is due at the link's own phase of the period.
func (m *machine) ended(now int64, k *classState, entries int, l drivers.Link) {
	if int(k.next) < entries {
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
		missed := (now - next) / every
		next += (missed + 1) * every
		m.missed(l)
	}
	k.due = next
}

// Unheard implements drivers.Questioner.
func (m *machine) Unheard() uint8 { return m.unheard }

// Gathers implements drivers.Gatherer: those of one device stand together in a round.
func (m *machine) Gathers(device int) bool {
	p := m.plan()
	for i := range m.flights() {
		if f := m.flight(i); f.deadline != 0 && f.entry >= 0 && p.entries[f.entry].Device == device {
			return true
		}
	}
	if len(p.classes) == 0 {
		return false // it only listens
	}
	next, entries := int(m.class(int(m.turn)).next), p.classes[m.turn].entries
	return next >= 0 && next < len(entries) && p.entries[entries[next]].Device == device
}

// missed tells of the devices of the class whose turn it is that a round has passed unused.
func (m *machine) missed(l drivers.Link) {
	p := m.plan()
	last := none
	for _, e := range p.classes[m.turn].entries { // those of one device stand together
		if d := p.entries[e].Device; d != last {
			l.Polled(d, drivers.PollMissed, 0, unclear)
			last = d
		}
	}
}

// askable reports whether an entry may be asked now: it is not in flight, its device is not being left alone, and owes
// no answer that could be taken for this one's. An entry whose next round is far away is put off until that window has
// closed; others miss a round.
func (m *machine) askable(now int64, e int, p *Planned, l drivers.Link) bool {
	u := m.unit(p.Device)
	if u.lateUntil != 0 && now >= u.lateUntil {
		u.lateUntil, u.owed = 0, 0
	}
	switch {
	case u.retryAt > now || m.flights() > 1 && m.flying(e) != nil:
		return false
	case u.lateUntil != 0 && m.mistakable(u, e, p):
		if now+int64(p.Every/2) > u.lateUntil {
			m.deferEntry(e, u.lateUntil)
		} else {
			l.Polled(p.Device, drivers.PollMissed, 0, unclear)
		}
		return false
	}
	return true
}

// mistakable reports whether the answer that u's device owes could be taken for that to entry e. Where other entries
// have its shape, the entry whose answer is owed waits for the end of the window too: each time it is asked the window
// would begin again, and the others would never be asked.
func (m *machine) mistakable(u *unitState, e int, p *Planned) bool {
	mine := shape(p.Exchange)
	if u.entry == several || u.shape != mine {
		return u.entry == several
	}
	entries := m.plan().entries
	return int(u.entry) != e || slices.ContainsFunc(entries, func(o Planned) bool {
		return o.Device == p.Device && o.Exchange != p.Exchange && shape(o.Exchange) == mine
	})
}

// shape is the shape of an exchange's answers.
func shape(x Exchange) uint8 {
	if s, ok := x.(Shaped); ok {
		return s.Shape()
	}
	return 0
}

// ask puts an entry, or an exchange of the first command, in flight for the first time.
func (m *machine) ask(now int64, f *flight, entry int, late int64, l drivers.Link) {
	*f = flight{late: unclear, entry: int32(entry)}
	if late != unclear {
		f.late = microseconds(late)
	}
	m.dropDeferred(entry)
	m.send(now, f, l)
}

// send sends the question of f.
func (m *machine) send(now int64, f *flight, l drivers.Link) {
	m.seq++
	f.seq, f.sentAt, f.excused = m.seq, now, false
	f.deadline = now + m.patience()
	m.unheard = min(m.unheard, math.MaxUint8-1) + 1
	_ = l.Send(m.exchange(f).Ask(l.Scratch(), f.seq)) // a link that takes nothing is closing
}

// patience is how long an answer may take: the link's own latency and four times its deviation, twice as long for each
// question that was waited for in vain since the last answer (RFC 6298, sections 2 and 5.5). So a link that has become
// slower, and answers nothing in time any more, is found out.
func (m *machine) patience() int64 {
	o := &m.c.cfg.Options
	d := o.TimeoutMax
	if m.srtt != 0 {
		d = max(time.Duration(m.srtt+4*m.rttvar)*time.Microsecond, o.TimeoutMin) << m.silent
	}
	return int64(min(d, o.TimeoutMax))
}

// sample takes the time from a question to its answer into the link's latency: the link is not silent.
func (m *machine) sample(took int64) {
	m.silent = 0
	us := uint32(max(min(took/1000, 1<<30), 1))
	if m.srtt == 0 {
		m.srtt, m.rttvar = us, us/2
		return
	}
	delta := max(us, m.srtt) - min(us, m.srtt)
	m.rttvar = m.rttvar - m.rttvar/4 + delta/4
	m.srtt = max(m.srtt-m.srtt/8+us/8, 1)
}

// timeout is called when the answer has not come in time: the question is asked again, or given up.
func (m *machine) timeout(now int64, f *flight, l drivers.Link) {
	f.deadline = 0
	m.silent = min(m.silent+1, mostDoubled)
	if f.entry == command {
		m.orderTimeout(now, f)
		return
	}
	p := m.plan()
	e := &p.entries[f.entry]
	u := m.unit(e.Device)
	m.owes(u, f)
	if int(f.tries) < m.c.cfg.Retries && u.fails < deadAfter {
		f.tries++
		f.waited += uint32(microseconds(now - f.sentAt))
		m.send(now, f, l)
		return
	}
	u.fails = min(u.fails+1, 200)
	for i := range p.entries { // what it refused to give stays bad for that reason
		if p.entries[i].Device != e.Device {
			continue
		}
		for _, t := range p.entries[i].Tags {
			l.Bad(t, tags.Timeout)
		}
	}
	if u.fails >= deadAfter {
		u.retryAt = now + int64(min(e.Every<<min(u.fails-deadAfter, 16), m.c.cfg.BackoffMax))
	}
	l.Polled(e.Device, drivers.PollTimeout, 0, f.lateness())
}

// owes notes that a device may still answer the question that was just given up.
func (m *machine) owes(u *unitState, f *flight) {
	if m.c.cfg.Distinct {
		return
	}
	entry, kind := f.entry, shape(m.exchange(f))
	switch {
	case u.owed > 0 && u.lateUntil > f.sentAt && (u.entry == several || u.shape != kind):
		entry = several
	case u.entry != entry:
		u.owed = 0
	}
	u.owed = min(u.owed+1, 200)
	u.entry, u.shape, u.lateUntil = entry, kind, f.sentAt+int64(m.c.cfg.LateWindow)
}
