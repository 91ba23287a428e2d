package codec

import (
	"bytes"
	"encoding/binary"
)

// Hongdian DDP (the H7000 family's protocol between DTU and data centre). Every frame, either way; numbers are
// big-endian:
//
//	0       7B             start
//	1       type
//	2..3    length         of the whole frame, 7B to 7B: 16 to 1040
//	4..14   11 digits      the device: the id
//	15..    data           0 to 1024 bytes; a registration has address (4) and port (2)
//	last    7B             end
//
// From the device: 01 registration (again at intervals, as its heartbeat), 02 logout, 05 receipt of data, 09 data,
// 04 0B 0D 0E 0F answers about its parameters. To the device: 81 registered, 82 logged out, 89 data.
const (
	ddpMark       = 0x7B
	ddpRegister   = 0x01
	ddpLogout     = 0x02
	ddpUp         = 0x09
	ddpRegistered = 0x81
	ddpLoggedOut  = 0x82
	ddpDown       = 0x89

	ddpHead    = 4
	ddpID      = 11
	ddpMinimum = ddpHead + ddpID + 1
	ddpMaxData = 1024
	ddpMaximum = ddpMinimum + ddpMaxData
)

// decodeDDP takes one frame. Types that carry nothing for a driver are passed over.
func decodeDDP(dst, b, id []byte) Decoded {
	if b[0] != ddpMark {
		return Decoded{End: "ddp: a frame does not begin with 7B"}
	}
	if len(b) < ddpHead {
		return Decoded{}
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < ddpMinimum || n > ddpMaximum {
		return Decoded{End: "ddp: the length of a frame is outside 16..1040"}
	}
	if len(b) < n {
		return Decoded{}
	}
	if b[n-1] != ddpMark {
		return Decoded{End: "ddp: a frame does not end with 7B"}
	}
	if !bytes.Equal(b[ddpHead:ddpHead+ddpID], id) {
		return Decoded{End: "ddp: a frame carries the id of another device"}
	}
	d := Decoded{Taken: n}
	switch b[1] {
	case ddpUp:
		d.Payload = b[ddpHead+ddpID : n-1 : n-1]
	case ddpRegister:
		d.Reply = appendDDP(dst[:0], ddpRegistered, id, nil)
	case ddpLogout:
		d.Reply = appendDDP(dst[:0], ddpLoggedOut, id, nil)
		d.End = "ddp: logout"
	case ddpLoggedOut:
		d.End = "ddp: logout"
	}
	return d
}

// appendDDP appends one frame. data has at most ddpMaxData bytes.
func appendDDP(dst []byte, kind byte, id, data []byte) []byte {
	dst = append(dst, ddpMark, kind)
	dst = binary.BigEndian.AppendUint16(dst, uint16(ddpHead+len(id)+len(data)+1))
	dst = append(dst, id...)
	dst = append(dst, data...)
	return append(dst, ddpMark)
}
