package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A batch is one transaction that writes. It keeps seals and tallies right.
type batch struct {
	view
	head *head
	undo *undo  // what is overwritten is remembered here, if not nil
	slab []byte // memory of values, which bbolt keeps until the commit
}

// slabSize is what a batch takes memory in, in bytes.
const slabSize = 64 << 10

// update runs fn in one transaction, which is on the disk when update returns nil. When fn fails, its error is returned
// and nothing is written. When the disk fails, the error wraps ErrFull and nothing has changed.
func (b *book) update(fn func(*batch) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Lock()
	spent, fault := b.spent, b.fault
	b.state.Unlock()
	if spent {
		return fault
	}
	tx, err := b.db.Begin(true)
	if err != nil {
		return b.refused(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit: there is nothing to roll back
	w := &batch{view: view{tx: tx}}
	if w.head, err = w.readHead(); err != nil {
		return err
	}
	before := w.head.writes
	if err := fn(w); err != nil {
		return err
	}
	w.head.writes++
	err = w.bucket(kindHead).Put(headKey(), appendSealed(nil, kindHead, headKey(), w.head.append(nil)))
	if err == nil {
		err = tx.Commit()
	}
	if err == nil {
		return b.note(nil, false)
	}
	if b.writes() == before {
		return b.note(fmt.Errorf("%w: %w", ErrFull, err), false)
	}
	return b.note(fmt.Errorf("%w: the disk failed at the end of a write, so that nobody knows what it holds: %w; "+
		"see to the disk and start linkd again", ErrFull, err), true)
}

// refused says why there is no transaction.
func (b *book) refused(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return b.note(fmt.Errorf("%w: %w", ErrFull, err), false)
}

// writes is how many transactions the book holds; 0 when it cannot be read.
func (b *book) writes() (n uint64) {
	err := b.read(func(v view) error {
		h, err := v.readHead()
		if err == nil {
			n = h.writes
		}
		return err
	})
	if err != nil {
		return 0
	}
	return n
}

// put stores payload under key, both of which it copies. A value that is the same is not written again.
func (w *batch) put(k kind, key, payload []byte) error {
	bucket := w.bucket(k)
	old := bucket.Get(key)
	if len(w.slab)+len(payload)+sealSize > cap(w.slab) {
		w.slab = make([]byte, 0, max(slabSize, len(payload)+sealSize))
	}
	start := len(w.slab)
	w.slab = appendSealed(w.slab, k, key, payload)
	value := w.slab[start:len(w.slab):len(w.slab)]
	if old != nil {
		if string(old) == string(value) {
			return nil
		}
		w.head.tallies[k].remove(key, old)
	}
	w.head.tallies[k].add(key, value)
	w.undo.remember(k, key, old)
	if err := bucket.Put(key, value); err != nil {
		return fmt.Errorf("store: %s %q: %w", k, key, err)
	}
	return nil
}

// delete removes a record, if it is there.
func (w *batch) delete(k kind, key []byte) error {
	bucket := w.bucket(k)
	old := bucket.Get(key)
	if old == nil {
		return nil
	}
	w.head.tallies[k].remove(key, old)
	w.undo.remember(k, key, old)
	if err := bucket.Delete(key); err != nil {
		return fmt.Errorf("store: %s %q: %w", k, key, err)
	}
	return nil
}

// trim deletes the first records of a bucket for as long as over says so.
func (w *batch) trim(k kind, over func(tally) bool) error {
	for over(w.head.tallies[k]) {
		key, _ := w.bucket(k).Cursor().First()
		if key == nil {
			return nil
		}
		if err := w.delete(k, append([]byte(nil), key...)); err != nil {
			return err
		}
	}
	return nil
}

// view is one transaction: a book as it is at one moment.
type view struct {
	tx *bbolt.Tx
}

// read runs fn on the book as it is now. What fn gets from the view is valid until fn returns.
func (b *book) read(fn func(view) error) error {
	err := b.db.View(func(tx *bbolt.Tx) error { return fn(view{tx: tx}) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

func (v view) bucket(k kind) *bbolt.Bucket {
	b := v.tx.Bucket([]byte(k.String()))
	if b != nil && v.tx.Writable() {
		b.FillPercent = fill
	}
	return b
}

func (v view) readHead() (*head, error) {
	payload, err := v.get(kindHead, headKey())
	if err != nil {
		return nil, err
	}
	return readHead(payload)
}

// get returns a record, or nil when there is none.
func (v view) get(k kind, key []byte) ([]byte, error) {
	value := v.bucket(k).Get(key)
	if value == nil {
		return nil, nil
	}
	return unseal(k, key, value)
}

// each calls fn with every record of a bucket, sealed, in order of keys.
func (v view) each(k kind, fn func(key, value []byte) error) error {
	return v.bucket(k).ForEach(fn)
}

// last returns the record with the highest key; key is nil when there is none.
func (v view) last(k kind) (key, payload []byte, err error) {
	key, value := v.bucket(k).Cursor().Last()
	if key == nil {
		return nil, nil, nil
	}
	payload, err = unseal(k, key, value)
	return key, payload, err
}
