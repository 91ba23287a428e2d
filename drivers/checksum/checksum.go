// Package checksum owns the checksums of the protocols that drivers speak, each by its name and with its exact
// parameters (in the terms of the CRC catalogue at reveng.sourceforge.io). It knows no frame.
package checksum

import "hash/crc32"

// Kind is one checksum.
type Kind struct {
	Name string
	Size int // bytes on the wire
	// Sum computes it; the upper bytes beyond Size are 0.
	Sum func(b []byte) uint32
}

// Kinds are the checksums. Check is the sum of the nine bytes "123456789":
//
//	name          poly      init      refin/refout  xorout    check     as the catalogue has it
//	sum8          sum of all bytes, modulo 256                DD
//	sum16         sum of all bytes, modulo 65536              01DD
//	xor           exclusive or of all bytes                   31
//	crc16-modbus  8005      FFFF      true          0000      4B37      CRC-16/MODBUS
//	crc16-ccitt   1021      FFFF      false         0000      29B1      CRC-16/IBM-3740 ("CCITT-FALSE")
//	crc16-xmodem  1021      0000      false         0000      31C3      CRC-16/XMODEM
//	crc16-kermit  1021      0000      true          0000      2189      CRC-16/KERMIT
//	crc16-x25     1021      FFFF      true          FFFF      906E      CRC-16/IBM-SDLC
//	crc32         04C11DB7  FFFFFFFF  true          FFFFFFFF  CBF43926  CRC-32/ISO-HDLC
func Kinds() []Kind {
	return []Kind{
		{"sum8", 1, func(b []byte) uint32 { return uint32(byte(sum(b))) }},
		{"sum16", 2, func(b []byte) uint32 { return uint32(uint16(sum(b))) }},
		{"xor", 1, xor},
		{"crc16-modbus", 2, func(b []byte) uint32 { return uint32(CRC16Modbus(b)) }},
		{"crc16-ccitt", 2, func(b []byte) uint32 { return uint32(forward(0xFFFF, b)) }},
		{"crc16-xmodem", 2, func(b []byte) uint32 { return uint32(forward(0, b)) }},
		{"crc16-kermit", 2, func(b []byte) uint32 { return uint32(reflected(&kermit, 0, b)) }},
		{"crc16-x25", 2, func(b []byte) uint32 { return uint32(^reflected(&kermit, 0xFFFF, b)) }},
		{"crc32", 4, crc32.ChecksumIEEE},
	}
}

// Find returns the checksum with a name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// Sum8 is the sum of all bytes modulo 256.
func Sum8(b []byte) byte { return byte(sum(b)) }

// CRC16Modbus is CRC-16/MODBUS, sent low byte first in Modbus RTU (over serial line V1.02, section 6.2.2).
func CRC16Modbus(b []byte) uint16 { return reflected(&modbus, 0xFFFF, b) }

func sum(b []byte) (s uint32) {
	for _, c := range b {
		s += uint32(c)
	}
	return s
}

func xor(b []byte) (x uint32) {
	for _, c := range b {
		x ^= uint32(c)
	}
	return x
}

// The tables: of the polynomials 8005 and 1021 reflected, and of 1021 as it is.
var (
	modbus = reflectedTable(0xA001)
	kermit = reflectedTable(0x8408)
	ccitt  = forwardTable(0x1021)
)

func reflectedTable(poly uint16) (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ poly
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}

func forwardTable(poly uint16) (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ poly
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}

func reflected(t *[256]uint16, c uint16, b []byte) uint16 {
	for _, x := range b {
		c = c>>8 ^ t[byte(c)^x]
	}
	return c
}

func forward(c uint16, b []byte) uint16 {
	for _, x := range b {
		c = c<<8 ^ ccitt[byte(c>>8)^x]
	}
	return c
}
