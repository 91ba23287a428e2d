package project

import (
	"maps"
	"slices"
	"strings"
)

// channelNames reports names that two channels have, or make from {connection}.
func (c *checker) channelNames(list []namedChannel) {
	exact := make(map[string]namedChannel, len(list))
	take := func(mine namedChannel, name string) bool {
		other, taken := exact[name]
		if taken {
			c.sameName(mine, other, name)
		} else {
			exact[name] = mine
		}
		return !taken
	}
	var made []madeNames
	for _, mine := range list {
		provider, target, glob := mine.channel.Target()
		if !glob {
			take(mine, mine.channel.NameFor(target))
			continue
		}
		before, after, template := strings.Cut(mine.channel.Name, placeholder)
		if !template {
			continue // refused already
		}
		people := c.providers[provider]
		for _, name := range people.starting(target) {
			if !take(mine, mine.channel.NameFor(name)) {
				break
			}
		}
		for _, f := range people.provider.Fleets {
			for _, s := range f.starting(target) {
				made = append(made, madeNames{mine, s.wrap(before, after)})
			}
		}
	}
	c.madeNames(exact, made)
}

// madeNames are the names that one channel makes for some of a fleet.
type madeNames struct {
	by   namedChannel
	span span
}

// madeNames compares the names that are made for fleets with all others.
func (c *checker) madeNames(exact map[string]namedChannel, made []madeNames) {
	reported := make(map[*Channel]bool)
	for i, m := range made {
		for _, other := range made[:i] {
			if other.by == m.by || reported[m.by.channel] {
				continue
			}
			if name, ok := meet(m.span, other.span); ok {
				c.sameName(m.by, other.by, name)
				reported[m.by.channel] = true
			}
		}
	}
	if len(made) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(exact)) {
		by := exact[name]
		for _, m := range made {
			if by == m.by || reported[by.channel] {
				continue
			}
			if _, ok := meet(constantSpan(name), m.span); ok {
				c.sameName(by, m.by, name)
				reported[by.channel] = true
			}
		}
	}
}

// sameName reports the later of two channels that have the same name.
func (c *checker) sameName(mine, other namedChannel, name string) {
	c.item(mine.item, mine.channel.Name)
	if mine.channel.Name == name && other.channel.Name == name {
		c.add(mine.node.where("name"), "there is a channel %s already%s; give each its own name", name, other.node.place())
		return
	}
	c.add(mine.node.where("name"), "this channel and %s%s both get the name %s; give each its own",
		other.channel.Name, other.node.place(), name)
}
