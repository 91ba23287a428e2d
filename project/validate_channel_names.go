package project

import "strings"

// channelNames reports names that two channels have, or make from {connection}.
func (c *checker) channelNames(list []namedChannel) {
	if len(list) < 2 {
		return
	}
	t := c.newTaken(list)
	var made []madeNames
	for i, mine := range list {
		provider, target, glob := mine.channel.Target()
		if !glob {
			c.take(t, holder{i, -1})
			continue
		}
		before, after, template := strings.Cut(mine.channel.Name, placeholder)
		if !template {
			continue // refused already
		}
		people := c.providers[provider]
		for conn := range people.starting(target) {
			if !c.take(t, holder{i, conn}) {
				break
			}
		}
		for _, f := range people.provider.Fleets {
			for _, s := range f.starting(target) {
				made = append(made, madeNames{mine, s.wrap(before, after)})
			}
		}
	}
	c.madeNames(t, made)
}

// taken are the names that channels have, or make for explicit connections.
type taken struct {
	names   *textTable
	holders []holder
	list    []namedChannel
	people  map[string]*population
	buf     []byte
}

// holder has one name: a channel, for one of its provider's connections; -1: for the one that it is on, if any.
type holder struct{ channel, conn int }

// newTaken makes room for all names that the channels can have: no two of them serve the same connection.
func (c *checker) newTaken(list []namedChannel) *taken {
	most := len(list)
	seen := make(map[string]bool)
	for _, n := range list {
		if provider, _, glob := n.channel.Target(); glob && !seen[provider] {
			seen[provider] = true
			most += len(c.providers[provider].provider.Connections)
		}
	}
	t := &taken{list: list, people: c.providers}
	t.names = newTextTable(most, func(i int) string { return string(t.name(nil, t.holders[i])) })
	return t
}

// name appends a holder's name to dst.
func (t *taken) name(dst []byte, h holder) []byte {
	ch := t.list[h.channel].channel
	provider, conn, _ := ch.Target()
	if h.conn >= 0 {
		conn = t.people[provider].provider.Connections[h.conn].Name
	}
	before, after, template := strings.Cut(ch.Name, placeholder)
	dst = append(dst, before...)
	if template {
		dst = append(append(dst, conn...), after...)
	}
	return dst
}

// take notes a holder's name, unless another channel has it, which is reported.
func (c *checker) take(t *taken, h holder) bool {
	t.buf = t.name(t.buf[:0], h)
	first, taken := t.names.take(t.buf, len(t.holders))
	if taken {
		c.sameName(t.list[h.channel], t.list[t.holders[first].channel], string(t.buf))
		return false
	}
	t.holders = append(t.holders, h)
	return true
}

// madeNames are the names that one channel makes for some of a fleet.
type madeNames struct {
	by   namedChannel
	span span
}

// madeNames compares the names that are made for fleets with all others.
func (c *checker) madeNames(t *taken, made []madeNames) {
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
	for _, h := range t.holders {
		by := t.list[h.channel]
		t.buf = t.name(t.buf[:0], h)
		for _, m := range made {
			if m.span.length() != len(t.buf) || by == m.by || reported[by.channel] {
				continue
			}
			if name, ok := meet(constantSpan(string(t.buf)), m.span); ok {
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
