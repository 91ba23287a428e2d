package store

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Bounds of what is kept beside the configuration.
const (
	MaxTokens   = 10_000
	MaxRules    = 1000
	MaxAudit    = 10_000 // entries; the oldest go
	MaxCommands = 65_536
	maxID       = 128 // bytes of a token's id, or a rule's key
	maxField    = 1024
	maxValues   = 64 << 10 // bytes of a command's values
)

// Token says who may come in, and as what. The store keeps it and does not judge it.
type Token struct {
	ID      string
	Name    string
	Role    string
	Hash    []byte
	Created time.Time
	Who     string // who made it
}

// within checks lengths; it is given what and how long in turn.
func within(limit int, what string, n int) error {
	if n > limit {
		return fmt.Errorf("%w: %s of %d bytes; at most %d are kept", ErrLimit, what, n, limit)
	}
	return nil
}

// PutToken stores a token, or replaces the one of its id. The error wraps ErrLimit when there are MaxTokens already.
func (s *Store) PutToken(t Token) error {
	if t.ID == "" || len(t.ID) > maxID {
		return fmt.Errorf("%w: a token's id of %d bytes; give it 1 to %d", ErrLimit, len(t.ID), maxID)
	}
	if err := within(maxField, "a token", max(len(t.Name), len(t.Role), len(t.Hash), len(t.Who))); err != nil {
		return err
	}
	b := appendText(appendText(appendText([]byte{recordFormat}, t.Name), t.Role), t.Hash)
	b = appendText(appendTime(b, t.Created), t.Who)
	return s.recorded(func(w *batch) error {
		if err := w.put(kindToken, []byte(t.ID), b); err != nil {
			return err
		}
		if w.head.tallies[kindToken].count > MaxTokens {
			return fmt.Errorf("%w: there are %d tokens already; delete one first", ErrLimit, MaxTokens)
		}
		return nil
	})
}

// recorded writes what the next generation is to hold too.
func (s *Store) recorded(write func(*batch) error) error {
	err := s.main.update(func(w *batch) error {
		if err := write(w); err != nil {
			return err
		}
		return w.changed()
	})
	if err == nil {
		s.copier.wake()
	}
	return err
}

// DeleteToken removes a token. It is no error when there is none.
func (s *Store) DeleteToken(id string) error {
	return s.recorded(func(w *batch) error { return w.delete(kindToken, []byte(id)) })
}

// Tokens returns all tokens, by id.
func (s *Store) Tokens() ([]Token, error) {
	return list(s.main, kindToken, func(key []byte, f *fields) Token {
		return Token{ID: string(key), Name: f.text(), Role: f.text(), Hash: append([]byte(nil), f.bytes()...),
			Created: f.time(), Who: f.text()}
	})
}

// Entry is something that was done and is no revision: a token was made, somebody was refused.
type Entry struct {
	Time time.Time // zero: now
	Who  string
	What string
}

// Audit adds an entry to the audit trail, of which the last MaxAudit are kept. Text over 1024 bytes is cut.
func (s *Store) Audit(e Entry) error {
	if e.Time.IsZero() {
		e.Time = s.options.Now()
	}
	b := appendTime([]byte{recordFormat}, e.Time)
	b = appendText(appendText(b, clip(e.Who, maxWho)), clip(e.What, maxWhat))
	return s.main.update(func(w *batch) error {
		next := uint64(1)
		if key, _ := w.bucket(kindAudit).Cursor().Last(); key != nil {
			next = binary.BigEndian.Uint64(key) + 1
		}
		if err := w.put(kindAudit, numberKey(next), b); err != nil {
			return err
		}
		return w.trim(kindAudit, func(t tally) bool { return t.count > MaxAudit })
	})
}

// AuditLog returns the last n entries, the newest first.
func (s *Store) AuditLog(n int) ([]Entry, error) {
	var entries []Entry
	err := s.main.read(func(v view) error {
		c := v.bucket(kindAudit).Cursor()
		for key, value := c.Last(); key != nil && len(entries) < n; key, value = c.Prev() {
			e, err := readRecord(kindAudit, key, value, func(_ []byte, f *fields) Entry {
				return Entry{Time: f.time(), Who: f.text(), What: f.text()}
			})
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}

// Command is a write that waits for a device that is away.
type Command struct {
	ID       uint64
	Channel  string
	Device   string
	Values   []byte // JSON, which the store does not read
	Who      string
	Asked    time.Time
	Until    time.Time
	Readback bool
}

// PutCommand stores a command, or replaces the one of its id. The error wraps ErrLimit when MaxCommands wait already.
func (s *Store) PutCommand(c Command) error {
	if err := within(maxValues, "a command's values", len(c.Values)); err != nil {
		return err
	}
	if err := within(maxField, "a command", max(len(c.Channel), len(c.Device), len(c.Who))); err != nil {
		return err
	}
	b := appendText(appendText(appendText([]byte{recordFormat}, c.Channel), c.Device), c.Values)
	b = appendTime(appendTime(appendText(b, c.Who), c.Asked), c.Until)
	b = appendBool(b, c.Readback)
	return s.main.update(func(w *batch) error {
		if err := w.put(kindCommand, numberKey(c.ID), b); err != nil {
			return err
		}
		if w.head.tallies[kindCommand].count > MaxCommands {
			return fmt.Errorf("%w: %d commands wait already; delete one first", ErrLimit, MaxCommands)
		}
		return nil
	})
}

// DeleteCommand removes a command. It is no error when there is none.
func (s *Store) DeleteCommand(id uint64) error {
	return s.main.update(func(w *batch) error { return w.delete(kindCommand, numberKey(id)) })
}

// Commands returns all commands that wait, by id.
func (s *Store) Commands() ([]Command, error) {
	return list(s.main, kindCommand, func(key []byte, f *fields) Command {
		return Command{ID: binary.BigEndian.Uint64(key), Channel: f.text(), Device: f.text(),
			Values: append([]byte(nil), f.bytes()...), Who: f.text(), Asked: f.time(), Until: f.time(), Readback: f.bool()}
	})
}

// list reads all records of a bucket.
func list[T any](b *book, k kind, read func(key []byte, f *fields) T) ([]T, error) {
	var all []T
	err := b.read(func(v view) error {
		return v.each(k, func(key, value []byte) error {
			x, err := readRecord(k, key, value, read)
			all = append(all, x)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// readRecord reads one record: a format, then what read reads.
func readRecord[T any](k kind, key, value []byte, read func(key []byte, f *fields) T) (T, error) {
	var zero T
	payload, err := unseal(k, key, value)
	if err != nil {
		return zero, err
	}
	f := &fields{rest: payload}
	if f.byte() != recordFormat {
		return zero, unreadable(k, key, errRecord)
	}
	x := read(key, f)
	if err := f.end(); err != nil {
		return zero, unreadable(k, key, err)
	}
	return x, nil
}
