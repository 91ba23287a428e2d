package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"linkd/internal/store"
	"linkd/project"
)

// Match is what must hold of a noun for a change of it: the zero Match asks nothing.
type Match struct {
	Version string // it is there, and its version is this
	Absent  bool   // it is not there
}

// Version identifies the content of a noun, for Match: a digest of its document.
func Version(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:8])
}

// noun is one of the things that a project is made of, as the generic functions here need it.
type noun interface {
	comparable
	Document() []byte
}

// kind is one kind of noun: how errors call it, where its list is, and what names one of it.
type kind[L any, T noun] struct {
	what string
	list func(*L) *[]T
	name func(T) string
}

// put has x take the place of the one of its name in the list of in, or stand at its end; added: there was none.
func (k kind[L, T]) put(in *L, x T, m Match) (added bool, err error) {
	list := k.list(in)
	at := k.find(*list, k.name(x))
	if err := m.check(k.what, k.name(x), at >= 0, func() []byte { return (*list)[at].Document() }); err != nil {
		return false, err
	}
	*list = slices.Clone(*list)
	if at < 0 {
		*list = append(*list, x)
		return true, nil
	}
	(*list)[at] = x
	return false, nil
}

// drop takes the one of a name out of the list of in.
func (k kind[L, T]) drop(in *L, name string, m Match) error {
	list := k.list(in)
	at := k.find(*list, name)
	if at < 0 {
		return fmt.Errorf("%w: no %s %q", ErrNotFound, k.what, name)
	}
	if err := m.check(k.what, name, true, func() []byte { return (*list)[at].Document() }); err != nil {
		return err
	}
	*list = slices.Concat((*list)[:at], (*list)[at+1:])
	return nil
}

func (k kind[L, T]) find(list []T, name string) int {
	return slices.IndexFunc(list, func(x T) bool { return k.name(x) == name })
}

// check says that a noun is not as the caller believes.
func (m Match) check(what, name string, there bool, document func() []byte) error {
	switch {
	case m.Absent && there:
		return fmt.Errorf("%w: there is a %s %q already", ErrStale, what, name)
	case m.Version != "" && !there:
		return fmt.Errorf("%w: there is no %s %q any more", ErrStale, what, name)
	case m.Version != "" && Version(document()) != m.Version:
		return fmt.Errorf("%w: %s %q is another by now; read it again", ErrStale, what, name)
	}
	return nil
}

// The kinds of a project, and those of a provider.

func providers() kind[project.Project, *project.Provider] {
	return kind[project.Project, *project.Provider]{"provider",
		func(p *project.Project) *[]*project.Provider { return &p.Providers },
		func(x *project.Provider) string { return x.Name }}
}

func models() kind[project.Project, *project.Model] {
	return kind[project.Project, *project.Model]{"model",
		func(p *project.Project) *[]*project.Model { return &p.Models },
		func(x *project.Model) string { return x.Name }}
}

func channels() kind[project.Project, *project.Channel] {
	return kind[project.Project, *project.Channel]{"channel",
		func(p *project.Project) *[]*project.Channel { return &p.Channels },
		func(x *project.Channel) string { return x.Name }}
}

func outputs() kind[project.Project, *project.Output] {
	return kind[project.Project, *project.Output]{"output",
		func(p *project.Project) *[]*project.Output { return &p.Outputs },
		func(x *project.Output) string { return x.Name }}
}

func connections() kind[project.Provider, *project.ConnPt] {
	return kind[project.Provider, *project.ConnPt]{"connection",
		func(p *project.Provider) *[]*project.ConnPt { return &p.Connections },
		func(x *project.ConnPt) string { return x.Name }}
}

func fleets() kind[project.Provider, *project.Fleet] {
	return kind[project.Provider, *project.Fleet]{"fleet",
		func(p *project.Provider) *[]*project.Fleet { return &p.Fleets },
		func(x *project.Fleet) string { return x.Name.String() }}
}

// putInto is a change of a project that puts one noun into it.
func putInto[T noun](e *Editor, who string, k kind[project.Project, T], x T, m Match) (added bool, err error) {
	_, err = e.alter(who, k.what+" "+k.name(x), func(p *project.Project) (err error) {
		added, err = k.put(p, x, m)
		return err
	})
	return added, err
}

// dropFrom is a change of a project that takes one noun out of it.
func dropFrom[T noun](e *Editor, who string, k kind[project.Project, T], name string, m Match) error {
	_, err := e.alter(who, k.what+" "+name, func(p *project.Project) error { return k.drop(p, name, m) })
	return err
}

// PutModel adds a model or puts it in the place of the one of its name; added says which.
func (e *Editor) PutModel(who string, x *project.Model, m Match) (added bool, err error) {
	return putInto(e, who, models(), x, m)
}

// DeleteModel removes a model.
func (e *Editor) DeleteModel(who, name string, m Match) error {
	return dropFrom(e, who, models(), name, m)
}

// PutChannel adds a channel or puts it in the place of the one of its name.
func (e *Editor) PutChannel(who string, x *project.Channel, m Match) (added bool, err error) {
	return putInto(e, who, channels(), x, m)
}

// DeleteChannel removes a channel.
func (e *Editor) DeleteChannel(who, name string, m Match) error {
	return dropFrom(e, who, channels(), name, m)
}

// PutOutput adds an output or puts it in the place of the one of its name.
func (e *Editor) PutOutput(who string, x *project.Output, m Match) (added bool, err error) {
	return putInto(e, who, outputs(), x, m)
}

// DeleteOutput removes an output.
func (e *Editor) DeleteOutput(who, name string, m Match) error {
	return dropFrom(e, who, outputs(), name, m)
}

// PutProvider adds a provider or changes its own fields: one that is there keeps its connections and fleets.
func (e *Editor) PutProvider(who string, x *project.Provider, m Match) (added bool, err error) {
	k := providers()
	_, err = e.alter(who, k.what+" "+x.Name, func(p *project.Project) (err error) {
		if old := p.Provider(x.Name); old != nil {
			x.Connections, x.Fleets = old.Connections, old.Fleets
		}
		added, err = k.put(p, x, m)
		return err
	})
	return added, err
}

// DeleteProvider removes a provider with all that is in it.
func (e *Editor) DeleteProvider(who, name string, m Match) error {
	return dropFrom(e, who, providers(), name, m)
}

// PutConnection adds a connection to a provider or puts it in the place of the one of its name.
func (e *Editor) PutConnection(who, provider string, x *project.ConnPt, m Match) (added bool, err error) {
	_, err = e.within(who, "connection "+provider+"/"+x.Name, provider, func(in *project.Provider) (err error) {
		added, err = connections().put(in, x, m)
		return err
	})
	return added, err
}

// DeleteConnection removes a connection.
func (e *Editor) DeleteConnection(who, provider, name string, m Match) error {
	_, err := e.within(who, "connection "+provider+"/"+name, provider, func(in *project.Provider) error {
		k := connections()
		if f, _, ok := in.FleetOf(name); ok && k.find(in.Connections, name) < 0 {
			return fmt.Errorf("%w: connection %s/%s is one of fleet %s; change the fleet", ErrConflict, provider, name, f.Name)
		}
		return k.drop(in, name, m)
	})
	return err
}

// PutFleet adds a fleet to a provider or puts it in the place of the one of its name.
func (e *Editor) PutFleet(who, provider string, x *project.Fleet, m Match) (added bool, err error) {
	_, err = e.within(who, "fleet "+provider+"/"+x.Name.String(), provider, func(in *project.Provider) (err error) {
		added, err = fleets().put(in, x, m)
		return err
	})
	return added, err
}

// DeleteFleet removes a fleet; name is its name's pattern.
func (e *Editor) DeleteFleet(who, provider, name string, m Match) error {
	_, err := e.within(who, "fleet "+provider+"/"+name, provider, func(in *project.Provider) error {
		return fleets().drop(in, name, m)
	})
	return err
}

// Import puts connections into a provider, all or none: those of a name that is there take its place. With only,
// nothing is done but told. What is wrong with them is told with their lines.
func (e *Editor) Import(who, provider string, list project.ConnList, only bool) (Outcome, error) {
	what := fmt.Sprintf("%d connections into %s", len(list.Conns), provider)
	var into *project.Provider
	e.mu.Lock()
	defer e.mu.Unlock()
	change := altered(inside(provider, func(in *project.Provider) error {
		into = in
		at := make(map[string]int, len(in.Connections))
		in.Connections = slices.Grow(slices.Clone(in.Connections), len(list.Conns))
		for i, c := range in.Connections {
			at[c.Name] = i
		}
		for _, c := range list.Conns {
			if i, ok := at[c.Name]; ok {
				in.Connections[i] = c
				delete(at, c.Name) // another of that name in the list is one too many
				continue
			}
			in.Connections = append(in.Connections, c)
		}
		return nil
	}))
	out, err := e.edit(store.Change{Who: who, What: what}, only, change)
	var faults project.Errors
	if errors.As(err, &faults) {
		return out, list.Place(faults, into)
	}
	return out, err
}

// alter is a change of the project: change gets a copy of it.
func (e *Editor) alter(who, what string, change func(*project.Project) error) (Outcome, error) {
	return e.change(who, what, altered(change))
}

// altered is a change of a project as edit takes it.
func altered(change func(*project.Project) error) func(*project.Project) (*project.Project, error) {
	return func(p *project.Project) (*project.Project, error) {
		next := *p
		return &next, change(&next)
	}
}

// within is a change of one provider: change gets a copy of it.
func (e *Editor) within(who, what, provider string, change func(*project.Provider) error) (Outcome, error) {
	return e.alter(who, what, inside(provider, change))
}

// inside has change change a copy of one provider.
func inside(provider string, change func(*project.Provider) error) func(*project.Project) error {
	return func(p *project.Project) error {
		at := providers().find(p.Providers, provider)
		if at < 0 {
			return fmt.Errorf("%w: no provider %q", ErrNotFound, provider)
		}
		in := *p.Providers[at]
		p.Providers = slices.Clone(p.Providers)
		p.Providers[at] = &in
		return change(&in)
	}
}
