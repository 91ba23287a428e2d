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
	"time"

	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
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
	// Readme is the driver's README, and those of what it stands on: their tables of options say what each is for.
	Readme string
	// Ask asks for all options of a channel, as Compile does; nil: there are none.
	Ask func(*options.Options)
	// Compile turns one channel of the project into what all its links share. The error names the option or the
	// device, and what would be right; it may join several.
	Compile func(*project.Channel, []*project.Model) (Channel, error)
}

// Options returns the driver's options, in the order in which they are asked for.
func (d *Driver) Options() []options.Option {
	o := options.Read(nil)
	if d.Ask != nil {
		d.Ask(o)
	}
	return options.Describe(o.Asked(), d.Readme)
}

// Channel is a compiled channel: immutable, shared by every link that it serves, used by many loops at once.
type Channel interface {
	// Machine returns the state of one link. A driver without such state returns the same value for all.
	Machine() Machine
}

// Tagged is a Channel whose devices have tags.
type Tagged interface {
	// Tags returns the tags; numbers of tags and devices are indexes into them.
	Tags() *tags.Set
}

// Asker is a Channel of a driver that Polls which says how often it does.
type Asker interface {
	// Asks returns the shortest interval at which the channel asks on each link, 0 when it only listens: then a silent
	// link is not a dead link.
	Asks() time.Duration
}

// Explainer is a Channel that can say what a frame means, for people who tap. in: from the device.
type Explainer interface {
	// Explain returns one line, empty when b means nothing to the driver. b is whatever passed at once.
	Explain(in bool, b []byte) string
}

// Machine is the protocol state of one connection point's link. The session calls it from the link's own loop, one
// call at a time.
//
// now is in nanoseconds since the Unix epoch; it never goes back on one link.
type Machine interface {
	// Open is called when a link is bound to the connection point. A machine may be opened again after Close, when the
	// device has dialled in anew: what it has learned of the devices may stay, what it waits for is over.
	Open(now int64, l Link)
	// Receive is given what the device sent, after the preset's heartbeats, prefixes and escapes are gone. b belongs
	// to the caller and is valid until Receive returns. It returns how many bytes it has taken, 0 to len(b); the
	// rest is offered again, with what follows, when more has come.
	Receive(now int64, b []byte, l Link) int
	// Timer is called when the time given to Link.Wake has come.
	Timer(now int64, l Link)
	// Close is called once for each Open, when the link has closed or another channel takes it over. l no longer sends.
	// Commands that wait are answered in it.
	Close(now int64, l Link)
}

// Commander is a Machine that takes commands.
type Commander interface {
	// Command takes c over and answers it once, in this call or in a later one, at the latest in Close.
	Command(now int64, c *Command, l Link)
}

// Questioner is a Machine that asks.
type Questioner interface {
	// Unheard is how many questions it has sent since the device sent anything, 255 at most. Who was not asked may well be
	// silent.
	Unheard() uint8
}

// Gatherer is a Machine that may ask several questions for one poll of a device.
type Gatherer interface {
	// Gathers reports, while Polled is called, whether more questions to the device are to come in the same poll.
	Gathers(device int) bool
}

// Command is writes to tags of one device, of which all are confirmed or the command is not.
type Command struct {
	Device   int
	Writes   []Write
	Readback bool
	// Answer is called once, on the link's loop. reason is Fine when the result is Confirmed. detail, which may be
	// empty, is for people.
	Answer func(result Result, reason tags.Reason, detail string)
}

// Write is one tag's new value, converted to what the wire has.
type Write struct {
	Tag   int
	Value tags.Value
}

// Result is what came of a command.
type Result uint8

// The results. Only the device's own answer makes a command Confirmed.
const (
	Confirmed Result = iota
	Rejected
	TimedOut
	LinkLost // the link ended before the answer; when Sent was not reached, the device has not seen it
	Unsent
	ResultCount
)

// PollResult is what came of one poll of a device.
type PollResult uint8

// The poll results. PollLate: the answer came after the poll was given up; PollMissed: its time passed unused;
// PollHeard: the device spoke without having been asked.
const (
	PollOK PollResult = iota
	PollRefused
	PollTimeout
	PollLate
	PollMissed
	PollHeard
	PollResultCount
)

func (r PollResult) String() string {
	return [PollResultCount]string{"ok", "refused", "timeout", "late", "missed", "heard"}[r]
}

// UnreadTime is how long a loop that is late has to come to what waits on a link whose time is over.
const UnreadTime = time.Second

// Link is what a Machine may do. It is valid only during the call that got it, on that goroutine.
type Link interface {
	// Send queues b for the device: copied before it returns. It returns ErrSlow when the outbound bound is reached.
	Send(b []byte) error
	// Wake asks for Timer in d nanoseconds or a little later, in place of an earlier Wake; d <= 0 cancels it.
	Wake(d int64)
	// Fail closes the link after this call, with the reason "driver" and the given detail.
	Fail(detail string)
	// Number is a stable number of the connection, for spreading work over time.
	Number() uint64
	// Scratch returns an empty slice to build a frame in. It is valid until the next call of any method of Link but
	// Send, which may be given it.
	Scratch() []byte
	// Unread reports whether bytes from the device wait that the loop has not come to: where it is late, an answer may
	// be there whose time is over. It is a system call.
	Unread() bool
	// Value reports what the device says a tag is, as it is on the wire: the link converts and keeps it.
	Value(tag int, v tags.Value)
	// Bad reports that a tag's value could not be had.
	Bad(tag int, r tags.Reason)
	// Polled ends one exchange with a device: its values so far belong together. took is nanoseconds from question
	// to answer, 0 without one; late is how long after its due time the question was sent.
	Polled(device int, r PollResult, took, late int64)
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
	switch {
	case kind == project.NoLink:
		return fmt.Errorf("driver %s runs on %s links; give the channel a connection: PROVIDER/NAME", d.Name,
			strings.Join(names, " and "))
	case slices.Contains(d.Links, project.NoLink):
		return fmt.Errorf("driver %s runs without a link, not on a %s; leave connection out", d.Name, kind)
	}
	return fmt.Errorf("driver %s runs on %s links, not on %s", d.Name, strings.Join(names, " and "), kind)
}
