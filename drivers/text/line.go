package text

import "bytes"

// lines says how a stream is cut into lines.
type lines struct {
	end    []byte
	max    int  // longest line, without its end
	trimCR bool // a CR before the end is no part of the line
}

// held is the most that is kept of a line that has not ended: one byte more than the longest line may have, so that the
// rest of a longer one is known to be one, and an end that has not quite come.
func (s *lines) held() int { return s.max + 1 + len(s.end) }

// next cuts the first line off b[at:]: it is whole, or too long and then nil. ok is false when none has ended; the line
// that has begun stands at to then, or as much of it as is worth keeping.
func (s *lines) next(b []byte, at int) (line []byte, to int, ok bool) {
	n := bytes.Index(b[at:], s.end)
	if n < 0 {
		return nil, max(at, len(b)-s.held()), false
	}
	line, to = b[at:at+n], at+n+len(s.end)
	if s.trimCR {
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	if len(line) > s.max {
		line = nil
	}
	return line, to, true
}
