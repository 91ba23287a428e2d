package store

import (
	"fmt"
	"time"
)

// Rule is what people have decided about a stranger. The store keeps it and does not judge it.
type Rule struct {
	Key      string
	Action   string
	Provider string
	ID       []byte // as the stranger sent it
	Addr     string
	Who      string // decided it
	Since    time.Time
}

// PutRule stores a rule, or replaces the one of its key. The error wraps ErrLimit when there are MaxRules already.
func (s *Store) PutRule(r Rule) error {
	if r.Key == "" || len(r.Key) > maxID {
		return fmt.Errorf("%w: a rule's key of %d bytes; give it 1 to %d", ErrLimit, len(r.Key), maxID)
	}
	longest := max(len(r.Action), len(r.Provider), len(r.ID), len(r.Addr), len(r.Who))
	if err := within(maxField, "a rule", longest); err != nil {
		return err
	}
	b := appendText(appendText(appendText([]byte{recordFormat}, r.Action), r.Provider), r.ID)
	b = appendTime(appendText(appendText(b, r.Addr), r.Who), r.Since)
	return s.recorded(func(w *batch) error {
		if err := w.put(kindRule, []byte(r.Key), b); err != nil {
			return err
		}
		if w.head.tallies[kindRule].count > MaxRules {
			return fmt.Errorf("%w: there are %d rules already; delete one first", ErrLimit, MaxRules)
		}
		return nil
	})
}

// DeleteRule removes a rule. It is no error when there is none.
func (s *Store) DeleteRule(key string) error {
	return s.recorded(func(w *batch) error { return w.delete(kindRule, []byte(key)) })
}

// Rules returns all rules, by key.
func (s *Store) Rules() ([]Rule, error) {
	return list(s.main, kindRule, func(key []byte, f *fields) Rule {
		return Rule{Key: string(key), Action: f.text(), Provider: f.text(), ID: append([]byte(nil), f.bytes()...),
			Addr: f.text(), Who: f.text(), Since: f.time()}
	})
}
