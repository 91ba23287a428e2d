package routing

import (
	"bytes"
	"sync"
)

// mixed is the value of index.only once ids of two lengths have been seen.
const mixed = -1

// maxReachScans is how often a table is searched for the longest extension of a new id before every length is
// tracked instead: it bounds the cost of loading many ids in an order that brings the longer of each pair first.
const maxReachScans = 16

// index answers, beside the table of ids, which lengths there are and which byte strings an id extends. A table whose
// ids all have one length needs neither: its writers pass by the index, lock-free. From the second length on, Insert
// and Delete hold mu.
//
// For each tracked length m, prefixes counts for each byte string p of m bytes the ids that are longer than m and
// begin with p. All lengths of ids are tracked; and if an id extends another one, all lengths between theirs.
type index struct {
	mu       sync.Mutex
	present  lengths // lengths of ids, now or earlier; read without mu
	tracked  lengths
	prefixes store // written with mu held, read without
	only     int   // the length of all ids until now; 0: no id yet
	longest  int   // of all lengths until now
	scans    int   // by reach
}

// insertIndexed is Insert for an id that the gate does not let pass.
func (t *Table) insertIndexed(id []byte, pt uint32) bool {
	x, n := &t.index, len(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch x.only {
	case 0:
		x.only, x.longest = n, n
		x.present.add(n)
		x.tracked.add(n)
		t.ids.regate(n, n)
	case n, mixed:
	default:
		x.only = mixed
		t.ids.regate(0, n)
	}
	if x.only == n {
		return t.ids.put(id, pt, false) == done
	}
	if _, ok := t.ids.get(id); ok {
		return false
	}
	t.prepare(id)
	x.longest = max(x.longest, n)
	x.present.add(n)
	x.count(id, 1) // before the id can be seen, so that Extends never denies an id that Lookup finds
	return t.ids.put(id, pt, false) == done
}

// prepare tracks the lengths that have to be when id is there too.
func (t *Table) prepare(id []byte) {
	x, n := &t.index, len(id)
	t.track(n, n)
	for m := x.present.up(1); m > 0 && m < n; m = x.present.up(m + 1) {
		if _, ok := t.ids.get(id[:m]); ok {
			t.track(m, n-1)
			break
		}
	}
	if _, ok := x.prefixes.get(id); ok {
		t.track(n, t.reach(id)-1)
	}
}

// track counts the prefixes of lengths from..to of all ids, where that is not done already.
func (t *Table) track(from, to int) {
	x := &t.index
	var missing []int
	for m := from; m <= to; m++ {
		if !x.tracked.has(m) {
			missing = append(missing, m)
			x.tracked.add(m)
		}
	}
	if len(missing) == 0 || missing[0] >= x.longest {
		return
	}
	t.ids.each(func(id []byte, _ uint32) bool {
		for _, m := range missing {
			if m >= len(id) {
				break
			}
			x.add(id[:m], 1)
		}
		return true
	})
}

// reach is the length of the longest id that extends id, or more where finding that out is not worth its cost.
func (t *Table) reach(id []byte) (n int) {
	x := &t.index
	n = len(id)
	for n < x.longest && x.tracked.has(n) {
		n++
	}
	if n == x.longest || x.scans == maxReachScans {
		return x.longest
	}
	x.scans++
	n = len(id)
	t.ids.each(func(other []byte, _ uint32) bool {
		if len(other) > n && bytes.HasPrefix(other, id) {
			n = len(other)
		}
		return true
	})
	return n
}

// count adds by to the counts of id's tracked proper prefixes.
func (x *index) count(id []byte, by int) {
	for m := x.tracked.up(1); m > 0 && m < len(id); m = x.tracked.up(m + 1) {
		x.add(id[:m], by)
	}
}

func (x *index) add(prefix []byte, by int) {
	old, ok := x.prefixes.get(prefix)
	switch n := int(old) + by; {
	case !ok:
		x.prefixes.put(prefix, uint32(n), false)
	case n == 0:
		x.prefixes.remove(prefix, false)
	default:
		x.prefixes.set(prefix, uint32(n))
	}
}
