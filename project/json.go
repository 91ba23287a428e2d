package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// parseJSON turns one JSON value into nodes, as parseYAML does, some ten times as fast. It returns nil after a fault
// that leaves nothing to check further. It keeps no reference to src.
func parseJSON(src []byte, f *faults) *node { return parseJSONLine(src, 1, f) }

// parseJSONLine is parseJSON for a text that begins at that line of a file.
func parseJSONLine(src []byte, line int, f *faults) *node {
	j := jsonReader{src: src, faults: f, line: line, col: 1}
	if len(src) > MaxFileSize {
		f.at(line, 1, "the document is larger than %d MiB; describe many connections as fleets", MaxFileSize>>20)
		return nil
	}
	if !utf8.Valid(src) {
		f.at(line, 1, "the document is not UTF-8; write it as plain UTF-8 text")
		return nil
	}
	if !json.Valid(src) {
		j.malformed()
		return nil
	}
	n := j.value(0)
	if j.failed {
		return nil
	}
	return n
}

// malformed says why the text is no JSON.
func (j *jsonReader) malformed() {
	var value json.RawMessage
	err := json.Unmarshal(j.src, &value)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		j.seek(int(max(syntax.Offset-1, 0)))
	}
	j.faults.at(j.line, j.col, "JSON: %s; check quotes, commas and brackets here", err)
}

// jsonReader walks over JSON that is known to be well-formed.
type jsonReader struct {
	src    []byte
	pos    int
	faults *faults
	failed bool   // the rest is left alone
	free   []node // made some at a time

	line, col int // of seen
	seen      int // up to where lines and characters are counted
}

// seek moves on to a position and counts the lines and characters up to there.
func (j *jsonReader) seek(pos int) {
	j.pos = min(pos, len(j.src))
	passed := j.src[j.seen:j.pos]
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		j.line += bytes.Count(passed, []byte{'\n'})
		j.col = 1
		passed = passed[i+1:]
	}
	j.col += utf8.RuneCount(passed)
	j.seen = j.pos
}

// skip moves to the next character that is no blank and none of ',' and ':', and returns it.
func (j *jsonReader) skip() byte {
	pos := j.pos
	for bytes.IndexByte([]byte(" \t\r\n,:"), j.src[pos]) >= 0 {
		pos++
	}
	j.seek(pos)
	return j.src[pos]
}

// here returns an empty node where the reader is.
func (j *jsonReader) here() *node {
	if len(j.free) == 0 {
		j.free = make([]node, 16)
	}
	n := &j.free[0]
	j.free = j.free[1:]
	n.line, n.col = int32(j.line), int32(j.col)
	return n
}

// value reads the value that comes next, which is so deep in others.
func (j *jsonReader) value(depth int) *node {
	c := j.skip()
	n := j.here()
	if depth > maxDepth {
		j.fail(n, "nested more than %d deep; a project needs fewer than %[1]d levels", maxDepth)
		return n
	}
	switch c {
	case '{':
		n.kind = mapKind
		j.entries(n, depth)
	case '[':
		n.kind = listKind
		for j.pos++; !j.failed && j.skip() != ']'; {
			n.items = append(n.items, j.value(depth+1))
		}
		j.pos++
	case '"':
		n.kind, n.quoted, n.text = textKind, true, j.text()
	default: // a number, true, false or null
		end := j.pos
		for end < len(j.src) && bytes.IndexByte([]byte(" \t\r\n,]}"), j.src[end]) < 0 {
			end++
		}
		if c != 'n' {
			n.kind, n.text = textKind, string(j.src[j.pos:end])
		}
		j.pos = end
	}
	return n
}

// entries reads the entries of an object.
func (j *jsonReader) entries(n *node, depth int) {
	for j.pos++; !j.failed && j.skip() != '}'; {
		at := j.here()
		key := j.text()
		switch {
		case len(key) > maxKeyLength:
			j.fail(at, "the key %s is longer than %d bytes", clip(key), maxKeyLength)
			return
		case len(n.entries) == maxKeys:
			j.fail(at, "more than %d keys in one mapping; write a list of items", maxKeys)
			return
		}
		value := j.value(depth + 1)
		if n.entry(key) != nil {
			value = nil
		}
		n.entries = append(n.entries, entry{key: key, at: at, value: value})
	}
	j.pos++
}

// fail reports what forbids reading on.
func (j *jsonReader) fail(n *node, format string, args ...any) {
	if !j.failed {
		j.faults.add(spot{n, ""}, format, args...)
	}
	j.failed = true
}

// text reads the string at pos.
func (j *jsonReader) text() string {
	end := j.pos + 1
	escaped := false
	for ; j.src[end] != '"'; end++ {
		if j.src[end] == '\\' {
			escaped = true
			end++
		}
	}
	raw := j.src[j.pos : end+1]
	j.pos = end + 1
	if !escaped {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		j.fail(j.here(), "JSON: %s; check the escapes of the text here", err)
	}
	return s
}
