package modbus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"linkd/drivers/checksum"
)

// framing is how a PDU travels: RTU, TCP or ASCII (Modbus over serial line V1.02, sections 2.5.1 and 2.5.2; Modbus
// messaging on TCP/IP V1.0b, section 3.1).
type framing interface {
	// wrap appends the frame with a PDU to dst.
	wrap(dst []byte, unit byte, seq uint16, pdu []byte) []byte
	// at looks at b for a frame that begins there. n is its length, 0 when more has to come; ok is false when no
	// answer to unit and seq begins there. head are the first bytes of the PDU that is waited for, size its length; an
	// exception to head[0] fits too.
	at(b []byte, unit byte, seq uint16, head []byte, size int) (n int, ok bool)
	// open returns the unit and the PDU of a whole frame; false when it is none. dst is room for what has to be decoded.
	open(dst, frame []byte) (unit byte, pdu []byte, ok bool)
	// fault says, for people, why b is no whole frame.
	fault(b []byte) string
}

// open is f.open, by f's own type: by way of the interface dst would have to outlive the call, an allocation a poll.
func open(f framing, dst, frame []byte) (unit byte, pdu []byte, ok bool) {
	switch f := f.(type) {
	case rtu:
		return f.open(dst, frame)
	case tcp:
		return f.open(dst, frame)
	default:
		return ascii{}.open(dst, frame)
	}
}

// The largest frames.
const (
	maxPDU   = 253
	maxRTU   = 256
	maxTCP   = 260
	maxASCII = 513
)

// find looks for an answer in b.
func find(f framing, b []byte, unit byte, seq uint16, head []byte, size int) (from, to int) {
	partial := len(b)
	for i := range b {
		n, ok := f.at(b[i:], unit, seq, head, size)
		switch {
		case !ok:
		case n > 0:
			return i, i + n
		default:
			partial = min(partial, i)
		}
	}
	return partial, 0
}

// fits reports whether the PDU that begins in b can be the one that is waited for, and how long it then is.
func fits(b, head []byte, size int) (n int, ok bool) {
	if len(b) == 0 {
		return size, true
	}
	if b[0] == head[0]|0x80 {
		return 2, true
	}
	for i := 0; i < len(head) && i < len(b); i++ {
		if b[i] != head[i] {
			return 0, false
		}
	}
	return size, true
}

type rtu struct{}

func (rtu) wrap(dst []byte, unit byte, _ uint16, pdu []byte) []byte {
	start := len(dst)
	dst = append(dst, unit)
	dst = append(dst, pdu...)
	return binary.LittleEndian.AppendUint16(dst, checksum.CRC16Modbus(dst[start:]))
}

func (rtu) at(b []byte, unit byte, _ uint16, head []byte, size int) (int, bool) {
	if b[0] != unit {
		return 0, false
	}
	n, ok := fits(b[1:], head, size)
	if !ok || len(b) < n+3 {
		return 0, ok
	}
	return n + 3, binary.LittleEndian.Uint16(b[n+1:]) == checksum.CRC16Modbus(b[:n+1])
}

func (rtu) open(_, b []byte) (byte, []byte, bool) {
	if len(b) < 4 || len(b) > maxRTU || binary.LittleEndian.Uint16(b[len(b)-2:]) != checksum.CRC16Modbus(b[:len(b)-2]) {
		return 0, nil, false
	}
	return b[0], b[1 : len(b)-2], true
}

func (rtu) fault(b []byte) string {
	if s := misfit(b, 4, maxRTU); s != "" {
		return s
	}
	n := len(b) - 2
	return fmt.Sprintf("its CRC is % x, of these bytes it would be % x", b[n:],
		binary.LittleEndian.AppendUint16(nil, checksum.CRC16Modbus(b[:n])))
}

// misfit says that b is not as long as a frame can be; empty when it is.
func misfit(b []byte, least, most int) string {
	switch {
	case len(b) < least:
		return fmt.Sprintf("%d bytes, the shortest has %d", len(b), least)
	case len(b) > most:
		return fmt.Sprintf("%d bytes, the longest has %d", len(b), most)
	}
	return ""
}

type tcp struct{}

func (tcp) wrap(dst []byte, unit byte, seq uint16, pdu []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, seq)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(pdu)+1))
	return append(append(dst, unit), pdu...)
}

func (tcp) at(b []byte, unit byte, seq uint16, head []byte, size int) (int, bool) {
	want := [7]byte{byte(seq >> 8), byte(seq), 0, 0, 0, byte(size + 1), unit}
	for i := 0; i < len(want) && i < len(b); i++ {
		if b[i] != want[i] && (i != 5 || b[5] != 3) {
			return 0, false
		}
	}
	if len(b) < 8 {
		return 0, true
	}
	n, ok := fits(b[7:], head, size)
	if !ok || int(b[5]) != n+1 {
		return 0, false
	}
	if len(b) < 7+n {
		return 0, true
	}
	return 7 + n, true
}

func (tcp) open(_, b []byte) (byte, []byte, bool) {
	if len(b) < 8 || b[2] != 0 || b[3] != 0 || int(binary.BigEndian.Uint16(b[4:])) != len(b)-6 {
		return 0, nil, false
	}
	return b[6], b[7:], true
}

func (tcp) fault(b []byte) string {
	if s := misfit(b, 8, maxTCP); s != "" {
		return s
	}
	if b[2] != 0 || b[3] != 0 {
		return fmt.Sprintf("its protocol is % x, Modbus is 00 00", b[2:4])
	}
	return fmt.Sprintf("its length is %d, and %d bytes follow", binary.BigEndian.Uint16(b[4:]), len(b)-6)
}

type ascii struct{}

func (ascii) wrap(dst []byte, unit byte, _ uint16, pdu []byte) []byte {
	const digits = "0123456789ABCDEF"
	put := func(c byte) { dst = append(dst, digits[c>>4], digits[c&15]) }
	sum := unit
	dst = append(dst, ':')
	put(unit)
	for _, c := range pdu {
		put(c)
		sum += c
	}
	put(-sum)
	return append(dst, '\r', '\n')
}

func (a ascii) at(b []byte, unit byte, _ uint16, head []byte, size int) (int, bool) {
	if b[0] != ':' {
		return 0, false
	}
	end := 1
	for end < len(b) && end < maxASCII && isHex(b[end]) {
		end++
	}
	if end == len(b) && end < maxASCII {
		return 0, true
	}
	if end+1 == len(b) && b[end] == '\r' {
		return 0, true
	}
	if end+1 >= len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return 0, false
	}
	var room [maxASCII]byte
	u, pdu, ok := a.open(room[:], b[:end+2])
	if !ok || u != unit {
		return 0, false
	}
	n, ok := fits(pdu, head, size)
	return end + 2, ok && n == len(pdu)
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func (ascii) open(dst, b []byte) (byte, []byte, bool) {
	if len(b) < 9 || len(b) > maxASCII || b[0] != ':' || len(b)%2 != 1 || !bytes.HasSuffix(b, crlf) {
		return 0, nil, false
	}
	n, err := hex.Decode(dst[:maxASCII], b[1:len(b)-2])
	sum := byte(0)
	for _, c := range dst[:n] {
		sum += c
	}
	if err != nil || sum != 0 || n < 3 {
		return 0, nil, false
	}
	return dst[0], dst[1 : n-1], true
}

func (ascii) fault(b []byte) string {
	switch s := misfit(b, 9, maxASCII); {
	case s != "":
		return s
	case b[0] != ':':
		return "it does not begin with a colon"
	case !bytes.HasSuffix(b, crlf):
		return "it does not end with CR LF"
	}
	return "its digits are not hex, or its LRC is wrong"
}

var crlf = []byte("\r\n")
