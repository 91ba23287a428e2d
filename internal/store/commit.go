package store

import (
	"errors"
	"fmt"

	"linkd/project"
)

// Change is what Commit makes of the configuration.
type Change struct {
	Base   uint64 // the revision that Next was made from; 0: any
	Who    string // at most 256 bytes are kept
	What   string // at most 1024 bytes are kept
	Next   *project.Project
	Undoes uint64 // the revision that this change takes back; 0: none
	File   *File  // the project file that was applied; nil: the one that is kept stays
}

// File is a project file as it was applied: for comparing, and for people.
type File struct {
	Name string
	Text []byte
}

// Commit makes c.Next the current project. It writes the nouns that differ, in one transaction that is on the disk
// when Commit returns. c.Next must have been validated, and belongs to the store from then on: nobody may change it.
// When nothing differs there is no new revision, and the current one is returned. The error wraps ErrConflict when
// c.Base is not the current revision, and ErrFull when the disk did not take it: nothing has changed then.
func (s *Store) Commit(c Change) (Revision, error) {
	if c.Next == nil {
		return Revision{}, errors.New("store: a change without a project; set Next")
	}
	if c.File != nil && len(c.File.Text) > project.MaxFileSize {
		return Revision{}, fmt.Errorf("%w: a project file of %d bytes; at most %d are kept", ErrLimit, len(c.File.Text),
			project.MaxFileSize)
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	now := s.current.Load()
	if c.Base != 0 && c.Base != now.revision {
		return Revision{}, fmt.Errorf("%w: the change was made from revision %d, and revision %d is in force; "+
			"read it and make the change again", ErrConflict, c.Base, now.revision)
	}
	changes := project.Diff(now.project, c.Next)
	newFile, err := s.differs(c.File)
	if err != nil {
		return Revision{}, err
	}
	if now.project != nil && changes.Empty() && !newFile {
		return s.last()
	}
	r := Revision{Number: now.revision + 1, Time: s.options.Now().Round(0).UTC(), Who: clip(c.Who, maxWho),
		What: clip(c.What, maxWhat), Undoes: c.Undoes, Plan: plan(changes)}
	err = s.main.update(func(w *batch) error {
		if now.project != nil {
			w.undo = &undo{limit: s.bounds.undo}
		}
		if err := w.apply(changes, c.Next, r.Number); err != nil {
			return err
		}
		delta := w.undo
		w.undo = nil
		if newFile {
			if err := w.put(kindApplied, []byte(appliedKey), appendFile(nil, c.File)); err != nil {
				return err
			}
		}
		return w.record(r, delta, s.bounds)
	})
	if err != nil {
		return Revision{}, err
	}
	s.current.Store(&configured{c.Next, r.Number})
	s.copier.wake()
	s.forget(changes, c.Next)
	return r, nil
}

// record writes a revision and what undoes it, and forgets what is over the bounds.
func (w *batch) record(r Revision, delta *undo, keep bounds) error {
	key := numberKey(r.Number)
	if err := w.put(kindRevision, key, r.append(nil)); err != nil {
		return err
	}
	switch {
	case delta == nil: // nothing was there before
	case delta.over: // what came before cannot be reached any more
		if err := w.trim(kindUndo, func(t tally) bool { return t.count > 0 }); err != nil {
			return err
		}
	default:
		if err := w.put(kindUndo, key, delta.b); err != nil {
			return err
		}
	}
	err := w.trim(kindRevision, func(t tally) bool { return t.count > keep.revisions })
	if err == nil {
		err = w.trim(kindUndo, func(t tally) bool { return t.count > keep.revisions || t.bytes > keep.undo })
	}
	if err == nil {
		err = w.setNumber(stateRevision, r.Number)
	}
	if err == nil {
		err = w.changed()
	}
	return err
}

// last returns the current revision.
func (s *Store) last() (r Revision, err error) {
	err = s.main.read(func(v view) error {
		key, payload, err := v.last(kindRevision)
		if err != nil {
			return err
		}
		r, err = readRevision(key, payload)
		return err
	})
	return r, err
}

const appliedKey = "file"

func appendFile(b []byte, f *File) []byte {
	return appendText(appendText(append(b, recordFormat), f.Name), f.Text)
}

// Applied returns the project file that was applied last, or nil when none was.
func (s *Store) Applied() (file *File, err error) {
	err = s.main.read(func(v view) error {
		payload, err := v.get(kindApplied, []byte(appliedKey))
		if err != nil || payload == nil {
			return err
		}
		f := fields{rest: payload}
		format := f.byte()
		file = &File{Name: f.text(), Text: append([]byte{}, f.bytes()...)}
		if err := f.end(); err != nil || format != recordFormat {
			return unreadable(kindApplied, []byte(appliedKey), errRecord)
		}
		return nil
	})
	return file, err
}

// differs reports whether a file is not the one that is kept.
func (s *Store) differs(f *File) (bool, error) {
	if f == nil {
		return false, nil
	}
	differs := true
	err := s.main.read(func(v view) error {
		payload, err := v.get(kindApplied, []byte(appliedKey))
		differs = payload == nil || string(payload) != string(appendFile(nil, f))
		return err
	})
	return differs, err
}
