package store

import (
	"encoding/binary"
	"net/netip"

	"linkd/project"
)

// A connection's record, under PROVIDER/NAME: a format, flags, and the fields that the flags name, in this order. Text
// stands behind its length, a prefix as its length in bits and its address, a port in two bytes, little endian.
const connFormat = 1

const (
	connDisabled = 1 << iota
	connTitle
	connID
	connSecret
	connIPv4
	connIPv6
	connHost
	connPort
)

func appendConn(b []byte, c *project.ConnPt) []byte {
	at := len(b) + 1
	b = append(b, connFormat, 0)
	text := func(flag byte, s string) {
		if s != "" {
			b[at] |= flag
			b = appendText(b, s)
		}
	}
	if c.Disabled {
		b[at] |= connDisabled
	}
	text(connTitle, c.Title)
	text(connID, c.SocketConnID)
	text(connSecret, c.Secret)
	if ip := c.RemoteIP; ip.IsValid() {
		if ip.Addr().Is4() {
			b[at] |= connIPv4
		} else {
			b[at] |= connIPv6
		}
		b = append(b, byte(ip.Bits()))
		b = append(b, ip.Addr().AsSlice()...)
	}
	text(connHost, c.Host)
	if c.Port != 0 {
		b[at] |= connPort
		b = binary.LittleEndian.AppendUint16(b, c.Port)
	}
	return b
}

// rawConn is a connection whose text still lies in its record.
type rawConn struct {
	name, title, id, secret, host []byte
	remote                        netip.Prefix
	port                          uint16
	disabled                      bool
}

func readConn(name, payload []byte) (rawConn, error) {
	f := fields{rest: payload}
	c := rawConn{name: name}
	if f.byte() != connFormat {
		return c, errRecord
	}
	flags := f.byte()
	text := func(flag byte, s *[]byte) {
		if flags&flag != 0 {
			*s = f.bytes()
		}
	}
	c.disabled = flags&connDisabled != 0
	text(connTitle, &c.title)
	text(connID, &c.id)
	text(connSecret, &c.secret)
	switch flags & (connIPv4 | connIPv6) {
	case connIPv4:
		c.remote = f.prefix(4)
	case connIPv6:
		c.remote = f.prefix(16)
	case connIPv4 | connIPv6:
		return c, errRecord
	}
	text(connHost, &c.host)
	if flags&connPort != 0 {
		if b := f.fixed(2); b != nil {
			c.port = binary.LittleEndian.Uint16(b)
		}
	}
	return c, f.end()
}

// prefix reads a prefix whose address has n bytes.
func (f *fields) prefix(n uint64) netip.Prefix {
	bits := int(f.byte())
	addr, ok := netip.AddrFromSlice(f.fixed(n))
	if !ok || bits > addr.BitLen() {
		f.fail()
		return netip.Prefix{}
	}
	return netip.PrefixFrom(addr, bits)
}

// connections turns raw ones into a provider's. All their text is one string and all of them are one allocation: a
// million of them are then few objects for the garbage collector.
func connections(raw []rawConn) []project.ConnPt {
	size := 0
	for i := range raw {
		r := &raw[i]
		size += len(r.name) + len(r.title) + len(r.id) + len(r.secret) + len(r.host)
	}
	text := make([]byte, 0, size)
	for i := range raw {
		r := &raw[i]
		for _, s := range [...][]byte{r.name, r.title, r.id, r.secret, r.host} {
			text = append(text, s...)
		}
	}
	rest := string(text)
	cut := func(s []byte) string {
		part := rest[:len(s)]
		rest = rest[len(s):]
		return part
	}
	list := make([]project.ConnPt, len(raw))
	for i := range raw {
		r := &raw[i]
		list[i] = project.ConnPt{Name: cut(r.name), Title: cut(r.title), SocketConnID: cut(r.id), Secret: cut(r.secret),
			Host: cut(r.host), RemoteIP: r.remote, Port: r.port, Disabled: r.disabled}
	}
	return list
}
