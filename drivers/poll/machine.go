package poll

import (
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

const (
	none    = -1 // no plan entry
	command = -2 // an exchange of a command
	// deadAfter is how many polls in a row a device leaves unanswered before it is asked less often.
	deadAfter = 2
	unclear   = -1 // the lateness of a question that had to wait for others of its round
)

// machine is one link.
type machine struct {
	c       *Channel
	own     *plan // in place of the channel's; nil: the channel's
	orders  *orders
	shifted *shifted // where the channel has parts
	classes []classState
	units   []unitState // by device

	firstAt  int64 // when the question in flight was asked first
	sentAt   int64 // when it was asked last
	deadline int64 // of its answer; 0: nothing is in flight
	quietTo  int64 // the gap after an answer
	late     int64 // how late the question was, or unclear
	srtt     uint32
	rttvar   uint32 // microseconds, as RFC 6298 has them; srtt 0: no sample yet
	entry    int32  // in flight: of the plan, or none or command
	seq      uint16
	tries    uint8
	turn     uint8 // the class that asked last
}

// classState is where a class stands.
type classState struct {
	due  int64
	next int32 // position in the round that is under way; idle between rounds
}

const idle = -1

// unitState is what a link knows of one device.
type unitState struct {
	retryAt   int64 // it is dead, and asked again then; 0: it is not
	lateUntil int64 // late answers may come until then; 0: none is owed
	entry     int32 // whose answer is owed: of the plan, or command
	owed      uint8
	fails     uint8 // polls in a row without an answer
}

func (m *machine) plan() plan {
	if m.own != nil {
		return *m.own
	}
	return plan{m.c.cfg.Plan, m.c.classes}
}

// Open implements drivers.Machine.
func (m *machine) Open(now int64, l drivers.Link) {
	for i, k := range m.c.classes {
		within := min(k.every, int64(firstWithin))
		m.classes[i] = classState{due: now + spread(l.Number()+uint64(i), within), next: idle}
	}
	m.next(now, l)
}

// Timer implements drivers.Machine.
func (m *machine) Timer(now int64, l drivers.Link) {
	if m.deadline != 0 && now >= m.deadline {
		m.timeout(now, l)
	}
	m.next(now, l)
}

// Close implements drivers.Machine.
func (m *machine) Close(int64, drivers.Link) { m.abandon() }

// next asks what is to be asked now, if the line is free, and arms the timer for what comes then.
func (m *machine) next(now int64, l drivers.Link) {
	if m.deadline == 0 && now >= m.quietTo {
		if !m.order(now, l) && !m.poll(now, l) {
			m.entry = none
		}
	}
	m.arm(now, l)
}

// arm asks for the timer at the first time that matters.
func (m *machine) arm(now int64, l drivers.Link) {
	at := m.deadline
	if at == 0 {
		at = m.waits()
		if at == 0 {
			return
		}
		at = max(at, m.quietTo)
	}
	l.Wake(max(at-now, 1))
}

// waits is the time at which something is to be asked, 0 for never.
func (m *machine) waits() int64 {
	at := int64(0)
	first := func(t int64) {
		if at == 0 || t < at {
			at = t
		}
	}
	for i := range m.classes {
		if m.classes[i].next == idle {
			first(m.classes[i].due)
		} else {
			first(1)
		}
	}
	if t := m.ordered(); t != 0 {
		first(t)
	}
	return at
}

// poll asks the next entry that is due; false when there is none. Classes that are due take turns.
func (m *machine) poll(now int64, l drivers.Link) bool {
	p := m.plan()
	for range m.classes {
		m.turn = uint8((int(m.turn) + 1) % len(m.classes))
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
			if m.askable(now, e, &p.entries[e], l) {
				m.late, m.tries, m.firstAt = late, 0, now
				m.ask(now, e, p.entries[e].Exchange, l)
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
		for d := range m.units {
			l.Polled(d, drivers.PollMissed, 0, unclear)
		}
	}
	k.due = next
}

// askable reports whether an entry may be asked now: its device is not being left alone, and owes no answer that could
// be taken for this one's.
func (m *machine) askable(now int64, e int, p *Planned, l drivers.Link) bool {
	u := &m.units[p.Device]
	if u.lateUntil != 0 && now >= u.lateUntil {
		u.lateUntil, u.owed = 0, 0
	}
	switch {
	case u.retryAt > now:
		return false
	case u.lateUntil != 0 && (int(u.entry) != e || m.entriesOf(p.Device) != 1):
		l.Polled(p.Device, drivers.PollMissed, 0, unclear)
		return false
	}
	return true
}

// entriesOf is how many entries a device has. Where it has more than one, the entry whose answer is owed waits for the
// end of the window too: each time it is asked the window would begin again, and the others would never be asked.
func (m *machine) entriesOf(device int) (n int) {
	for _, p := range m.plan().entries {
		if p.Device == device {
			n++
		}
	}
	return n
}

// ask sends a question.
func (m *machine) ask(now int64, entry int, x Exchange, l drivers.Link) {
	m.seq++
	m.entry, m.sentAt = int32(entry), now
	m.deadline = now + m.patience()
	_ = l.Send(x.Ask(l.Scratch(), m.seq)) // a link that takes nothing is closing
}

// patience is how long the answer to this try may take: the link's own latency and four times its deviation, twice as
// long for each retry (RFC 6298).
func (m *machine) patience() int64 {
	o := &m.c.cfg.Options
	d := o.TimeoutMax
	if m.srtt != 0 {
		d = max(time.Duration(m.srtt+4*m.rttvar)*time.Microsecond, o.TimeoutMin) << m.tries
	}
	return int64(min(d, o.TimeoutMax))
}

// sample takes the time from a question to its answer into the link's latency.
func (m *machine) sample(took int64) {
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
func (m *machine) timeout(now int64, l drivers.Link) {
	m.deadline = 0
	if m.entry == command {
		m.orderTimeout(now)
		return
	}
	p := m.plan()
	e := &p.entries[m.entry]
	u := &m.units[e.Device]
	m.owes(u, m.entry)
	if int(m.tries) < m.c.cfg.Retries && u.fails < deadAfter {
		m.tries++
		m.ask(now, int(m.entry), e.Exchange, l)
		return
	}
	u.fails = min(u.fails+1, 200)
	d := &m.c.cfg.Tags.Devices[e.Device]
	for t := d.First; t < d.End; t++ {
		l.Bad(t, tags.Timeout)
	}
	if u.fails >= deadAfter {
		u.retryAt = now + int64(min(e.Every<<min(u.fails-deadAfter, 16), m.c.cfg.BackoffMax))
	}
	l.Polled(e.Device, drivers.PollTimeout, 0, m.late)
}

// owes notes that a device may still answer the question that was just given up.
func (m *machine) owes(u *unitState, entry int32) {
	if m.c.cfg.Distinct {
		return
	}
	if u.entry != entry {
		u.owed = 0
	}
	u.owed = min(u.owed+1, 200)
	u.entry, u.lateUntil = entry, m.sentAt+int64(m.c.cfg.LateWindow)
}
