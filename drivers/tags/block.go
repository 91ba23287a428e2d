package tags

import (
	"math"
	"time"
	"unsafe"

	"linkd/internal/prefetch"
)

// Block is the values of one link, 20 bytes a tag without a pointer in them.
type Block struct {
	set   *Set
	first *cell          // of one for each tag: a slice would say again how many tags there are, for each link
	texts map[int]string // of tags whose value is text
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
	b := Block{set: set, first: unsafe.SliceData(make([]cell, len(set.Tags)))}
	b.MarkAll(NotPolled)
	return b
}

func (b *Block) cells() []cell { return unsafe.Slice(b.first, len(b.set.Tags)) }

// Put sets a tag: good, read at now. It reports whether the value or its quality has changed; a number that moved less
// than the tag's deadband since it last changed has not.
func (b *Block) Put(i int, v Value, now int64) (changed bool) {
	c := &b.cells()[i]
	was, had := c.quality(), b.value(i, c)
	c.renew(now)
	if dead := b.set.Tags[i].deadband; dead > 0 && had.Kind != None && math.Abs(v.Float()-had.Float()) < dead {
		return was != Good
	}
	if had == v {
		return was != Good
	}
	if v.Kind == KindText {
		if b.texts == nil {
			b.texts = map[int]string{}
		}
		b.texts[i] = v.text
	}
	c.setValue(v.Kind, v.bits, now)
	return true
}

// Mark makes a tag bad; it keeps its value and times. It reports whether that is news.
func (b *Block) Mark(i int, r Reason, _ int64) (changed bool) { return b.cells()[i].setState(Bad, r) }

// MarkAll makes all tags bad.
func (b *Block) MarkAll(r Reason) {
	for i := range b.cells() {
		b.Mark(i, r, 0)
	}
}

// value is what the cell of tag i holds.
func (b *Block) value(i int, c *cell) Value {
	v := Value{Kind: c.kind(), bits: c.bits()}
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
	c := &b.cells()[i]
	s := Sample{Value: b.value(i, c), Quality: c.quality(), Reason: c.reason(), TS: c.read(), Changed: c.changed()}
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
	return b.cells()[i].setState(Stale, MissedPolls)
}

// overdue reports whether a tag is good, and should have been renewed.
func (b *Block) overdue(i int, now int64) bool {
	c, every := &b.cells()[i], b.set.Tags[i].Poll
	return c.quality() == Good && every > 0 && now-c.read() > int64(missedPolls*every+staleSlack)
}

// Prefetch has the processor fetch the values, which are needed next.
func (b *Block) Prefetch() { prefetch.Slice(b.cells()) }
