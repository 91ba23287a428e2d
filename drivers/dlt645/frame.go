package dlt645

import (
	"bytes"
	"fmt"
)

// A frame (DL/T 645-2007, section 5.2; 1997 is the same):
//
//	68 A0..A5 68 C L D1..DL CS 16
//
// A0..A5 is the address, two BCD digits a byte, the lowest first; C the control code, L the number of bytes of data,
// each sent plus 33H; CS the sum of all from the first 68 on. Any number of FE may go before.
const (
	start   = 0x68
	end     = 0x16
	wakeUp  = 0xFE
	offset  = 0x33 // of each byte of data
	header  = 10   // bytes before the data
	around  = 12   // bytes beside the data
	maxRead = 200  // bytes of data of an answer
	maxSent = 50   // bytes of data of a write

	maxFrame = around + maxRead
)

// Bits of a control code.
const (
	fromMeter = 0x80
	refused   = 0x40
	more      = 0x20 // follow-on frames
	function  = 0x1f
)

// frame is a whole frame. Its slices are borrowed.
type frame struct {
	address []byte // 6, lowest first
	control byte
	data    []byte // still plus 33H
}

// frameAt looks at b for a frame that begins there. n is its length, 0 when more has to come; ok is false when none
// begins there.
func frameAt(b []byte) (f frame, n int, ok bool) {
	switch {
	case len(b) == 0:
		return f, 0, true
	case b[0] != start || len(b) > 7 && b[7] != start || len(b) > 9 && b[9] > maxRead:
		return f, 0, false
	case len(b) < header:
		return f, 0, true
	}
	n = around + int(b[9])
	if len(b) < n {
		return f, 0, true
	}
	f = frame{address: b[1:7], control: b[8], data: b[header : n-2]}
	return f, n, b[n-1] == end && b[n-2] == sum(b[:n-2])
}

func sum(b []byte) (s byte) {
	for _, c := range b {
		s += c
	}
	return s
}

// appendFrame appends a frame with wake-up bytes before it. data is plain.
func appendFrame(dst []byte, wake int, address [6]byte, control byte, data ...[]byte) []byte {
	dst = append(dst, bytes.Repeat([]byte{wakeUp}, wake)...)
	first := len(dst)
	dst = append(dst, start)
	dst = append(dst, address[:]...)
	dst = append(dst, start, control, 0)
	for _, part := range data {
		for _, c := range part {
			dst = append(dst, c+offset)
		}
	}
	dst[first+9] = byte(len(dst) - first - header)
	return append(dst, sum(dst[first:]), end)
}

// reversed fills dst with the plain data, highest byte first.
func reversed(dst, data []byte) []byte {
	dst = dst[:len(data)]
	for i, c := range data {
		dst[len(dst)-1-i] = c - offset
	}
	return dst
}

// digits reads an even number of decimal digits into BCD, lowest byte first; false when s is anything else.
func digits(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := s[len(s)-2-2*i]-'0', s[len(s)-1-2*i]-'0'
		if high > 9 || low > 9 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// addressText is an address as people write it.
func addressText(a []byte) string {
	return fmt.Sprintf("%x%x%x%x%x%x", a[5:6], a[4:5], a[3:4], a[2:3], a[1:2], a[0:1])
}
