package codec

import "bytes"

// Stream is the state of one link's bytes after its identity. The zero value is a link of which nothing but the id
// has been seen; Identified.Stream is better, because it knows how the id ended.
type Stream struct {
	phase phase
	mid   bool // what Decode left untaken is inside a packet, not at its start
	sent  bool
}

// phase is how far the line end of the id has come.
type phase uint8

const (
	afterID  phase = iota // nothing has followed the id yet
	afterCR               // a CR has: an LF may follow
	afterNUL              // a NUL has: more may follow
	onward                // the stream proper
)

// Sent tells that linkd has sent the device something of a driver or a person, not only the preset's answer. From then
// on what arrives may be an answer, and a byte like 00 or 0A at its start is more likely data than the line end of
// the id. It is cheap, and may be called at every send.
func (st *Stream) Sent() { st.sent = true }

// maxBlanks is how many blanks between an id and its line end are trimmed; more of them are data.
const maxBlanks = 64

// lineEnd takes the line end that belongs to the id from the start of the stream: blanks, then one of CR, LF, CRLF or
// a run of NUL. n bytes of b are it; wait says that more bytes, or silence, have to decide.
func (st *Stream) lineEnd(b []byte, quiet bool) (n int, wait bool) {
	if st.phase == afterID {
		for n < len(b) && n <= maxBlanks && isBlank(b[n]) {
			n++
		}
		switch {
		case len(b) == 0:
			return 0, false
		case n == len(b) && n <= maxBlanks:
			return st.onlyBlanks(n, quiet)
		case n > maxBlanks || !isEnd(b[n]):
			st.phase = onward
			return 0, false
		case st.sent:
			return st.lateEnd(b, n, quiet)
		case b[n] == '\r':
			st.phase = afterCR
		case b[n] == '\n':
			st.phase = onward
		default:
			st.phase = afterNUL
		}
		n++
	}
	for n < len(b) && st.phase != onward {
		switch {
		case st.phase == afterCR && b[n] == '\n':
			st.phase = onward
			n++
		case st.phase == afterNUL && b[n] == 0 && !st.sent:
			n++
		default:
			st.phase = onward
		}
	}
	return n, false
}

// onlyBlanks decides about n blanks behind the id with nothing behind them yet.
func (st *Stream) onlyBlanks(n int, quiet bool) (int, bool) {
	if !quiet {
		return 0, true
	}
	st.phase = onward
	if st.sent {
		return 0, false // an answer, however short
	}
	return n, false
}

// lateEnd decides about the line end at b[i] when linkd has spoken already. CRLF is one; a lone CR, LF or NUL is one
// only when silence follows. Anything else is an answer that happens to begin so, as every Modbus TCP answer does.
func (st *Stream) lateEnd(b []byte, i int, quiet bool) (n int, wait bool) {
	switch {
	case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
		n = i + 2
	case i+1 < len(b):
		n = 0
	case quiet:
		n = i + 1
	default:
		return 0, true
	}
	st.phase = onward
	return n, false
}

// Transparent reports that the stream needs no transformation: Decode and Encode may be skipped.
func (f *Framer) Transparent() bool {
	return f.wire == plainWire && !f.ends && !f.packet && len(f.beats) == 0 && !f.idBeats
}

// Decode turns b, what the device has sent and Decode has not taken, into what the driver reads. id is the link's.
// quiet says that the provider's Quiet has passed since the last byte. It is to be called again with b[Taken:] until
// Taken is 0 or b is used up. It allocates nothing when dst has room for len(b)+16 bytes.
func (f *Framer) Decode(dst, b, id []byte, quiet bool, st *Stream) Decoded {
	n := 0
	if f.ends && st.phase != onward {
		k, wait := st.lineEnd(b, quiet)
		if wait {
			return Decoded{Held: true}
		}
		n = k
	}
	if !st.mid {
		k, partial := f.pastBeats(b[n:], id, quiet)
		n += k
		if partial {
			return Decoded{Taken: n, Held: true}
		}
	}
	if n == len(b) {
		return Decoded{Taken: n}
	}
	var d Decoded
	switch {
	case f.wire == fourFaithWire:
		d = decodeFourFaith(dst, b[n:], st)
	case f.wire == ddpWire:
		d = decodeDDP(dst, b[n:], id)
	case f.packet && len(id) > 0:
		d = cutIDs(b[n:], id, quiet, st)
	default:
		d = Decoded{Payload: b[n:], Taken: len(b) - n}
	}
	d.Taken += n
	return d
}

// pastBeats returns how many bytes of heartbeats, and of ids before packets, b begins with. partial says that what
// follows them is all there is of what may become another.
func (f *Framer) pastBeats(b, id []byte, quiet bool) (n int, partial bool) {
	if !f.idBeats && !f.packet {
		id = nil
	}
	for {
		k, part := f.beat(b[n:], id)
		if part && !quiet {
			return n, true
		}
		if k == 0 {
			return n, false
		}
		n += k
	}
}

// beat returns the length of the longest heartbeat that b begins with, 0 when there is none. id, where it is not nil,
// counts as one. partial says that b is the beginning of a longer one.
func (f *Framer) beat(b, id []byte) (n int, partial bool) {
	if len(b) == 0 {
		return 0, false
	}
	n, partial = matchBeat(b, id)
	for _, h := range f.beats {
		k, part := matchBeat(b, h)
		n, partial = max(n, k), partial || part
	}
	return n, partial
}

func matchBeat(b, h []byte) (n int, partial bool) {
	switch {
	case !begins(b, h):
		return 0, false
	case len(b) < len(h):
		return 0, true
	}
	return len(h), false
}

// cutIDs returns what stands before the next id in b, and takes the id with it. An id may be cut anywhere, because
// TCP joins packets as it likes.
func cutIDs(b, id []byte, quiet bool, st *Stream) Decoded {
	if i := bytes.Index(b, id); i >= 0 {
		st.mid = false
		return Decoded{Payload: b[:i:i], Taken: i + len(id)}
	}
	for k := min(len(b), len(id)-1); k > 0 && !quiet; k-- {
		if bytes.HasPrefix(id, b[len(b)-k:]) {
			i := len(b) - k
			st.mid = st.mid || i > 0
			return Decoded{Payload: b[:i:i], Taken: i, Held: true}
		}
	}
	st.mid = false
	return Decoded{Payload: b, Taken: len(b)}
}

// Encode appends to dst what goes on the wire for payload towards the device with the given id.
func (f *Framer) Encode(dst, payload, id []byte) []byte {
	switch f.wire {
	case fourFaithWire:
		return appendFourFaith(dst, payload)
	case ddpWire:
		for len(payload) > ddpMaxData {
			dst = appendDDP(dst, ddpDown, id, payload[:ddpMaxData])
			payload = payload[ddpMaxData:]
		}
		if len(payload) == 0 {
			return dst
		}
		return appendDDP(dst, ddpDown, id, payload)
	}
	return append(dst, payload...)
}
