package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"linkd/project"
)

// Seen is what was last seen of a connection.
type Seen struct {
	Provider   string
	Connection string
	Session    uint64
	Online     bool
	Since      time.Time
	Addr       string
	Reconnects uint64
	LastClose  string
}

// maxSeen bounds how many a call of PutSeen takes.
const maxSeen = 1 << 20

func (e *Seen) append(b []byte) []byte {
	b = appendBool(append(b, recordFormat), e.Online)
	b = binary.AppendUvarint(b, e.Session)
	b = appendTime(b, e.Since)
	b = appendText(b, clip(e.Addr, maxWho))
	b = binary.AppendUvarint(b, e.Reconnects)
	return appendText(b, clip(e.LastClose, maxWho))
}

func readSeen(key []byte, f *fields) Seen {
	provider, name := providerOf(key)
	return Seen{Provider: string(provider), Connection: string(name), Online: f.bool(), Session: f.number(),
		Since: f.time(), Addr: f.text(), Reconnects: f.number(), LastClose: f.text()}
}

// openSeen opens seen.db. It is a hint: when it is damaged it is laid aside (the last such file is kept), the log says
// so, and all connections are as if they had never been seen.
func (s *Store) openSeen() error {
	path := s.dir.file(seenName)
	b, err := openBook(path, seenKinds())
	if errors.Is(err, ErrCorrupt) {
		s.options.Log.Error("store: what was last seen of connections is damaged and is laid aside", "error", err)
		err = os.Rename(path, path+damagedSuffix)
		if err == nil {
			err = os.ErrNotExist
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		if err := createBook(path, seenKinds(), func(*batch) error { return nil }); err != nil {
			return err
		}
		b, err = openBook(path, seenKinds())
	}
	if err != nil {
		return err
	}
	s.seen = b
	return s.forgetStrays()
}

// PutSeen stores what was seen of connections, in one transaction; what names the same connection twice counts in
// order. One call for many costs one fsync, so that it should be called with all of some seconds at once. A reader
// must take what it finds as a hint: a damaged file is thrown away.
func (s *Store) PutSeen(list []Seen) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > maxSeen {
		return fmt.Errorf("%w: %d entries at once; give at most %d", ErrLimit, len(list), maxSeen)
	}
	keys, err := sorted(list)
	if err != nil {
		return err
	}
	return s.seen.update(func(w *batch) error {
		var key, record []byte
		for _, k := range keys {
			key, record = append(key[:0], k.key...), list[k.at].append(record[:0])
			if err := w.put(kindSeen, key, record); err != nil {
				return err
			}
		}
		return nil
	})
}

// seenKey is a key of the store, and where its entry stands in a list.
type seenKey struct {
	key string
	at  int
}

// sorted are the keys of a list in their order; those that are the same in the list's.
func sorted(list []Seen) ([]seenKey, error) {
	size := 0
	for i := range list {
		size += len(list[i].Provider) + 1 + len(list[i].Connection)
	}
	var all strings.Builder // all keys are parts of one string
	all.Grow(size)
	keys := make([]seenKey, len(list))
	for i := range list {
		provider, from := list[i].Provider, all.Len()
		all.WriteString(provider)
		all.WriteByte('/')
		all.WriteString(list[i].Connection)
		keys[i] = seenKey{all.String()[from:], i}
		if key := keys[i].key; provider == "" || strings.Contains(provider, "/") || len(key) > 2*project.MaxName+1 {
			return nil, fmt.Errorf("%w: %s is no name of a connection", ErrLimit, clip(key, maxWho))
		}
	}
	slices.SortFunc(keys, func(a, b seenKey) int { return cmp.Or(strings.Compare(a.key, b.key), a.at-b.at) })
	return keys, nil
}

// EachSeen calls fn with what was last seen of each connection, by provider and name. fn must not call PutSeen or
// Commit.
func (s *Store) EachSeen(fn func(Seen)) error {
	return s.seen.read(func(v view) error {
		return v.each(kindSeen, func(key, value []byte) error {
			e, err := readRecord(kindSeen, key, value, readSeen)
			if err == nil {
				fn(e)
			}
			return err
		})
	})
}

// forget removes what was seen of connections that are in changes and not in next. When the disk does not take it,
// the next start does it.
func (s *Store) forget(changes project.Changes, next *project.Project) {
	var keys [][]byte
	for _, p := range changes.Providers {
		for _, c := range p.Connections {
			if c.Op == project.Removed {
				keys = append(keys, []byte(p.Name+"/"+c.Name))
			}
		}
		if slices.ContainsFunc(p.Fleets, func(f project.FleetChange) bool { return f.Op != project.Added }) {
			keys = append(keys, s.strays(p.Name, next.Provider(p.Name))...)
		}
	}
	if err := s.forgetKeys(keys); err != nil {
		s.options.Log.Warn("store: what was seen of removed connections stays until the next start", "error", err)
	}
}

// strays are the seen connections of a provider that are not next's; next may be nil.
func (s *Store) strays(provider string, next *project.Provider) (keys [][]byte) {
	prefix := []byte(provider + "/")
	known := make(map[string]bool)
	if next != nil {
		for _, c := range next.Connections {
			known[c.Name] = true
		}
	}
	err := s.seen.read(func(v view) error {
		c := v.bucket(kindSeen).Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
			if name := key[len(prefix):]; !known[string(name)] && !inFleet(next, name) {
				keys = append(keys, bytes.Clone(key))
			}
		}
		return nil
	})
	if err != nil {
		s.options.Log.Warn("store: what was seen cannot be read", "error", err)
	}
	return keys
}

func inFleet(p *project.Provider, name []byte) bool {
	return p != nil && slices.ContainsFunc(p.Fleets, func(f *project.Fleet) bool {
		_, ok := f.NumberOf(name)
		return ok
	})
}

// forgetStrays removes what was seen of connections that do not exist: linkd ended after they had been removed and
// before that was done. Both books are in order of keys, and read side by side.
func (s *Store) forgetStrays() error {
	p, _ := s.Current()
	var keys [][]byte
	err := s.main.read(func(main view) error {
		return s.seen.read(func(seen view) error {
			configured := main.bucket(kindConnection).Cursor()
			at, _ := configured.First()
			var provider *project.Provider
			return seen.each(kindSeen, func(key, _ []byte) error {
				for at != nil && bytes.Compare(at, key) < 0 {
					at, _ = configured.Next()
				}
				if bytes.Equal(at, key) {
					return nil
				}
				of, name := providerOf(key)
				if p != nil && (provider == nil || provider.Name != string(of)) {
					provider = p.Provider(string(of))
				}
				if !inFleet(provider, name) {
					keys = append(keys, bytes.Clone(key))
				}
				return nil
			})
		})
	})
	if err != nil {
		return err
	}
	if err := s.forgetKeys(keys); err != nil {
		s.options.Log.Warn("store: what was seen of removed connections stays until the next start", "error", err)
	}
	return nil
}

func (s *Store) forgetKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, bytes.Compare)
	return s.seen.update(func(w *batch) error {
		for _, key := range keys {
			if err := w.delete(kindSeen, key); err != nil {
				return err
			}
		}
		return nil
	})
}
