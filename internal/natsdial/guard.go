package natsdial

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

const (
	maxLine = 64 << 10 // bytes of a line from a server; the longest are lists of a cluster's addresses
	maxSaid = 200      // bytes of a server's words in an error

	maxDigits = 18 // of a size: whatever they are, they fit
)

var errProtocol = errors.New("nats: what comes is no NATS protocol")

// guarded is a connection whose lines and messages are bounded: the client would make room for whatever length one
// claims. It follows what comes, and lets only through what the protocol says exactly:
//
//	INFO {…}␍␊, PING␍␊, PONG␍␊, +OK␍␊, -ERR …␍␊
//	MSG SUBJECT SID [REPLY] SIZE␍␊ then SIZE bytes and ␍␊
//	HMSG SUBJECT SID [REPLY] HEADERSIZE SIZE␍␊ then the same
//
// An -ERR after which a server closes ends the connection here: the client would take most of them as a reason to end
// for good.
type guarded struct {
	net.Conn
	most   int       // bytes of a message
	in     io.Reader // reads what is left of the beginning, then from Conn
	forget func() bool
	line   []byte // the line so far
	rest   int    // bytes of a message that are still to come, with its line end
}

// Read implements net.Conn.
func (g *guarded) Read(b []byte) (int, error) {
	n, err := g.in.Read(b)
	if e := g.follow(b[:n]); e != nil {
		return 0, e
	}
	return n, err
}

// Close implements net.Conn.
func (g *guarded) Close() error {
	g.forget()
	return g.Conn.Close()
}

func (g *guarded) follow(b []byte) error {
	for len(b) > 0 {
		if g.rest > 0 {
			n := min(g.rest, len(b))
			if !g.ends(b[:n]) {
				return errProtocol
			}
			g.rest -= n
			b = b[n:]
			continue
		}
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		g.line = append(g.line, b[:n]...)
		b = b[n:]
		if len(g.line) > maxLine {
			return fmt.Errorf("nats: the server sends a line of over %d bytes", maxLine)
		}
		if g.line[len(g.line)-1] != '\n' {
			continue
		}
		if err := g.judge(g.line); err != nil {
			return err
		}
		g.line = g.line[:0]
	}
	return nil
}

// ends reports whether the next bytes of a message have its line end where that must be.
func (g *guarded) ends(b []byte) bool {
	const end = "\r\n"
	for i := max(0, g.rest-len(end)); i < len(b); i++ {
		if b[i] != end[len(end)-g.rest+i] {
			return false
		}
	}
	return true
}

// judge looks at a whole line.
func (g *guarded) judge(line []byte) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexByte(text, '\r') >= 0 {
		return errProtocol
	}
	word, args, spaced := bytes.Cut(text, []byte{' '})
	switch string(word) {
	case "PING", "PONG", "+OK":
		if spaced {
			return errProtocol
		}
	case "INFO":
		if !spaced {
			return errProtocol
		}
	case "-ERR":
		if !spaced {
			return errProtocol
		}
		return fatal(args)
	case "MSG", "HMSG":
		digits := args[bytes.LastIndexByte(args, ' ')+1:]
		size, err := strconv.ParseUint(string(digits), 10, 63)
		if err != nil || len(digits) > maxDigits {
			return errProtocol
		}
		if size > uint64(g.most) {
			return fmt.Errorf("nats: the server sends a message of %d bytes, over %d", size, g.most)
		}
		g.rest = int(size) + len("\r\n")
	default:
		return errProtocol
	}
	return nil
}

// fatal is the error that an -ERR stands for; nil: the connection lives on.
func fatal(said []byte) error {
	said = bytes.Trim(said, " '")
	for _, harmless := range []string{"permissions violation", "maximum subscriptions exceeded"} {
		if len(said) >= len(harmless) && bytes.EqualFold(said[:len(harmless)], []byte(harmless)) {
			return nil
		}
	}
	return fmt.Errorf("nats: the server says %.*q", maxSaid, said)
}
