package json

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// parsePointer reads a JSON pointer (RFC 6901, section 3). The error says what would be right.
func parsePointer(s string) ([]string, error) {
	if !strings.HasPrefix(s, "/") {
		return nil, fmt.Errorf("is %q; write a JSON pointer such as /temperature or /values/0", s)
	}
	parts := strings.Split(s[1:], "/")
	if len(parts) > maxDepth {
		return nil, fmt.Errorf("is %d levels deep; objects are read to %d", len(parts), maxDepth)
	}
	for i, p := range parts {
		rest := strings.ReplaceAll(strings.ReplaceAll(p, "~0", ""), "~1", "")
		if strings.Contains(rest, "~") {
			return nil, fmt.Errorf("is %q; write ~0 for ~ and ~1 for / in a key", s)
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts, nil
}

// node is where pointers lead: what is at it, and what is below.
type node struct {
	key   string
	index int   // key as the index of an array; -1: it is none
	tags  []int // whose pointers end here
	below []*node
}

// add returns the node that a pointer leads to, making what is missing.
func (n *node) add(pointer []string) *node {
	for _, key := range pointer {
		var next *node
		for _, b := range n.below {
			if b.key == key {
				next = b
			}
		}
		if next == nil {
			next = &node{key: key, index: arrayIndex(key)}
			n.below = append(n.below, next)
		}
		n = next
	}
	return n
}

// arrayIndex reads an index as RFC 6901, section 4, has it: digits without leading zeros.
func arrayIndex(key string) int {
	n, err := strconv.Atoi(key)
	if err != nil || n < 0 || strconv.Itoa(n) != key {
		return -1
	}
	return n
}

// errBroken says that what is walked is no JSON.
var errBroken = errors.New("json: broken")

// walk goes once through an object, to the nodes of a tree. It is meant for what is known to be JSON; of anything else
// it makes something, or an error. It has fields for what it is to do, not a function: that would cost memory.
type walk struct {
	b     []byte
	at    int
	raw   []byte // the last value that a pointer leads to, as it is written
	n     int    // tags found
	set   *tags.Set
	l     drivers.Link  // is told the values; may be nil
	words *bytes.Buffer // likewise
}

// found is called with each value that a pointer leads to.
func (w *walk) found(n *node, raw []byte) {
	w.raw = raw
	w.n += len(n.tags)
	for _, i := range n.tags {
		if w.words != nil {
			fmt.Fprintf(w.words, " %s=%s", w.set.Tags[i].Name, raw)
		}
		if w.l == nil {
			continue
		}
		if v, ok := decode(&w.set.Tags[i], raw); ok {
			w.l.Value(i, v)
		} else {
			w.l.Bad(i, tags.Malformed)
		}
	}
}

// peek is the next byte that is no space; 0 at the end.
func (w *walk) peek() byte {
	for ; w.at < len(w.b); w.at++ {
		switch c := w.b[w.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take takes the next byte when it is c.
func (w *walk) take(c byte) bool {
	if w.peek() != c {
		return false
	}
	w.at++
	return true
}

// value reads a value; n, which may be nil, is the node that it is at.
func (w *walk) value(n *node) error {
	c := w.peek()
	from := w.at
	var err error
	switch {
	case n != nil && len(n.below) > 0 && c == '{':
		err = w.object(n)
	case n != nil && len(n.below) > 0 && c == '[':
		err = w.array(n)
	default:
		err = w.skip()
	}
	if err == nil && n != nil && len(n.tags) > 0 {
		w.found(n, w.b[from:w.at])
	}
	return err
}

func (w *walk) object(n *node) error {
	w.at++
	for !w.take('}') {
		key, err := w.text()
		if err != nil || !w.take(':') {
			return errBroken
		}
		var next *node
		for _, b := range n.below {
			if same(key, b.key) {
				next = b
			}
		}
		if err := w.value(next); err != nil {
			return err
		}
		if !w.take(',') && w.peek() != '}' {
			return errBroken
		}
	}
	return nil
}

func (w *walk) array(n *node) error {
	w.at++
	for i := 0; !w.take(']'); i++ {
		var next *node
		for _, b := range n.below {
			if b.index == i {
				next = b
			}
		}
		if err := w.value(next); err != nil {
			return err
		}
		if !w.take(',') && w.peek() != ']' {
			return errBroken
		}
	}
	return nil
}

// text reads a string and returns it with its quotes.
func (w *walk) text() ([]byte, error) {
	if w.peek() != '"' {
		return nil, errBroken
	}
	from := w.at
	for w.at++; w.at < len(w.b); w.at++ {
		switch w.b[w.at] {
		case '\\':
			w.at++
		case '"':
			w.at++
			return w.b[from:w.at], nil
		}
	}
	w.at = len(w.b)
	return nil, errBroken
}

// skip passes a value over.
func (w *walk) skip() error {
	for depth := 0; ; {
		switch c := w.peek(); c {
		case 0:
			return errBroken
		case '"':
			if _, err := w.text(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			w.at++
		case '}', ']':
			if depth--; depth < 0 {
				return errBroken
			}
			w.at++
		case ',', ':':
			if depth == 0 {
				return errBroken
			}
			w.at++
		default:
			for w.at < len(w.b) && !delimits(w.b[w.at]) {
				w.at++
			}
		}
		if depth == 0 {
			return nil
		}
	}
}

// delimits reports whether a number or a word ends before c.
func delimits(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"', 0:
		return true
	}
	return false
}

// same reports whether a key as it is written, with its quotes, is key.
func same(raw []byte, key string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == key
	}
	return string(plain(raw)) == key
}

// plain is a value without quotes and escapes, which is raw itself where there are none.
func plain(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	raw = raw[1 : len(raw)-1]
	at := bytes.IndexByte(raw, '\\')
	if at < 0 {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), raw[:at]...)
	for i := at; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 == len(raw) {
			out = append(out, c)
			continue
		}
		i++
		if n := strings.IndexByte("bfnrt", raw[i]); n >= 0 {
			out = append(out, "\b\f\n\r\t"[n])
		} else if raw[i] == 'u' {
			r, size := unicodeEscape(raw[i+1:])
			out = utf8.AppendRune(out, r)
			i += size
		} else {
			out = append(out, raw[i])
		}
	}
	return out
}

// unicodeEscape reads what follows \u, the second half of a surrogate pair too, and how many bytes it is.
func unicodeEscape(b []byte) (r rune, size int) {
	unit := func(b []byte) rune {
		if len(b) < 4 {
			return utf8.RuneError
		}
		n, err := strconv.ParseUint(string(b[:4]), 16, 16)
		if err != nil {
			return utf8.RuneError
		}
		return rune(n)
	}
	r, size = unit(b), min(4, len(b))
	if utf16.IsSurrogate(r) {
		pair := utf8.RuneError
		if len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
			pair = utf16.DecodeRune(r, unit(b[6:]))
		}
		if r = pair; r != utf8.RuneError {
			size = 10
		}
	}
	return r, size
}
