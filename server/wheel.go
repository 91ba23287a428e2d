package server

import "math/bits"

// wheel is a hierarchical timer wheel with slots of one millisecond, touched only on its loop. Timers are nodes of a
// flat table, linked by number, so that a million of them give the garbage collector nothing to follow.
//
// Level 0 has 256 slots of 1 ms; levels 1 to 3 have 64 slots of 256 ms, 16.4 s and 17.5 min. A node further away than
// the wheel reaches waits in the last slot and is placed again when that comes round. Method: Varghese and Lauck,
// "Hashed and Hierarchical Timing Wheels" (1987), scheme 7.
type wheel struct {
	now   uint32 // milliseconds; wraps after 49 days, differences stay right
	count int
	runs  bool // advance is running a slot, which stays the one of now
	nodes nodeTable
	heads [wheelSlots]uint32 // number of the first node, 0: none
	full  [wheelSlots / 64]uint64
}

// nodeTable finds the node with a number from 1; the loop keeps them beside its sessions.
type nodeTable interface {
	node(n uint32) *timerNode
	// ahead is told the node that fires next, and the one after it or 0.
	ahead(n, after uint32)
}

// timerNode is one timer.
type timerNode struct {
	next, prev uint32 // numbers; prev 0: first of its slot
	due        uint32 // milliseconds on the wheel's clock
	slot       uint16 // slot + 1; 0: not armed
}

const (
	level0Bits = 8
	levelBits  = 6
	levels     = 4
	wheelSlots = 1<<level0Bits + (levels-1)<<levelBits
	// farthest is the longest delay in milliseconds: half the range of the clock's differences.
	farthest = 1<<31 - 1<<20
	// reach is what the last level covers; a later due time is looked at again before then.
	reach = 1 << (level0Bits + (levels-1)*levelBits)
)

// arm sets the node's due time, after milliseconds from now, in place of an earlier one. At least one millisecond.
func (w *wheel) arm(n uint32, after int64) {
	t := w.nodes.node(n)
	if t.slot != 0 {
		w.disarm(n)
	}
	t.due = w.now + uint32(min(max(after, 1), farthest))
	w.place(n, t)
}

// place links the node into the slot for its due time.
func (w *wheel) place(n uint32, t *timerNode) {
	slot := w.slotFor(t.due)
	t.slot, t.prev, t.next = uint16(slot+1), 0, w.heads[slot]
	if t.next != 0 {
		w.nodes.node(t.next).prev = n
	}
	w.heads[slot] = n
	w.full[slot>>6] |= 1 << (slot & 63)
	w.count++
}

// slotFor returns the slot of a due time that has not passed.
func (w *wheel) slotFor(due uint32) int {
	delta := due - w.now
	if delta >= reach {
		due = w.now + reach - 1
		delta = reach - 1
	}
	if delta < 1<<level0Bits {
		return int(due & (1<<level0Bits - 1))
	}
	level := (bits.Len32(delta) - level0Bits + levelBits - 1) / levelBits
	shift := level0Bits + (level-1)*levelBits
	return 1<<level0Bits + (level-1)<<levelBits + int(due>>shift&(1<<levelBits-1))
}

// disarm takes the node out; nothing happens when it is not armed.
func (w *wheel) disarm(n uint32) {
	t := w.nodes.node(n)
	if t.slot == 0 {
		return
	}
	slot := int(t.slot - 1)
	if t.prev != 0 {
		w.nodes.node(t.prev).next = t.next
	} else {
		w.heads[slot] = t.next
		if t.next == 0 {
			w.full[slot>>6] &^= 1 << (slot & 63)
		}
	}
	if t.next != 0 {
		w.nodes.node(t.next).prev = t.prev
	}
	t.next, t.prev, t.slot = 0, 0, 0
	w.count--
}

// advance moves the clock to now and calls fire for each node that is due, in order of slots. A node is disarmed
// before it fires and may be armed again by fire.
func (w *wheel) advance(now uint32, fire func(n uint32)) {
	for int32(now-w.now) > 0 {
		step, ok := w.untilNext()
		if left := now - w.now; !ok || step > left {
			w.now = now
			return
		}
		w.now += step
		w.cascade()
		slot := int(w.now & (1<<level0Bits - 1))
		w.runs = true
		for n := w.heads[slot]; n != 0; n = w.heads[slot] {
			w.disarm(n)
			if next := w.heads[slot]; next != 0 {
				w.nodes.ahead(next, w.nodes.node(next).next)
			}
			fire(n)
		}
		w.runs = false
	}
}

// follow brings the clock to now without running what advance will run, so that a node that is armed next lies no
// higher than it must. The clock stays where it is while a slot runs: ahead of that slot, a node due one turn of the
// first level after it would be put into it, and fire at once, again and again.
func (w *wheel) follow(now uint32) {
	if w.runs {
		return
	}
	if w.count == 0 {
		w.now = now
		return
	}
	if next, _ := w.untilNext(); now-w.now >= next {
		now = w.now + next - 1 // before the first slot that must fire
	}
	if int32(now-w.now) > 0 {
		w.now = now
	}
}

// cascade places the nodes of the upper slots that begin at this millisecond again, nearer.
func (w *wheel) cascade() {
	for level, shift := 1, level0Bits; level < levels; level, shift = level+1, shift+levelBits {
		if w.now&(1<<shift-1) != 0 {
			return
		}
		slot := 1<<level0Bits + (level-1)<<levelBits + int(w.now>>shift&(1<<levelBits-1))
		n := w.heads[slot]
		w.heads[slot] = 0
		w.full[slot>>6] &^= 1 << (slot & 63)
		for n != 0 {
			t := w.nodes.node(n)
			next := t.next
			w.count--
			w.place(n, t)
			n = next
		}
	}
}

// untilNext returns the milliseconds until a slot fires or must be placed again; false when the wheel is empty.
// It is never later than the first due time.
func (w *wheel) untilNext() (after uint32, ok bool) {
	if w.count == 0 {
		return 0, false
	}
	best := uint32(farthest)
	at := w.now & (1<<level0Bits - 1)
	if d := w.nextFull(0, 1<<level0Bits, at+1); d != 0 {
		best = d
	}
	for level, shift := 1, level0Bits; level < levels; level, shift = level+1, shift+levelBits {
		base := 1<<level0Bits + (level-1)<<levelBits
		cur := w.now >> shift
		if d := w.nextFull(base, 1<<levelBits, cur&(1<<levelBits-1)+1); d != 0 {
			best = min(best, (cur+d)<<shift-w.now)
		}
	}
	return best, true
}

// nextFull returns how many slots from (start-1) on the next occupied one of a level is: 1 to size; 0: none.
// size is a multiple of 64, base likewise.
func (w *wheel) nextFull(base int, size, start uint32) uint32 {
	for i := uint32(0); i < size; {
		slot := (start + i) & (size - 1)
		word := w.full[(uint32(base)+slot)>>6] >> (slot & 63)
		if word != 0 {
			d := i + uint32(bits.TrailingZeros64(word))
			if d < size {
				return d + 1
			}
			return 0
		}
		i += 64 - slot&63
	}
	return 0
}
