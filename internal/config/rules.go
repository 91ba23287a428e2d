package config

import (
	"fmt"
	"net/netip"
	"time"

	"linkd/internal/store"
	"linkd/server"
)

// Ignore keeps a stranger off the list until the rule is dropped. Errors: those of server.RuleAbout.
func (e *Editor) Ignore(who, key string) (server.Rule, error) {
	return e.decide(who, key, server.Ignore, false, false)
}

// Block turns a stranger away; with all, everything that comes from its address. Known devices that were last seen
// there would be kept out too: then ErrConflict, unless force says that it is meant. Other errors: those of
// server.RuleAbout.
func (e *Editor) Block(who, key string, all, force bool) (server.Rule, error) {
	return e.decide(who, key, server.Block, all, force)
}

func (e *Editor) decide(who, key string, a server.Action, all, force bool) (server.Rule, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.Reactor.RuleAbout(key, a, all)
	if err != nil {
		return server.Rule{}, err
	}
	if all && !force {
		if n := e.Reactor.KnownFrom(r.Addr); n > 0 {
			return server.Rule{}, fmt.Errorf("%w: known devices come from %s too (connections: %d), and a block keeps them "+
				"out; block the id, or say so with force", ErrConflict, r.Addr, n)
		}
	}
	r.Who, r.Since = who, time.Now().UTC()
	if err := e.Store.PutRule(storedRule(r)); err != nil {
		return server.Rule{}, err
	}
	e.Reactor.PutRule(r)
	if r.Key != key { // the stranger itself is known by its id
		e.Reactor.Forget(key)
	}
	return r, nil
}

// DropRule takes a rule back. The error wraps ErrNotFound.
func (e *Editor) DropRule(key string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := e.Rule(key); err != nil {
		return err
	}
	if err := e.Store.DeleteRule(key); err != nil {
		return err
	}
	e.Reactor.DropRule(key)
	return nil
}

// Rule returns the rule of a key. The error wraps ErrNotFound.
func (e *Editor) Rule(key string) (server.RuleView, error) {
	for _, r := range e.Reactor.Rules() {
		if r.Key == key {
			return r, nil
		}
	}
	return server.RuleView{}, fmt.Errorf("%w: no rule about strangers %q", ErrNotFound, key)
}

// startRules gives the reactor what was decided before.
func (e *Editor) startRules() error {
	list, err := e.Store.Rules()
	if err != nil {
		return err
	}
	for _, r := range list {
		runs := server.Rule{Key: r.Key, Action: server.Action(r.Action), Provider: r.Provider, ID: r.ID, Who: r.Who,
			Since: r.Since}
		if r.Addr != "" {
			if runs.Addr, err = netip.ParseAddr(r.Addr); err != nil {
				return fmt.Errorf("config: the stored rule %s: %w", r.Key, err)
			}
		}
		e.Reactor.PutRule(runs)
	}
	return nil
}

func storedRule(r server.Rule) store.Rule {
	kept := store.Rule{Key: r.Key, Action: string(r.Action), Provider: r.Provider, ID: r.ID, Who: r.Who, Since: r.Since}
	if r.Addr.IsValid() {
		kept.Addr = r.Addr.String()
	}
	return kept
}
