package loadgen

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// DL/T 645-2007, the meter's side. The address is 12 digits in BCD, the lowest byte first; all data bytes travel with
// 33H added; the sum is over everything from the first 68 to the last byte of data.
//
//	question  FE… | 68 | address (6) | 68 | 11 | 04 | identifier (4) | sum | 16
//	answer    FE… | 68 | address (6) | 68 | 91 | length | identifier (4), value | sum | 16
//	refusal                               | D1 | 01 | reason
//
// A meter's digits are the number of its device, nine of them, and its unit, three. AAAAAAAAAAAA is whatever meter is
// there. The meters do not let themselves be written.
const (
	meterStart   = 0x68
	meterEnd     = 0x16
	meterWake    = 0xFE
	meterOffset  = 0x33
	meterRead    = 0x11
	meterAddress = 0x13
	meterAnswer  = 0x80 // added to the question's code
	meterRefusal = 0xC0
	meterNoData  = 0x02
	meterSecret  = 0x04 // wrong password, or not permitted
	meterAnyone  = 0xAA
	mostWake     = 16
	wakeSent     = 4
	meterHead    = 10 // up to the length
	mostMeter    = 200
	mostUnitNo   = 1000 // three digits
	// Under 0F000000 and the identifiers after it, which the standard does not have, a meter says where and when it was
	// read: the value of an input register block, see selfDescribing, of eight bytes.
	selfIdentifier = 0x0F000000
)

func dlt645() *dialect {
	return &dialect{
		find: func(b []byte) (int, int) { return findFrame(b, meterLength) },
		open: func(b []byte) request {
			b = bytes.TrimLeft(b, "\xFE")
			q := request{pdu: append(b[8:8:len(b)], b[8])}
			copy(q.addr[:], b[1:7])
			for _, c := range b[meterHead : len(b)-2] {
				q.pdu = append(q.pdu, c-meterOffset) // in place: the length makes way
			}
			return q
		},
		wrap:    wrapMeter,
		refusal: meterRefusal &^ meterAnswer,
	}
}

// meterLength is the length of the frame, wake-up bytes included, that begins in b; see findFrame.
func meterLength(b []byte) int {
	wake := 0
	for wake < len(b) && b[wake] == meterWake {
		wake++
	}
	f := b[wake:]
	switch {
	case wake > mostWake, len(f) > 0 && f[0] != meterStart, len(f) > 7 && f[7] != meterStart:
		return -1
	case len(f) < meterHead:
		return 0
	}
	n := meterHead + int(f[meterHead-1])
	switch {
	case n > meterHead+mostMeter:
		return -1
	case len(f) < n+2:
		return 0
	case f[n] != meterSum(f[:n]) || f[n+1] != meterEnd:
		return -1
	}
	return wake + n + 2
}

func meterSum(b []byte) (sum byte) {
	for _, c := range b {
		sum += c
	}
	return sum
}

func wrapMeter(dst []byte, q *request, pdu []byte) []byte {
	for range wakeSent {
		dst = append(dst, meterWake)
	}
	start := len(dst)
	dst = append(append(append(dst, meterStart), q.addr[:]...), meterStart, pdu[0], byte(len(pdu)-1))
	for _, c := range pdu[1:] {
		dst = append(dst, c+meterOffset)
	}
	return append(dst, meterSum(dst[start:]), meterEnd)
}

// meters are those behind the devices of a worker.
type meters struct {
	first    int // number of device 0
	from, to int // units
	self     *selfDescribing
}

// meterNumber is the digits on a meter, as a number.
func meterNumber(device, unit int) uint64 { return uint64(device%1e9*mostUnitNo + unit) }

// unit says which of the device's meters is meant, 0 when none is, and puts its address into q.
func (m *meters) unit(q *request, dev int) int {
	for u := m.from; u <= m.to; u++ {
		digits := meterNumber(m.first+dev, u)
		own := [6]byte{}
		for i := range own {
			own[i] = bcd(digits % 100)
			digits /= 100
		}
		anyone := q.addr == [6]byte{meterAnyone, meterAnyone, meterAnyone, meterAnyone, meterAnyone, meterAnyone}
		if q.addr == own || anyone && m.from == m.to {
			q.addr = own
			return u
		}
	}
	return 0
}

// answer appends the answer to a question.
func (m *meters) answer(dst []byte, q *request, dev int, now int64) []byte {
	code := q.pdu[0]
	switch {
	case code == meterAddress && len(q.pdu) == 1:
		return append(append(dst, code|meterAnswer), q.addr[:]...)
	case code != meterRead:
		return append(dst, code|meterRefusal, meterSecret)
	case len(q.pdu) != 5:
		return append(dst, code|meterRefusal, meterNoData)
	}
	identifier := binary.LittleEndian.Uint32(q.pdu[1:])
	if block := identifier - selfIdentifier; block <= blockMask {
		dst = append(append(dst, code|meterAnswer), q.pdu[1:]...)
		dst, _ = m.self.read(dst, place{dev: dev, unit: q.unit, input: true, addr: int(block) * 4}, 4, now)
		slices.Reverse(dst[len(dst)-8:]) // the lowest byte first
		return dst
	}
	value, size := measured(identifier, (m.first+dev)*mostUnits+int(q.unit), now)
	if size == 0 {
		return append(dst, code|meterRefusal, meterNoData)
	}
	dst = append(append(dst, code|meterAnswer), q.pdu[1:]...)
	for range size {
		dst = append(dst, bcd(value%100))
		value /= 100
	}
	return dst
}

// measured is what meter n shows under an identifier: the digits, and their bytes in BCD; size is 0 for what is not
// there.
func measured(identifier uint32, n int, now int64) (digits uint64, size int) {
	const cycle = float64(2 * time.Minute)
	swing := wave(now, n+int(identifier>>8&0xFF), cycle)
	switch identifier {
	case 0x00010000: // active energy forward, 0.01 kWh: 1 kW since 1970, and a start of its own
		return (uint64(now)/uint64(36*time.Second) + uint64(n)*1000) % 1e8, 4
	case 0x02010100, 0x02010200, 0x02010300: // voltage of A, B, C, 0.1 V
		return uint64(math.Round(2300 + 40*swing)), 2
	case 0x02020100, 0x02020200, 0x02020300: // current, 0.001 A
		return uint64(math.Round(4300 + 1500*swing)), 3
	case 0x02030000: // active power, 0.0001 kW
		return uint64(math.Round(10000 + 3000*swing)), 3
	case 0x02800002: // frequency, 0.01 Hz
		return uint64(math.Round(5000 + 5*swing)), 2
	}
	return 0, 0
}

// bcd is a number below 100 in two digits.
func bcd(n uint64) byte { return byte(n/10<<4 | n%10) }
