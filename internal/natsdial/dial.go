// Package natsdial owns connections to NATS servers of somebody else, and bounds what comes over them: whatever a
// server says or claims, the client sees the protocol alone, with lines and messages of a stated size. It does not know
// the client, and must never hold more than a line.
package natsdial

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Security says when a connection is encrypted.
type Security uint8

// The kinds of security.
const (
	Clear    Security = iota // never: a server that demands TLS is refused
	AsServer                 // where the server demands it
	Always                   // a server without TLS is refused
)

// ErrSilent says that a server did not begin to speak.
var ErrSilent = errors.New("nats: the server does not say what it is")

// Dialer opens connections that are guarded, and closed when Context ends. It is a client's CustomDialer, which calls
// it with HOST:PORT, and does TLS itself: the client would do it around the guard, which could not see what comes then.
type Dialer struct {
	Context  context.Context
	Timeout  time.Duration // of one Dial, TLS included; the client has its own for what follows
	Security Security
	First    bool                        // TLS before the server's first word, where Security is Always
	TLS      func() (*tls.Config, error) // asked for each connection; the name in it is the host's where it has none
	Most     int                         // bytes of a message from the server
	Err      error                       // why the last Dial failed: the client does not always say

	last net.Conn
}

// SkipTLSHandshake tells the client that TLS is not its business.
func (d *Dialer) SkipTLSHandshake() bool { return true }

// Dial implements the client's CustomDialer. It closes the connection before: the client, which has one at a time,
// leaves those open over which a server did not let it in.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	if d.last != nil {
		d.last.Close()
	}
	d.last, d.Err = d.dial(network, address)
	return d.last, d.Err
}

func (d *Dialer) dial(network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(d.Context, d.Timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	forget := context.AfterFunc(d.Context, func() { conn.Close() })
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline) // the client sets its own next
	if err == nil {
		var g *guarded
		if g, err = d.begin(ctx, conn, host); err == nil {
			g.forget, g.most = forget, d.Most
			return g, nil
		}
	}
	forget()
	conn.Close()
	return nil, err
}

// begin reads the server's first line, which says whether it has TLS, and does the handshake where it is wanted.
func (d *Dialer) begin(ctx context.Context, conn net.Conn, host string) (*guarded, error) {
	if d.Security == Always && d.First {
		secured, err := d.handshake(ctx, conn, host)
		return &guarded{Conn: secured, in: secured}, err
	}
	in := bufio.NewReaderSize(conn, maxLine)
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	head := bytes.NewReader(bytes.Clone(line))
	secure, err := d.agree(line)
	if err != nil {
		return nil, err
	}
	if !secure {
		return &guarded{Conn: conn, in: io.MultiReader(head, in)}, nil
	}
	if in.Buffered() > 0 {
		return nil, errProtocol // what comes in clear after the first line could be anybody's
	}
	secured, err := d.handshake(ctx, conn, host)
	return &guarded{Conn: secured, in: io.MultiReader(head, secured)}, err
}

// agree finds out from the server's first line whether there is to be TLS.
func (d *Dialer) agree(line []byte) (secure bool, err error) {
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	text, ok := bytes.CutPrefix(line, []byte("INFO "))
	if !ok || json.Unmarshal(text, &info) != nil {
		return false, errProtocol
	}
	switch {
	case d.Security == Always && !info.Required && !info.Available:
		return false, errors.New("nats: the server has no TLS; write nats://HOST:PORT, or have it use TLS")
	case d.Security == Clear && info.Required:
		return false, errors.New("nats: the server demands TLS; write tls://HOST:PORT")
	}
	return d.Security == Always || info.Required, nil
}

func (d *Dialer) handshake(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	conf, err := d.TLS()
	if err != nil {
		return nil, err
	}
	conf = conf.Clone()
	if conf.ServerName == "" {
		conf.ServerName = host
	}
	secured := tls.Client(conn, conf)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("nats: TLS: %w", err)
	}
	return secured, nil
}
