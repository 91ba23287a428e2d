package poll

import "slices"

// deferred is a plan entry that is asked at another time than its class says.
type deferred struct {
	entry int32
	until int64
}

// deferEntry puts an entry off until the given time. An entry is put off once: the list is no longer than the plan.
func (m *machine) deferEntry(entry int, until int64) {
	m.dropDeferred(entry)
	r := m.seldom()
	r.later = append(r.later, deferred{int32(entry), until})
}

// dropDeferred forgets that an entry was put off.
func (m *machine) dropDeferred(entry int) {
	if m.rare != nil {
		m.rare.later = slices.DeleteFunc(m.rare.later, func(d deferred) bool { return int(d.entry) == entry })
	}
}

// undeferred takes an entry whose time has come off the list; none when there is none.
func (m *machine) undeferred(now int64) int {
	if m.rare == nil {
		return none
	}
	i := slices.IndexFunc(m.rare.later, func(d deferred) bool { return d.until <= now })
	if i < 0 {
		return none
	}
	e := int(m.rare.later[i].entry)
	m.rare.later = slices.Delete(m.rare.later, i, i+1)
	return e
}

// deferredUntil is the first time on the list, 0 for never.
func (m *machine) deferredUntil() (at int64) {
	if m.rare != nil {
		for _, d := range m.rare.later {
			at = earlier(at, d.until)
		}
	}
	return at
}
