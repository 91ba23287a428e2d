package tags

import "time"

// cell is one value with its state, packed: there is one for each tag of each link. Times are milliseconds since the
// Unix epoch, of 42 bits, which last until 2109; 0: never.
type cell struct {
	valueLow, valueHigh uint32
	readLow, changedLow uint32
	// From the lowest bit: the upper 10 bits of the time of the reading and of the last change, 2 bits of quality, 3 of
	// the value's kind, 7 of the reason.
	rest uint32
}

const (
	timeTop      = 10
	timeMask     = 1<<timeTop - 1
	changedShift = timeTop
	qualityShift = 2 * timeTop
	qualityMask  = 1<<2 - 1
	kindShift    = qualityShift + 2
	kindMask     = 1<<3 - 1
	reasonShift  = kindShift + 3
	stateMask    = uint32(qualityMask<<qualityShift | 0x7f<<reasonShift)
)

func (c *cell) bits() uint64     { return uint64(c.valueHigh)<<32 | uint64(c.valueLow) }
func (c *cell) kind() Kind       { return Kind(c.rest >> kindShift & kindMask) }
func (c *cell) quality() Quality { return Quality(c.rest >> qualityShift & qualityMask) }
func (c *cell) reason() Reason   { return Reason(c.rest >> reasonShift) }

// read and changed are nanoseconds since the Unix epoch.
func (c *cell) read() int64    { return nanoseconds(c.rest&timeMask, c.readLow) }
func (c *cell) changed() int64 { return nanoseconds(c.rest>>changedShift&timeMask, c.changedLow) }

func nanoseconds(high, low uint32) int64 {
	return int64(uint64(high)<<32|uint64(low)) * int64(time.Millisecond)
}

// setState reports whether that is another state.
func (c *cell) setState(q Quality, r Reason) bool {
	before := c.rest
	c.rest = before&^stateMask | uint32(q)<<qualityShift | uint32(r)<<reasonShift
	return c.rest != before
}

// renew notes a good reading.
func (c *cell) renew(now int64) {
	ms := uint64(now / int64(time.Millisecond))
	c.readLow = uint32(ms)
	c.rest = c.rest&^(timeMask|stateMask) | uint32(ms>>32)&timeMask | uint32(Good)<<qualityShift
}

func (c *cell) setValue(k Kind, bits uint64, now int64) {
	ms := uint64(now / int64(time.Millisecond))
	c.valueLow, c.valueHigh, c.changedLow = uint32(bits), uint32(bits>>32), uint32(ms)
	c.rest = c.rest&^(timeMask<<changedShift|kindMask<<kindShift) | uint32(ms>>32)&timeMask<<changedShift |
		uint32(k)<<kindShift
}
