// Package config owns the one way in which the configuration changes while linkd runs: a project is made from the one
// before, validated by the rules of the project file, kept by the store, and only then given to the reactor.
//
// Whoever changes something (a file, HTTP, the bus) asks the Manager; nobody else writes configuration.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"linkd/internal/store"
	"linkd/project"
	"linkd/server"
)

// Errors that callers tell apart; what is wrong with a project itself is project.Errors.
var (
	ErrNotFound = errors.New("config: not found")
	ErrConflict = errors.New("config: conflict")
	ErrStale    = errors.New("config: changed meanwhile")
	ErrInvalid  = errors.New("config: invalid")
)

// Store keeps the configuration. Its methods are safe for concurrent use.
type Store interface {
	Current() (*project.Project, uint64)
	Commit(c store.Change) (store.Revision, error)
	Revisions(before uint64, n int) ([]store.Revision, error)
	At(revision uint64) (*project.Project, error)
	Applied() (*store.File, error)
}

// Reactor runs what is configured. Its methods are safe for concurrent use.
type Reactor interface {
	Apply(p *project.Project) error
	// Check says which listeners of p could not be opened.
	Check(p *project.Project) error
	Newcomer(key string) (server.Newcomer, error)
	Forget(key string)
}

// Config is what a Manager is made of. All but Log is required.
type Config struct {
	Store   Store
	Reactor Reactor
	Catalog project.Catalog
	Log     *slog.Logger // nil: slog.Default()
}

// Manager changes the configuration, one change at a time. Its methods are safe for concurrent use.
type Manager struct {
	Config
	mu   sync.Mutex
	runs bool // the reactor has a project
}

// New makes a Manager. Start gives the reactor its first project.
func New(c Config) *Manager {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Manager{Config: c}
}

// Outcome is what a change came to. Without anything to do, Revision is the one before.
type Outcome struct {
	Revision uint64
	Changes  project.Changes
}

// Project returns the project as it is configured; nil before Start. It must not be changed.
func (m *Manager) Project() *project.Project {
	p, _ := m.Store.Current()
	return p
}

// Revisions returns the changes before a revision, 0 for all, newest first, at most n.
func (m *Manager) Revisions(before uint64, n int) ([]store.Revision, error) {
	return m.Store.Revisions(before, n)
}

// edit is one change: make returns the project that is to be, from the one that is; only says that nothing is to be
// done but to tell what would be. The caller holds m.mu.
func (m *Manager) edit(c store.Change, only bool, make func(*project.Project) (*project.Project, error)) (Outcome, error) {
	current, revision := m.Store.Current()
	next, err := make(current)
	if err != nil {
		return Outcome{}, err
	}
	if err := project.Validate(next, m.Catalog); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Revision: revision, Changes: project.Diff(current, next)}
	if only || out.Changes.Empty() && c.File == nil {
		return out, nil
	}
	if m.runs {
		if err := m.Reactor.Check(next); err != nil {
			return Outcome{}, fmt.Errorf("%w: %w", ErrConflict, err)
		}
	}
	c.Base, c.Next = revision, next
	r, err := m.Store.Commit(c)
	if err != nil {
		return Outcome{}, err
	}
	out.Revision = r.Number
	if out.Changes.Empty() || !m.runs {
		return out, nil
	}
	m.Log.Info("the configuration was changed", "revision", r.Number, "who", c.Who, "what", c.What,
		"changes", out.Changes.String())
	return out, m.Reactor.Apply(next)
}

// change is edit for those who do not hold m.mu.
func (m *Manager) change(who, what string, make func(*project.Project) (*project.Project, error)) (Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.edit(store.Change{Who: who, What: what}, false, make)
}
