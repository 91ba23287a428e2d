package routing

import (
	"math/bits"
	"runtime"
	"sync/atomic"
)

// A slot is one 64-bit word:
//
//	63            40 39                                   0
//	+---------------+-------------------------------------+
//	| tag (24 bits) | 1 + entry (40 bits), 0: no entry    |
//	+---------------+-------------------------------------+
//
// It goes empty -> claimed, or empty -> sealed, and never changes again in its generation.
const (
	entryBits = 40
	entryMask = 1<<entryBits - 1
	empty     = 0
	sealed    = 1 << entryBits // no entry, and none may come: the shard's next generation is being made
)

// Load of a generation: at most 4 slots in 5 are claimed, which keeps a probe within a cache line or two.
const (
	loadNum  = 4
	loadDen  = 5
	minLimit = 8
)

// gen is one generation of a shard: slots in open addressing with linear probing, and the arena they point into.
// A generation is replaced as a whole when it is full; readers that still hold it see it as it was at that moment.
//
// What readers need is its first cache line; what writers change is in others.
type gen struct {
	slots []atomic.Uint64
	gate  int // length of the ids that may be inserted and deleted without the index; 0: none
	arena
	limit   int64        // slots that may be claimed
	claimed atomic.Int64 // slots claimed, and claims under way
	_       [16]byte     // to 128 bytes: whole cache lines
}

// newGen makes a generation for limit entries, whose sizes are together words and, of long ones, long words.
func newGen(limit, words, long int64, gate int) *gen {
	g := &gen{slots: make([]atomic.Uint64, limit*loadDen/loadNum+1), gate: gate, limit: limit}
	g.arena.alloc(words, long)
	return g
}

// home is where the probe for hash h begins; h's top bits choose it, its low 16 bits the shard, those between the tag.
func home(h, slots uint64) uint64 {
	i, _ := bits.Mul64(h, slots)
	return i
}

func tagOf(h uint64) uint64 { return h >> 16 << entryBits }

// touchAhead makes find load the place that the id's hash wishes, and ignore what it reads: the cache lines of slot and
// entry are then on their way together, which halves the time where neither is cached. An atomic load is plain on
// amd64; where it is a barrier to the loads after it, this would only delay them.
const touchAhead = runtime.GOARCH == "amd64"

// find returns the entry of id, live or not.
func (g *gen) find(h uint64, id []byte) (e uint64, ok bool) {
	tag, n := tagOf(h), uint64(len(g.slots))
	i := home(h, n)
	if touchAhead {
		g.load(g.wish(h))
	}
	for range n {
		v := g.slots[i].Load()
		if v&entryMask == 0 {
			return 0, false
		}
		if v&^entryMask == tag && g.holds(v&entryMask-1, id) {
			return v&entryMask - 1, true
		}
		if i++; i == n {
			i = 0
		}
	}
	return 0, false
}

// outcome of an attempt to change a generation.
type outcome int

const (
	done    outcome = iota
	present         // insert: the id is there
	absent          // replace, delete: it is not
	retired         // the generation is full or being replaced: make or await the next one, and try again there
	gated           // the id's length is not the generation's: only the holder of the index may do this
)

// put inserts id. Claims are never undone, and all writers probe in the same order and claim the first empty slot
// they meet; so an id has at most one slot.
func (g *gen) put(h uint64, id []byte, pt uint32) outcome {
	tag, n := tagOf(h), uint64(len(g.slots))
	i := home(h, n)
	var e uint64 // 1 + the entry made for id
	for range n {
		v := g.slots[i].Load()
		if v == empty {
			if e == 0 {
				if e = g.newEntry(h, id, pt); e == 0 {
					return retired
				}
			}
			if g.slots[i].CompareAndSwap(empty, tag|e) {
				return done
			}
			v = g.slots[i].Load() // someone else's claim, or the seal
		}
		if v&entryMask == 0 {
			return retired
		}
		if v&^entryMask == tag && g.holds(v&entryMask-1, id) {
			if e != 0 {
				g.claimed.Add(-1) // the entry made in vain stays until the next generation
			}
			return g.revive(v&entryMask-1, len(id), pt)
		}
		if i++; i == n {
			i = 0
		}
	}
	return retired
}

// newEntry reserves a claim and writes an entry, not yet reachable. It returns 1 + its place, or 0 if there is no room.
func (g *gen) newEntry(h uint64, id []byte, pt uint32) uint64 {
	if g.claimed.Add(1) > g.limit {
		g.claimed.Add(-1)
		return 0
	}
	e, ok := g.place(h, uint64(entryWords(len(id))))
	if !ok {
		g.claimed.Add(-1)
		return 0
	}
	g.write(e, id, pt)
	return e + 1
}

// revive makes the deleted entry e live again.
func (g *gen) revive(e uint64, idLen int, pt uint32) outcome {
	for {
		old := g.load(e)
		if old&live != 0 {
			return present
		}
		if old&frozen != 0 {
			return retired
		}
		if atomic.CompareAndSwapUint64(&g.words[e], old, header(idLen, pt)) {
			return done
		}
	}
}

// change replaces the header of id, if it is live, and returns the number it held.
func (g *gen) change(h uint64, id []byte, header uint64) (old uint32, o outcome) {
	e, ok := g.find(h, id)
	if !ok {
		return 0, absent
	}
	for {
		old := g.load(e)
		if old&live == 0 {
			return 0, absent
		}
		if old&frozen != 0 {
			return 0, retired
		}
		if atomic.CompareAndSwapUint64(&g.words[e], old, header) {
			return uint32(old), done
		}
	}
}

// freeze makes the generation immutable and counts what is live in it: entries, and their words.
func (g *gen) freeze() (entries, words, long int64) {
	for i := range g.slots {
		if g.slots[i].CompareAndSwap(empty, sealed) {
			continue
		}
		v := g.slots[i].Load() & entryMask
		if v == 0 {
			continue
		}
		old := atomic.OrUint64(&g.words[v-1], frozen)
		if old&live == 0 {
			continue
		}
		entries++
		if n := entryWords(headerLen(old)); n > longWords {
			long += n
		} else {
			words += n
		}
	}
	return entries, words, long
}

// adopt copies the live entries of the frozen generation from; false when they do not fit. g is not shared yet.
func (g *gen) adopt(from *gen, hash func([]byte) uint64) bool {
	var buf [MaxID]byte
	for i := range from.slots {
		v := from.slots[i].Load() & entryMask
		if v == 0 || from.load(v-1)&live == 0 {
			continue
		}
		id := from.appendID(buf[:0], v-1)
		if g.put(hash(id), id, uint32(from.load(v-1))) != done {
			return false
		}
	}
	return true
}

// each calls f for each live entry until it returns false; id is valid only during the call.
func (g *gen) each(buf []byte, f func(id []byte, pt uint32) bool) bool {
	for i := range g.slots {
		v := g.slots[i].Load() & entryMask
		if v == 0 {
			continue
		}
		h := g.load(v - 1)
		if h&live != 0 && !f(g.appendID(buf[:0], v-1), uint32(h)) {
			return false
		}
	}
	return true
}
