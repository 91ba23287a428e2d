// Package drivers owns the contract between a link and the protocol that is spoken on it. A driver is a value in one
// explicit table (drivers/catalog); each protocol has a folder of its own here.
//
// A driver has no socket, no goroutine, no clock, no random source and no package state: everything comes in through
// Machine's methods, everything goes out through Link. So it runs unchanged under a simulated clock and network.
package drivers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/project"
)

// ErrSlow says that the link's outbound bound is reached: nothing of this Send was taken, and the link is closing.
var ErrSlow = errors.New("drivers: the device takes its bytes too slowly")

// Driver describes a protocol: the only place that states which links it runs on.
type Driver struct {
	Name  string             // as in the project file
	Title string             // one line for people
	Links []project.LinkKind // kinds of link it runs on
	// MaxFrame is the most bytes a Machine may leave untaken on a link while it waits for the rest of a frame.
	// One more closes the link.
	MaxFrame int
	// Polls says that the driver speaks first and at intervals, so that a silent link is a dead link.
	Polls bool
	// Compile turns one channel of the project into what all its links share. The error names the option or the
	// device, and what would be right.
	Compile func(*project.Channel, []*project.Model) (Channel, error)
}

// Channel is a compiled channel: immutable, shared by every link that it serves, used by many loops at once.
type Channel interface {
	// Machine returns the state of one link. A driver without such state returns the same value for all.
	Machine() Machine
}

// Machine is one link's protocol state. The session calls it from the link's own loop, one call at a time.
//
// now is in nanoseconds since the Unix epoch; it never goes back on one link.
type Machine interface {
	// Open is called once, when the link is bound to its connection point.
	Open(now int64, l Link)
	// Receive is given what the device sent, after the preset's heartbeats, prefixes and escapes are gone. b belongs
	// to the caller and is valid until Receive returns. It returns how many bytes it has taken, 0 to len(b); the
	// rest is offered again, with what follows, when more has come.
	Receive(now int64, b []byte, l Link) int
	// Timer is called when the time given to Link.Wake has come.
	Timer(now int64, l Link)
	// Close is called once, when the link has closed or another channel takes it over. l no longer sends.
	Close(now int64, l Link)
}

// Link is what a Machine may do. It is valid only during the call that got it, on that goroutine.
type Link interface {
	// Send queues b for the device: copied before it returns. It returns ErrSlow when the outbound bound is reached.
	Send(b []byte) error
	// Wake asks for Timer in d nanoseconds or a little later, in place of an earlier Wake; d <= 0 cancels it.
	Wake(d int64)
	// Fail closes the link after this call, with the reason "driver" and the given detail.
	Fail(detail string)
}

// Allow says why d cannot run on a link of the given kind; nil when it can. It is the one place that decides.
func (d *Driver) Allow(kind project.LinkKind) error {
	if slices.Contains(d.Links, kind) {
		return nil
	}
	names := make([]string, len(d.Links))
	for i, k := range d.Links {
		names[i] = string(k)
	}
	return fmt.Errorf("driver %s runs on %s links, not on %s", d.Name, strings.Join(names, " and "), kind)
}
