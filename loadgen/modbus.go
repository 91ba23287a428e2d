package loadgen

import "encoding/binary"

// Modbus, the device's side. A request and its answer:
//
//	RTU   unit | PDU | CRC, low byte first
//	TCP   transaction (2) | 00 00 | length (2) of what follows | unit | PDU
//
//	read      fc | address (2) | count (2)              fc | bytes | values
//	write one fc | address (2) | value (2)              the same
//	write     fc | address (2) | count (2) | bytes | …  fc | address (2) | count (2)
//	refused                                             fc+80 | code
const (
	maxRequest = 260 // bytes of the longest frame, of any protocol here
	maxAnswer  = 260
	// modbusRefusal is added to the function of a request that is refused.
	modbusRefusal = 0x80
)

// request is one request to a device. Its PDU is borrowed from the device's buffer.
type request struct {
	unit byte
	tid  uint16  // Modbus TCP
	addr [6]byte // DL/T 645
	pdu  []byte
}

// dialect is how requests and answers travel.
type dialect struct {
	// find looks for a request in b: b[from:to]. Without one to is 0, and what stands before from can be forgotten.
	find func(b []byte) (from, to int)
	open func(frame []byte) request
	wrap func(dst []byte, q *request, pdu []byte) []byte
	// refuses: a request to a unit that is not there is answered, not ignored.
	refuses bool
	// refusal is set in the first byte of an answer that refuses.
	refusal byte
}

func modbusRTU() *dialect {
	return &dialect{
		find: func(b []byte) (int, int) { return findFrame(b, rtuLength) },
		open: func(b []byte) request { return request{unit: b[0], pdu: b[1 : len(b)-2]} },
		wrap: func(dst []byte, q *request, pdu []byte) []byte {
			start := len(dst)
			dst = append(append(dst, q.unit), pdu...)
			return binary.LittleEndian.AppendUint16(dst, modbusCRC(dst[start:]))
		},
		refusal: modbusRefusal,
	}
}

func modbusTCP() *dialect {
	return &dialect{
		find: func(b []byte) (int, int) { return findFrame(b, tcpLength) },
		open: func(b []byte) request {
			return request{unit: b[6], tid: binary.BigEndian.Uint16(b), pdu: b[7:]}
		},
		wrap: func(dst []byte, q *request, pdu []byte) []byte {
			dst = binary.BigEndian.AppendUint16(dst, q.tid)
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(pdu)+1))
			return append(append(dst, q.unit), pdu...)
		},
		refuses: true,
		refusal: modbusRefusal,
	}
}

// findFrame finds the first whole frame. length is that of the frame that begins in b, 0 when more has to come, -1
// when none begins there.
func findFrame(b []byte, length func(b []byte) int) (from, to int) {
	partial := len(b)
	for i := range b {
		switch n := length(b[i:]); {
		case n > 0:
			return i, i + n
		case n == 0:
			partial = min(partial, i)
		}
	}
	return partial, 0
}

func rtuLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	n := pduLength(b[1:])
	switch {
	case n < 0:
		return -1
	case n == 0 || len(b) < n+3:
		return 0
	case binary.LittleEndian.Uint16(b[n+1:]) != modbusCRC(b[:n+1]):
		return -1
	}
	return n + 3
}

func tcpLength(b []byte) int {
	switch {
	case len(b) > 2 && b[2] != 0, len(b) > 3 && b[3] != 0, len(b) > 4 && b[4] != 0, len(b) > 5 && b[5] < 3,
		len(b) > 5 && b[5] > 254:
		return -1
	case len(b) < 8:
		return 0
	}
	size := int(b[5]) + 6
	switch n := pduLength(b[7:min(len(b), size)]); {
	case n < 0 || n > 0 && n != size-7 || n == 0 && len(b) >= size:
		return -1
	case len(b) < size:
		return 0
	}
	return size
}

// pduLength is the length of the request PDU that begins in b, 0 when too little has come, -1 when it is none.
func pduLength(b []byte) int {
	const counted = 6 // bytes before the values of a write
	switch {
	case len(b) == 0:
		return 0
	case b[0] >= 1 && b[0] <= 6:
		return 5
	case b[0] == 22:
		return 7
	case b[0] != 15 && b[0] != 16:
		return -1
	case len(b) < counted:
		return 0
	case b[5] == 0 || b[5] > 246:
		return -1
	}
	return counted + int(b[5])
}

// Exception codes (Application Protocol V1.1b3, section 7).
const (
	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	targetSilent    = 11
)

// appendPDU appends the answer to a whole request PDU.
func appendPDU(dst []byte, q *request, of registers, dev int, now int64) []byte {
	at := place{dev: dev, unit: q.unit, addr: int(binary.BigEndian.Uint16(q.pdu[1:]))}
	count := int(binary.BigEndian.Uint16(q.pdu[3:]))
	fc := q.pdu[0]
	start := len(dst)
	code := byte(illegalFunction)
	switch fc {
	case 3, 4:
		at.input = fc == 4
		dst = append(dst, fc, byte(2*count))
		switch {
		case count < 1 || count > 125:
			code = illegalValue
		case at.addr+count > 1<<16:
			code = illegalAddress
		default:
			dst, code = of.read(dst, at, count, now)
		}
	case 6:
		dst = append(dst, q.pdu...)
		code = of.write(at, q.pdu[3:5], now)
	case 16:
		dst = append(dst, q.pdu[:5]...)
		switch values := q.pdu[6:]; {
		case count < 1 || len(values) != 2*count:
			code = illegalValue
		case at.addr+count > 1<<16:
			code = illegalAddress
		default:
			code = of.write(at, values, now)
		}
	}
	if code != 0 {
		return append(dst[:start], fc|modbusRefusal, code)
	}
	return dst
}

// modbusCRC is CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF, a nibble at a time.
func modbusCRC(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c ^= uint16(x)
		c = c>>4 ^ crcNibble(c)
		c = c>>4 ^ crcNibble(c)
	}
	return c
}

// crcNibble is what the lowest four bits of c turn into: A001 divided into them.
func crcNibble(c uint16) uint16 {
	return [16]uint16{0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401, 0xA001, 0x6C00, 0x7800, 0xB401,
		0x5000, 0x9C01, 0x8801, 0x4400}[c&15]
}
