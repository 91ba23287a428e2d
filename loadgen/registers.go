package loadgen

import "encoding/binary"

// place is where a run of registers begins.
type place struct {
	dev   int // among the worker's devices
	unit  byte
	input bool // the table of FC 4; else that of FC 3, 6 and 16
	addr  int
}

// registers are those of all devices of a worker. Both methods return an exception code, 0 when all is well.
type registers interface {
	// read appends count registers, all of one moment.
	read(dst []byte, at place, count int, now int64) ([]byte, byte)
	write(at place, values []byte, now int64) byte
}

// A self-describing value: four registers, the most significant first, at an address that is a multiple of 4.
//
//	63-40  number of the device, as in its id
//	39-32  unit
//	31     1: holding register (FC 3), 0: input register (FC 4)
//	30-17  address / 4
//	16-0   counter: of the answers of this unit, 1 for the first; it wraps
const (
	deviceShift = 40
	unitShift   = 32
	tableShift  = 31
	blockShift  = 17
	counterMask = 1<<blockShift - 1
	blockMask   = 1<<(tableShift-blockShift) - 1
	mostNumber  = 1<<(64-deviceShift) - 1
)

// selfDescribing are registers that say where they were read, and when.
type selfDescribing struct {
	first    int // number of device 0
	lowest   int // unit
	units    int // of each device
	answered []uint32
}

func (s *selfDescribing) read(dst []byte, at place, count int, _ int64) ([]byte, byte) {
	n := &s.answered[at.dev*s.units+int(at.unit)-s.lowest]
	*n++
	table := uint64(1)
	if at.input {
		table = 0
	}
	fixed := uint64(s.first+at.dev)<<deviceShift | uint64(at.unit)<<unitShift | table<<tableShift |
		uint64(*n)&counterMask
	for a := at.addr; a < at.addr+count; a++ {
		v := fixed | uint64(a/4)<<blockShift
		dst = binary.BigEndian.AppendUint16(dst, uint16(v>>(48-16*(a%4))))
	}
	return dst, 0
}

func (s *selfDescribing) write(place, []byte, int64) byte { return illegalAddress }
