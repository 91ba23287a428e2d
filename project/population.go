package project

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// population is what a provider's names and ids are, for finding what is there twice and what a glob matches.
type population struct {
	provider *Provider
	names    *textTable // of the connections, by index: those that are no fault
	ids      *textTable
	prefixes map[netip.Prefix]int // connections by remote_ip
	sorted   []int                // connections by name, made when many globs ask
	asked    int                  // how often
	doubtful bool                 // some names are at fault: say nothing of channels that miss one
}

// fewGlobs is how many globs of a provider look at each connection, before all connections are sorted.
const fewGlobs = 16

func newPopulation(p *Provider) *population {
	list := p.Connections
	people := &population{provider: p, names: newTextTable(len(list), func(i int) string { return list[i].Name })}
	if p.Type == TCPServer && p.ConnIdentity == FixIP {
		people.prefixes = make(map[netip.Prefix]int, len(list))
	} else if p.Type == TCPServer {
		people.ids = newTextTable(len(list), func(i int) string { return list[i].SocketConnID })
	}
	return people
}

// has reports whether the provider has that connection point.
func (p *population) has(name string) bool {
	if _, ok := p.names.find([]byte(name)); ok {
		return true
	}
	return slices.ContainsFunc(p.provider.Fleets, func(f *Fleet) bool {
		_, ok := f.NumberOf([]byte(name))
		return ok
	})
}

// matches reports whether a connection point begins with prefix.
func (p *population) matches(prefix string) bool {
	for range p.starting(prefix) {
		return true
	}
	return slices.ContainsFunc(p.provider.Fleets, func(f *Fleet) bool { return len(f.starting(prefix)) > 0 })
}

// starting yields the explicit connections whose names begin with prefix and are no fault, by index.
func (p *population) starting(prefix string) iter.Seq[int] {
	return func(yield func(int) bool) {
		list := p.provider.Connections
		if p.asked++; p.asked > fewGlobs && prefix != "" {
			for _, i := range p.sortedFrom(prefix) {
				if !strings.HasPrefix(list[i].Name, prefix) || !yield(i) {
					return
				}
			}
			return
		}
		for i, c := range list {
			if strings.HasPrefix(c.Name, prefix) && p.sound(i) && !yield(i) {
				return
			}
		}
	}
}

// sound reports whether connection i has a name that is no fault.
func (p *population) sound(i int) bool {
	if !p.doubtful {
		return true
	}
	first, ok := p.names.find([]byte(p.provider.Connections[i].Name))
	return ok && first == i
}

// sortedFrom returns the connections that are no fault by name, from prefix on.
func (p *population) sortedFrom(prefix string) []int {
	list := p.provider.Connections
	if p.sorted == nil {
		for i := range list {
			if p.sound(i) {
				p.sorted = append(p.sorted, i)
			}
		}
		slices.SortFunc(p.sorted, func(a, b int) int { return strings.Compare(list[a].Name, list[b].Name) })
	}
	first, _ := slices.BinarySearchFunc(p.sorted, prefix, func(i int, prefix string) int {
		return cmp.Compare(list[i].Name, prefix)
	})
	return p.sorted[first:]
}

// near returns some names to suggest for an unknown one.
func (p *population) near(name string) []string {
	var list []string
	for _, prefix := range []string{name[:1], ""} {
		for _, i := range p.sortedFrom(prefix) {
			n := p.provider.Connections[i].Name
			if len(list) == 10 || !strings.HasPrefix(n, prefix) {
				break
			}
			list = append(list, n)
		}
		if len(list) > 0 {
			break
		}
	}
	for _, f := range p.provider.Fleets[:min(len(p.provider.Fleets), 3)] {
		list = append(list, f.Name.String())
	}
	return list
}
