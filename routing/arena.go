package routing

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
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

const (
	blockWords = 64 // words of the arena that one word of arena.used tells of
	longWords  = 16 // an entry of more words goes to the end of the arena: blocks would be filled badly by it
)

// entryWords is the size of an entry in 64-bit words.
func entryWords(idLen int) int64 { return 1 + int64(idLen+7)/8 }

func header(idLen int, pt uint32) uint64 { return live | uint64(idLen)<<lenShift | uint64(pt) }

func headerLen(h uint64) int { return int(h >> lenShift & lenMask) }

// arena holds the entries of one generation. An entry is put where its hash wishes it, or soon after: so a reader can
// ask memory for it before it has read the slot that says where it is.
type arena struct {
	words []uint64 // headers: atomic access only; ids: written before their slot is claimed, immutable after
	pairs uint64   // places that can be wished for: all words but those of long entries, in pairs

	used []atomic.Uint64 // a bit for each word that has been given out, but for those of long entries
	top  atomic.Uint64   // end of the long entries; beyond the words when there is no room for more
}

// alloc makes room for words of entries, and some to spare, and long words of long entries.
func (a *arena) alloc(words, long int64) {
	blocks := max(1, (words*loadDen/loadNum+blockWords-1)/blockWords)
	a.words = make([]uint64, blocks*blockWords+long)
	a.pairs = uint64(blocks * blockWords / 2)
	a.used = make([]atomic.Uint64, blocks)
	a.top.Store(uint64(blocks * blockWords))
}

// wish is where the entry of an id with hash h should be.
func (a *arena) wish(h uint64) uint64 { return 2 * home(h, a.pairs) }

// load returns the header of entry e.
func (a *arena) load(e uint64) uint64 { return atomic.LoadUint64(&a.words[e]) }

// place gives out words for an entry.
func (a *arena) place(h, words uint64) (e uint64, ok bool) {
	if words > longWords {
		end := a.top.Add(words)
		return end - words, end <= uint64(len(a.words))
	}
	i, from := a.wish(h)/blockWords, a.wish(h)%blockWords
	for range len(a.used) + 1 { // the first block twice: its end, and last of all its beginning
		for {
			old := a.used[i].Load()
			at := run(^old&(^uint64(0)<<from), words)
			if at == blockWords {
				break
			}
			if a.used[i].CompareAndSwap(old, old|(1<<words-1)<<at) {
				return i*blockWords + at, true
			}
		}
		from = 0
		if i++; i == uint64(len(a.used)) {
			i = 0
		}
	}
	return 0, false
}

// hasRoom reports whether place would succeed now.
func (a *arena) hasRoom(words uint64) bool {
	switch {
	case words == 0:
		return true
	case words > longWords:
		return a.top.Load()+words <= uint64(len(a.words))
	}
	for i := range a.used {
		if run(^a.used[i].Load(), words) < blockWords {
			return true
		}
	}
	return false
}

// run is the place of the first n > 0 ones in a row in w, 64 if there are none. For an even n it is an even place, so
// that an entry of two words never lies across two cache lines.
func run(w, n uint64) uint64 {
	for range n - 1 {
		w &= w >> 1
	}
	if n%2 == 0 {
		w &= 0x5555555555555555
	}
	return uint64(bits.TrailingZeros64(w))
}

// write fills the words of a new entry, which no slot names yet.
func (a *arena) write(e uint64, id []byte, pt uint32) {
	atomic.StoreUint64(&a.words[e], header(len(id), pt))
	for len(id) >= 8 {
		e++
		a.words[e], id = binary.LittleEndian.Uint64(id), id[8:]
	}
	if len(id) > 0 {
		a.words[e+1] = tailWord(id)
	}
}

// holds reports whether entry e is the one of id.
func (a *arena) holds(e uint64, id []byte) bool {
	if headerLen(a.load(e)) != len(id) {
		return false
	}
	words := a.words[e+1:]
	for len(id) >= 8 {
		if words[0] != binary.LittleEndian.Uint64(id) {
			return false
		}
		words, id = words[1:], id[8:]
	}
	return len(id) == 0 || words[0] == tailWord(id)
}

// appendID appends the id of entry e to b.
func (a *arena) appendID(b []byte, e uint64) []byte {
	n := headerLen(a.load(e))
	for i := e + 1; n > 0; i++ {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], a.words[i])
		b = append(b, w[:min(n, 8)]...)
		n -= 8
	}
	return b
}

// tailWord is the word of the last 1 to 7 bytes of an id.
func tailWord(id []byte) (w uint64) {
	for i, c := range id {
		w |= uint64(c) << (8 * i)
	}
	return w
}
