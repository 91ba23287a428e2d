package json

// maxDepth is how deep objects and arrays may be in each other; kinds has a bit for each.
const maxDepth = 32

// splitter cuts a stream into objects and arrays by their structure alone. It looks at each byte once; what it keeps of
// an object that has not ended are the first at bytes of what it is given next.
type splitter struct {
	kinds    uint64 // by level: 1 is an array
	at       int32  // bytes that it has looked at already
	depth    uint8  // 0: between objects
	before   byte   // the last byte that is neither space nor in a string
	inString bool
	escaped  bool
	long     bool // the object is longer than it may be: it is followed, but not kept
	lost     bool // what came cannot be: a boundary is looked for
}

// event is what a byte means.
type event uint8

const (
	goesOn event = iota
	begins       // an object begins with this byte
	ends         // it ends with it
	breaks       // the object that had begun cannot be one
)

// next looks for an object in b: whole, it is b[:n]; not whole, n bytes are of no use and the rest is kept. A whole one
// has balanced brackets, no more. Objects are at most most bytes long.
func (s *splitter) next(b []byte, most int) (n int, whole bool) {
	for i := int(s.at); i < len(b); i++ {
		switch s.step(b[i]) {
		case begins:
			if i > 0 {
				s.at = 1
				return i, false
			}
		case ends:
			whole := !s.long
			*s = splitter{}
			return i + 1, whole
		case breaks:
			*s = splitter{lost: true, before: b[i]}
		case goesOn:
			s.long = s.long || s.depth > 0 && i+1 >= most
		}
	}
	if s.depth == 0 || s.long {
		s.at = 0
		return len(b), false
	}
	s.at = int32(len(b))
	return 0, false
}

func (s *splitter) step(c byte) event {
	switch {
	case s.inString:
		return s.inText(c)
	case s.depth == 0:
		return s.between(c)
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return goesOn
	case c < ' ':
		return breaks
	}
	array := s.kinds>>(s.depth-1)&1 != 0
	switch c {
	case '{', '[':
		if s.before != ':' && (!array || s.before != '[' && s.before != ',') {
			return s.begin(c)
		}
		if s.depth == maxDepth {
			return breaks
		}
		s.push(c)
	case '"':
		if s.before != '{' && s.before != '[' && s.before != ',' && s.before != ':' {
			return breaks
		}
		s.inString = true
	case '}', ']':
		if array != (c == ']') {
			return breaks
		}
		if s.depth--; s.depth == 0 {
			return ends
		}
	}
	s.before = c
	return goesOn
}

// inText is step within a string.
func (s *splitter) inText(c byte) event {
	switch {
	case c < ' ':
		return breaks
	case s.escaped:
		s.escaped = false
	case c == '\\':
		s.escaped = true
	case c == '"':
		s.inString = false
	}
	return goesOn
}

// between is step outside of objects.
func (s *splitter) between(c byte) event {
	if c == '{' || c == '[' {
		if !s.lost || s.before == '}' || s.before == ']' || s.before == '\n' {
			return s.begin(c)
		}
	}
	switch space := c == ' ' || c == '\t' || c == '\r' || c == '\n'; {
	case s.before == '}' && space || s.before == ']' && space || c == '\r':
	default:
		s.before = c
	}
	return goesOn
}

// begin starts an object with its first byte.
func (s *splitter) begin(c byte) event {
	*s = splitter{}
	s.push(c)
	return begins
}

func (s *splitter) push(c byte) {
	bit := uint64(1) << s.depth
	if s.kinds &^= bit; c == '[' {
		s.kinds |= bit
	}
	s.depth++
	s.before = c
}
