package project

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds of a list of connections that is read from CSV or NDJSON.
const (
	MaxListLines = 1_000_000 // connections
	MaxListLine  = 64 << 10  // bytes of one line, or of one record of several lines
	MaxListSize  = 512 << 20 // bytes of all
)

// connColumns are the fields of a connection of that kind; of any kind when it is none that there is.
func connColumns(kind LinkKind) []string {
	var foreign []string
	switch kind {
	case TCPServer:
		foreign = []string{"host", "port"}
	case TCPClient:
		foreign = []string{"socket_conn_id", "secret", "remote_ip"}
	}
	return slices.DeleteFunc(slices.Clone(connKeys), func(key string) bool { return slices.Contains(foreign, key) })
}

// WriteConnectionsNDJSON writes p's connections, without its fleets, as one JSON document a line.
func WriteConnectionsNDJSON(w io.Writer, p *Provider) error {
	out := bufio.NewWriter(w)
	var doc writer
	for _, c := range p.Connections {
		doc.buf = doc.buf[:0]
		doc.mapping(func() { doc.conn(c) })
		doc.buf = append(doc.buf, '\n')
		if _, err := out.Write(doc.buf); err != nil {
			return fmt.Errorf("project: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	return nil
}

// ReadConnectionsNDJSON reads connections of a provider of that kind, one JSON document a line; lines without one are
// passed over. It returns all of them or none: the error is Errors with the line of each fault, at a field such as
// connections.c1.port, or r's own. Only the form of each connection is checked; Validate checks the rest.
func ReadConnectionsNDJSON(r io.Reader, kind LinkKind) ([]*ConnPt, error) {
	l := newListReader(kind)
	in := bufio.NewScanner(io.LimitReader(r, MaxListSize+1))
	in.Buffer(nil, MaxListLine)
	size := 0
	for line := 1; in.Scan(); line++ {
		text := in.Bytes()
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if size += len(in.Bytes()) + 1; size > MaxListSize {
			l.tooLarge(line)
			break
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if !l.room(line) {
			break
		}
		if n := parseJSONLine(text, line, l.faults); n != nil {
			l.item(len(l.conns), n.label())
			l.conns = append(l.conns, l.connOf(n, l.known))
		}
		l.line = line
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		l.at(l.line+1, 1, "the line is longer than %d bytes; write one connection a line", MaxListLine)
	} else if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	return l.result()
}

// listReader collects the connections of a list.
type listReader struct {
	loader
	known []string
	conns []*ConnPt
	line  int // the last that was read

	source *boundedReader // of a table
	cell   node           // of a table, the one that is being read
}

func newListReader(kind LinkKind) *listReader {
	l := &listReader{loader: loader{decoder: decoder{&faults{}}}, known: connColumns(kind)}
	l.enter("connections")
	return l
}

// room reports whether one more connection may be read, and otherwise says that it may not.
func (l *listReader) room(line int) bool {
	if len(l.conns) < MaxListLines {
		return true
	}
	l.at(line, 1, "more than %d connections; read them in parts, or describe them as fleets", MaxListLines)
	return false
}

func (l *listReader) tooLarge(line int) {
	l.at(line, 1, "more than %d MiB; read the connections in parts, or describe them as fleets", MaxListSize>>20)
}

func (l *listReader) result() ([]*ConnPt, error) {
	if err := l.err(); err != nil {
		return nil, err
	}
	return l.conns, nil
}
