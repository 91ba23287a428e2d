package server

import "time"

// TagView is one tag at one moment. Times are zero when they have not happened.
type TagView struct {
	Channel    string // its name for this connection
	Device     string
	Tag        string
	Provider   string
	Connection string
	Title      string
	Unit       string
	Address    string
	Type       string
	Writable   bool
	Value      any    // nil (never read), bool, int64, uint64, float64 or string
	Quality    string // good, bad, stale
	Reason     string // why it is not good
	TS         time.Time
	Changed    time.Time
}

// TagQuery selects tags. The zero query selects all.
type TagQuery struct {
	Channel    string // name of a channel, with the connection's name in it
	Device     string // of that channel
	Provider   string // with Connection: of that connection
	Connection string
	Limit      int    // values outside 1..1000 mean 100
	Cursor     string // from the page before; empty: the first page
}

// TagValue is what a tag is to become: a bool, a number or a string.
type TagValue struct {
	Tag   string
	Value any
}

// WriteRequest asks for tags of one device to be written.
type WriteRequest struct {
	Channel  string
	Device   string
	Values   []TagValue
	Readback bool          // ask the device afterwards what it has
	TTL      time.Duration // keep it this long for a device that is away; 0: fail at once
	Who      string        // for the audit log
}

// WriteResult is what came of a write.
type WriteResult struct {
	Result   string // confirmed, rejected, timeout, offline, queued
	Reason   string // why it was not confirmed
	Readback any    // what the device had afterwards: one value, or a map by tag name; nil when not asked for
}

// DriverStats are one driver's counters since start.
type DriverStats struct {
	Driver    string
	Polls     map[string]uint64 // by result: ok, refused, timeout, late, missed, heard
	TagValues map[string]uint64 // by quality: good, bad
	Writes    map[string]uint64 // by result: confirmed, rejected, timeout, offline, queued
	// Poll is the time from question to answer: cumulative counts per bound of PollBounds, then +Inf.
	Poll    []uint64
	PollSum float64 // seconds
	// PollLag is how long after its due time a question was sent: cumulative counts per bound of LagBounds, then +Inf.
	PollLag    []uint64
	PollLagSum float64 // seconds
}

// PollBounds are the upper bounds, in seconds, of DriverStats.Poll.
var PollBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
