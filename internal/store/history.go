package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"linkd/project"
)

// Revision is one committed change of the configuration. Numbers grow; times are what the clock said.
type Revision struct {
	Number uint64
	Time   time.Time
	Who    string
	What   string
	Undoes uint64 // the revision that this one takes back; 0: none
	Plan   string // project.Changes.String(), at most maxPlan bytes
}

// Bounds of the history.
const (
	maxRevisions = 1000
	maxUndo      = 64 << 20 // bytes of reverse deltas
	maxPlan      = 16 << 10
	maxWho       = 256
	maxWhat      = 1024
)

// bounds are what is kept of the history.
type bounds struct {
	revisions, undo uint64
}

const recordFormat = 1 // of the records in this file and in others that have no format of their own

func (r *Revision) append(b []byte) []byte {
	b = append(b, recordFormat)
	b = appendTime(b, r.Time)
	b = appendText(b, r.Who)
	b = appendText(b, r.What)
	b = binary.AppendUvarint(b, r.Undoes)
	return appendText(b, r.Plan)
}

func readRevision(key, payload []byte) (Revision, error) {
	f := fields{rest: payload}
	if f.byte() != recordFormat || len(key) != 8 {
		return Revision{}, unreadable(kindRevision, key, errRecord)
	}
	r := Revision{Number: binary.BigEndian.Uint64(key), Time: f.time(), Who: f.text(), What: f.text(),
		Undoes: f.number(), Plan: f.text()}
	if err := f.end(); err != nil {
		return Revision{}, unreadable(kindRevision, key, err)
	}
	return r, nil
}

// numberKey is the key of what goes by number: in order.
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// clip cuts text to at most n bytes of whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// plan bounds what a change says: whole lines, and how many are left out.
func plan(changes project.Changes) string {
	s := changes.String()
	if len(s) <= maxPlan {
		return s
	}
	const room = 40 // for the last line
	kept := s[:strings.LastIndexByte(s[:maxPlan-room], '\n')+1]
	return fmt.Sprintf("%s… %d more\n", kept, strings.Count(s[len(kept):], "\n"))
}

// undo is a reverse delta: what a transaction overwrote. Bucket, key, whether there was a value, the value as sealed.
type undo struct {
	b     []byte
	limit uint64 // bytes
	over  bool
}

// remember notes what stood under key; nil: nothing.
func (u *undo) remember(k kind, key, old []byte) {
	if u == nil || u.over {
		return
	}
	u.b = append(u.b, byte(k))
	u.b = appendText(u.b, key)
	u.b = appendBool(u.b, old != nil)
	if old != nil {
		u.b = appendText(u.b, old)
	}
	if uint64(len(u.b)) > u.limit {
		u.b, u.over = nil, true
	}
}

// past is a book as it was: what has changed since lies over it.
type past struct {
	view
	changed [kinds]map[string][]byte // nil: was not there
}

// take lays a reverse delta over p.
func (p *past) take(delta []byte) error {
	f := fields{rest: delta}
	for len(f.rest) > 0 {
		k, key, was := kind(f.byte()), f.bytes(), f.bool()
		var old []byte
		if was {
			old = f.bytes()
		}
		if f.bad || k >= kinds {
			return errRecord
		}
		if p.changed[k] == nil {
			p.changed[k] = make(map[string][]byte)
		}
		p.changed[k][string(key)] = old
	}
	return f.end()
}

// each merges what is there with what was.
func (p *past) each(k kind, fn func(key, value []byte) error) error {
	was := slices.Sorted(maps.Keys(p.changed[k]))
	before := func(key []byte) error { // those that stood before key; all when it is nil
		for len(was) > 0 && (key == nil || was[0] < string(key)) {
			if old := p.changed[k][was[0]]; old != nil {
				if err := fn([]byte(was[0]), old); err != nil {
					return err
				}
			}
			was = was[1:]
		}
		return nil
	}
	err := p.view.each(k, func(key, value []byte) error {
		if err := before(key); err != nil {
			return err
		}
		if len(was) > 0 && was[0] == string(key) {
			return nil // before, at the next key, has what it was
		}
		return fn(key, value)
	})
	if err != nil {
		return err
	}
	return before(nil)
}

// Revisions returns up to n revisions (at most 1000) before a number, the newest first; before 0 means all.
func (s *Store) Revisions(before uint64, n int) ([]Revision, error) {
	var list []Revision
	err := s.main.read(func(v view) error {
		c := v.bucket(kindRevision).Cursor()
		key, value := c.Last()
		if before > 0 {
			if key, value = c.Seek(numberKey(before)); key == nil {
				key, value = c.Last()
			}
			if key != nil && bytes.Compare(key, numberKey(before)) >= 0 {
				key, value = c.Prev()
			}
		}
		for ; key != nil && len(list) < min(n, maxRevisions); key, value = c.Prev() {
			payload, err := unseal(kindRevision, key, value)
			if err != nil {
				return err
			}
			r, err := readRevision(key, payload)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// At returns the project as revision rev left it. The error wraps ErrUnknown when there is no such revision, and
// ErrForgotten when it is older than what is kept. The whole project is built anew: it costs what opening the store
// does.
func (s *Store) At(rev uint64) (*project.Project, error) {
	var p *project.Project
	err := s.main.read(func(v view) error {
		current, err := v.revision()
		if err != nil {
			return err
		}
		if rev == 0 || rev > current {
			return fmt.Errorf("%w: no revision %d; the current one is %d", ErrUnknown, rev, current)
		}
		was, err := v.rewind(current, rev)
		if err != nil {
			return err
		}
		p, err = loadProject(was)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := project.Validate(p, nil); err != nil {
		return nil, fmt.Errorf("store: revision %d: %w", rev, err)
	}
	return p, nil
}

// rewind returns the book as revision rev left it.
func (v view) rewind(current, rev uint64) (*past, error) {
	was := &past{view: v}
	c := v.bucket(kindUndo).Cursor()
	key, value := c.Last()
	for n := current; n > rev; n-- {
		if key == nil || binary.BigEndian.Uint64(key) != n {
			return nil, fmt.Errorf("%w: revision %d; what is kept begins with %d", ErrForgotten, rev, n)
		}
		delta, err := unseal(kindUndo, key, value)
		if err != nil {
			return nil, err
		}
		if err := was.take(delta); err != nil {
			return nil, unreadable(kindUndo, key, err)
		}
		key, value = c.Prev()
	}
	return was, nil
}
