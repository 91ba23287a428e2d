package loadgen

import (
	"bytes"
	"encoding/binary"
)

const (
	magic      = "\xE7LG1" // no id and no line of text begins like this
	headerSize = 16
)

// frames holds the one data frame of a run, header and filler; the header is patched for each send.
type frames struct {
	frame []byte // Size bytes
}

// newFrames makes the frame of a run. With escapes, the filler holds bytes that four-faith must escape.
func newFrames(size int, escapes bool) frames {
	f := make([]byte, size)
	copy(f, magic)
	fill(f[headerSize:], escapes)
	return frames{frame: f}
}

// fill writes the filler: the lower case alphabet, and with escapes FD and FE in place of every a and n.
func fill(b []byte, escapes bool) {
	for i := range b {
		c := byte('a' + i%26)
		switch {
		case escapes && c == 'a':
			c = escapeByte
		case escapes && c == 'n':
			c = heartbeatByte
		}
		b[i] = c
	}
}

// put returns the frame with this sequence and due time. It is valid until the next call.
func (f *frames) put(seq uint32, due int64) []byte {
	binary.BigEndian.PutUint32(f.frame[4:], seq)
	binary.BigEndian.PutUint64(f.frame[8:], uint64(due))
	return f.frame
}

// verdict is what a stretch of received payload held.
type verdict uint8

const (
	nothing  verdict = iota // no complete frame
	echoed                  // the frame that was expected
	stale                   // the beginning of a frame with another sequence or time
	mistaken                // the right header, and then bytes that were not sent
)

// match looks in b for the frame (seq, due), of which *pos bytes came before. It returns at the first thing to report,
// and how much of b it has taken; the caller goes on with the rest. It keeps no copy of what came: the frame is known,
// so the position in it is all that a split frame needs.
func (f *frames) match(pos *int32, seq uint32, due int64, b []byte) (verdict, int) {
	want := f.put(seq, due)
	taken := 0
	for taken < len(b) {
		if *pos == 0 {
			i := bytes.IndexByte(b[taken:], magic[0])
			if i < 0 {
				return nothing, len(b)
			}
			taken += i
		}
		rest := b[taken:]
		n := commonPrefix(want[*pos:], rest)
		at := int(*pos) + n
		switch {
		case at == len(want):
			*pos = 0
			return echoed, taken + n
		case n == len(rest):
			*pos = int32(at)
			return nothing, len(b)
		}
		// Not the frame: look for another beginning, behind what matched; the odd byte may itself begin it.
		*pos = 0
		taken += n
		switch {
		case at >= headerSize:
			return mistaken, taken
		case at >= len(magic):
			return stale, taken
		}
	}
	return nothing, len(b)
}

// commonPrefix counts the leading bytes that a and b share.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	if bytes.Equal(a[:n], b[:n]) {
		return n
	}
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
