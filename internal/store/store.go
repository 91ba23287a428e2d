package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"linkd/project"
)

// Options of a store. All may be zero.
type Options struct {
	Log   *slog.Logger     // nil: slog.Default
	Now   func() time.Time // of revisions and generations; nil: time.Now
	Keep  int              // generations that are kept; 0: 10
	Every time.Duration    // shortest time between two generations; 0: 5 s
}

const (
	defaultKeep  = 10
	defaultEvery = 5 * time.Second
)

// Store is an open data directory. All its methods are safe for concurrent use. What a method has acknowledged with
// nil is on the disk.
type Store struct {
	options Options
	bounds  bounds
	dir     *directory
	main    *book
	seen    *book

	commit  sync.Mutex // one Commit at a time
	current atomic.Pointer[configured]
	copier  *copier
	closing sync.Once
	closed  error
}

// configured is a project and its revision. Neither changes.
type configured struct {
	project  *project.Project
	revision uint64
}

// mainKinds are the buckets of linkd.db.
func mainKinds() []kind {
	return append([]kind{kindState, kindRevision, kindUndo, kindAudit, kindCommand}, configuration...)
}

func seenKinds() []kind { return []kind{kindSeen} }

// Open opens the data directory dir, and makes it (mode 0700) with an empty store when it is new or empty. It reads
// and checks all that is stored; a stored project is loaded and validated. Errors wrap ErrLocked, ErrMissing,
// ErrForeign, ErrCorrupt or ErrFull, or project.ErrInvalid when this linkd refuses what an older one has stored.
func Open(dir string, o Options) (*Store, error) {
	d, err := claim(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{options: o.defaults(), bounds: bounds{maxRevisions, maxUndo}, dir: d}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	s.copier = startCopier(s)
	return s, nil
}

func (o Options) defaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	return o
}

func (s *Store) open() error {
	fresh, err := s.dir.fresh()
	if err != nil {
		return err
	}
	if err := s.dir.sweep(); err != nil {
		return err
	}
	path := s.dir.file(mainName)
	if fresh {
		if err := createBook(path, mainKinds(), func(*batch) error { return nil }); err != nil {
			return err
		}
	}
	if s.main, err = openBook(path, mainKinds()); err != nil {
		if errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w; nothing was changed: run linkd restore, or give another --data", err)
		}
		return err
	}
	if err := s.dir.mark(); err != nil {
		s.options.Log.Warn("store: the directory is not marked", "error", err)
	}
	// bbolt's own check takes the other processor while the project is read.
	checked := make(chan error, 1)
	go func() { checked <- s.main.inspect() }()
	err = s.load()
	if err := errors.Join(<-checked, err); err != nil {
		return err
	}
	return s.openSeen()
}

// load reads the current project.
func (s *Store) load() error {
	var c configured
	err := s.main.read(func(v view) (err error) {
		if c.revision, err = v.revision(); err != nil || c.revision == 0 {
			return err
		}
		c.project, err = loadProject(v)
		return err
	})
	if err != nil {
		return err
	}
	if c.project != nil {
		if err := project.Validate(c.project, nil); err != nil {
			return fmt.Errorf("store: this linkd refuses the stored project (revision %d): %w", c.revision, err)
		}
	}
	s.current.Store(&c)
	return nil
}

// Close writes the last generation and closes the store. Calls after the first return the same.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.copier.stop()
		s.closed = s.closeFiles()
	})
	return s.closed
}

func (s *Store) closeFiles() error {
	var errs []error
	for _, b := range []*book{s.main, s.seen} {
		if b != nil {
			errs = append(errs, b.close())
		}
	}
	return errors.Join(append(errs, s.dir.release())...)
}

// Healthy returns why the last write failed, until a write succeeds again; nil when all is well.
func (s *Store) Healthy() error {
	return errors.Join(s.main.healthy(), s.seen.healthy(), s.copier.healthy())
}

// Current returns the project in force and its revision: nil and 0 when nothing has been committed. The project must
// not be changed.
func (s *Store) Current() (*project.Project, uint64) {
	c := s.current.Load()
	return c.project, c.revision
}

// Numbers of the store itself, in kindState.
const (
	stateRevision = "revision" // the current one
	stateChanges  = "changes"  // how often what a generation holds has changed
	stateStarts   = "starts"   // how often Starts was called
)

// Starts counts a start of linkd and returns how many there have been with it. A restore begins at 0 again.
func (s *Store) Starts() (n uint64, err error) {
	err = s.main.update(func(w *batch) error {
		if n, err = w.number(stateStarts); err != nil {
			return err
		}
		n++
		return w.setNumber(stateStarts, n)
	})
	return n, err
}

func (v view) number(name string) (uint64, error) {
	payload, err := v.get(kindState, []byte(name))
	if err != nil || payload == nil {
		return 0, err
	}
	f := fields{rest: payload}
	n := f.number()
	if err := f.end(); err != nil {
		return 0, unreadable(kindState, []byte(name), err)
	}
	return n, nil
}

func (v view) revision() (uint64, error) { return v.number(stateRevision) }

func (w *batch) setNumber(name string, n uint64) error {
	return w.put(kindState, []byte(name), binary.AppendUvarint(nil, n))
}

// changed notes that the next generation differs from the last.
func (w *batch) changed() error {
	n, err := w.number(stateChanges)
	if err != nil {
		return err
	}
	return w.setNumber(stateChanges, n+1)
}
