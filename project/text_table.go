package project

import "hash/maphash"

// textTable finds a text among many by its hash. It keeps none of them: a slot is 8 bytes without a pointer, where a map
// of strings takes five times as much and is scanned by the garbage collector. BenchmarkValidateMillion has its gain.
type textTable struct {
	seed  maphash.Seed
	slots []uint64              // upper half: of the hash; lower half: the item + 1; 0: free
	text  func(item int) string // of an item that was taken
}

// newTexts makes room for as many items, fewer than 2^31.
func newTextTable(most int, text func(item int) string) *textTable {
	size := 8
	for size < 2*most {
		size *= 2
	}
	return &textTable{seed: maphash.MakeSeed(), slots: make([]uint64, size), text: text}
}

// take adds an item whose text is s, unless an item with that text is there already, which it returns.
func (t *textTable) take(s []byte, item int) (first int, taken bool) {
	slot, hash, first, taken := t.seek(s)
	if !taken {
		t.slots[slot] = hash | uint64(item+1)
	}
	return first, taken
}

// find returns the item whose text is s.
func (t *textTable) find(s []byte) (item int, ok bool) {
	_, _, item, ok = t.seek(s)
	return item, ok
}

// seek returns the item whose text is s, or else the free slot where it belongs.
func (t *textTable) seek(s []byte) (slot int, upper uint64, item int, found bool) {
	hash := maphash.Bytes(t.seed, s)
	upper = hash &^ (1<<32 - 1)
	mask := len(t.slots) - 1
	for slot = int(hash) & mask; t.slots[slot] != 0; slot = (slot + 1) & mask {
		if v := t.slots[slot]; v&^(1<<32-1) == upper {
			if item = int(uint32(v)) - 1; t.text(item) == string(s) {
				return slot, upper, item, true
			}
		}
	}
	return slot, upper, 0, false
}
