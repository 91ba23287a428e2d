// Package config owns the one way in which the configuration changes while linkd runs: a project is made from the one
// before, validated by the rules of the project file, kept by the store, and only then given to the reactor. What
// people decide about strangers goes the same way, beside the project.
//
// Whoever changes something (a file, HTTP, the bus) asks the Editor; nobody else writes configuration.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
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
)

// Store keeps the configuration. Its methods are safe for concurrent use.
type Store interface {
	Current() (*project.Project, uint64)
	Commit(c store.Change) (store.Revision, error)
	Revisions(before uint64, n int) ([]store.Revision, error)
	At(revision uint64) (*project.Project, error)
	Applied() (*store.File, error)

	Rules() ([]store.Rule, error)
	PutRule(r store.Rule) error
	DeleteRule(key string) error
}

// Reactor runs what is configured. Its methods are safe for concurrent use.
type Reactor interface {
	Apply(p *project.Project) error
	// Check says which listeners of p could not be opened.
	Check(p *project.Project) error
	Newcomer(key string) (server.Newcomer, error)
	Forget(key string)

	RuleAbout(key string, a server.Action, all bool) (server.Rule, error)
	KnownFrom(addr netip.Addr) int
	Rules() []server.RuleView
	PutRule(r server.Rule)
	DropRule(key string)
}

// Config is what an Editor is made of. All but Log is required.
type Config struct {
	Store   Store
	Reactor Reactor
	Catalog project.Catalog
	Log     *slog.Logger // nil: slog.Default()
}

// Editor changes the configuration, one change at a time. Its methods are safe for concurrent use.
type Editor struct {
	Config
	mu   sync.Mutex
	runs bool // the reactor has a project
}

// New makes an Editor. Start gives the reactor its first project.
func New(c Config) *Editor {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Editor{Config: c}
}

// Outcome is what a change came to. Without anything to do, Revision is the one before.
type Outcome struct {
	Revision uint64
	Changes  project.Changes
}

// Project returns the project as it is configured; nil before Start. It must not be changed.
func (e *Editor) Project() *project.Project {
	p, _ := e.Store.Current()
	return p
}

// Revisions returns the changes before a revision, 0 for all, newest first, at most n.
func (e *Editor) Revisions(before uint64, n int) ([]store.Revision, error) {
	return e.Store.Revisions(before, n)
}

// edit is one change: make returns the project that is to be, from the one that is; only says that nothing is to be
// done but to tell what would be. The caller holds e.mu.
func (e *Editor) edit(c store.Change, only bool, make func(*project.Project) (*project.Project, error),
) (Outcome, error) {
	current, revision := e.Store.Current()
	next, err := make(current)
	if err != nil {
		return Outcome{}, err
	}
	if err := project.Validate(next, e.Catalog); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Revision: revision, Changes: project.Diff(current, next)}
	if only || out.Changes.Empty() && c.File == nil {
		return out, nil
	}
	if e.runs {
		if err := e.Reactor.Check(next); err != nil {
			return Outcome{}, fmt.Errorf("%w: %w", ErrConflict, err)
		}
	}
	c.Base, c.Next = revision, next
	r, err := e.Store.Commit(c)
	if err != nil {
		return Outcome{}, err
	}
	out.Revision = r.Number
	if out.Changes.Empty() || !e.runs {
		return out, nil
	}
	e.Log.Info("the configuration was changed", "revision", r.Number, "who", c.Who, "what", c.What,
		"changes", brief(out.Changes.String()))
	return out, e.Reactor.Apply(next)
}

// change is edit for those who do not hold e.mu.
func (e *Editor) change(who, what string, make func(*project.Project) (*project.Project, error)) (Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.edit(store.Change{Who: who, What: what}, false, make)
}

// brief is a plan as a line of the log has it.
func brief(plan string) string {
	const most = 20
	lines := strings.Split(strings.TrimRight(plan, "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return strings.Join(lines, "; ")
}
