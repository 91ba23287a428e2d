package project

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrInvalid is what errors.Is finds in every Errors.
var ErrInvalid = errors.New("project: invalid")

// maxFaults bounds how many faults of one file are kept.
const maxFaults = 1000

// Error is one fault: where it is, what is wrong and what would be right.
type Error struct {
	File string
	Line int // from 1; 0 when the fault has no place in a file
	Col  int // from 1, in characters
	// Field is the path of what is wrong in the words of the file: providers.s1.connections.c1.socket_conn_id, by name
	// where an item has one and else by index. Of a document it is the path in the noun. It is empty for the whole,
	// and where the text cannot be understood.
	Field string
	Msg   string
}

// Error returns FILE:LINE:COL: MSG, without the parts that are not known.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		b.WriteString(strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Col) + ":")
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Errors are all the faults of one project, sorted by position; never empty when it is an error.
type Errors []*Error

// Error returns every fault, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// sort puts the faults in the order of their positions.
func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// Is reports whether target is ErrInvalid.
func (e Errors) Is(target error) bool { return target == ErrInvalid }

// Catalog is what the project asks of the drivers. It must be safe for concurrent use.
type Catalog interface {
	// Check says all that is wrong with ch on links of the given kind: a driver that is not known, that does not
	// run on such links, or that refuses the options or devices. An error that is (or wraps) a *FieldError is shown
	// at that field, any other at the channel.
	Check(ch *Channel, models []*Model, kind LinkKind) []error
}

// FieldError is an error about one field of a channel or output. Field is its path in the file: "driver",
// "options.mode", "devices.0.unit" (by index) or "devices.d1.tags.temperature.address" (by name). A part that is not in
// the file is left out: the error is then shown at the part before it.
type FieldError struct {
	Field string
	Err   error
}

// Error returns the text of Err alone: the position says the rest.
func (e *FieldError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// Unjoined returns the errors that err joins, in errors that were joined with others too: what a Catalog returns of an
// error of errors.Join. Nil has none.
func Unjoined(err error) (list []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, e := range joined.Unwrap() {
		list = append(list, Unjoined(e)...)
	}
	return list
}

// faults collects what is wrong with one file.
type faults struct {
	trail
	file string
	list Errors
	lost int // beyond maxFaults
}

// add records a fault at s, and marks its node, so that later checks leave it alone. The trail leads to the noun.
func (f *faults) add(s spot, format string, args ...any) {
	line, col := 0, 0
	if n := s.node; n != nil {
		line, col = int(n.line), int(n.col)
		n.bad = true
	}
	if f.at(line, col, format, args...) {
		f.list[len(f.list)-1].Field = f.path(s.key)
	}
}

// at records a fault at a position; it reports whether there was room.
func (f *faults) at(line, col int, format string, args ...any) bool {
	if len(f.list) == maxFaults {
		f.lost++
		return false
	}
	msg := strings.NewReplacer("\n", " ", "\r", " ", "\t", `\t`).Replace(fmt.Sprintf(format, args...))
	f.list = append(f.list, &Error{File: f.file, Line: line, Col: col, Msg: msg})
	return true
}

// err returns the faults as Errors, sorted, or nil when there are none.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	f.list.sort()
	if f.lost > 0 {
		last := f.list[len(f.list)-1]
		return append(f.list, &Error{File: f.file, Line: last.Line, Col: last.Col,
			Msg: fmt.Sprintf("%d more faults are not shown; correct these first", f.lost)})
	}
	return f.list
}
