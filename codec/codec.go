package codec

import (
	"errors"
)

// Errors of this package, wrapped with what was found and what would be right.
var (
	// ErrConfig says that an identity option cannot be used as it is written.
	ErrConfig = errors.New("codec: identity")
	// ErrProxy says that bytes are not a PROXY protocol header that linkd can use.
	ErrProxy = errors.New("codec: PROXY header")
)

// IDs answers for the configured ids of one provider; satisfied by the routing table. Extends need be exact only
// where Longest(b) > 0; no decision is taken from it elsewhere.
type IDs interface {
	Longest(b []byte) int  // length of the longest configured id that is a prefix of b; 0: none
	Extends(b []byte) bool // some configured id is longer than b and begins with b
}

// Verdict says how far an identity, or a PROXY header, has come.
type Verdict uint8

// The verdicts.
const (
	Wait      Verdict = iota // more bytes are needed; silence changes nothing
	WaitQuiet                // more bytes, or Quiet of silence, will decide: call again with quiet=true after it
	Found                    // ID is complete; whether it is configured is for the caller to look up
	Rubbish                  // these bytes can never become an identity
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Wait:
		return "wait"
	case WaitQuiet:
		return "wait-quiet"
	case Found:
		return "found"
	}
	return "rubbish"
}

// Identified is the outcome of one look at what has arrived. ID and Secret are valid as long as b and dst are.
type Identified struct {
	Verdict Verdict
	ID      []byte // sub-slice of b, or of dst where it had to be converted
	Secret  []byte // likewise; nil where the preset has none
	Taken   int    // bytes of b that the identity used; b[Taken:] belongs to the stream
	Stream  Stream // the state the stream begins with: the link keeps it and hands it to Decode
}

// Decoded is what one call of Decode made of the bytes. Its slices are valid as long as b and dst are.
type Decoded struct {
	Payload []byte // for the driver: sub-slice of b where nothing had to change, else in dst
	Taken   int    // bytes of b used; the rest is incomplete: offer it again with what follows
	Reply   []byte // to be sent to the device as it is; in dst
	Held    bool   // bytes of b are held back that silence would release: call again with quiet=true after Quiet
	End     string // not empty: the device says goodbye or broke the framing; close the link with this detail
}

// form tries a preset's form at b[s:].
type form func(f *Framer, b []byte, s int, quiet bool, ids IDs) hit

// Framer is one provider's identity options, compiled. It is immutable and shared by all loops.
type Framer struct {
	look      form
	text      bool     // blanks and line ends before the id are skipped
	upperHex  bool     // the id is the upper-case hex of its bytes
	ends      bool     // line ends directly after the id belong to it
	packet    bool     // the id stands before every packet
	maxBytes  int      // longest id
	beats     [][]byte // heartbeats, none empty
	idBeats   bool     // the id itself is a heartbeat once the link is bound
	cells     []cell   // fixed layouts: one for each byte
	idFrom    int      // fixed layouts: the id is cells[idFrom:idTo]
	idTo      int
	prefix    []byte // line, length-prefixed
	suffix    []byte // line, length-prefixed
	lenBytes  int    // length-prefixed: size of the length field
	littleEnd bool   // length-prefixed
	re        *program
	wire      wire
	ack, nack []byte
	maxHeld   int
}

// wire names what happens to the stream beyond heartbeats.
type wire uint8

const (
	plainWire wire = iota
	fourFaithWire
	ddpWire
)

// hit is what a preset's form made of the bytes from one starting point. Positions are in b.
type hit struct {
	verdict              Verdict
	known                bool // the id is known to be configured
	from, to             int  // the id
	secretFrom, secretTo int
	secret               bool
	end                  int // where the stream begins
	at                   int // how many bytes of b had to arrive to decide this
}

// maxBeats is how many heartbeats may come before an id. A device sends one or two of them in the time it has; the
// bound keeps a hostile sender from making every look at its bytes dear.
const maxBeats = 8

// Identify looks at b, all that has arrived on a link so far, for its id. quiet says that the provider's Quiet has
// passed since the last byte. It allocates nothing when dst has room for 2 bytes for each of MaxBytes.
func (f *Framer) Identify(dst, b []byte, quiet bool, ids IDs) Identified {
	var best, first hit // the known hit that was decided first; the first hit at all
	var waits, waitsQuiet bool
	for n, s := 0, 0; n <= maxBeats; n++ {
		raw := s
		if f.text {
			s = skipEnds(b, s)
		}
		if s-raw > f.maxBytes {
			break // nothing but line ends
		}
		h := f.look(f, b, s, quiet, ids)
		switch h.verdict {
		case Found:
			if first.verdict != Found {
				first = h
			}
			if f.known(dst, b, h, ids) && (best.verdict != Found || h.at < best.at) {
				best = h
			}
		case WaitQuiet:
			waitsQuiet = true
		case Wait:
			waits = true
		}
		next, partial := f.pastBeat(b, raw, s, quiet)
		switch {
		case partial && h.verdict != Found:
			waits = true
		case partial && !quiet:
			waitsQuiet = true // a stranger's id, unless it becomes a heartbeat
		}
		if next == s {
			break
		}
		s = next
	}
	switch {
	case best.verdict == Found:
		return f.found(dst, b, best)
	case waitsQuiet:
		return Identified{Verdict: WaitQuiet}
	case waits:
		return Identified{Verdict: Wait}
	case first.verdict == Found:
		return f.found(dst, b, first)
	}
	return Identified{Verdict: Rubbish}
}

// pastBeat returns the position behind the heartbeat that begins at raw or, behind skipped blanks, at s; s itself when
// there is none. partial says that the bytes are all there is of what may become a heartbeat.
func (f *Framer) pastBeat(b []byte, raw, s int, quiet bool) (next int, partial bool) {
	n, part := f.beat(b[raw:], nil)
	if n == 0 && !part && raw != s {
		raw = s
		n, part = f.beat(b[raw:], nil)
	}
	if n == 0 || part && !quiet {
		return s, part
	}
	return max(raw+n, s), part
}

// known reports whether the id of h is configured. Without heartbeats there is one starting point and nothing to
// choose from, so that the lookup is left to the caller.
func (f *Framer) known(dst, b []byte, h hit, ids IDs) bool {
	if h.known || len(f.beats) == 0 {
		return true
	}
	id := f.id(dst, b, h)
	return ids.Longest(id) == len(id)
}

// id returns the id of h as it is configured.
func (f *Framer) id(dst, b []byte, h hit) []byte {
	if f.upperHex {
		return appendUpperHex(dst[:0], b[h.from:h.to])
	}
	return b[h.from:h.to:h.to]
}

func (f *Framer) found(dst, b []byte, h hit) Identified {
	r := Identified{Verdict: Found, ID: f.id(dst, b, h), Taken: h.end}
	if h.secret {
		r.Secret = b[h.secretFrom:h.secretTo:h.secretTo]
	}
	if f.ends {
		n, _ := r.Stream.lineEnd(b[h.end:], false)
		r.Taken += n
	}
	return r
}

func appendUpperHex(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// Accept appends to dst what the device must be sent when its id is accepted: nothing for most.
func (f *Framer) Accept(dst, id []byte) []byte {
	if f.wire == ddpWire {
		return appendDDP(dst, ddpRegistered, id, nil)
	}
	return append(dst, f.ack...)
}

// Refuse appends to dst what the device must be sent when its id is refused: nothing for most.
func (f *Framer) Refuse(dst, id []byte) []byte { return append(dst, f.nack...) }

// TooLong is the detail of a link that is closed because Decode has left more than MaxHeld bytes untaken.
const TooLong = "a frame longer than the preset allows"

// MaxHeld returns the most bytes that Decode may leave untaken.
func (f *Framer) MaxHeld() int { return f.maxHeld }

// NeedsID reports that Decode or Encode needs the link's id; where it does not, nil may be given.
func (f *Framer) NeedsID() bool { return f.packet || f.idBeats || f.wire == ddpWire }

// Encodes reports that Encode changes the payload; where it does not, it may be skipped.
func (f *Framer) Encodes() bool { return f.wire != plainWire }
