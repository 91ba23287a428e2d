package tags

import (
	"math"
	"time"
)

// Block is the values of one link, 24 bytes a tag without a pointer in them.
type Block struct {
	set   *Set
	cells []cell
	texts map[int]string // of tags whose value is text
}

// cell is one value. A time is milliseconds since the Unix epoch in the upper 48 bits, 0: never.
type cell struct {
	bits    uint64
	ts      uint64 // lower 16 bits: quality, reason
	changed uint64 // lower 16 bits: kind
}

// Sample is one tag at one moment; times are nanoseconds since the Unix epoch, 0: never.
type Sample struct {
	Value       Value
	Quality     Quality
	Reason      Reason
	TS, Changed int64
}

// NewBlock makes the values of one link: all bad, not polled yet.
func NewBlock(set *Set) Block {
	b := Block{set: set, cells: make([]cell, len(set.Tags))}
	b.MarkAll(NotPolled)
	return b
}

func stamp(now int64) uint64 { return uint64(now/int64(time.Millisecond)) << 16 }

func unstamp(t uint64) int64 { return int64(t>>16) * int64(time.Millisecond) }

// Put sets a tag: good, read at now. It reports whether the value or its quality has changed; a number that moved less
// than the tag's deadband since it last changed has not.
func (b *Block) Put(i int, v Value, now int64) (changed bool) {
	c := &b.cells[i]
	was, had := Quality(c.ts>>8), b.value(i)
	c.ts = stamp(now) | uint64(Good)<<8
	if dead := b.set.Tags[i].deadband; dead > 0 && had.Kind != None && math.Abs(v.Float()-had.Float()) < dead {
		return was&3 != Good
	}
	if had == v {
		return was&3 != Good
	}
	if v.Kind == KindText {
		if b.texts == nil {
			b.texts = map[int]string{}
		}
		b.texts[i] = v.text
	}
	c.bits, c.changed = v.bits, stamp(now)|uint64(v.Kind)
	return true
}

// Mark makes a tag bad; it keeps its value and times. It reports whether that is news.
func (b *Block) Mark(i int, r Reason, _ int64) (changed bool) {
	c := &b.cells[i]
	before := uint16(c.ts)
	c.ts = c.ts&^0xffff | uint64(Bad)<<8 | uint64(r)
	return uint16(c.ts) != before
}

// MarkAll makes all tags bad.
func (b *Block) MarkAll(r Reason) {
	for i := range b.cells {
		b.Mark(i, r, 0)
	}
}

func (b *Block) value(i int) Value {
	c := &b.cells[i]
	v := Value{Kind: Kind(c.changed), bits: c.bits}
	if v.Kind == KindText {
		v.text = b.texts[i]
	}
	return v
}

// Polls that a tag may miss before its value is stale, and how much later the last may come.
const (
	missedPolls = 3
	staleSlack  = 10 * time.Second
)

// Get returns a tag at now. A good value that was not renewed for three polls is stale.
func (b *Block) Get(i int, now int64) Sample {
	c := &b.cells[i]
	s := Sample{Value: b.value(i), Quality: Quality(c.ts>>8) & 3, Reason: Reason(c.ts), TS: unstamp(c.ts),
		Changed: unstamp(c.changed)}
	if b.overdue(i, now) {
		s.Quality, s.Reason = Stale, MissedPolls
	}
	return s
}

// Expire makes a tag stale when Get would say so, and reports whether that is news.
func (b *Block) Expire(i int, now int64) (changed bool) {
	if !b.overdue(i, now) {
		return false
	}
	c := &b.cells[i]
	c.ts = c.ts&^0xffff | uint64(Stale)<<8 | uint64(MissedPolls)
	return true
}

// overdue reports whether a tag is good, and should have been renewed.
func (b *Block) overdue(i int, now int64) bool {
	c, every := &b.cells[i], b.set.Tags[i].Poll
	return Quality(c.ts>>8)&3 == Good && every > 0 && now-unstamp(c.ts) > int64(missedPolls*every+staleSlack)
}
