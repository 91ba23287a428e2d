package nats

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

const mostConnect = 10 * time.Second

// dialer opens connections that are guarded, and closed when ctx ends. It does TLS itself: the client would do it
// around the guard, which could not see what comes then.
type dialer struct {
	ctx     context.Context
	conf    *tls.Config
	secure  bool
	first   bool // TLS before the server's first word
	host    string
	timeout time.Duration
	err     error // why Dial failed: the client does not always say
}

// SkipTLSHandshake tells the client that TLS is not its business.
func (d *dialer) SkipTLSHandshake() bool { return true }

// Dial implements the client's CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.dial(network, address)
	d.err = err
	return conn, err
}

func (d *dialer) dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	forget := context.AfterFunc(d.ctx, func() { conn.Close() })
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline) // the client sets its own next
	if err == nil {
		var g *guarded
		if g, err = d.begin(ctx, conn); err == nil {
			g.forget = forget
			return g, nil
		}
	}
	forget()
	conn.Close()
	return nil, err
}

// begin reads the server's first line, which says whether it has TLS, and does the handshake where it is wanted.
func (d *dialer) begin(ctx context.Context, conn net.Conn) (*guarded, error) {
	if d.secure && d.first {
		secured, err := d.handshake(ctx, conn)
		return &guarded{Conn: secured, in: secured}, err
	}
	in := bufio.NewReaderSize(conn, maxLine)
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("nats: the server does not say what it is (one that begins with TLS needs tls_first): %w", err)
	}
	head := bytes.NewReader(bytes.Clone(line))
	if err := d.agree(line); err != nil {
		return nil, err
	}
	if !d.secure {
		return &guarded{Conn: conn, in: io.MultiReader(head, in)}, nil
	}
	if in.Buffered() > 0 {
		return nil, errProtocol // what comes in clear after the first line could be anybody's
	}
	secured, err := d.handshake(ctx, conn)
	return &guarded{Conn: secured, in: io.MultiReader(head, secured)}, err
}

// agree finds out whether the server's first line is what the address promises.
func (d *dialer) agree(line []byte) error {
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	text, ok := bytes.CutPrefix(line, []byte("INFO "))
	if !ok || json.Unmarshal(text, &info) != nil {
		return errProtocol
	}
	switch {
	case d.secure && !info.Required && !info.Available:
		return errors.New("nats: the server has no TLS; write nats://HOST:PORT, or have it use TLS")
	case !d.secure && info.Required:
		return errors.New("nats: the server demands TLS; write tls://HOST:PORT")
	}
	return nil
}

func (d *dialer) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	conf := d.conf.Clone()
	if conf.ServerName == "" {
		conf.ServerName = d.host
	}
	secured := tls.Client(conn, conf)
	return secured, secured.HandshakeContext(ctx)
}
