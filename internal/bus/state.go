package bus

import (
	"sync"
	"time"
)

// Condition is how the bus is.
type Condition string

// The conditions. What comes while the bus is not up waits in the spool.
const (
	Starting Condition = "starting" // not up yet since linkd started
	Up       Condition = "up"
	Away     Condition = "away" // cut off, or it does not acknowledge
	Full     Condition = "full" // the disk is; goes on by itself when there is room
)

// State is how the bus is, and since when.
type State struct {
	Condition Condition
	Since     time.Time
	Reason    string // why it is not up
}

// Stats are counters since start.
type Stats struct {
	Kinds       []KindStats
	Reconnects  uint64
	Restarts    uint64 // of the embedded server, after its disk was full
	LostStreams uint64 // that the manifest lists, and that were gone, replaced or cut short
	Busy        uint64 // commands that were refused because there were too many
	Damage      []Damage
}

// KindStats are those of one kind of message: tags, conn or rx.
type KindStats struct {
	Kind    string
	Sent    uint64 // acknowledged; of rx, which nobody acknowledges: published
	Resent  uint64 // sent again; some may be in the stream twice
	Dropped uint64 // for want of room, or because they were too large
	Waiting int    // not sent yet
	Spooled int64  // bytes of memory that what is not acknowledged takes
}

// condition is the State, and what it is made of.
type condition struct {
	mu      sync.Mutex
	state   State
	trouble map[string]error // by kind: its lane does not get through
}

func (c *condition) set(to Condition, reason string) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Condition == to && c.state.Reason == reason {
		return false
	}
	if c.state.Condition != to {
		c.state.Since = time.Now()
		changed = true
	}
	c.state.Condition, c.state.Reason = to, reason
	return changed
}

// word notes a lane's trouble, or with nil its end.
func (c *condition) word(kind string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.trouble, kind)
		return
	}
	c.trouble[kind] = err
}

// worst is the trouble of a lane; nil: there is none.
func (c *condition) worst() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.trouble {
		return err
	}
	return nil
}

func (c *condition) get() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// State tells how the bus is. It never waits.
func (b *Bus) State() State { return b.condition.get() }

// Stats returns the counters. It never waits for the network.
func (b *Bus) Stats() Stats {
	s := Stats{
		Reconnects: b.link.rejoins.Load(), Restarts: b.restarts.Load(), LostStreams: b.lostStreams.Load(),
		Busy: b.busy.Load(), Damage: b.damage,
	}
	for _, l := range b.lanes() {
		k := l.spool.stats(l.kind)
		k.Sent, k.Resent = l.sent.Load(), l.again.Load()
		s.Kinds = append(s.Kinds, k)
	}
	rx := b.rx.spool.stats(KindRx)
	rx.Sent = b.rx.sent.Load()
	s.Kinds = append(s.Kinds, rx)
	return s
}
