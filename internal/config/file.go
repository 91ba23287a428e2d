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
	Name  string // of the file; "" for what came over HTTP
	Text  []byte
	Prune bool // what the file lacks is removed; else only what it had when it was applied last, and has no more
}

// Apply makes the configuration what the file says. A file that was applied before is compared with what it was then:
// what it changes since is changed, and all else stays as others have made it. With only, nothing is done but told.
// The error is project.Errors where the file is at fault.
func (m *Manager) Apply(who string, f File, only bool) (Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted, err := project.Parse(f.Name, f.Text, m.Catalog)
	if err != nil {
		return Outcome{}, err
	}
	applied, err := m.Store.Applied()
	if err != nil {
		return Outcome{}, err
	}
	kept := &store.File{Name: f.Name, Text: f.Text}
	var base *project.Project
	if applied != nil {
		if base, err = m.parsed(applied); err != nil {
			return Outcome{}, err
		}
		if !f.Prune && applied.Name == f.Name && string(applied.Text) == string(f.Text) {
			kept = nil
		}
	}
	c := store.Change{Who: who, What: "project file " + filepath.Base(f.Name), File: kept}
	return m.edit(c, only, func(p *project.Project) (*project.Project, error) {
		switch {
		case p == nil || f.Prune:
			return wanted, nil
		case p.Name != wanted.Name && len(p.Providers)+len(p.Channels)+len(p.Models) > 0 &&
			(base == nil || applied.Name != f.Name):
			return nil, fmt.Errorf("%w: the project here is %s, and the file's is %s; give each project a data "+
				"directory of its own", ErrConflict, p.Name, wanted.Name)
		case kept == nil:
			return p, nil
		}
		return project.Merge(base, p, wanted), nil
	})
}

// parsed is a file that was applied, as a project. It was valid then; rules that have come since do not matter.
func (m *Manager) parsed(f *store.File) (*project.Project, error) {
	p, err := project.Parse(f.Name, f.Text, nil)
	if err != nil && !errors.Is(err, project.ErrInvalid) {
		return nil, err
	}
	return p, nil
}

// Start gives the reactor the project that the store has, an empty one of that name where it has none.
func (m *Manager) Start(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, _ := m.Store.Current()
	if p == nil {
		_, err := m.edit(store.Change{Who: "linkd", What: "an empty project"}, false,
			func(*project.Project) (*project.Project, error) { return &project.Project{Name: name}, nil })
		return err
	}
	if err := project.Validate(p, m.Catalog); err != nil {
		return fmt.Errorf("the stored configuration does not fit this version of linkd: %w", err)
	}
	return m.Reactor.Apply(p)
}

// Undo makes the configuration what it was at a revision, as a new revision. With only, nothing is done but told.
func (m *Manager) Undo(who string, revision uint64, only bool) (Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	then, err := m.Store.At(revision)
	if err != nil {
		return Outcome{}, err
	}
	c := store.Change{Who: who, What: fmt.Sprintf("back to revision %d", revision), Undoes: revision}
	return m.edit(c, only, func(*project.Project) (*project.Project, error) { return then, nil })
}

// Export returns the configuration as a project file. Applying it changes nothing.
func (m *Manager) Export() []byte { return m.Project().YAML() }
