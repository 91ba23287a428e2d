package project

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxFleets bounds the fleets of a project: each is compared with each other of its provider.
const maxFleets = 1000

func (c *checker) allProviders() {
	seen := make(names)
	fleets, devices := 0, 0
	c.enter("providers")
	defer c.leave()
	for i, p := range c.project.Providers {
		c.item(i, p.Name)
		pl := c.places.provider(i)
		n := pl.node
		if n != nil && n.bad {
			continue
		}
		people := newPopulation(p.ofSomeType())
		people.doubtful = n.faulty("connections") || n.faulty("fleets")
		if c.name(n, "name", "the provider", p.Name) {
			if c.unique(seen, n, "provider", p.Name) {
				c.providers[p.Name] = people
			} else {
				c.providers[p.Name].doubtful = true
			}
		}
		c.provider(n, p)
		p = people.provider
		c.listeners(i)
		c.enter("connections")
		for j, conn := range p.Connections {
			c.item(j, conn.Name)
			c.conn(pl.conns, j, people)
		}
		c.leave()
		if p.Type == TCPServer && p.ConnIdentity == Common {
			if fleets += len(p.Fleets); fleets > maxFleets {
				c.add(n.where("fleets"), "there are more than %d fleets; describe the devices with fewer patterns", maxFleets)
				return
			}
			c.fleets(pl, p, people, &devices)
		}
	}
}

// provider checks p's own keys.
func (c *checker) provider(n *node, p *Provider) {
	what := "provider " + p.Name
	if p.Type == "" && !n.faulty("type") {
		c.add(n.where("type"), "%s has no type; write tcp-server or tcp-client", what)
	}
	c.choose(n, "type", string(p.Type), string(TCPServer), string(TCPClient))
	named := p.Type
	p = p.ofSomeType()
	switch p.Type {
	case TCPServer:
		c.choose(n, "conn_identity", string(p.ConnIdentity), string(Common), string(FixIP))
		c.choose(n, "on_duplicate", string(p.OnDuplicate), string(Newest), string(Oldest))
		c.foreign(n, p, named, "where linkd dials out: with type: tcp-client", map[string]bool{
			"connect_timeout": p.ConnectTimeout != 0, "redial_min": p.RedialMin != 0, "redial_max": p.RedialMax != 0})
		if p.ConnIdentity == FixIP && len(p.Fleets) > 0 {
			c.add(n.where("fleets"), "fleets belong to conn_identity: common; write connections with remote_ip")
		}
		c.enter("identity")
		c.identity(n.get("identity"), &p.Identity)
		c.leave()
	case TCPClient:
		c.foreign(n, p, named, "where devices dial in: with type: tcp-server", map[string]bool{
			"local_port": p.LocalPort != 0, "conn_identity": p.ConnIdentity != "",
			"identity": n.get("identity") != nil, "on_duplicate": p.OnDuplicate != "",
			"max_connections": p.MaxConnections != 0, "accept_rate": p.AcceptRate != 0,
			"proxy_from": len(p.ProxyFrom) > 0, "fleets": len(p.Fleets) > 0})
		if p.RedialMin > p.RedialMax {
			c.add(n.where("redial_min"), "redial_min is %s, more than redial_max, %s; write the shorter one first",
				p.RedialMin, p.RedialMax)
		}
	}
	c.durations(n, p)
}

// ofSomeType returns p, or, when its type is none that there is, a copy of the type that its connections speak of: so
// that a mistyped type hides none of the other faults.
func (p *Provider) ofSomeType() *Provider {
	if p.Type == TCPServer || p.Type == TCPClient {
		return p
	}
	guess := *p
	guess.Type = TCPServer
	if slices.ContainsFunc(p.Connections, func(c *ConnPt) bool { return c.Host != "" }) {
		guess.Type = TCPClient
	}
	return &guess
}

// foreign reports keys that are set and mean nothing to this type of provider, unless the type is only guessed.
func (c *checker) foreign(n *node, p *Provider, named LinkKind, where string, set map[string]bool) {
	if named != p.Type {
		return
	}
	for _, key := range providerKeys {
		if set[key] && !n.faulty(key) {
			c.add(n.where(key), "%s means nothing to provider %s of type %s; it belongs %s", key, p.Name, p.Type, where)
		}
	}
}

// durations checks the times of p, and the keepalive bytes.
func (c *checker) durations(n *node, p *Provider) {
	least := func(key string, value, low time.Duration) {
		if value != 0 && value < low && !n.faulty(key) {
			c.add(n.where(key), "%s is %s; write %s or more", key, value, low)
		}
	}
	if p.IdleTimeout != Never {
		least("idle_timeout", p.IdleTimeout, time.Second)
	}
	least("keepalive", p.Keepalive, time.Second)
	least("user_timeout", p.UserTimeout, time.Second)
	least("connect_timeout", p.ConnectTimeout, 10*time.Millisecond)
	least("redial_min", p.RedialMin, 10*time.Millisecond)
	if d := p.Downlink; d != nil && !n.faulty("downlink_keepalive") {
		at := n.get("downlink_keepalive")
		c.enter("downlink_keepalive")
		defer c.leave()
		if d.Every < time.Second && !at.faulty("every") {
			c.add(at.where("every"), "downlink_keepalive every is %s; write how long a silence lasts, 1s or more", d.Every)
		}
		if len(d.Data) == 0 && !at.faulty("data") {
			c.add(at.where("data"), "downlink_keepalive has no data; write the bytes to send")
		}
	}
}

// listeners compares provider i's listener with those before it.
func (c *checker) listeners(i int) {
	p := c.project.Providers[i]
	n := c.places.provider(i).node
	if p.Type != TCPServer || p.LocalPort == 0 {
		return
	}
	for j, other := range c.project.Providers[:i] {
		if other.Type != TCPServer || other.LocalPort != p.LocalPort || !overlap(p.LocalIP, other.LocalIP) {
			continue
		}
		c.add(n.where("local_port"), "provider %s listens on port %d of %s already%s; choose another local_port or local_ip",
			other.Name, p.LocalPort, addressText(other.LocalIP), c.places.provider(j).node.place())
		return
	}
}

// overlap reports whether listeners on a and b, on one port, take each other's links. The zero Addr and :: take IPv4
// and IPv6, 0.0.0.0 takes IPv4.
func overlap(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	all := func(x netip.Addr) bool { return !x.IsValid() || x == netip.IPv6Unspecified() }
	switch {
	case all(a) || all(b) || a == b:
		return true
	case a == netip.IPv4Unspecified():
		return b.Is4()
	case b == netip.IPv4Unspecified():
		return a.Is4()
	}
	return false
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return "all addresses"
	}
	return a.String()
}

// conn checks connection i, whose node is among nodes, if it has one.
func (c *checker) conn(nodes []*node, i int, people *population) {
	p, conn, n := people.provider, people.provider.Connections[i], nth(nodes, i)
	if !c.name(n, "name", "the connection", conn.Name) {
		people.doubtful = true
	} else if first, taken := people.names.take([]byte(conn.Name), i); taken {
		c.add(n.where("name"), "there is a connection %s already%s; give each its own name", conn.Name,
			nth(nodes, first).place())
		people.doubtful = true
	}
	if n != nil && n.bad {
		return
	}
	common := p.Type == TCPServer && p.ConnIdentity == Common
	fix := p.Type == TCPServer && p.ConnIdentity == FixIP
	client := p.Type == TCPClient
	if !common && !fix && !client {
		return // nothing can be said before the provider is right
	}
	c.fits(n, "socket_conn_id", conn.SocketConnID != "", common, true, "conn_identity: common")
	c.fits(n, "secret", conn.Secret != "", common, false, "conn_identity: common")
	c.fits(n, "remote_ip", conn.RemoteIP.IsValid(), fix, true, "conn_identity: fix-ip")
	c.fits(n, "host", conn.Host != "", client, true, "type: tcp-client")
	c.fits(n, "port", conn.Port != 0, client, true, "type: tcp-client")
	if common && conn.SocketConnID != "" && c.id(n, "socket_conn_id", conn.SocketConnID, &p.Identity) {
		if first, taken := people.ids.take([]byte(conn.SocketConnID), i); taken {
			c.add(n.where("socket_conn_id"), "socket_conn_id %s is there already%s; give each connection its own",
				clip(conn.SocketConnID), nth(nodes, first).place())
		}
	}
	if common && conn.Secret != "" && c.id(n, "secret", conn.Secret, &p.Identity) && !p.Identity.carriesSecret() {
		c.add(n.where("secret"), "a secret cannot be sent with preset %s; "+
			"use preset regex with a group named secret, or remove it", p.Identity.Preset)
	}
	if fix && conn.RemoteIP.IsValid() {
		if first, taken := people.prefixes[conn.RemoteIP]; taken {
			c.add(n.where("remote_ip"), "remote_ip %s is there already%s; give each connection its own",
				conn.RemoteIP, nth(nodes, first).place())
		} else {
			people.prefixes[conn.RemoteIP] = i
		}
	}
	if client && strings.ContainsAny(conn.Host, " /[]") {
		c.add(n.where("host"), "host is %s; write a host name or an IP address alone", clip(conn.Host))
	}
}

// fits checks that a connection's key is set where it belongs, if needed, and nowhere else.
func (c *checker) fits(n *node, key string, set, belongs, needed bool, where string) {
	switch {
	case n.faulty(key):
	case set && !belongs:
		c.add(n.where(key), "%s means nothing here; it belongs to a provider with %s", key, where)
	case !set && belongs && needed:
		c.add(n.where(key), "the connection has no %s; a provider with %s needs one", key, where)
	}
}

// id checks an id or a secret as the device sends it.
func (c *checker) id(n *node, key, text string, id *Identity) bool {
	most := id.MaxBytes
	if id.Preset == "hex" {
		most *= 2 // two digits a byte
	}
	want, ok := id.shape(text)
	var problem string
	switch {
	case n.faulty(key):
		return false
	case len(text) > most && most > 0:
		problem = fmt.Sprintf("is %d bytes long; write at most %d, or raise identity.max_bytes", len(text), most)
	case strings.ContainsAny(text, "\r\n\x00"):
		problem = "holds CR, LF or NUL, which end an id; leave it out"
	case key == "socket_conn_id" && !ok:
		problem = fmt.Sprintf("cannot come with preset %s; write %s", id.Preset, want)
	default:
		return true
	}
	c.add(n.where(key), "%s %s %s", key, clip(text), problem)
	return false
}
