package config

import (
	"fmt"
	"maps"
	"slices"

	"linkd/internal/store"
	"linkd/project"
)

// Connections are the names of connections by provider.
type Connections map[string][]string

// Len is how many there are.
func (c Connections) Len() (n int) {
	for _, names := range c {
		n += len(names)
	}
	return n
}

// mostMoved is how many connections one Move may give a channel of their own: each is an entry of the project.
const mostMoved = 10_000

// Bulk is a change of many connections at once, all or none, as one revision.
type Bulk struct {
	Of   Connections
	Base uint64 // the revision of which Of was made; another one in force is ErrStale
	Only bool   // do nothing; tell what would be done
}

// Revision is the number of the revision in force.
func (e *Editor) Revision() uint64 {
	_, n := e.Store.Current()
	return n
}

// Enable enables connections; those that are enabled stay as they are.
func (e *Editor) Enable(who string, b Bulk) (Outcome, error) { return e.turn(who, "enable", b, false) }

// Disable disables connections; those that are disabled stay as they are.
func (e *Editor) Disable(who string, b Bulk) (Outcome, error) { return e.turn(who, "disable", b, true) }

func (e *Editor) turn(who, verb string, b Bulk, disabled bool) (Outcome, error) {
	return e.bulk(who, fmt.Sprintf("%s %d connections", verb, b.Of.Len()), b, func(p *project.Project) error {
		p.Providers = slices.Clone(p.Providers)
		for _, provider := range slices.Sorted(maps.Keys(b.Of)) {
			at := providers().find(p.Providers, provider)
			if at < 0 {
				return fmt.Errorf("%w: no provider %q", ErrNotFound, provider)
			}
			in := *p.Providers[at]
			p.Providers[at] = &in
			if err := turnIn(&in, b.Of[provider], disabled); err != nil {
				return err
			}
		}
		return nil
	})
}

// turnIn enables or disables connections of one provider.
func turnIn(in *project.Provider, names []string, disabled bool) error {
	left := make(map[string]bool, len(names))
	for _, name := range names {
		left[name] = true
	}
	in.Connections = slices.Clone(in.Connections)
	for i, c := range in.Connections {
		if !left[c.Name] {
			continue
		}
		delete(left, c.Name)
		if c.Disabled != disabled {
			turned := *c
			turned.Disabled = disabled
			in.Connections[i] = &turned
		}
	}
	for _, name := range names { // the first that is left, in their order
		if !left[name] {
			continue
		}
		f, _, ok := in.FleetOf(name)
		if !ok {
			return fmt.Errorf("%w: provider %s has no connection %q", ErrNotFound, in.Name, name)
		}
		if disabled {
			return fmt.Errorf("%w: cannot disable %d of these: %s/%s is one of fleet %s, and those of a fleet are always "+
				"enabled; choose connections that are listed one by one, or change the fleet", ErrConflict, len(left), in.Name,
				name, f.Name)
		}
	}
	return nil
}

// Move has connections served as a channel serves its own: with its driver, options, poll and devices. A connection
// that has a channel for itself keeps its name, so that the names of its tags stay; one that has none gets a channel
// of its own, named by the pattern of the one it moves to. A channel that serves many by a pattern moves with all of
// them, or not at all.
func (e *Editor) Move(who string, b Bulk, channel string) (Outcome, error) {
	what := fmt.Sprintf("move %d connections to channel %s", b.Of.Len(), channel)
	return e.bulk(who, what, b, func(p *project.Project) error {
		to := channels().find(p.Channels, channel)
		if to < 0 {
			return fmt.Errorf("%w: no channel %q", ErrNotFound, channel)
		}
		m := move{to: p.Channels[to], next: slices.Clone(p.Channels), place: make(map[*project.Channel]int, len(p.Channels))}
		for i, c := range p.Channels {
			m.place[c] = i
		}
		for _, provider := range slices.Sorted(maps.Keys(b.Of)) {
			if err := m.provider(p, provider, b.Of[provider]); err != nil {
				return err
			}
		}
		p.Channels = m.next
		return nil
	})
}

// move is one Move under way.
type move struct {
	to    *project.Channel
	next  []*project.Channel
	place map[*project.Channel]int // of the channels that there were
	added int
}

// provider moves connections of one provider.
func (m *move) provider(p *project.Project, provider string, names []string) error {
	in := p.Provider(provider)
	if in == nil {
		return fmt.Errorf("%w: no provider %q", ErrNotFound, provider)
	}
	moved := map[*project.Channel]int{} // how many of each that serves by a pattern
	for _, name := range names {
		from := p.ChannelFor(provider, name)
		switch {
		case from == m.to:
		case from == nil:
			if m.added++; m.added > mostMoved {
				return fmt.Errorf("%w: more than %d connections would get a channel of their own; put one channel on all of "+
					"them: connection: %s/PREFIX*", ErrConflict, mostMoved, provider)
			}
			m.next = append(m.next, m.copyFor(m.nameFor(name), "", provider+"/"+name))
		case from.Connection == provider+"/"+name:
			m.next[m.place[from]] = m.copyFor(from.Name, from.Title, from.Connection)
		default:
			moved[from]++
		}
	}
	for _, from := range p.Channels {
		n, all := moved[from], 0
		if n == 0 {
			continue
		}
		for c := range in.ConnPts() {
			if from.Serves(provider, c.Name) {
				all++
			}
		}
		if n != all {
			return fmt.Errorf("%w: channel %s serves %d connections by its pattern %s, and only %d of these are to move; "+
				"change the pattern first, or choose all of them", ErrConflict, from.Name, all, from.Connection, n)
		}
		m.next[m.place[from]] = m.copyFor(from.Name, from.Title, from.Connection)
	}
	return nil
}

// nameFor is the name of a new channel for a connection.
func (m *move) nameFor(conn string) string {
	if name := m.to.NameFor(conn); name != m.to.Name {
		return name
	}
	return m.to.Name + "_" + conn
}

// copyFor is the channel that is moved to, for another connection.
func (m *move) copyFor(name, title, connection string) *project.Channel {
	c := *m.to
	c.Name, c.Title, c.Connection = name, title, connection
	return &c
}

// bulk is alter for a Bulk.
func (e *Editor) bulk(who, what string, b Bulk, change func(*project.Project) error) (Outcome, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := e.Revision(); now != b.Base {
		return Outcome{}, fmt.Errorf("%w: the configuration is at revision %d by now, and this was asked of %d; look again",
			ErrStale, now, b.Base)
	}
	return e.edit(store.Change{Who: who, What: what}, b.Only, altered(change))
}
