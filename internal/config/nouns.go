package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

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

// put returns list with x in the place of the one that has its name, or at the end, and whether it is new.
func put[T noun](list []T, x T, what, name string, named func(T) string, m Match) (next []T, added bool, err error) {
	at := slices.IndexFunc(list, func(o T) bool { return named(o) == name })
	if err := m.check(what, name, at >= 0, func() []byte { return list[at].Document() }); err != nil {
		return nil, false, err
	}
	next = slices.Clone(list)
	if at < 0 {
		return append(next, x), true, nil
	}
	next[at] = x
	return next, false, nil
}

// drop returns list without the one of that name.
func drop[T noun](list []T, what, name string, named func(T) string, m Match) ([]T, error) {
	at := slices.IndexFunc(list, func(o T) bool { return named(o) == name })
	if at < 0 {
		return nil, fmt.Errorf("%w: no %s %q", ErrNotFound, what, name)
	}
	if err := m.check(what, name, true, func() []byte { return list[at].Document() }); err != nil {
		return nil, err
	}
	return slices.Concat(list[:at], list[at+1:]), nil
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

func modelName(m *project.Model) string     { return m.Name }
func channelName(c *project.Channel) string { return c.Name }
func outputName(o *project.Output) string   { return o.Name }
func connName(c *project.ConnPt) string     { return c.Name }
func providerName(p *project.Provider) string {
	return p.Name
}
func fleetName(f *project.Fleet) string { return f.Name.String() }

// PutModel adds a model or puts it in the place of the one of its name; added says which.
func (e *Editor) PutModel(who string, x *project.Model, match Match) (added bool, err error) {
	_, err = e.change(who, "model "+x.Name, func(p *project.Project) (*project.Project, error) {
		next := *p
		next.Models, added, err = put(p.Models, x, "model", x.Name, modelName, match)
		return &next, err
	})
	return added, err
}

// DeleteModel removes a model.
func (e *Editor) DeleteModel(who, name string, match Match) error {
	_, err := e.change(who, "model "+name, func(p *project.Project) (next *project.Project, err error) {
		next = new(*p)
		next.Models, err = drop(p.Models, "model", name, modelName, match)
		return next, err
	})
	return err
}

// PutChannel adds a channel or puts it in the place of the one of its name.
func (e *Editor) PutChannel(who string, x *project.Channel, match Match) (added bool, err error) {
	_, err = e.change(who, "channel "+x.Name, func(p *project.Project) (*project.Project, error) {
		next := *p
		next.Channels, added, err = put(p.Channels, x, "channel", x.Name, channelName, match)
		return &next, err
	})
	return added, err
}

// DeleteChannel removes a channel.
func (e *Editor) DeleteChannel(who, name string, match Match) error {
	_, err := e.change(who, "channel "+name, func(p *project.Project) (next *project.Project, err error) {
		next = new(*p)
		next.Channels, err = drop(p.Channels, "channel", name, channelName, match)
		return next, err
	})
	return err
}

// PutOutput adds an output or puts it in the place of the one of its name.
func (e *Editor) PutOutput(who string, x *project.Output, match Match) (added bool, err error) {
	_, err = e.change(who, "output "+x.Name, func(p *project.Project) (*project.Project, error) {
		next := *p
		next.Outputs, added, err = put(p.Outputs, x, "output", x.Name, outputName, match)
		return &next, err
	})
	return added, err
}

// DeleteOutput removes an output.
func (e *Editor) DeleteOutput(who, name string, match Match) error {
	_, err := e.change(who, "output "+name, func(p *project.Project) (next *project.Project, err error) {
		next = new(*p)
		next.Outputs, err = drop(p.Outputs, "output", name, outputName, match)
		return next, err
	})
	return err
}

// PutProvider adds a provider or changes its own fields: one that is there keeps its connections and fleets.
func (e *Editor) PutProvider(who string, x *project.Provider, match Match) (added bool, err error) {
	_, err = e.change(who, "provider "+x.Name, func(p *project.Project) (*project.Project, error) {
		next := *p
		if old := p.Provider(x.Name); old != nil {
			x.Connections, x.Fleets = old.Connections, old.Fleets
		}
		next.Providers, added, err = put(p.Providers, x, "provider", x.Name, providerName, match)
		return &next, err
	})
	return added, err
}

// DeleteProvider removes a provider with all that is in it.
func (e *Editor) DeleteProvider(who, name string, match Match) error {
	_, err := e.change(who, "provider "+name, func(p *project.Project) (next *project.Project, err error) {
		next = new(*p)
		next.Providers, err = drop(p.Providers, "provider", name, providerName, match)
		return next, err
	})
	return err
}

// PutConnection adds a connection to a provider or puts it in the place of the one of its name.
func (e *Editor) PutConnection(who, provider string, x *project.ConnPt, match Match) (added bool, err error) {
	_, err = e.within(who, "connection "+provider+"/"+x.Name, provider, func(in *project.Provider) error {
		in.Connections, added, err = put(in.Connections, x, "connection", x.Name, connName, match)
		return err
	})
	return added, err
}

// DeleteConnection removes a connection.
func (e *Editor) DeleteConnection(who, provider, name string, match Match) error {
	_, err := e.within(who, "connection "+provider+"/"+name, provider, func(in *project.Provider) (err error) {
		if f, _, ok := in.FleetOf(name); ok && !slices.ContainsFunc(in.Connections,
			func(c *project.ConnPt) bool { return c.Name == name }) {
			return fmt.Errorf("%w: connection %s/%s is one of fleet %s; change the fleet", ErrConflict, provider, name, f.Name)
		}
		in.Connections, err = drop(in.Connections, "connection", name, connName, match)
		return err
	})
	return err
}

// PutFleet adds a fleet to a provider or puts it in the place of the one of its name.
func (e *Editor) PutFleet(who, provider string, x *project.Fleet, match Match) (added bool, err error) {
	_, err = e.within(who, "fleet "+provider+"/"+x.Name.String(), provider, func(in *project.Provider) error {
		in.Fleets, added, err = put(in.Fleets, x, "fleet", x.Name.String(), fleetName, match)
		return err
	})
	return added, err
}

// DeleteFleet removes a fleet; name is its name's pattern.
func (e *Editor) DeleteFleet(who, provider, name string, match Match) error {
	_, err := e.within(who, "fleet "+provider+"/"+name, provider, func(in *project.Provider) (err error) {
		in.Fleets, err = drop(in.Fleets, "fleet", name, fleetName, match)
		return err
	})
	return err
}

// Import puts connections into a provider, all or none: those of a name that is there take its place.
func (e *Editor) Import(who, provider string, list []*project.ConnPt) (Outcome, error) {
	what := fmt.Sprintf("%d connections into %s", len(list), provider)
	return e.within(who, what, provider, func(in *project.Provider) error {
		at := make(map[string]int, len(in.Connections))
		in.Connections = slices.Grow(slices.Clone(in.Connections), len(list))
		for i, c := range in.Connections {
			at[c.Name] = i
		}
		for _, c := range list {
			if i, ok := at[c.Name]; ok {
				in.Connections[i] = c
				continue
			}
			in.Connections = append(in.Connections, c)
		}
		return nil
	})
}

// within is a change of one provider: alter gets a copy of it.
func (e *Editor) within(who, what, provider string, alter func(*project.Provider) error) (Outcome, error) {
	return e.change(who, what, func(p *project.Project) (*project.Project, error) {
		at := slices.IndexFunc(p.Providers, func(o *project.Provider) bool { return o.Name == provider })
		if at < 0 {
			return nil, fmt.Errorf("%w: no provider %q", ErrNotFound, provider)
		}
		in := *p.Providers[at]
		if err := alter(&in); err != nil {
			return nil, err
		}
		next := *p
		next.Providers = slices.Clone(p.Providers)
		next.Providers[at] = &in
		return &next, nil
	})
}
