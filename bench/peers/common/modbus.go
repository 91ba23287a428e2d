package common

import (
	"bytes"
	"encoding/binary"
	"time"
)

const (
	registers   = 10
	answerBytes = 5 + 2*registers
	patience    = 3 * time.Second // for an answer
)

// Frame is a question or a command:
//
//	unit, function, address (2, big-endian), count or value (2, big-endian), CRC (2, little-endian)
type Frame [8]byte

var (
	question   = sealed(1, 4, 0, registers)
	answerHead = []byte{1, 4, 2 * registers}
)

// commandFrame is command number n: it sets a register to 5.0 to 40.0 degrees, which every device takes.
func commandFrame(n int) *Frame {
	f := sealed(1, 6, 0, uint16(50+n%350))
	return &f
}

func sealed(unit, function byte, address, value uint16) (f Frame) {
	f[0], f[1] = unit, function
	binary.BigEndian.PutUint16(f[2:], address)
	binary.BigEndian.PutUint16(f[4:], value)
	binary.LittleEndian.PutUint16(f[6:], crc16(f[:6]))
	return f
}

// exchange is what is said with one device.
type exchange struct {
	values  [registers]float64
	askedAt int64  // when the question in flight was due; 0: none is
	command *Frame // in flight; nil: none is
	have    uint8  // bytes in buf
	buf     [answerBytes]byte
	timer   timer
}

// take looks for an answer to what is in flight at the beginning of b, and returns its length; 0 if more has to come,
// -1 if there is none. An answer to a question:
//
//	unit, function, bytes that follow, registers (2 each, big-endian), CRC (2, little-endian)
func (x *exchange) take(b []byte, c *Counters) int {
	if x.askedAt != 0 && begins(b, answerHead) {
		if len(b) < answerBytes {
			return 0
		}
		if binary.LittleEndian.Uint16(b[answerBytes-2:]) == crc16(b[:answerBytes-2]) {
			for i := range x.values {
				x.values[i] = float64(int16(binary.BigEndian.Uint16(b[len(answerHead)+2*i:]))) / 10
			}
			x.askedAt = 0
			c.polls.Add(1)
			return answerBytes
		}
	}
	if x.command != nil && begins(b, x.command[:]) {
		if len(b) < len(x.command) {
			return 0
		}
		x.command = nil
		c.commands.Add(1)
		return len(Frame{})
	}
	return -1
}

// begins says whether b begins with head, or is itself the beginning of head.
func begins(b, head []byte) bool {
	n := min(len(b), len(head))
	return bytes.Equal(b[:n], head[:n])
}

// answers takes the answers out of b, which may be cut anywhere, throws away what is none, and says whether there was
// such.
func (x *exchange) answers(b []byte, c *Counters) (rubbish bool) {
	for len(b) > 0 {
		in := b
		if x.have > 0 { // what came before stands in front
			n := copy(x.buf[x.have:], b)
			in = x.buf[:int(x.have)+n]
		}
		took := x.take(in, c)
		if took == 0 { // it is shorter than buf
			x.have = uint8(copy(x.buf[:], in))
			return rubbish
		}
		if took < 0 {
			rubbish, took = true, 1
		}
		before := min(int(x.have), took)
		x.have = uint8(copy(x.buf[:], x.buf[before:x.have]))
		b = b[took-before:]
	}
	return rubbish
}

// crcTable is of CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

func crc16(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c = c>>8 ^ crcTable[byte(c)^x]
	}
	return c
}
