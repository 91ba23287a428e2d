package checksum

import "testing"

// bitwise is CRC-16/MODBUS without a table, as section 6.2.2 describes it.
func bitwise(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c ^= uint16(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
	}
	return c
}

// BenchmarkCRC16Modbus sums the 23 bytes of an answer of ten registers: by the table, and bit by bit.
func BenchmarkCRC16Modbus(b *testing.B) {
	answer := []byte("\x01\x04\x14\x00\xd7\xff\xd8\x00\x00\x00\x01\x7f\xff\x80\x00\x00\x64\x00\xfa\x03\xe7\xff\xff")
	for _, way := range []struct {
		name string
		sum  func([]byte) uint16
	}{{"table", CRC16Modbus}, {"bitwise", bitwise}} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			for b.Loop() {
				if got := way.sum(answer); got != 0x3C2D { // sent as 2D 3C
					b.Fatalf("%X", got)
				}
			}
		})
	}
}
