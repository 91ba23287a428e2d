package project

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// textField writes a text that is not empty; the other fields likewise leave their zero value out.
func (w *writer) textField(key, s string) {
	if s != "" {
		w.key(key)
		w.text(s)
	}
}

func (w *writer) integerField(key string, n int) {
	if n != 0 {
		w.key(key)
		w.integer(int64(n))
	}
}

func (w *writer) numberField(key string, x float64) {
	if x != 0 {
		w.key(key)
		w.number(x)
	}
}

func (w *writer) booleanField(key string, b bool) {
	if b {
		w.key(key)
		w.boolean(b)
	}
}

func (w *writer) durationField(key string, d time.Duration) {
	if d != 0 {
		w.key(key)
		w.word(durationText(d))
	}
}

func (w *writer) bytesField(key string, b []byte) {
	if len(b) > 0 {
		w.key(key)
		w.text(bytesText(b))
	}
}

func (w *writer) patternField(key string, p Pattern) { w.textField(key, p.String()) }

func (w *writer) optionsField(options map[string]any) {
	if len(options) > 0 {
		w.key("options")
		w.free(options)
	}
}

// durationText writes d as people do: 1h30m, not 1h30m0s.
func durationText(d time.Duration) string {
	s := strings.Replace(d.String(), "µ", "u", 1)
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const hexPrefix = "hex:"

// bytesText writes bytes as text where they are text that people can read, else in hex.
func bytesText(b []byte) string {
	if s := string(b); strings.IndexFunc(s, unprintable) < 0 {
		return idText(s)
	}
	return hexText(string(b))
}

// idText writes an id or a secret as text, or in hex where it is not UTF-8, or would be read as hex.
func idText(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, hexPrefix) {
		return s
	}
	return hexText(s)
}

// hexText writes bytes as "hex:00 01 FE".
func hexText(s string) string { return hexPrefix + fmt.Sprintf("% X", s) }

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// prefixText writes a prefix of full length as the address that it is.
func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// addressText writes an address or a prefix: only IPv4 needs no quotes.
func (w *writer) address(s string, v4 bool) {
	if v4 {
		w.word(s)
	} else {
		w.text(s)
	}
}

// provider writes p's own fields, and with all what is in it too.
func (w *writer) provider(p *Provider, all bool) {
	usual := Provider{Type: p.Type, RedialMin: p.RedialMin, Identity: Identity{Preset: p.Identity.Preset}}
	usual.Defaults()
	w.textField("name", p.Name)
	w.textField("title", p.Title)
	w.textField("type", string(p.Type))
	if p.LocalIP.IsValid() {
		w.key("local_ip")
		w.address(p.LocalIP.String(), p.LocalIP.Is4())
	}
	if p.Type == TCPServer || p.LocalPort != 0 {
		w.key("local_port")
		w.integer(int64(p.LocalPort))
	}
	w.textField("conn_identity", string(other(p.ConnIdentity, usual.ConnIdentity)))
	w.identity(&p.Identity, &usual.Identity)
	w.textField("on_duplicate", string(other(p.OnDuplicate, usual.OnDuplicate)))
	w.integerField("max_connections", p.MaxConnections)
	w.numberField("accept_rate", p.AcceptRate)
	if p.IdleTimeout == Never {
		w.key("idle_timeout")
		w.word(durationText(0))
	} else {
		w.durationField("idle_timeout", other(p.IdleTimeout, usual.IdleTimeout))
	}
	w.durationField("keepalive", other(p.Keepalive, usual.Keepalive))
	w.durationField("user_timeout", other(p.UserTimeout, usual.UserTimeout))
	w.proxies(p.ProxyFrom)
	w.downlink(p.Downlink)
	w.durationField("connect_timeout", other(p.ConnectTimeout, usual.ConnectTimeout))
	w.durationField("redial_min", other(p.RedialMin, DefaultRedialMin))
	w.durationField("redial_max", other(p.RedialMax, usual.RedialMax))
	if all {
		tallList(w, "connections", p.Connections, w.conn)
		tallList(w, "fleets", p.Fleets, w.fleet)
	}
}

// other returns value, or zero where it is the usual one.
func other[T comparable](value, usual T) T {
	if value == usual {
		var zero T
		return zero
	}
	return value
}

// tallList writes a list of nouns that is not empty, one noun a line however short the list is.
func tallList[T any](w *writer, key string, list []*T, write func(*T)) {
	if len(list) > 0 {
		w.key(key)
		w.tall('[', ']', func() { items(w, list, write) })
	}
}

func items[T any](w *writer, list []*T, write func(*T)) {
	for _, x := range list {
		w.item()
		w.mapping(func() { write(x) })
	}
}

func (w *writer) proxies(list []netip.Prefix) {
	if len(list) == 0 {
		return
	}
	w.key("proxy_from")
	w.list(func() {
		for _, p := range list {
			w.item()
			w.address(prefixText(p), p.Addr().Is4())
		}
	})
}

func (w *writer) downlink(d *Downlink) {
	if d == nil {
		return
	}
	w.key("downlink_keepalive")
	w.mapping(func() {
		w.durationField("every", d.Every)
		w.bytesField("data", d.Data)
	})
}

// identity writes what of id is not usual, if anything is.
func (w *writer) identity(id, usual *Identity) {
	start, first := len(w.buf), w.first
	w.key("identity")
	value := len(w.buf)
	w.mapping(func() {
		w.textField("preset", other(id.Preset, DefaultPreset))
		w.durationField("timeout", other(id.Timeout, usual.Timeout))
		w.durationField("quiet", other(id.Quiet, usual.Quiet))
		w.integerField("max_bytes", other(id.MaxBytes, usual.MaxBytes))
		w.integerField("length", id.Length)
		w.textField("endian", other(id.Endian, usual.Endian))
		w.textField("pattern", id.Pattern)
		w.bytesField("prefix", id.Prefix)
		w.bytesField("suffix", id.Suffix)
		w.heartbeats(id.Heartbeats)
		w.textField("mode", other(id.Mode, usual.Mode))
		w.bytesField("ack", id.Ack)
		w.bytesField("nack", id.Nack)
	})
	if string(w.buf[value:]) == "{}" {
		w.buf, w.first = w.buf[:start], first
	}
}

// heartbeats writes one as it is, and more as a list.
func (w *writer) heartbeats(list [][]byte) {
	if len(list) == 1 {
		w.bytesField("heartbeat", list[0])
		return
	}
	if len(list) == 0 {
		return
	}
	w.key("heartbeat")
	w.list(func() {
		for _, b := range list {
			w.item()
			w.text(bytesText(b))
		}
	})
}

func (w *writer) conn(c *ConnPt) {
	w.textField("name", c.Name)
	w.textField("title", c.Title)
	w.textField("socket_conn_id", idText(c.SocketConnID))
	w.textField("secret", idText(c.Secret))
	if c.RemoteIP.IsValid() {
		w.key("remote_ip")
		w.address(prefixText(c.RemoteIP), c.RemoteIP.Addr().Is4())
	}
	w.textField("host", c.Host)
	w.integerField("port", int(c.Port))
	if c.Disabled {
		w.key("enabled")
		w.boolean(false)
	}
}

func (w *writer) fleet(f *Fleet) {
	w.patternField("name", f.Name)
	w.patternField("title", f.Title)
	w.patternField("socket_conn_id", f.SocketConnID)
	w.integerField("from", f.From)
	w.key("to")
	w.integer(int64(f.To))
}

func (w *writer) model(m *Model) {
	w.textField("name", m.Name)
	w.textField("title", m.Title)
	tallList(w, "tags", m.Tags, w.tag)
}

func (w *writer) tag(t *Tag) {
	w.textField("name", t.Name)
	w.textField("title", t.Title)
	w.textField("address", t.Address)
	w.textField("type", t.Type)
	w.textField("order", t.Order)
	w.integerField("length", t.Length)
	w.numberField("scale", other(t.Scale, 1))
	w.numberField("offset", t.Offset)
	if t.Clamp != nil {
		w.key("clamp")
		w.list(func() {
			for _, limit := range t.Clamp {
				w.item()
				w.number(limit)
			}
		})
	}
	w.textField("unit", t.Unit)
	if t.Decimals != nil {
		w.key("decimals")
		w.integer(int64(*t.Decimals))
	}
	w.durationField("poll", t.Poll)
	w.numberField("deadband", t.Deadband)
	w.textField("expr", t.Expr)
	w.booleanField("writable", t.Writable)
	w.booleanField("readback", t.Readback)
	w.booleanField("on_change", t.OnChange)
}

func (w *writer) channel(c *Channel) {
	w.textField("name", c.Name)
	w.textField("title", c.Title)
	w.textField("connection", c.Connection)
	w.textField("driver", c.Driver)
	w.durationField("poll", c.Poll)
	w.optionsField(c.Options)
	tallList(w, "devices", c.Devices, w.device)
}

func (w *writer) device(d *Device) {
	w.textField("name", d.Name)
	w.textField("title", d.Title)
	w.integerField("unit", d.Unit)
	w.textField("address", d.Address)
	w.textField("model", d.Model)
	w.textField("driver", d.Driver)
	w.optionsField(d.Options)
	w.durationField("poll", d.Poll)
	tallList(w, "tags", d.Tags, w.tag)
}
