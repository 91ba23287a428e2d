package project

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteConnectionsCSV writes p's connections, without its fleets, as a table (RFC 4180): a header line with the names
// of the fields that p's connections have, then one line each. Ids that are no plain text are written in hex.
func WriteConnectionsCSV(w io.Writer, p *Provider) error {
	columns := p.columns()
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	row := make([]string, len(columns))
	for _, c := range p.Connections {
		for i, column := range columns {
			row[i] = c.cell(column)
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("project: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	return nil
}

// columns are the fields that belong to p's connections, or that one of them has.
func (p *Provider) columns() []string {
	usual := []string{"name", "title", "socket_conn_id", "enabled"}
	switch {
	case p.Type == TCPClient:
		usual = []string{"name", "title", "host", "port", "enabled"}
	case p.ConnIdentity == FixIP:
		usual = []string{"name", "title", "remote_ip", "enabled"}
	}
	return slices.DeleteFunc(slices.Clone(connKeys), func(key string) bool {
		return !slices.Contains(usual, key) &&
			!slices.ContainsFunc(p.Connections, func(c *ConnPt) bool { return c.cell(key) != "" })
	})
}

// cell returns a field of c as it stands in a table; empty: not set.
func (c *ConnPt) cell(column string) string {
	switch column {
	case "name":
		return c.Name
	case "title":
		return c.Title
	case "socket_conn_id":
		return bytesText([]byte(c.SocketConnID))
	case "secret":
		return bytesText([]byte(c.Secret))
	case "remote_ip":
		if c.RemoteIP.IsValid() {
			return prefixText(c.RemoteIP)
		}
	case "host":
		return c.Host
	case "port":
		if c.Port != 0 {
			return strconv.Itoa(int(c.Port))
		}
	case "enabled":
		return strconv.FormatBool(!c.Disabled)
	}
	return ""
}

// ReadConnectionsCSV reads connections of a provider of that kind from a table (RFC 4180). The header line names the
// fields, in any order; commas, semicolons or tabs separate, as the header has them; a byte order mark is passed over.
// An empty cell is a field that is not set. It returns all connections or none: see ReadConnectionsNDJSON.
func ReadConnectionsCSV(r io.Reader, kind LinkKind) (ConnList, error) {
	return newListReader(kind).csv(r)
}

func (l *listReader) csv(r io.Reader) (ConnList, error) {
	l.source = &boundedReader{r: r, most: l.size}
	in := bufio.NewReaderSize(l.source, MaxListLine)
	head, err := in.Peek(MaxListLine)
	if err != nil && err != io.EOF {
		return ConnList{}, fmt.Errorf("project: %w", err)
	}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		head = head[len("\ufeff"):]
		if _, err := in.Discard(len("\ufeff")); err != nil {
			return ConnList{}, fmt.Errorf("project: %w", err)
		}
	}
	head, _, _ = bytes.Cut(head, []byte("\n"))
	table := csv.NewReader(in)
	table.Comma = separator(head)
	table.ReuseRecord = true
	table.FieldsPerRecord = -1
	if err := l.table(table); err != nil {
		return ConnList{}, fmt.Errorf("project: %w", err)
	}
	return l.result()
}

// separator returns what separates the columns of a header: no name of a field holds one.
func separator(header []byte) rune {
	if i := bytes.IndexAny(header, ",;\t"); i >= 0 {
		return rune(header[i])
	}
	return ','
}

// table reads the header and all rows; the error is the source's.
func (l *listReader) table(table *csv.Reader) error {
	columns, done, err := l.record(table)
	if done || err != nil {
		if err == nil && len(l.faults.list) == 0 {
			l.at(1, 1, "the table is empty; write the names of the columns in its first line: %s", strings.Join(l.known, ", "))
		}
		return err
	}
	columns = slices.Clone(columns)
	if !l.header(table, columns) {
		return nil
	}
	for {
		row, done, err := l.record(table)
		if done || err != nil {
			return err
		}
		if row == nil {
			continue
		}
		line, _ := table.FieldPos(0)
		if !l.room(line) {
			return nil
		}
		l.take(line, l.row(table, columns, row))
	}
}

// record reads the next record; nil when it is at fault. After done there is no more to read.
func (l *listReader) record(table *csv.Reader) (row []string, done bool, err error) {
	l.source.start = table.InputOffset()
	row, err = table.Read()
	if err == nil && table.InputOffset()-l.source.start > MaxListLine {
		err = errLongRecord
	}
	var malformed *csv.ParseError
	switch {
	case err == nil:
		l.line, _ = table.FieldPos(len(row) - 1)
		return row, false, nil
	case err == io.EOF:
		return nil, true, nil
	case errors.As(err, &malformed):
		l.at(malformed.Line, malformed.Column, "CSV: %s; put text with quotes between quotes, each of its own doubled",
			malformed.Err)
		l.line = malformed.Line
		return nil, false, nil
	case errors.Is(err, errLongRecord):
		l.at(l.line+1, 1, "the line is longer than %d bytes; write one connection a line, and close its quotes", MaxListLine)
		return nil, true, nil
	case errors.Is(err, errLongList):
		l.tooLarge(l.line + 1)
		return nil, true, nil
	}
	return nil, true, err
}

// header checks the names of the columns, and cleans them.
func (l *listReader) header(table *csv.Reader, columns []string) bool {
	for i, column := range columns {
		column = strings.TrimSpace(column)
		line, col := table.FieldPos(i)
		switch {
		case !slices.Contains(l.known, column):
			l.at(line, col, "unknown column %s; write some of %s", clip(column), strings.Join(l.known, ", "))
		case slices.Contains(columns[:i], column):
			l.at(line, col, "column %s is there already; keep one of the two", column)
		}
		columns[i] = column
	}
	if len(l.faults.list) == 0 && !slices.Contains(columns, "name") {
		l.at(1, 1, "there is no column name; each connection needs one")
	}
	return len(l.faults.list) == 0
}

// row reads one connection.
func (l *listReader) row(table *csv.Reader, columns, row []string) *ConnPt {
	c := &ConnPt{}
	line, _ := table.FieldPos(0)
	if len(row) != len(columns) {
		l.at(line, 1, "%d cells for %d columns; write one for each, empty or not", len(row), len(columns))
		return c
	}
	l.item(len(l.Conns), row[slices.Index(columns, "name")])
	for i, column := range columns {
		text := row[i]
		if text == "" {
			continue
		}
		line, col := table.FieldPos(i)
		l.cell = node{line: int32(line), col: int32(col), kind: textKind, text: text}
		e := entry{key: column, at: &l.cell, value: &l.cell}
		switch {
		case !utf8.ValidString(text):
			l.add(e.here(), "%s is not UTF-8; save the table as UTF-8, and write other bytes in hex after hex:", column)
			continue
		case column == "enabled":
			l.cell.text = strings.ToLower(text) // spreadsheets write TRUE
		}
		l.connField(c, e)
	}
	return c
}

var (
	errLongRecord = errors.New("a record is too long")
	errLongList   = errors.New("the list is too long")
)

// boundedReader ends with errLongRecord when a record goes on and on, and with errLongList when all does. What the two
// buffers above it have read ahead is allowed for.
type boundedReader struct {
	r     io.Reader
	most  int64
	start int64 // of the record that is being read
	read  int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	const ahead = MaxListLine + 4096
	switch {
	case b.read > b.most:
		return 0, errLongList
	case b.read-b.start > MaxListLine+ahead:
		return 0, errLongRecord
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}
