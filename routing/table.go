package routing

// MaxID is the length of the longest id in bytes.
const MaxID = 1024

// Table maps Socket Conn Ids, 1 to MaxID bytes each, to connection point numbers. Lookup, Longest and Extends never
// wait, lock or allocate. Replace is lock-free, and so are Insert and Delete while all ids have one length, except
// that the writers of a shard wait for each other while the shard grows; once ids of different lengths have been
// inserted, Insert and Delete take a lock among themselves. No method keeps the slice it is given.
type Table struct {
	ids   store
	index index
}

// NewTable returns an empty table. hint is the number of ids that are expected; it may be 0 (unknown) or wrong, at
// the price of growing on the way and of longer pauses for writers meanwhile.
func NewTable(hint int) *Table {
	t := &Table{}
	t.ids.alloc(hint)
	t.index.prefixes.alloc(0)
	return t
}

// Lookup returns the connection point of id.
func (t *Table) Lookup(id []byte) (pt uint32, ok bool) { return t.ids.get(id) }

// Insert adds id. It is false, and the table unchanged, when id is there already, is empty, or is longer than MaxID.
func (t *Table) Insert(id []byte, pt uint32) bool {
	if len(id) == 0 || len(id) > MaxID {
		return false
	}
	o := t.ids.put(id, pt, true)
	if o == gated {
		return t.insertIndexed(id, pt)
	}
	return o == done
}

// Replace gives id, if it is there, another connection point, in one step, and returns the one it had.
func (t *Table) Replace(id []byte, pt uint32) (old uint32, ok bool) { return t.ids.set(id, pt) }

// Delete removes id and returns the connection point it had.
func (t *Table) Delete(id []byte) (pt uint32, ok bool) {
	if _, ok := t.ids.get(id); !ok {
		return 0, false
	}
	pt, o := t.ids.remove(id, true)
	if o != gated {
		return pt, o == done
	}
	t.index.mu.Lock()
	defer t.index.mu.Unlock()
	if pt, o = t.ids.remove(id, false); o != done {
		return 0, false
	}
	t.index.count(id, -1) // after the id is gone, as in insertIndexed
	return pt, true
}

// Len is the number of ids. Beside writers it is a number that was right a moment ago.
func (t *Table) Len() int { return t.ids.len() }

// Range calls f for each id until f returns false. An id that is there all the while is visited once; one that comes
// or goes meanwhile, at most once. id is valid only during the call. f may use the table.
func (t *Table) Range(f func(id []byte, pt uint32) bool) { t.ids.each(f) }

// Longest returns the length of the longest id that is a beginning of b (b itself included), 0 when there is none.
// It takes one lookup for each length of ids that the table has seen and that b is long enough for.
func (t *Table) Longest(b []byte) int {
	for n := t.index.present.down(min(len(b), MaxID)); n > 0; n = t.index.present.down(n - 1) {
		if _, ok := t.ids.get(b[:n]); ok {
			return n
		}
	}
	return 0
}

// Extends reports whether an id is longer than b and begins with b. The answer is exact when Longest(b) > 0, which is
// when it matters: whether the id found may yet turn out to be the beginning of a longer one. Otherwise true is
// exact, but false may mean "not known".
//
// Beside a concurrent Insert or Delete of such an id it may be true before Lookup finds the id, or a moment after it
// does no longer; it is never false while Lookup finds it.
func (t *Table) Extends(b []byte) bool {
	_, ok := t.index.prefixes.get(b)
	return ok
}
