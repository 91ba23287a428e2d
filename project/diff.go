package project

import (
	"bytes"
	"reflect"
	"slices"
)

// Op is what happens to a noun.
type Op byte

// The operations, as they are printed.
const (
	Added   Op = '+'
	Changed Op = '~'
	Removed Op = '-'
)

// Change is what happens to one noun. Old is nil when it is added, New when it is removed. Both belong to their
// projects and must not be changed.
type Change[T any] struct {
	Op       Op
	Name     string
	Old, New *T
}

// ProviderChange is what happens to a provider and what is in it.
type ProviderChange struct {
	Change[Provider]
	// Self says that the provider itself is added, removed or changed, beside what is in it.
	Self bool
	// Restart says that the listener must close and open again, which ends its sessions: type, local_ip, local_port
	// or conn_identity has changed. All other changes apply to a running provider.
	Restart     bool
	Connections []ConnChange
	Fleets      []FleetChange
}

// ConnChange is what happens to a connection point.
type ConnChange struct {
	Change[ConnPt]
	// Ends says that a session of the connection point must close: it is removed or disabled, or its id, secret,
	// remote_ip, host or port has changed.
	Ends bool
}

// FleetChange is what happens to a fleet, which goes by its name pattern.
type FleetChange struct {
	Change[Fleet]
	// Ends says that sessions must close: of all of Old when it is removed or its ids have changed, else of the
	// numbers of Old that are not in New.
	Ends bool
}

// Changes are what turns one project into another. Names appear in the order removed (as in the old project), then
// added and changed (as in the new one).
type Changes struct {
	Renamed   bool // the project has another name
	Providers []ProviderChange
	Models    []Change[Model]
	Channels  []Change[Channel] // a channel is changed too when a model that it uses is
	Outputs   []Change[Output]
}

// Empty reports whether there is nothing to do.
func (c Changes) Empty() bool {
	return !c.Renamed && len(c.Providers)+len(c.Models)+len(c.Channels)+len(c.Outputs) == 0
}

// Diff compares two validated projects. With a nil old, everything is added; with a nil new, everything is removed.
func Diff(old, new *Project) Changes {
	changes := Changes{Renamed: old != nil && new != nil && old.Name != new.Name}
	if old == nil {
		old = &Project{}
	}
	if new == nil {
		new = &Project{}
	}
	identical := func(a, b *Provider) bool { return a == b }
	for _, c := range match(old.Providers, new.Providers, providerName, identical) {
		if pc := diffProvider(c); pc.Op != Changed || pc.Self || len(pc.Connections)+len(pc.Fleets) > 0 {
			changes.Providers = append(changes.Providers, pc)
		}
	}
	changes.Models = match(old.Models, new.Models, modelName, sameDeep)
	touched := make(map[string]bool, len(changes.Models))
	for _, m := range changes.Models {
		touched[m.Name] = true
	}
	changes.Channels = match(old.Channels, new.Channels, channelName, func(a, b *Channel) bool {
		return sameDeep(a, b) && !b.uses(touched)
	})
	changes.Outputs = match(old.Outputs, new.Outputs, outputName, sameDeep)
	return changes
}

// uses reports whether a device of c is of one of the models.
func (c *Channel) uses(models map[string]bool) bool {
	return slices.ContainsFunc(c.Devices, func(d *Device) bool { return models[d.Model] })
}

// match returns what happens to each noun, by name: what is removed, then what is added, or changed because it is not
// the same. Where both lists have the same names in the same places, nothing is looked up.
func match[T any](old, new []*T, name func(*T) string, same func(a, b *T) bool) []Change[T] {
	var changed []Change[T]
	pair := func(o, n *T) {
		if !same(o, n) {
			changed = append(changed, Change[T]{Op: Changed, Name: name(n), Old: o, New: n})
		}
	}
	for len(old) > 0 && len(new) > 0 && (old[0] == new[0] || name(old[0]) == name(new[0])) {
		pair(old[0], new[0])
		old, new = old[1:], new[1:]
	}
	o, n := len(old), len(new)
	for o > 0 && n > 0 && old[o-1] == new[n-1] && same(old[o-1], new[n-1]) {
		o, n = o-1, n-1
	}
	old, new = old[:o], new[:n]
	before := byName(old, name)
	after := make(map[string]bool, len(new))
	for _, x := range new {
		key := name(x)
		after[key] = true
		if o := before[key]; o != nil {
			pair(o, x)
		} else {
			changed = append(changed, Change[T]{Op: Added, Name: key, New: x})
		}
	}
	var list []Change[T]
	for _, x := range old {
		if key := name(x); !after[key] {
			list = append(list, Change[T]{Op: Removed, Name: key, Old: x})
		}
	}
	return append(list, changed...)
}

func byName[T any](list []*T, name func(*T) string) map[string]*T {
	m := make(map[string]*T, len(list))
	for _, x := range list {
		m[name(x)] = x
	}
	return m
}

func samePlain[T comparable](a, b *T) bool { return a == b || *a == *b }
func sameDeep[T any](a, b *T) bool         { return a == b || reflect.DeepEqual(a, b) }

func providerName(p *Provider) string { return p.Name }
func connName(c *ConnPt) string       { return c.Name }
func fleetName(f *Fleet) string       { return f.Name.String() }
func modelName(m *Model) string       { return m.Name }
func channelName(c *Channel) string   { return c.Name }
func outputName(o *Output) string     { return o.Name }

// Restarts reports whether p cannot become next while it runs: see ProviderChange.Restart.
func (p *Provider) Restarts(next *Provider) bool {
	return p.Type != next.Type || p.LocalIP != next.LocalIP || p.LocalPort != next.LocalPort ||
		p.ConnIdentity != next.ConnIdentity
}

// Ends reports whether a session of c must close when c becomes next: see ConnChange.Ends.
func (c *ConnPt) Ends(next *ConnPt) bool {
	kept := *c
	kept.Title = next.Title
	if c.Disabled && !next.Disabled {
		return false // it has no session
	}
	return kept != *next
}

// diffProvider compares one provider and what is in it.
func diffProvider(c Change[Provider]) ProviderChange {
	pc := ProviderChange{Change: c, Self: true}
	old, new := c.Old, c.New
	if c.Op == Changed {
		pc.Restart = old.Restarts(new)
		pc.Self = !sameProvider(old, new)
	}
	if old == nil {
		old = &Provider{}
	}
	if new == nil {
		new = &Provider{}
	}
	for _, c := range match(old.Connections, new.Connections, connName, samePlain) {
		pc.Connections = append(pc.Connections, ConnChange{c, endsConn(c)})
	}
	for _, c := range match(old.Fleets, new.Fleets, fleetName, samePlain) {
		pc.Fleets = append(pc.Fleets, FleetChange{c, endsFleet(c)})
	}
	return pc
}

// sameProvider compares the providers' own fields.
func sameProvider(old, new *Provider) bool {
	if old == new {
		return true
	}
	a, b := *old, *new
	a.Connections, b.Connections = nil, nil
	a.Fleets, b.Fleets = nil, nil
	if !slices.Equal(a.ProxyFrom, b.ProxyFrom) || !sameIdentity(a.Identity, b.Identity) ||
		!sameDownlink(a.Downlink, b.Downlink) {
		return false
	}
	a.ProxyFrom, b.ProxyFrom = nil, nil
	a.Identity, b.Identity = Identity{}, Identity{}
	a.Downlink, b.Downlink = nil, nil
	return reflect.DeepEqual(a, b)
}

func sameDownlink(a, b *Downlink) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Every == b.Every && bytes.Equal(a.Data, b.Data)
}

func sameIdentity(a, b Identity) bool {
	same := bytes.Equal(a.Prefix, b.Prefix) && bytes.Equal(a.Suffix, b.Suffix) && bytes.Equal(a.Ack, b.Ack) &&
		bytes.Equal(a.Nack, b.Nack) && slices.EqualFunc(a.Heartbeats, b.Heartbeats, bytes.Equal)
	a.Prefix, a.Suffix, a.Ack, a.Nack, a.Heartbeats = nil, nil, nil, nil, nil
	b.Prefix, b.Suffix, b.Ack, b.Nack, b.Heartbeats = nil, nil, nil, nil, nil
	return same && reflect.DeepEqual(a, b)
}

func endsConn(c Change[ConnPt]) bool {
	switch c.Op {
	case Added:
		return false
	case Removed:
		return true
	}
	return c.Old.Ends(c.New)
}

func endsFleet(c Change[Fleet]) bool {
	switch c.Op {
	case Added:
		return false
	case Removed:
		return true
	}
	return c.Old.SocketConnID != c.New.SocketConnID || c.Old.From < c.New.From || c.Old.To > c.New.To
}
