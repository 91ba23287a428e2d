package project

import "strings"

// FindChannel returns the channel that gets a name, and the connection point for which it gets it, "" when it has none.
// It does not ask whether a connection point that a pattern names exists.
func (p *Project) FindChannel(name string) (ch *Channel, provider, conn string, ok bool) {
	for _, c := range p.Channels {
		pr, target, glob := c.Target()
		if !glob {
			if c.NameFor(target) == name {
				return c, pr, target, true
			}
			continue
		}
		before, after, _ := strings.Cut(c.Name, placeholder)
		if len(name) < len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
			continue
		}
		if conn := name[len(before) : len(name)-len(after)]; p.ChannelFor(pr, conn) == c {
			return c, pr, conn, true
		}
	}
	return nil, "", "", false
}

// FleetOf returns the fleet of p that has a connection point of that name, and its number.
func (p *Provider) FleetOf(name string) (f *Fleet, n int, ok bool) {
	for _, f := range p.Fleets {
		if n, ok := f.NumberOf([]byte(name)); ok {
			return f, n, true
		}
	}
	return nil, 0, false
}

// Conn returns the connection point of that name, listed or of a fleet.
func (p *Provider) Conn(name string) (c ConnPt, ok bool) {
	for _, c := range p.Connections {
		if c.Name == name {
			return *c, true
		}
	}
	if f, n, ok := p.FleetOf(name); ok {
		return f.ConnPt(n), true
	}
	return ConnPt{}, false
}
