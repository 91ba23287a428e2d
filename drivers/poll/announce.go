package poll

import (
	"time"

	"linkd/drivers"
)

// Announcement is said to all devices of a link at intervals, and nobody answers.
type Announcement struct {
	Every time.Duration
	// Append appends its frame to dst; now is nanoseconds since the Unix epoch.
	Append func(dst []byte, now int64) []byte
}

// afterAnnouncement is the silence after an announcement: no answer tells that the devices have taken it.
const afterAnnouncement = 500 * time.Millisecond

// openAnnouncements sets when they are due on a link that has just opened: soon, but for those that were made on the
// device's last link and whose interval has not passed.
func (m *machine) openAnnouncements(now int64, l drivers.Link) {
	list := m.c.cfg.Announce
	if len(list) == 0 {
		return
	}
	r := m.seldom()
	if r.announce == nil {
		r.announce = make([]int64, len(list))
	}
	for i, a := range list {
		if r.announce[i] <= now {
			within := min(int64(a.Every), int64(firstWithin))
			r.announce[i] = now + spread(l.Number()+uint64(len(m.c.classes)+i), within)
		}
	}
}

// announce makes the first announcement that is due; false when there is none.
func (m *machine) announce(now int64, l drivers.Link) bool {
	for i, a := range m.c.cfg.Announce {
		due := &m.rare.announce[i]
		if *due > now {
			continue
		}
		_ = l.Send(a.Append(l.Scratch(), now)) // a link that takes nothing is closing
		every := int64(a.Every)
		*due += (1 + (now-*due)/every) * every
		m.hush(now + max(int64(m.c.cfg.Gap), int64(afterAnnouncement)))
		return true
	}
	return false
}

// announced is when the next announcement is due, 0 for never.
func (m *machine) announced() (at int64) {
	if m.rare != nil {
		for _, due := range m.rare.announce {
			at = earlier(at, due)
		}
	}
	return at
}
