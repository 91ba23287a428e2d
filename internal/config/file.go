package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"linkd/internal/store"
	"linkd/project"
)

// File is a project file that is to be applied.
type File struct {
	Name string // of the file; "" for what came over HTTP
	Text []byte
	How  How
}

// How says what becomes of what a file does not have.
type How uint8

const (
	// Add leaves it as it is.
	Add How = iota
	// Prune removes it: the configuration is the file.
	Prune
	// Follow removes what the file had when it was followed last. What the file has not changed since is left as others
	// have made it.
	Follow
)

// Apply makes the configuration what the file says. With only, nothing is done but told. The error is project.Errors
// where the file is at fault.
func (e *Editor) Apply(who string, f File, only bool) (Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.How == Follow {
		return e.follow(who, f)
	}
	wanted, err := project.Parse(f.Name, f.Text, e.Catalog)
	if err != nil {
		return Outcome{}, err
	}
	c := store.Change{Who: who, What: "a project file"}
	return e.edit(c, only, func(p *project.Project) (*project.Project, error) {
		if p == nil || f.How == Prune {
			return wanted, nil
		}
		return project.Merge(nil, p, wanted), other(p, wanted)
	})
}

// follow applies a file that is there from start to start. The caller holds e.mu.
func (e *Editor) follow(who string, f File) (Outcome, error) {
	before, err := e.Store.Applied()
	if err != nil {
		return Outcome{}, err
	}
	known := before != nil && before.Name == f.Name
	if current, revision := e.Store.Current(); current != nil && known && string(before.Text) == string(f.Text) {
		return Outcome{Revision: revision}, nil
	}
	wanted, err := project.Parse(f.Name, f.Text, e.Catalog)
	if err != nil {
		return Outcome{}, err
	}
	var base *project.Project
	if known { // it was valid then; rules that have come since do not matter
		if base, err = project.Parse(before.Name, before.Text, nil); err != nil && !errors.Is(err, project.ErrInvalid) {
			return Outcome{}, err
		}
	}
	c := store.Change{Who: who, What: "project file " + filepath.Base(f.Name),
		File: &store.File{Name: f.Name, Text: f.Text}}
	return e.edit(c, false, func(p *project.Project) (*project.Project, error) {
		switch {
		case p == nil:
			return wanted, nil
		case base == nil:
			return project.Merge(nil, p, wanted), other(p, wanted)
		}
		return project.Merge(base, p, wanted), nil
	})
}

// other says that a file is of another project.
func other(p, wanted *project.Project) error {
	if p.Name == wanted.Name || len(p.Providers)+len(p.Channels)+len(p.Models) == 0 {
		return nil
	}
	return fmt.Errorf("%w: the project here is %s, and the file's is %s; give each project a data directory of its own",
		ErrConflict, p.Name, wanted.Name)
}

// Start gives the reactor the project that the store has, an empty one of that name where it has none. Changes before
// it are stored alone.
func (e *Editor) Start(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, _ := e.Store.Current()
	if p == nil {
		p = &project.Project{Name: name}
		if _, err := e.Store.Commit(store.Change{Who: "linkd", What: "an empty project", Next: p}); err != nil {
			return err
		}
	}
	if err := project.Validate(p, e.Catalog); err != nil {
		return fmt.Errorf("the stored configuration does not fit this version of linkd: %w", err)
	}
	if err := e.startRules(); err != nil {
		return err
	}
	e.runs = true
	return e.Reactor.Apply(p)
}

// Undo makes the configuration what it was at a revision, as a new revision. With only, nothing is done but told.
func (e *Editor) Undo(who string, revision uint64, only bool) (Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	then, err := e.Store.At(revision)
	if err != nil {
		return Outcome{}, err
	}
	c := store.Change{Who: who, What: fmt.Sprintf("back to revision %d", revision), Undoes: revision}
	return e.edit(c, only, func(*project.Project) (*project.Project, error) { return then, nil })
}

// Export returns the configuration as a project file. Applying it changes nothing.
func (e *Editor) Export() []byte { return e.Project().YAML() }
