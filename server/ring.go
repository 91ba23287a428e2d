package server

import (
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	ringBytes = 16 << 10 // of one ring: some 300 questions and answers of Modbus
	keptBytes = 1 << 10  // of one frame, and its true length
)

// frameKind says what a record of a ring is.
type frameKind uint8

const (
	frameOut      frameKind = 1 << iota // to the device; else from it
	frameIdentity                       // how a link said who it is, and what it was answered
	frameLink                           // no frame: another link begins; the record holds its ends
)

// ends are a link as its frames are known by.
type ends struct {
	session       uint64
	remote, local netip.AddrPort
}

const endsBytes = 8 + 18 + 18

// ring is the last frames of one connection point, as bytes that are used again: a record goes when its room is needed.
// A frame does not say whose it is; the record of a link before it does, or head where that one has gone.
//
//	record: 8 time, 4 true length, 2 bytes that follow, 1 kind | bytes
type ring struct {
	buf         *[ringBytes]byte
	start, used uint32
	head        ends   // of the oldest frame
	point       uint32 // whose frames these are; noPoint: nobody's
	owner       uint32 // 1 and the place of the session that writes; 0: the link has ended
	looked      int64  // when somebody looked at this connection point last; 0: nobody has
	prev, next  uint16 // among the rings without a link
}

const recordHead = 8 + 4 + 2 + 1

// clear makes the ring that of connection point n.
func (r *ring) clear(n uint32) {
	r.start, r.used, r.head, r.point, r.looked = 0, 0, ends{}, n, 0
}

// add records b, or its beginning.
func (r *ring) add(kind frameKind, at int64, b []byte) {
	kept := b[:min(len(b), keptBytes)]
	for ringBytes-r.used < uint32(recordHead+len(kept)) {
		r.drop()
	}
	var head [recordHead]byte
	binary.LittleEndian.PutUint64(head[:], uint64(at))
	binary.LittleEndian.PutUint32(head[8:], uint32(len(b)))
	binary.LittleEndian.PutUint16(head[12:], uint16(len(kept)))
	head[14] = byte(kind)
	r.put(head[:])
	r.put(kept)
}

// begin records that the frames which follow are of another link.
func (r *ring) begin(at int64, e ends) {
	var b [endsBytes]byte
	e.put(&b)
	r.add(frameLink, at, b[:])
}

// drop makes room: the oldest record goes.
func (r *ring) drop() {
	var head [recordHead]byte
	r.get(0, head[:])
	size := recordHead + uint32(binary.LittleEndian.Uint16(head[12:]))
	if frameKind(head[14]) == frameLink {
		var b [endsBytes]byte
		r.get(recordHead, b[:])
		r.head.get(&b)
	}
	r.start = (r.start + size) % ringBytes
	r.used -= size
}

// put appends b, for which there is room.
func (r *ring) put(b []byte) {
	if n := copy(r.buf[(r.start+r.used)%ringBytes:], b); n < len(b) {
		copy(r.buf[:], b[n:])
	}
	r.used += uint32(len(b))
}

// get fills b from the bytes at an offset from the oldest one.
func (r *ring) get(at uint32, b []byte) {
	if n := copy(b, r.buf[(r.start+at)%ringBytes:]); n < len(b) {
		copy(b[n:], r.buf[:])
	}
}

// copied is a ring's records in a row, to be read away from its loop.
type copied struct {
	head    ends
	records []byte
}

func (r *ring) copied() copied {
	c := copied{head: r.head, records: make([]byte, r.used)}
	r.get(0, c.records)
	return c
}

// frames appends the frames of c to out, without what a driver makes of them.
func (c copied) frames(out []Frame) []Frame {
	of := c.head
	for b := c.records; len(b) >= recordHead; {
		at, length := int64(binary.LittleEndian.Uint64(b)), int(binary.LittleEndian.Uint32(b[8:]))
		kind, data := frameKind(b[14]), b[recordHead:]
		data = data[:binary.LittleEndian.Uint16(b[12:])]
		b = b[recordHead+len(data):]
		if kind == frameLink {
			of.get((*[endsBytes]byte)(data))
			continue
		}
		f := kind.frame(at, data, of.session)
		f.Length, f.Remote, f.Local = length, of.remote, of.local
		out = append(out, f)
	}
	return out
}

// frame is a frame of this kind; data is its own from then on.
func (k frameKind) frame(at int64, data []byte, session uint64) Frame {
	f := Frame{Time: time.Unix(0, at), Dir: In, Data: data, Length: len(data), Session: session,
		Identity: k&frameIdentity != 0}
	if k&frameOut != 0 {
		f.Dir = Out
	}
	return f
}

func (e *ends) put(b *[endsBytes]byte) {
	binary.LittleEndian.PutUint64(b[:], e.session)
	for i, a := range [2]netip.AddrPort{e.remote, e.local} {
		at := b[8+18*i:]
		if a.IsValid() {
			addr := a.Addr().As16()
			copy(at, addr[:])
		}
		binary.LittleEndian.PutUint16(at[16:], a.Port())
	}
}

func (e *ends) get(b *[endsBytes]byte) {
	e.session = binary.LittleEndian.Uint64(b[:])
	for i, a := range [2]*netip.AddrPort{&e.remote, &e.local} {
		at := b[8+18*i:]
		*a = unmapped([16]byte(at), binary.LittleEndian.Uint16(at[16:]))
	}
}
