package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// maxPacket is the largest packet that is read from a broker, in bytes: commands are small.
const maxPacket = 1 << 20

// dial opens the connection, which is closed when the session ends.
func (s *session) dial(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, min(dialTimeout, s.ack))
	defer cancel()
	var conn net.Conn
	var err error
	if ports[u.Scheme] == "8883" {
		conn, err = (&tls.Dialer{Config: s.tlsConf}).DialContext(ctx, "tcp", u.Host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	}
	if err != nil {
		return nil, err
	}
	c := &guarded{Conn: conn}
	c.forget = context.AfterFunc(s.ctx, func() { conn.Close() })
	return c, nil
}

var errPacket = errors.New("mqtt: malformed packet length")

// guarded is a connection whose packets are bounded: the client would make room for whatever length one claims. Of each
// packet it follows the fixed header (section 2.2 of MQTT 3.1.1): a byte, then the length, 7 bits a byte, lowest first.
type guarded struct {
	net.Conn
	forget func() bool
	inside bool // a packet's length is being read
	shift  uint
	length int
	rest   int // bytes of the packet's body still to come
}

// Read implements net.Conn.
func (g *guarded) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if e := g.follow(b[:n]); e != nil {
		return 0, e
	}
	return n, err
}

func (g *guarded) follow(b []byte) error {
	for len(b) > 0 {
		switch {
		case g.rest > 0:
			n := min(g.rest, len(b))
			g.rest -= n
			b = b[n:]
			continue
		case !g.inside:
			g.inside, g.shift, g.length = true, 0, 0
		default:
			g.length |= int(b[0]&0x7f) << g.shift
			if g.shift += 7; b[0] >= 0x80 && g.shift >= 28 {
				return errPacket
			}
			if g.length > maxPacket {
				return fmt.Errorf("mqtt: the broker sends a packet of over %d bytes", maxPacket)
			}
			if b[0] < 0x80 {
				g.inside, g.rest = false, g.length
			}
		}
		b = b[1:]
	}
	return nil
}

// Close implements net.Conn.
func (g *guarded) Close() error {
	g.forget()
	return g.Conn.Close()
}
