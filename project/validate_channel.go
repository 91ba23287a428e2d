package project

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// minPoll keeps a channel from polling without a pause.
const minPoll = 10 * time.Millisecond

// channels checks all channels.
func (c *checker) channels(cat Catalog, models map[string]*Model) {
	claims := newClaims()
	c.enter("channels")
	defer c.leave()
	for i, ch := range c.project.Channels {
		c.item(i, ch.Name)
		n := nth(c.places.channels, i)
		if n != nil && n.bad {
			continue
		}
		before := len(c.list)
		named := c.channelName(n, ch)
		kind, found := c.connection(n, ch)
		if ch.Driver == "" && !n.faulty("driver") {
			c.add(n.where("driver"), "channel %s has no driver; name the one that speaks the devices' protocol", ch.Name)
		}
		if ch.Poll != 0 && ch.Poll < minPoll {
			c.add(n.where("poll"), "poll is %s; write %s or more", ch.Poll, minPoll)
		}
		c.devices(n, ch, models)
		if cat != nil && found && len(c.list) == before {
			c.catalog(cat, n, ch, kind)
		}
		if found {
			c.claim(claims, n, ch)
		}
		if named && found {
			claims.named = append(claims.named, namedChannel{ch, n, i})
		}
	}
	c.channelNames(claims.named)
}

// channelName checks a channel's name, which may hold {connection}.
func (c *checker) channelName(n *node, ch *Channel) bool {
	if !strings.Contains(ch.Name, placeholder) {
		return c.name(n, "name", "the channel", ch.Name)
	}
	if n.faulty("name") {
		return false
	}
	if problem := badName(strings.Replace(ch.Name, placeholder, "c", 1)); problem != "" {
		c.add(n.where("name"), "name %s %s; {connection} may stand in it once", clip(ch.Name), problem)
		return false
	}
	return true
}

// connection checks what a channel is on, and returns the kind of its links.
func (c *checker) connection(n *node, ch *Channel) (kind LinkKind, ok bool) {
	if n.faulty("connection") {
		return "", false
	}
	template := strings.Contains(ch.Name, placeholder)
	if ch.Connection == "" {
		if template && !n.faulty("name") {
			c.add(n.where("name"), "name %s holds {connection}, but the channel has none; write connection: PROVIDER/NAME",
				clip(ch.Name))
		}
		return NoLink, true
	}
	at := n.where("connection")
	provider, name, glob := ch.Target()
	if !strings.Contains(ch.Connection, "/") || name == "" && !glob || strings.ContainsAny(name, "*/") {
		c.add(at, "connection is %s; write PROVIDER/NAME, PROVIDER/* or PROVIDER/PREFIX*", clip(ch.Connection))
		return "", false
	}
	people := c.providers[provider]
	if people == nil {
		known := slices.Sorted(maps.Keys(c.providers))
		c.add(at, "there is no provider %s; %s", clip(provider), suggestName(provider, known, "provider"))
		return "", false
	}
	switch {
	case people.doubtful:
	case glob && !people.matches(name):
		c.add(at, "no connection of provider %s begins with %s; write PROVIDER/* for all", provider, clip(name))
		return "", false
	case !glob && !people.has(name):
		c.add(at, "provider %s has no connection %s; %s", provider, clip(name),
			suggestName(name, people.near(name), "connection"))
		return "", false
	case glob && !template && !n.faulty("name"):
		c.add(n.where("name"), "name %s is the same for all that %s matches; write {connection} in it",
			clip(ch.Name), ch.Connection)
	}
	kind = people.provider.Type
	return kind, kind == TCPServer || kind == TCPClient
}

// starting returns the names of f that begin with prefix.
func (f *Fleet) starting(prefix string) []span {
	var list []span
	if f.From > f.To || f.From < 0 {
		return nil
	}
	for _, s := range f.Name.spans(f.From, f.To) {
		if part, ok := s.starting(prefix); ok {
			list = append(list, part)
		}
	}
	return list
}

// claims are the connections that channels serve, so far.
type claims struct {
	exact map[string]namedChannel
	globs map[string]namedChannel // by PROVIDER/PREFIX
	under map[string]namedChannel // by every text that an exact one or a glob begins with
	named []namedChannel
}

type namedChannel struct {
	channel *Channel
	node    *node
	item    int // in the project's list
}

func newClaims() *claims {
	return &claims{exact: make(map[string]namedChannel), globs: make(map[string]namedChannel),
		under: make(map[string]namedChannel)}
}

// claim reports a channel on a connection that another serves already. All that is claimed exists, so a glob and what
// begins with its prefix always share a connection.
func (c *checker) claim(cl *claims, n *node, ch *Channel) {
	if ch.Connection == "" {
		return
	}
	mine := namedChannel{channel: ch, node: n}
	prefix, glob := strings.CutSuffix(ch.Connection, "*")
	slash := strings.IndexByte(prefix, '/')
	other, taken := namedChannel{}, false
	for i := slash + 1; i <= len(prefix) && !taken; i++ {
		other, taken = cl.globs[prefix[:i]]
	}
	if !taken && glob {
		other, taken = cl.under[prefix]
	}
	if !taken && !glob {
		other, taken = cl.exact[prefix]
	}
	if taken {
		c.add(n.where("connection"), "channel %s%s is on %s already; a connection has one channel",
			other.channel.Name, other.node.place(), other.channel.Connection)
		return
	}
	if glob {
		cl.globs[prefix] = mine
	} else {
		cl.exact[prefix] = mine
	}
	for i := slash + 1; i <= len(prefix); i++ {
		if _, known := cl.under[prefix[:i]]; !known {
			cl.under[prefix[:i]] = mine
		}
	}
}
