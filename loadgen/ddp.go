package loadgen

import (
	"bytes"
	"encoding/binary"
)

// DDP (Hongdian). The length counts the whole packet, both marks included.
//
//	registration   7B | 01 | 00 16 | 11 digits | IP (4) | port (2) | 7B
//	its answer     7B | 81 | 00 10 | 11 digits | 7B
//	data up, down  7B | 09, 89 | length | 11 digits | payload | 7B
//	logout         7B | 82 | 00 10 | 11 digits | 7B
const (
	ddpMark       = 0x7B
	ddpRegister   = 0x01
	ddpRegistered = 0x81
	ddpLogout     = 0x82
	ddpUp         = 0x09
	ddpDown       = 0x89
	ddpDigits     = 11
	ddpHead       = 4 + ddpDigits
	ddpEmpty      = ddpHead + 1 // a packet without payload
	ddpPort       = 5001        // the device's own port in a registration
)

// appendDDP appends one packet; the payload has at most 65519 bytes.
func appendDDP(dst []byte, kind byte, id, payload []byte) []byte {
	dst = append(dst, ddpMark, kind)
	dst = binary.BigEndian.AppendUint16(dst, uint16(ddpEmpty+len(payload)))
	return append(append(append(dst, id...), payload...), ddpMark)
}

func ddpRegistration(_ *speech, dst, id []byte) []byte {
	ip := deviceIP()
	return appendDDP(dst, ddpRegister, id, binary.BigEndian.AppendUint16(ip[:], ddpPort))
}

// ddpReader takes packets from the server apart as they come. It holds no bytes, so that a device needs no buffer.
type ddpReader struct {
	left uint16 // payload bytes still to come
	size uint16 // length field
	kind byte
	at   byte // next byte of the head; ddpHead: in the payload or at the closing mark
}

// read removes packet heads and marks from b in place. It returns the payload of data packets, how many registrations
// were acknowledged, and how many packets were not what the server may send to this id. After such a packet it goes on
// at the next mark.
func (r *ddpReader) read(b, id []byte) (payload []byte, acks, bad int) {
	k := 0
	for i := 0; i < len(b); {
		switch {
		case r.at < ddpHead:
			ok := r.head(b[i], id)
			if !ok {
				bad++
				r.at = 0
				i += skipToMark(b[i+1:]) + 1
				continue
			}
			i++
		case r.left > 0:
			n := min(int(r.left), len(b)-i)
			k += copy(b[k:], b[i:i+n])
			r.left -= uint16(n)
			i += n
		default:
			r.at = 0
			switch {
			case b[i] != ddpMark || r.kind == ddpLogout:
				bad++
			case r.kind == ddpRegistered:
				acks++
			}
			i++
		}
	}
	return b[:k], acks, bad
}

// head takes one byte of a packet's head and reports whether it may stand there.
func (r *ddpReader) head(c byte, id []byte) bool {
	at := r.at
	r.at++
	switch at {
	case 0:
		return c == ddpMark
	case 1:
		r.kind = c
		return c == ddpRegistered || c == ddpDown || c == ddpLogout
	case 2:
		r.size = uint16(c) << 8
		return true
	case 3:
		r.size |= uint16(c)
		r.left = r.size - ddpEmpty
		return r.size == ddpEmpty || r.size > ddpEmpty && r.kind == ddpDown
	default:
		return int(at-4) < len(id) && id[at-4] == c
	}
}

func skipToMark(b []byte) int {
	if i := bytes.IndexByte(b, ddpMark); i >= 0 {
		return i
	}
	return len(b)
}
