package project

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// placeholder stands for the connection's name in a channel's name.
const placeholder = "{connection}"

// Len returns how many connection points f has.
func (f *Fleet) Len() int { return max(f.To-f.From+1, 0) }

// NumberOf returns the number whose name is name. It does not allocate.
func (f *Fleet) NumberOf(name []byte) (n int, ok bool) {
	n, ok = f.Name.Match(name)
	return n, ok && f.From <= n && n <= f.To
}

// NumberOfID returns the number whose Socket Conn Id is id. It does not allocate.
func (f *Fleet) NumberOfID(id []byte) (n int, ok bool) {
	n, ok = f.SocketConnID.Match(id)
	return n, ok && f.From <= n && n <= f.To
}

// ConnPt returns connection point n, which is From to To.
func (f *Fleet) ConnPt(n int) ConnPt {
	return ConnPt{Name: f.Name.Format(n), Title: f.Title.Format(n), SocketConnID: f.SocketConnID.Format(n)}
}

// Len returns how many connection points p has, fleets included.
func (p *Provider) Len() int {
	n := len(p.Connections)
	for _, f := range p.Fleets {
		n += f.Len()
	}
	return n
}

// ConnPts yields every connection point of p, then those of its fleets in order, made one at a time.
func (p *Provider) ConnPts() iter.Seq[ConnPt] {
	return func(yield func(ConnPt) bool) {
		for _, c := range p.Connections {
			if !yield(*c) {
				return
			}
		}
		for _, f := range p.Fleets {
			for n := f.From; n <= f.To; n++ {
				if !yield(f.ConnPt(n)) {
					return
				}
			}
		}
	}
}

// Provider returns the provider of that name, or nil.
func (p *Project) Provider(name string) *Provider {
	for _, pr := range p.Providers {
		if pr.Name == name {
			return pr
		}
	}
	return nil
}

// Model returns the model of that name, or nil.
func (p *Project) Model(name string) *Model {
	for _, m := range p.Models {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// ChannelFor returns the channel that serves a connection point, or nil. It does not ask whether the connection point
// exists. It allocates nothing; on a project from Parse, Load or Validate it takes a map lookup and a binary search.
func (p *Project) ChannelFor(provider, conn string) *Channel {
	if ix := p.index; ix != nil && ix.describes(p.Channels) {
		return ix.find(provider, conn)
	}
	for _, c := range p.Channels {
		if c.Serves(provider, conn) {
			return c
		}
	}
	return nil
}

// Serves reports whether c's connection is, or its glob matches, that connection point.
func (c *Channel) Serves(provider, conn string) bool {
	pr, name, glob := c.Target()
	return pr == provider && (name == conn || glob && strings.HasPrefix(conn, name))
}

// Target splits c.Connection into the provider and the connection's name or, with glob, the prefix before the *. A
// channel without a connection stands for one of no provider that has the channel's name.
func (c *Channel) Target() (provider, name string, glob bool) {
	if c.Connection == "" {
		return "", c.Name, false
	}
	provider, name, _ = strings.Cut(c.Connection, "/")
	prefix, glob := strings.CutSuffix(name, "*")
	return provider, prefix, glob
}

// NameFor returns the channel's name for a connection point that it serves.
func (c *Channel) NameFor(conn string) string {
	return strings.Replace(c.Name, placeholder, conn, 1)
}

// AppendNameFor appends NameFor(conn) to dst.
func (c *Channel) AppendNameFor(dst, conn []byte) []byte {
	before, after, ok := strings.Cut(c.Name, placeholder)
	dst = append(dst, before...)
	if ok {
		dst = append(dst, conn...)
	}
	return append(dst, after...)
}

// index finds the channel of a connection point. Globs of one provider never nest (validation), so that at most one
// can match: the last that is not greater than the name.
type index struct {
	channels []*Channel // what it was made from
	exact    map[target]*Channel
	globs    map[string][]glob // by provider, sorted by prefix
}

type target struct{ provider, name string }

type glob struct {
	prefix  string
	channel *Channel
}

func newIndex(channels []*Channel) *index {
	ix := &index{channels: channels, exact: make(map[target]*Channel), globs: make(map[string][]glob)}
	for _, c := range channels {
		provider, name, isGlob := c.Target()
		switch {
		case isGlob:
			ix.globs[provider] = append(ix.globs[provider], glob{name, c})
		default:
			ix.exact[target{provider, name}] = c
		}
	}
	for _, list := range ix.globs {
		slices.SortFunc(list, func(a, b glob) int { return cmp.Compare(a.prefix, b.prefix) })
	}
	return ix
}

// describes reports whether the index was made from these channels: a copy of a Project may have been given others.
func (ix *index) describes(channels []*Channel) bool {
	return len(ix.channels) == len(channels) && (len(channels) == 0 || &ix.channels[0] == &channels[0])
}

func (ix *index) find(provider, conn string) *Channel {
	if c := ix.exact[target{provider, conn}]; c != nil {
		return c
	}
	list := ix.globs[provider]
	i, found := slices.BinarySearchFunc(list, conn, func(g glob, name string) int { return cmp.Compare(g.prefix, name) })
	if !found {
		i--
	}
	if i >= 0 && strings.HasPrefix(conn, list[i].prefix) {
		return list[i].channel
	}
	return nil
}
