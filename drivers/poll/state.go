package poll

import (
	"math"
	"time"
)

// machine is one link.
type machine struct {
	c      *Channel
	rare   *rare // nil: nothing of it
	orders *orders

	// The first of each, which is all that most links have; the others are in rare.
	firstClass  classState
	firstUnit   unitState
	firstFlight flight

	srtt   uint32
	rttvar uint32 // microseconds, as RFC 6298 has them; srtt 0: no sample yet
	seq    uint16 // of the last question
	turn   uint8  // the class that asked last
	silent uint8  // questions in a row that were waited for in vain
	// unheard is how many questions were sent since anything came.
	unheard uint8
}

// rare is what few links need.
type rare struct {
	classes  []classState // but the first
	units    []unitState  // by device, but the first
	flights  []flight     // but the first, where several questions may be in flight
	own      *plan        // in place of the channel's; nil: the channel's
	learned  int64        // when it became so
	shifted  shifted      // where the channel has parts
	later    []deferred   // entries that wait for a window of late answers to close
	announce []int64      // when each announcement is due
	quietTo  int64        // the gap after an answer, or an announcement
}

// seldom returns the part of the machine that few links need.
func (m *machine) seldom() *rare {
	if m.rare == nil {
		m.rare = new(rare)
	}
	return m.rare
}

// quietTo is until when nothing is to be asked, 0 where the channel has no gaps.
func (m *machine) quietTo() int64 {
	if m.rare == nil {
		return 0
	}
	return m.rare.quietTo
}

// hush has nothing asked until then, where the channel has gaps.
func (m *machine) hush(until int64) {
	if m.rare != nil {
		m.rare.quietTo = max(m.rare.quietTo, until)
	}
}

// plan is what the link follows.
func (m *machine) plan() plan {
	if m.rare != nil && m.rare.own != nil {
		return *m.rare.own
	}
	return plan{m.c.cfg.Plan, m.c.classes}
}

// flights is how many questions may be in flight.
func (m *machine) flights() int {
	if m.rare == nil {
		return 1
	}
	return len(m.rare.flights) + 1
}

// class returns where class i stands.
func (m *machine) class(i int) *classState {
	if i == 0 {
		return &m.firstClass
	}
	return &m.rare.classes[i-1]
}

// unit returns what is known of device i.
func (m *machine) unit(i int) *unitState {
	if i == 0 {
		return &m.firstUnit
	}
	return &m.rare.units[i-1]
}

// flight is a place for one question.
type flight struct {
	sentAt   int64  // when the question was asked last
	deadline int64  // of its answer; 0: nothing is in flight here
	waited   uint32 // microseconds that tries before have taken
	late     int32  // how late the question was, in microseconds, or unclear
	entry    int32  // of the plan, or none or command
	seq      uint16
	tries    uint8
	excused  bool // at its deadline bytes waited unread
}

// took is how long the answer has taken that has come now, in nanoseconds.
func (f *flight) took(now int64) int64 {
	return now - f.sentAt + int64(f.waited)*int64(time.Microsecond)
}

// lateness is how late the question was, in nanoseconds, or unclear.
func (f *flight) lateness() int64 {
	if f.late == unclear {
		return unclear
	}
	return int64(f.late) * int64(time.Microsecond)
}

// microseconds of a time in nanoseconds, as far as there is room for them.
func microseconds(ns int64) int32 { return int32(min(ns/int64(time.Microsecond), math.MaxInt32)) }

// flight returns place i.
func (m *machine) flight(i int) *flight {
	if i == 0 {
		return &m.firstFlight
	}
	return &m.rare.flights[i-1]
}

// flying returns the place where the question of an entry is in flight, nil for none.
func (m *machine) flying(entry int) *flight {
	for i := range m.flights() {
		if f := m.flight(i); f.deadline != 0 && int(f.entry) == entry {
			return f
		}
	}
	return nil
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
	entry     int32 // whose answer is owed: of the plan, or command, or several
	shape     uint8 // of the answer that is owed
	owed      uint8
	fails     uint8 // polls in a row without an answer
}
