package project

import (
	"net/netip"
	"slices"
)

var (
	providerKeys = []string{"name", "title", "type", "local_ip", "local_port", "conn_identity", "identity",
		"on_duplicate", "max_connections", "accept_rate", "idle_timeout", "keepalive", "user_timeout", "proxy_from",
		"downlink_keepalive", "connect_timeout", "redial_min", "redial_max", "connections", "fleets"}
	identityKeys = []string{"preset", "timeout", "quiet", "max_bytes", "length", "endian", "pattern", "prefix",
		"suffix", "heartbeat", "mode", "ack", "nack"}
	downlinkKeys = []string{"every", "data"}
	connKeys     = []string{"name", "title", "socket_conn_id", "secret", "remote_ip", "host", "port", "enabled"}
	fleetKeys    = []string{"name", "title", "socket_conn_id", "from", "to"}
)

// Bounds of counts.
const (
	maxID          = 4 * maxBytes // as it is written, in hex at worst
	maxConnections = 10_000_000
	maxAcceptRate  = 1e6
	maxNumber      = 1e15 - 1 // of a fleet
	maxHeartbeats  = 16
	maxProxies     = 1000
)

// provider reads a provider that may have the known keys.
func (l *loader) provider(n *node, known []string) *Provider {
	p := &Provider{}
	place := providerPlaces{node: n}
	for _, e := range l.fields(n, "a provider", known) {
		switch e.key {
		case "name":
			p.Name = l.text(e)
		case "title":
			p.Title = l.text(e)
		case "type":
			p.Type = LinkKind(l.text(e))
		case "connections":
			p.Connections = slices.Grow(p.Connections, len(e.value.items))
			for _, item := range l.items(e) {
				p.Connections = append(p.Connections, l.conn(item))
			}
			place.conns = e.value.items
		case "fleets":
			for _, item := range l.items(e) {
				p.Fleets = append(p.Fleets, l.fleet(item))
			}
			place.fleets = e.value.items
		case "local_ip", "local_port", "conn_identity", "proxy_from":
			l.listener(p, e)
		default:
			l.session(p, e)
		}
	}
	if p.Type == TCPServer && n.get("local_port") == nil && !n.bad {
		l.add(n.where("local_port"), "provider %s has no local_port; write the port that devices dial, or 0 for any free one",
			p.Name)
	}
	p.Defaults()
	l.places.providers = append(l.places.providers, place)
	return p
}

// listener reads the keys that say where and from whom links come in.
func (l *loader) listener(p *Provider, e entry) {
	switch e.key {
	case "local_ip":
		if s := l.text(e); s != "" {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				l.add(e.here(), `local_ip is %s; write an IP address of this host, or "" for all`, describe(e.value))
			}
			p.LocalIP = addr
		}
	case "local_port":
		p.LocalPort = uint16(l.integer(e, 0, 65535))
	case "conn_identity":
		p.ConnIdentity = ConnIdentity(l.text(e))
	case "proxy_from":
		items := l.list(e)
		if len(items) > maxProxies {
			l.add(e.here(), "proxy_from has %d items; write at most %d", len(items), maxProxies)
			return
		}
		for _, item := range items {
			if prefix, ok := l.prefix(entry{"proxy_from", item, item}); ok {
				p.ProxyFrom = append(p.ProxyFrom, prefix)
			}
		}
	}
}

// session reads the keys about the life of links.
func (l *loader) session(p *Provider, e entry) {
	switch e.key {
	case "identity":
		l.enter(e.key)
		p.Identity = l.identity(e.value)
		l.leave()
	case "on_duplicate":
		p.OnDuplicate = OnDuplicate(l.text(e))
	case "max_connections":
		p.MaxConnections = int(l.integer(e, 0, maxConnections))
	case "accept_rate":
		p.AcceptRate = l.number(e, 0, maxAcceptRate, "links a second, from 0 to 1000000")
	case "idle_timeout":
		if p.IdleTimeout = l.duration(e); p.IdleTimeout == 0 && !e.value.bad {
			p.IdleTimeout = Never
		}
	case "keepalive":
		p.Keepalive = l.duration(e)
	case "user_timeout":
		p.UserTimeout = l.duration(e)
	case "downlink_keepalive":
		l.enter(e.key)
		p.Downlink = &Downlink{}
		for _, f := range l.fields(e.value, "downlink_keepalive", downlinkKeys) {
			switch f.key {
			case "every":
				p.Downlink.Every = l.duration(f)
			case "data":
				p.Downlink.Data = l.bytes(f)
			}
		}
		l.leave()
	case "connect_timeout":
		p.ConnectTimeout = l.duration(e)
	case "redial_min":
		p.RedialMin = l.duration(e)
	case "redial_max":
		p.RedialMax = l.duration(e)
	}
}

func (l *loader) identity(n *node) Identity {
	var id Identity
	for _, e := range l.fields(n, "identity", identityKeys) {
		switch e.key {
		case "preset":
			id.Preset = l.text(e)
		case "timeout":
			id.Timeout = l.duration(e)
		case "quiet":
			id.Quiet = l.duration(e)
		case "max_bytes":
			id.MaxBytes = int(l.integer(e, 1, maxBytes))
		case "length":
			id.Length = int(l.integer(e, 1, maxBytes))
		case "endian":
			id.Endian = l.text(e)
		case "pattern":
			id.Pattern = l.longText(e, maxPattern)
		case "prefix":
			id.Prefix = l.bytes(e)
		case "suffix":
			id.Suffix = l.bytes(e)
		case "heartbeat":
			id.Heartbeats = l.heartbeats(e)
		case "mode":
			id.Mode = l.text(e)
		case "ack":
			id.Ack = l.bytes(e)
		case "nack":
			id.Nack = l.bytes(e)
		}
	}
	return id
}

// heartbeats reads one heartbeat, or a list of them.
func (l *loader) heartbeats(e entry) [][]byte {
	items := []*node{e.value}
	if e.value.kind == listKind {
		items = e.value.items
	}
	if len(items) > maxHeartbeats {
		l.add(e.here(), "heartbeat has %d items; write at most %d", len(items), maxHeartbeats)
		return nil
	}
	var list [][]byte
	for _, item := range items {
		if b := l.bytes(entry{"heartbeat", item, item}); b != nil {
			list = append(list, b)
		}
	}
	return list
}

func (l *loader) conn(n *node) *ConnPt { return l.connOf(n, connKeys) }

// connOf reads a connection that may have the known keys.
func (l *loader) connOf(n *node, known []string) *ConnPt {
	c := &ConnPt{}
	for _, e := range l.fields(n, "a connection", known) {
		l.connField(c, e)
	}
	return c
}

func (l *loader) connField(c *ConnPt, e entry) {
	switch e.key {
	case "name":
		c.Name = l.text(e)
	case "title":
		c.Title = l.text(e)
	case "socket_conn_id":
		c.SocketConnID = l.id(e)
	case "secret":
		c.Secret = l.id(e)
	case "remote_ip":
		c.RemoteIP, _ = l.prefix(e)
	case "host":
		c.Host = l.text(e)
	case "port":
		c.Port = uint16(l.integer(e, 1, 65535))
	case "enabled":
		c.Disabled = !l.boolean(e)
	}
}

func (l *loader) fleet(n *node) *Fleet {
	f := &Fleet{}
	for _, e := range l.fields(n, "a fleet", fleetKeys) {
		switch e.key {
		case "name":
			f.Name = l.pattern(e, false)
		case "title":
			f.Title = l.pattern(e, true)
		case "socket_conn_id":
			f.SocketConnID = l.pattern(e, false)
		case "from":
			f.From = int(l.integer(e, 0, maxNumber))
		case "to":
			f.To = int(l.integer(e, 0, maxNumber))
		}
	}
	return f
}

// id reads an id or a secret, as text or as bytes in hex, whose characters the validation judges.
func (l *loader) id(e entry) string {
	if !l.scalar(e, `text, or bytes as "hex:00 01 FE"`) {
		return ""
	}
	if n := len(e.value.text); n > maxID {
		l.add(e.here(), "%s is %d bytes long; write at most %d", e.key, n, maxID)
		return ""
	}
	return string(l.rawBytes(e))
}

// prefix reads an IP address or a CIDR without host bits. IPv4 in IPv6 form becomes IPv4.
func (l *loader) prefix(e entry) (netip.Prefix, bool) {
	const want = "an IP address or a CIDR such as 10.1.2.0/24"
	if !l.scalar(e, want) {
		return netip.Prefix{}, false
	}
	if addr, err := netip.ParseAddr(e.value.text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(e.value.text)
	if err != nil || prefix.Addr().Is4In6() {
		l.add(e.here(), "%s is %s; write %s", e.key, describe(e.value), want)
		return netip.Prefix{}, false
	}
	if masked := prefix.Masked(); masked != prefix {
		l.add(e.here(), "%s is %s, which has host bits set; write %s", e.key, prefix, masked)
		return netip.Prefix{}, false
	}
	return prefix, true
}
