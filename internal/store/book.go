package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A book is one bbolt file, whose every value is sealed and whose every bucket is tallied. Reading is safe from any
// goroutine; writes take turns.
type book struct {
	db    *bbolt.DB
	kinds []kind // beside kindHead

	mu    sync.Mutex // of writers
	state sync.Mutex // of fault and spent
	fault error      // of the last write, if it failed
	spent bool       // a write failed so late that nobody knows what is on the disk
}

const (
	// room is the address space that a book is given at first: growing it waits for those who read. It is not memory.
	room = 1 << 30
	// growth is what a file grows by, in bytes.
	growth = 1 << 20
	// lockWait lets bbolt try its own lock once.
	lockWait = time.Millisecond
	// fill is how full pages are made: most of what is written comes sorted.
	fill = 0.9
)

func boltOptions() *bbolt.Options {
	return &bbolt.Options{Timeout: lockWait, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
		InitialMmapSize: room, PageSize: pageSize, NoStatistics: true}
}

// createBook writes a new book at path with what content puts into it, under a name of its own first: there is a whole
// book at path, or none. An older file at path stays when an error is returned.
func createBook(path string, kinds []kind, content func(*batch) error) error {
	temp := path + tempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	if err := fillBook(temp, kinds, content); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return syncParent(path)
}

func fillBook(path string, kinds []kind, content func(*batch) error) error {
	b, err := openBolt(path, kinds)
	if err != nil {
		return err
	}
	for range 2 { // both meta pages are linkd's then
		if err = b.db.Update(func(tx *bbolt.Tx) error { return makeBuckets(tx, kinds) }); err != nil {
			return errors.Join(fmt.Errorf("%w: %w", ErrFull, err), b.close())
		}
	}
	return errors.Join(b.update(content), b.close())
}

// makeBuckets makes what is not there yet.
func makeBuckets(tx *bbolt.Tx, kinds []kind) error {
	for _, k := range append([]kind{kindHead}, kinds...) {
		if _, err := tx.CreateBucketIfNotExists([]byte(k.String())); err != nil {
			return err
		}
	}
	heads := tx.Bucket([]byte(kindHead.String()))
	if heads.Get(headKey()) != nil {
		return nil
	}
	return heads.Put(headKey(), appendSealed(nil, kindHead, headKey(), new(head).append(nil)))
}

// openBook opens the book at path after reading all of it. The error wraps ErrCorrupt when it is not what was written.
func openBook(path string, kinds []kind) (*book, error) {
	if err := checkBook(path, kinds); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, path)
	}
	b, err := openBolt(path, kinds)
	if err != nil {
		return nil, err
	}
	if err := b.complete(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// complete makes the buckets that an older linkd did not know.
func (b *book) complete() error {
	missing := false
	err := b.read(func(v view) error {
		missing = slices.ContainsFunc(b.kinds, func(k kind) bool { return v.bucket(k) == nil })
		return nil
	})
	if err != nil || !missing {
		return err
	}
	if err := b.db.Update(func(tx *bbolt.Tx) error { return makeBuckets(tx, b.kinds) }); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return nil
}

func openBolt(path string, kinds []kind) (b *book, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: bbolt: %v (%s)", ErrCorrupt, r, path)
		}
	}()
	db, err := bbolt.Open(path, 0o600, boltOptions())
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: something else has %s open", ErrLocked, path)
	case err != nil:
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	db.AllocSize = growth
	return &book{db: db, kinds: kinds}, nil
}

// checkBook reads the file at path and compares each record with its seal and each bucket with its tally.
func checkBook(path string, kinds []kind) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	known := make(map[string]kind)
	for _, k := range kinds {
		known[k.String()] = k
	}
	var found head
	var stated *head
	err = walk(f, stat.Size(), func(bucket, key, value []byte) error {
		k, ok := known[string(bucket)]
		if !ok && string(bucket) != kindHead.String() {
			return damaged("there is a bucket %q", bucket)
		}
		payload, err := unseal(k, key, value)
		if err != nil {
			return err
		}
		if k == kindHead {
			stated, err = readHead(payload)
			return err
		}
		found.tallies[k].add(key, value)
		return nil
	})
	switch {
	case err != nil:
		return err
	case stated == nil:
		return damaged("it has no head")
	}
	for _, k := range kinds {
		if found.tallies[k] != stated.tallies[k] {
			return damaged("%s are %d records, and %d were written (digests %x and %x)", k, found.tallies[k].count,
				stated.tallies[k].count, found.tallies[k].digest, stated.tallies[k].digest)
		}
	}
	return nil
}

// inspect is bbolt's own check of its pages.
func (b *book) inspect() error {
	var first error
	err := b.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			if first == nil {
				first = damaged("bbolt: %v", err)
			}
		}
		return nil
	})
	return errors.Join(err, first)
}

func (b *book) close() error {
	if err := b.db.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// healthy returns why the last write failed, or nil.
func (b *book) healthy() error {
	b.state.Lock()
	defer b.state.Unlock()
	return b.fault
}

func (b *book) note(err error, spent bool) error {
	b.state.Lock()
	defer b.state.Unlock()
	b.fault, b.spent = err, b.spent || spent
	return err
}
