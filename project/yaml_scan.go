package project

import (
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file's shape. The parser recurses over nesting and over the keys of one mapping, and moves all tokens
// for every empty value, so these bound its stack and its time.
const (
	maxDepth      = 24
	maxKeys       = 256
	maxKeyLength  = 64
	maxEmptyItems = 1000
)

// admit reads the tokens before the parser does. It reports what project files may not hold and takes it out, so that
// the rest can still be checked. aliases are the tokens that stand for a refused alias. ok is false when the parser
// must not see the file.
func admit(in token.Tokens, f *faults) (out token.Tokens, aliases map[*token.Token]bool, ok bool) {
	if bad := in.InvalidToken(); bad != nil {
		f.at(bad.Position.Line, bad.Position.Column, "YAML: %s; %s", bad.Error, cure(bad))
		return nil, nil, false
	}
	s := scan{faults: f}
	out = make(token.Tokens, 0, len(in))
	for i := 0; i < len(in); i++ {
		tk := in[i]
		line, col := tk.Position.Line, tk.Position.Column
		name := ""
		if i+1 < len(in) {
			name = in[i+1].Value
		}
		switch tk.Type {
		case token.CommentType:
			continue
		case token.AnchorType:
			f.at(line, col, "anchors are refused (&%s); write the value out where it is used", name)
			i++
			continue
		case token.AliasType:
			if !s.merging() {
				f.at(line, col, "aliases are refused (*%s); write the value out here", name)
			}
			i++
			tk = token.New("alias", "alias", tk.Position)
			if aliases == nil {
				aliases = make(map[*token.Token]bool)
			}
			aliases[tk] = true
		case token.MergeKeyType:
			f.at(line, col, "merge keys are refused (<<); write the keys out here")
		case token.TagType:
			f.at(line, col, "YAML tags are refused (%s); leave the tag out", clip(tk.Value))
			continue
		case token.DirectiveType:
			f.at(line, col, "YAML directives are refused (%%%s); leave the line out", clip(name))
			return nil, nil, false
		case token.MappingKeyType:
			f.at(line, col, "complex keys are refused (?); write key: value")
			return nil, nil, false
		case token.DocumentHeaderType, token.DocumentEndType:
			if len(out) == 0 {
				continue
			}
			if next := i + 1; next < len(in) || tk.Type == token.DocumentHeaderType {
				f.at(line, col, "a second document begins here; write one project a file")
			}
			return out, aliases, true
		}
		if !s.step(tk) {
			return nil, nil, false
		}
		out = append(out, tk)
	}
	return out, aliases, true
}

// cure says what would be right in place of an invalid token.
func cure(tk *token.Token) string {
	if n := len(tk.Origin); n > 0 && tk.Origin[n-1] == '\t' {
		return "indent with spaces"
	}
	return "check quotes and escapes here"
}

// scan follows the shape of the file, one token at a time.
type scan struct {
	faults *faults
	block  []column // open block collections, by column
	flow   []level  // open { and [
	prev   *token.Token
	before *token.Token // the one before prev
	empty  int
}

type column struct{ col, keys int }

type level struct {
	mapping bool
	keys    int
	valued  bool // a ':' since the last ',' or '{'
}

// merging reports whether the next token is the value of a merge key.
func (s *scan) merging() bool {
	return s.before != nil && s.before.Type == token.MergeKeyType && s.prev.Type == token.MappingValueType
}

// step takes one token; false after a fault that forbids parsing.
func (s *scan) step(tk *token.Token) bool {
	if s.leavesEmpty(tk) {
		s.empty++
	}
	ok := true
	switch tk.Type {
	case token.SequenceEntryType:
		s.open(tk.Position.Column, 0)
	case token.MappingValueType:
		ok = s.key(tk)
	case token.MappingStartType, token.SequenceStartType:
		s.flow = append(s.flow, level{mapping: tk.Type == token.MappingStartType})
	case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
		s.endOfEntry(tk.Type != token.CollectEntryType)
	}
	s.before, s.prev = s.prev, tk
	pos := tk.Position
	switch {
	case !ok:
	case len(s.block)+len(s.flow) > maxDepth:
		s.faults.at(pos.Line, pos.Column, "nested more than %d deep; a project needs fewer than %[1]d levels", maxDepth)
	case s.empty > maxEmptyItems:
		s.faults.at(pos.Line, pos.Column, "more than %d empty values; leave empty keys and items out", maxEmptyItems)
	default:
		return true
	}
	return false
}

// key counts the key before a ':'.
func (s *scan) key(tk *token.Token) bool {
	if s.prev == nil {
		return true // the parser says what is wrong
	}
	var keys int
	if n := len(s.flow); n > 0 {
		s.flow[n-1].keys++
		s.flow[n-1].valued = true
		keys = s.flow[n-1].keys
	} else {
		keys = s.open(s.prev.Position.Column, 1)
	}
	at := s.prev.Position
	switch {
	case keys > maxKeys:
		s.faults.at(at.Line, at.Column, "more than %d keys in one mapping; write a list of items", maxKeys)
		return false
	case len(s.prev.Value) > maxKeyLength:
		s.faults.at(at.Line, at.Column, "the key %s is longer than %d bytes; check the quotes", clip(s.prev.Value),
			maxKeyLength)
		return false
	}
	return true
}

// open enters the block collection at a column, leaving the deeper ones, and returns its keys so far.
func (s *scan) open(col, keys int) int {
	if len(s.flow) > 0 {
		return 0
	}
	n := len(s.block)
	for n > 0 && s.block[n-1].col > col {
		n--
	}
	s.block = s.block[:n]
	if n == 0 || s.block[n-1].col < col {
		s.block = append(s.block, column{col: col})
		n++
	}
	s.block[n-1].keys += keys
	return s.block[n-1].keys
}

// endOfEntry notes a ',' or a closing bracket.
func (s *scan) endOfEntry(closes bool) {
	n := len(s.flow)
	if n == 0 {
		return
	}
	if s.flow[n-1].mapping && !s.flow[n-1].valued {
		s.empty++
	}
	s.flow[n-1].valued = false
	if closes {
		s.flow = s.flow[:n-1]
	}
}

// leavesEmpty reports whether tk shows that the key or item before it has no value.
func (s *scan) leavesEmpty(tk *token.Token) bool {
	if s.prev == nil {
		return false
	}
	switch tk.Type {
	case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
		return s.prev.Type == token.MappingValueType
	}
	switch s.prev.Type {
	case token.SequenceEntryType:
		return tk.Position.Line != s.prev.Position.Line && tk.Position.Column <= s.prev.Position.Column
	case token.MappingValueType:
		own := s.prev.Position.Column
		if s.before != nil {
			own = s.before.Position.Column
		}
		return tk.Position.Line != s.prev.Position.Line && (tk.Position.Column < own ||
			tk.Position.Column == own && tk.Type != token.SequenceEntryType)
	}
	return false
}
