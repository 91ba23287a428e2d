package project

import "slices"

// Merge does to current what file changed since base, which is the file as it was applied last; nil: it never was.
// Nouns that base has and file lacks are removed; those that base lacks, or that differ in base and file, become the
// file's; all others stay as current has them, or lacks them. A noun is a provider's own fields, a connection, a fleet,
// a model, a channel or an output. What is in a removed provider goes with it; a provider that current lacks comes back
// when the file changes something in it.
//
// The order is that of current, with new nouns at the end. The inputs are not changed, and the result shares what it
// has from them. It is not validated.
func Merge(base, current, file *Project) *Project {
	if base == nil {
		base = &Project{}
	}
	if current == nil {
		current = &Project{}
	}
	merged := &Project{Name: current.Name}
	if base.Name != file.Name {
		merged.Name = file.Name
	}
	merged.Providers = mergeList(base.Providers, current.Providers, file.Providers, providerName, mergeProvider)
	merged.Models = mergeList(base.Models, current.Models, file.Models, modelName, mergeDeep)
	merged.Channels = mergeList(base.Channels, current.Channels, file.Channels, channelName, mergeDeep)
	merged.Outputs = mergeList(base.Outputs, current.Outputs, file.Outputs, outputName, mergeDeep)
	return merged
}

// Prune returns a project with exactly the nouns of file: in the order of current where it has them too, and sharing
// with current what is equal.
func Prune(current, file *Project) *Project { return Merge(current, current, file) }

// mergeList merges nouns by name. merge gets nil for what is not there, and returns nil for what must not be. The
// result is current itself when nothing changes.
func mergeList[T any](base, current, file []*T, name func(*T) string, merge func(b, c, f *T) *T) []*T {
	if slices.Equal(base, file) {
		return current
	}
	before, wanted := byName(base, name), byName(file, name)
	had := make(map[string]bool, len(current))
	merged := make([]*T, 0, max(len(current), len(file)))
	for _, c := range current {
		n := name(c)
		had[n] = true
		if m := merge(before[n], c, wanted[n]); m != nil {
			merged = append(merged, m)
		}
	}
	for _, f := range file {
		n := name(f)
		if had[n] {
			continue
		}
		if m := merge(before[n], nil, f); m != nil {
			merged = append(merged, m)
		}
	}
	if slices.Equal(merged, current) {
		return current
	}
	return merged
}

// pick is the rule of Merge for one noun.
func pick[T any](b, c, f *T, same func(a, b *T) bool) *T {
	switch {
	case b == nil && f == nil, b != nil && f != nil && same(b, f):
		return c
	case f != nil && c != nil && same(c, f):
		return c
	}
	return f
}

func mergeDeep[T any](b, c, f *T) *T         { return pick(b, c, f, sameDeep) }
func mergePlain[T comparable](b, c, f *T) *T { return pick(b, c, f, samePlain) }

// mergeProvider merges a provider's own fields, and what is in it.
func mergeProvider(b, c, f *Provider) *Provider {
	own := pick(b, c, f, sameProvider)
	if f == nil {
		return own
	}
	var none Provider
	if b == nil {
		b = &none
	}
	if c == nil {
		c = &none
	}
	conns := mergeList(b.Connections, c.Connections, f.Connections, connName, mergePlain)
	fleets := mergeList(b.Fleets, c.Fleets, f.Fleets, fleetName, mergePlain)
	switch {
	case own == nil && len(conns)+len(fleets) == 0:
		return nil
	case own == nil:
		own = f
	case own == c && slices.Equal(conns, c.Connections) && slices.Equal(fleets, c.Fleets):
		return c
	case own == f && slices.Equal(conns, f.Connections) && slices.Equal(fleets, f.Fleets):
		return f
	}
	merged := *own
	merged.Connections, merged.Fleets = conns, fleets
	return &merged
}
