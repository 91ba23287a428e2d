// Package poll owns the life of questions and answers on one link: when a question is due, one in flight, timeouts
// from the link's own latency, retries, quarantine after a timeout, back-off of a device that does not answer,
// commands ahead of polls, what they have written read right after. It knows no protocol: an Exchange does.
//
// # Late answers
//
// Many protocols have no transaction id: an answer that comes after its question was given up looks like the answer to
// the next question of the same shape. So one question is in flight at a time, and for LateWindow after a question that
// timed out its device is asked nothing of that shape but that same question again, whose late answer is a true answer.
// Questions to other devices go on, as an answer names its device, and so do those of another shape (Shaped). An answer
// that comes later still than LateWindow can be taken for another: the window is the bound of what this package
// promises. A protocol whose answers name their question (Config.Distinct) needs none of this.
package poll

import (
	_ "embed"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// Readme says what ReadOptions asks for.
//
//go:embed README.md
var Readme string

// Exchange is one question and how its answer is recognised. It is immutable and shared by all links of a channel.
type Exchange interface {
	// Ask appends the question's frame to dst. seq numbers the questions of a link.
	Ask(dst []byte, seq uint16) []byte
	// Find looks for the answer in b: it is b[from:to], to is 0 when it is not there (yet). What stands before from
	// can be no part of the answer and is dropped.
	Find(b []byte, seq uint16) (from, to int)
	// Take reads the answer that Find found: it reports values to l and returns Fine, or why the device refused.
	Take(answer []byte, l drivers.Link) tags.Reason
}

// Shaped is an Exchange whose answers have a shape: an answer, refusals included, is never taken for that of an
// exchange with the same device and another shape. Exchanges that are not Shaped are all of one shape.
type Shaped interface {
	Shape() uint8
}

// Refusal is an Exchange whose device says in words why it refuses.
type Refusal interface {
	// Words returns what the answer says, for people; it is asked when Take did not return Fine.
	Words(answer []byte) string
}

// Planned is an exchange that is made again and again.
type Planned struct {
	Exchange Exchange
	Device   int
	Tags     []int // it reads these
	Every    time.Duration
}

// Config is what a driver gives to make a Channel of.
type Config struct {
	Tags *tags.Set
	Plan []Planned
	// Writes returns the exchanges that do a command, and those that read it back when it asks for that.
	Writes func(*drivers.Command) (writes, reads []Exchange, err error)
	// Split returns what takes the place of plan entry p after the device refused it for its address; empty: nothing
	// can be read there. nil: such an entry stays.
	Split func(p *Planned) []Planned
	// Hear looks in b for frames that devices send unasked, and reports for each its values and a PollHeard: they end at
	// to, which is 0 when there is none (yet). What stands before from can be no part of one. nil: devices only answer. A
	// frame that answers the question in flight, or may become its answer, is not offered. b may hold many frames: a Hear
	// that takes all at once looks at each byte once.
	Hear func(b []byte, l drivers.Link) (from, to int)
	// Announce is what is said unasked to all devices; nil: nothing.
	Announce []Announcement
	// Explain is for people who tap; may be nil. For what is no frame of the protocol it returns "" or what begins with
	// NoFrame.
	Explain func(in bool, b []byte) string
	// Distinct says that an answer names its question (a transaction id), so that a late one is never mistaken.
	Distinct bool
	InFlight int // questions in flight at once, where answers are Distinct; 0 and 1: one
	MaxFrame int // the longest answer
	Options
}

// NoFrame begins the words for bytes that are no frame of the protocol.
const NoFrame = "no whole frame"

// Options are what the project file may set under a channel's options, the same for every driver that polls.
type Options struct {
	TimeoutMin time.Duration // timeout_min: floor of the timeout; default 300 ms
	TimeoutMax time.Duration // timeout_max: ceiling, and the first timeout of a link; default 3 s
	Retries    int           // retries after a timeout; default 1
	LateWindow time.Duration // late_window: an answer may come this long after its question; default 10 s
	BackoffMax time.Duration // backoff_max: longest pause of a dead device; default 5 min
	Gap        time.Duration // gap: silence between an answer and the next question; default 0
}
