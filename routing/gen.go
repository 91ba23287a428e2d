package routing

import (
	"encoding/binary"
	"math/bits"
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

// An entry is a header word and the id's bytes in little-endian words, the last one filled with zeros. The header is
// the whole state of an id, so that one compare-and-swap changes it:
//
//	 63     62    61    48 47            32 31                 0
//	+------+----+---------+----------------+--------------------+
//	|frozen|live|    0    | length of id   | connection point   |
//	+------+----+---------+----------------+--------------------+
//
// The length and the id never change; frozen, once set, makes the whole word immutable.
const (
	frozen   = 1 << 63
	live     = 1 << 62
	lenShift = 32
	lenMask  = 0xffff
)

// Load of a generation: at most 4 slots in 5 are claimed, which keeps a probe within a cache line or two.
const (
	loadNum  = 4
	loadDen  = 5
	minLimit = 8
)

// gen is one generation of a shard: slots in open addressing with linear probing, and the arena they point into.
// A generation is replaced as a whole when it is full; readers that still hold it see it as it was at that moment.
type gen struct {
	slots []atomic.Uint64
	arena []uint64 // headers: atomic access only; ids: written before their slot is claimed, immutable after
	gate  int      // length of the ids that may be inserted and deleted without the index; 0: none
	limit int64    // slots that may be claimed
	_     [48]byte // readers' words above, writers' words below: not on one cache line

	claimed atomic.Int64  // slots claimed, and claims under way
	top     atomic.Uint64 // words of the arena given out; more than there are when it is full
}

func newGen(limit, words int64, gate int) *gen {
	return &gen{
		slots: make([]atomic.Uint64, limit*loadDen/loadNum+1),
		arena: make([]uint64, words),
		gate:  gate,
		limit: limit,
	}
}

// entryWords is the size of an entry in 64-bit words.
func entryWords(idLen int) int64 { return 1 + int64(idLen+7)/8 }

func header(idLen int, pt uint32) uint64 { return live | uint64(idLen)<<lenShift | uint64(pt) }

func headerLen(h uint64) int { return int(h >> lenShift & lenMask) }

// home is where the probe for hash h begins; h's top bits choose it, its low 16 bits the shard, those between the tag.
func home(h, slots uint64) uint64 {
	i, _ := bits.Mul64(h, slots)
	return i
}

func tagOf(h uint64) uint64 { return h >> 16 << entryBits }

// find returns the entry of id, live or not.
func (g *gen) find(h uint64, id []byte) (e uint64, ok bool) {
	tag, n := tagOf(h), uint64(len(g.slots))
	i := home(h, n)
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

// holds reports whether entry e is the one of id.
func (g *gen) holds(e uint64, id []byte) bool {
	if headerLen(atomic.LoadUint64(&g.arena[e])) != len(id) {
		return false
	}
	words := g.arena[e+1:]
	for len(id) >= 8 {
		if words[0] != binary.LittleEndian.Uint64(id) {
			return false
		}
		words, id = words[1:], id[8:]
	}
	return len(id) == 0 || words[0] == tailWord(id)
}

// tailWord is the word of the last 1 to 7 bytes of an id.
func tailWord(id []byte) (w uint64) {
	for i, c := range id {
		w |= uint64(c) << (8 * i)
	}
	return w
}

// load returns the header of entry e.
func (g *gen) load(e uint64) uint64 { return atomic.LoadUint64(&g.arena[e]) }

// appendID appends the id of entry e to b.
func (g *gen) appendID(b []byte, e uint64) []byte {
	n := headerLen(g.load(e))
	for i := e + 1; n > 0; i++ {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], g.arena[i])
		b = append(b, w[:min(n, 8)]...)
		n -= 8
	}
	return b
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
				if e = g.newEntry(id, pt); e == 0 {
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
				g.claimed.Add(-1) // the entry made in vain stays behind in the arena until the next generation
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
func (g *gen) newEntry(id []byte, pt uint32) uint64 {
	if g.claimed.Add(1) > g.limit {
		g.claimed.Add(-1)
		return 0
	}
	words := uint64(entryWords(len(id)))
	end := g.top.Add(words)
	if end > uint64(len(g.arena)) {
		g.claimed.Add(-1)
		return 0
	}
	e := end - words
	atomic.StoreUint64(&g.arena[e], header(len(id), pt))
	for i := e + 1; len(id) > 0; i++ {
		if len(id) < 8 {
			g.arena[i] = tailWord(id)
			break
		}
		g.arena[i] = binary.LittleEndian.Uint64(id)
		id = id[8:]
	}
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
		if atomic.CompareAndSwapUint64(&g.arena[e], old, header(idLen, pt)) {
			return done
		}
	}
}

// change replaces the header of id, if it is live, by what to makes of it.
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
		if atomic.CompareAndSwapUint64(&g.arena[e], old, header) {
			return uint32(old), done
		}
	}
}

// freeze makes the generation immutable and counts what is live in it: entries, and their words.
func (g *gen) freeze() (entries, words int64) {
	for i := range g.slots {
		if g.slots[i].CompareAndSwap(empty, sealed) {
			continue
		}
		v := g.slots[i].Load() & entryMask
		if v == 0 {
			continue
		}
		if old := atomic.OrUint64(&g.arena[v-1], frozen); old&live != 0 {
			entries++
			words += entryWords(headerLen(old))
		}
	}
	return entries, words
}

// adopt copies the live entries of the frozen generation from. g is not shared yet.
func (g *gen) adopt(from *gen, hash func([]byte) uint64) {
	var buf [MaxID]byte
	for i := range from.slots {
		v := from.slots[i].Load() & entryMask
		if v == 0 || from.load(v-1)&live == 0 {
			continue
		}
		id := from.appendID(buf[:0], v-1)
		g.put(hash(id), id, uint32(from.load(v-1)))
	}
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
