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

// ConnList is connections that were read from a list.
type ConnList struct {
	Conns []*ConnPt
	Lines []int // of each, from 1
}

// ReadConnectionsNDJSON reads connections of a provider of that kind, one JSON document a line; lines without one are
// passed over. It returns all of them or none: the error is Errors with the line of each fault, at a field such as
// connections.c1.port, or r's own. Only the form of each connection is checked; Validate checks the rest, and Place
// says where that is.
func ReadConnectionsNDJSON(r io.Reader, kind LinkKind) (ConnList, error) {
	return newListReader(kind).ndjson(r)
}

func (l *listReader) ndjson(r io.Reader) (ConnList, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, MaxListLine)
	var size int64
	for line := 1; in.Scan(); line++ {
		text := in.Bytes()
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if size += int64(len(in.Bytes())) + 1; size > l.size {
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
			l.item(len(l.Conns), n.label())
			l.take(line, l.connOf(n, l.known))
		}
		l.line = line
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		l.at(l.line+1, 1, "the line is longer than %d bytes; write one connection a line", MaxListLine)
	} else if err != nil {
		return ConnList{}, fmt.Errorf("project: %w", err)
	}
	return l.result()
}

// listReader collects the connections of a list.
type listReader struct {
	loader
	ConnList
	known []string
	most  int   // connections
	size  int64 // most bytes
	line  int   // the last that was read

	source *boundedReader // of a table
	cell   node           // of a table, the one that is being read
}

func newListReader(kind LinkKind) *listReader {
	l := &listReader{loader: loader{decoder: decoder{&faults{}}}, known: connColumns(kind),
		most: MaxListLines, size: MaxListSize}
	l.enter("connections")
	return l
}

// room reports whether one more connection may be read, and otherwise says that it may not.
func (l *listReader) room(line int) bool {
	if len(l.Conns) < l.most {
		return true
	}
	l.at(line, 1, "more than %d connections; read them in parts, or describe them as fleets", l.most)
	return false
}

func (l *listReader) tooLarge(line int) {
	l.at(line, 1, "more than %d MiB; read the connections in parts, or describe them as fleets", l.size>>20)
}

func (l *listReader) take(line int, c *ConnPt) {
	l.Conns, l.Lines = append(l.Conns, c), append(l.Lines, line)
}

func (l *listReader) result() (ConnList, error) {
	if err := l.err(); err != nil {
		return ConnList{}, err
	}
	return l.ConnList, nil
}
