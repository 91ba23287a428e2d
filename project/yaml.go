package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// kind of a node.
type kind uint8

const (
	nullKind kind = iota // nothing written, or null
	textKind             // a scalar; what it must be is the reader's decision
	listKind
	mapKind
)

// node is a piece of the file with its position. It keeps scalars as they are written, so that an unquoted 0001 is
// still 0001 where text is asked for.
type node struct {
	line, col int32
	kind      kind
	quoted    bool    // textKind: in quotes or a block, so never a number or a boolean
	bad       bool    // a fault of it is already known: say nothing more
	text      string  // textKind
	items     []*node // listKind
	entries   []entry // mapKind, in the order of the file
}

type entry struct {
	key   string
	at    *node // position of the key
	value *node // nil: the mapping has the key already
}

// here returns the place of a fault about e's value.
func (e entry) here() spot { return spot{e.value, e.key} }

// get returns the value of a key; nil when n is nil, no map, or has no such key.
func (n *node) get(key string) *node {
	if e := n.entry(key); e != nil {
		return e.value
	}
	return nil
}

// entry returns the entry of a key, or nil.
func (n *node) entry(key string) *entry {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// where returns the place of a fault about n's key: its value, or n when the key is absent or empty.
func (n *node) where(key string) spot {
	if v := n.get(key); v != nil && v.kind != nullKind {
		return spot{v, key}
	}
	if n == nil {
		return spot{nil, key}
	}
	return spot{&node{line: n.line, col: n.col}, key}
}

// label returns the name that n has, or "".
func (n *node) label() string {
	if name := n.get("name"); name != nil {
		return name.text
	}
	return ""
}

// faulty reports whether a fault of n's key is already known.
func (n *node) faulty(key string) bool {
	v := n.get(key)
	return v != nil && v.bad
}

// path follows a dotted path as far as it goes: keys of maps, indexes or names of list items.
func (n *node) path(path string) *node {
	for path != "" && n != nil {
		var part string
		part, path, _ = strings.Cut(path, ".")
		next := n.get(part)
		for i, item := range n.itemsOrNone() {
			if name := item.get("name"); fmt.Sprint(i) == part || name != nil && name.text == part {
				next = item
				break
			}
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// deeper reports whether n's mappings and lists are nested more than depth deep.
func (n *node) deeper(depth int) bool {
	if n.kind != mapKind && n.kind != listKind {
		return false
	}
	deeper := func(n *node) bool { return n.deeper(depth - 1) }
	return depth == 0 || slices.ContainsFunc(n.items, deeper) ||
		slices.ContainsFunc(n.entries, func(e entry) bool { return e.value != nil && deeper(e.value) })
}

func (n *node) itemsOrNone() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// parseYAML turns src into nodes. It returns nil after a fault that leaves nothing to check further.
func parseYAML(src []byte, f *faults) *node {
	text := strings.TrimPrefix(string(src), "\ufeff")
	if line, col, what := badCharacter(text); what != "" {
		f.at(line, col, "%s; write the file as plain UTF-8 text", what)
		return nil
	}
	tokens, aliases, ok := admit(lexer.Tokenize(text), f)
	if !ok {
		return nil
	}
	if len(tokens) == 0 {
		if len(f.list) == 0 {
			f.at(1, 1, "the file is empty; start with project: NAME")
		}
		return nil
	}
	body := parseTokens(tokens, f)
	if body == nil {
		return nil
	}
	b := builder{aliases: aliases, faults: f}
	return b.node(body)
}

// badCharacter finds the first character that no project file may hold.
func badCharacter(s string) (line, col int, what string) {
	line, col = 1, 1
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			return line, col, fmt.Sprintf("byte 0x%02X is not UTF-8", s[i])
		case r == '\n':
			line, col = line+1, 0
		case r < ' ' && r != '\t' && r != '\r', r == 0x7f, r == '\ufeff':
			return line, col, fmt.Sprintf("control character %U", r)
		}
		col++
	}
	return 0, 0, ""
}

// parseTokens runs the YAML parser. A fault of the parser itself becomes a fault of the file: input is hostile.
func parseTokens(tokens token.Tokens, f *faults) (body ast.Node) {
	defer func() {
		if r := recover(); r != nil {
			pos := tokens[0].Position
			f.at(pos.Line, pos.Column, "the YAML cannot be understood; simplify what is written here")
			body = nil
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, col, msg := 1, 1, err.Error()
		if e := yaml.Error(nil); errors.As(err, &e) {
			msg = e.GetMessage()
			if tk := e.GetToken(); tk != nil && tk.Position != nil {
				line, col = tk.Position.Line, tk.Position.Column
			}
		}
		f.at(line, col, "YAML: %s; check indentation, quotes and brackets here", msg)
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0] == nil {
		return nil
	}
	return file.Docs[0].Body
}

// builder turns the parser's tree into nodes.
type builder struct {
	aliases map[*token.Token]bool
	faults  *faults
}

func (b *builder) node(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.mapping(n)
	case *ast.MappingValueNode:
		m := b.position(n.Key)
		m.kind = mapKind
		b.entry(m, n)
		return m
	case *ast.SequenceNode:
		list := b.position(n)
		list.kind = listKind
		list.items = make([]*node, 0, len(n.Values))
		for _, v := range n.Values {
			list.items = append(list.items, b.node(v))
		}
		return list
	case *ast.LiteralNode:
		s := b.position(n)
		s.kind, s.quoted = textKind, true
		if n.Value != nil {
			s.text = n.Value.Value
		}
		return s
	case nil, *ast.NullNode:
		return b.position(n)
	}
	s := b.position(n)
	tk := n.GetToken()
	if tk == nil {
		s.bad = true
		return s
	}
	s.kind, s.text = textKind, tk.Value
	s.quoted = tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType
	return s
}

func (b *builder) mapping(n *ast.MappingNode) *node {
	m := b.position(n)
	if !n.IsFlowStyle && len(n.Values) > 0 {
		m = b.position(n.Values[0].Key)
	}
	m.kind = mapKind
	m.entries = make([]entry, 0, len(n.Values))
	for _, v := range n.Values {
		b.entry(m, v)
	}
	return m
}

// entry adds one key to m.
func (b *builder) entry(m *node, v *ast.MappingValueNode) {
	at := b.position(v.Key)
	if at.bad || v.Key.IsMergeKey() {
		return
	}
	key := v.Key.GetToken().Value
	value := b.node(v.Value)
	if first := m.entry(key); first != nil {
		value = nil
	}
	m.entries = append(m.entries, entry{key: key, at: at, value: value})
}

// position returns an empty node where n is; bad when it stands for a refused alias or has no position.
func (b *builder) position(n ast.Node) *node {
	if n == nil {
		return &node{bad: true}
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return &node{bad: true}
	}
	return &node{line: int32(tk.Position.Line), col: int32(tk.Position.Column), bad: b.aliases[tk]}
}
