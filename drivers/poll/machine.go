package poll

import (
	"time"

	"linkd/drivers"
)

const (
	none    = -1 // no plan entry
	command = -2 // an exchange of a command
	// deadAfter is how many polls in a row a device leaves unanswered before it is asked less often.
	deadAfter = 2
	unclear   = -1 // the lateness of a question that had to wait for others of its round
	idle      = -1 // a class between its rounds
)

// machine is one link.
type machine struct {
	c       *Channel
	aside   *aside  // nil: as for most links
	orders  *orders // nil: no command waits
	classes []classState
	units   []unitState // by device
	one     question    // the only one, unless the channel has more in flight

	quietTo int64  // the gap after an answer
	srtt    uint32 // microseconds, as RFC 6298 has it; 0: no sample yet
	rttvar  uint32
	seq     uint16 // of the newest question
	turn    uint16 // the class that asked last
}

// aside is what few links need.
type aside struct {
	own     *plan      // in place of the channel's; nil: the channel's
	waiting []int32    // plan entries whose time came while their device owed an answer
	more    []question // in flight besides the one
}

// question is a place for a question in flight.
type question struct {
	firstAt  int64 // when it was asked first
	sentAt   int64 // when it was asked last
	deadline int64 // of its answer; 0: the place is free
	late     int64 // how long after its due time it was asked, or unclear
	entry    int32 // of the plan, or command
	seq      uint16
	tries    uint8
}

// classState is where a class stands.
type classState struct {
	due  int64
	next int32 // position in the round that is under way; idle between rounds
}

// unitState is what a link knows of one device.
type unitState struct {
	retryAt   int64 // it is dead, and asked again then; 0: it is not
	lateUntil int64 // late answers may come until then; 0: none is owed
	entry     int32 // whose answer is owed: of the plan, or command
	owed      uint8
	fails     uint8 // polls in a row without an answer
}

// window reports whether a late answer may still come.
func (u *unitState) window(now int64) bool {
	if u.lateUntil != 0 && now >= u.lateUntil {
		u.lateUntil, u.owed = 0, 0
	}
	return u.lateUntil != 0
}

func (m *machine) plan() plan {
	if m.aside != nil && m.aside.own != nil {
		return *m.aside.own
	}
	return plan{m.c.cfg.Plan, m.c.classes}
}

// beside is the part that few links have, made when it is needed first.
func (m *machine) beside() *aside {
	if m.aside == nil {
		m.aside = &aside{}
	}
	return m.aside
}

// places is how many questions may be in flight; place is one of them.
func (m *machine) places() int { return m.c.cfg.InFlight }

func (m *machine) place(i int) *question {
	if i == 0 {
		return &m.one
	}
	return &m.aside.more[i-1]
}

// free is a place for another question, nil when all are taken.
func (m *machine) free() *question {
	for i := range m.places() {
		if q := m.place(i); q.deadline == 0 {
			return q
		}
	}
	return nil
}

// flying reports whether the question of entry is in flight.
func (m *machine) flying(entry int32) bool {
	for i := range m.places() {
		if q := m.place(i); q.deadline != 0 && q.entry == entry {
			return true
		}
	}
	return false
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
	for i := range m.places() {
		if q := m.place(i); q.deadline != 0 && now >= q.deadline {
			m.timeout(now, q, l)
		}
	}
	m.next(now, l)
}

// Close implements drivers.Machine.
func (m *machine) Close(int64, drivers.Link) {
	m.abandon()
	for i := range m.places() {
		m.place(i).deadline = 0
	}
}

// next asks what is to be asked now, if the line is free, and arms the timer for what comes then.
func (m *machine) next(now int64, l drivers.Link) {
	if now >= m.quietTo {
		for q := m.free(); q != nil && (m.order(now, q, l) || m.poll(now, q, l)); {
			q = m.free()
		}
	}
	m.arm(now, l)
}

// arm asks for the timer at the first time that matters.
func (m *machine) arm(now int64, l drivers.Link) {
	at := int64(0)
	for i := range m.places() {
		at = earlier(at, m.place(i).deadline)
	}
	if m.free() != nil {
		if t := m.waits(); t != 0 {
			at = earlier(at, max(t, m.quietTo))
		}
	}
	if at == 0 {
		l.Wake(0)
		return
	}
	l.Wake(max(at-now, 1))
}

// earlier is the first of two times, of which 0 is never.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// ask sends a question, for the first time or again.
func (m *machine) ask(now int64, q *question, x Exchange, l drivers.Link) {
	q.sentAt = now
	q.deadline = now + m.patience(q)
	_ = l.Send(x.Ask(l.Scratch(), q.seq)) // a link that takes nothing is closing
}

// begin asks a question for the first time. A retry has the same number: an answer to either is true.
func (m *machine) begin(now int64, q *question, entry int32, late int64, x Exchange, l drivers.Link) {
	m.seq++
	*q = question{firstAt: now, late: late, entry: entry, seq: m.seq}
	m.ask(now, q, x, l)
}

// patience is how long the answer to this try may take: the link's own latency and four times its deviation, twice as
// long for each retry (RFC 6298).
func (m *machine) patience(q *question) int64 {
	o := &m.c.cfg.Options
	d := o.TimeoutMax
	if m.srtt != 0 {
		d = max(time.Duration(m.srtt+4*m.rttvar)*time.Microsecond, o.TimeoutMin) << q.tries
	}
	return int64(min(d, o.TimeoutMax))
}

// sample takes the time from a question's first try to its answer into the link's latency. Which try was answered is
// not known: the first one errs towards patience, and lets a link that has become slow be learnt.
func (m *machine) sample(took int64) {
	us := uint32(max(min(took/1000, 1<<29), 1))
	if m.srtt == 0 {
		m.srtt, m.rttvar = us, us/2
		return
	}
	delta := max(us, m.srtt) - min(us, m.srtt)
	m.rttvar = m.rttvar - m.rttvar/4 + delta/4
	m.srtt = max(m.srtt-m.srtt/8+us/8, 1)
}
