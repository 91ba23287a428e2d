package loadgen

import (
	"encoding/binary"
	"fmt"
)

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

// keptAnswers is how many answers of each unit are remembered for the verdict.
const keptAnswers = 128

// selfDescribing are registers that say where they were read, and when.
type selfDescribing struct {
	first    int      // number of device 0
	lowest   int      // unit
	units    int      // of each device
	answered []uint32 // by device and unit
	// made is when the newest answers of each unit were made, in milliseconds since epoch, keptAnswers for each; nil
	// without a verdict.
	made  []uint32
	epoch int64
}

func newSelfDescribing(cfg *Config, first, count int) *selfDescribing {
	units := cfg.Slave.UnitTo - cfg.Slave.UnitFrom + 1
	s := &selfDescribing{first: cfg.From + first, lowest: cfg.Slave.UnitFrom, units: units,
		answered: make([]uint32, count*units)}
	if cfg.Verify != "" {
		s.made = make([]uint32, count*units*keptAnswers)
	}
	return s
}

func (s *selfDescribing) read(dst []byte, at place, count int, now int64) ([]byte, byte) {
	i := at.dev*s.units + int(at.unit) - s.lowest
	s.answered[i]++
	n := s.answered[i]
	if s.made != nil {
		s.epoch = or(s.epoch, now)
		s.made[i*keptAnswers+int(n%keptAnswers)] = uint32((now - s.epoch) / 1e6)
	}
	fixed := s.claim(at.dev, int(at.unit), at.input) | uint64(n)&counterMask
	for a := at.addr; a < at.addr+count; a++ {
		v := fixed | uint64(a/4)<<blockShift
		dst = binary.BigEndian.AppendUint16(dst, uint16(v>>(48-16*(a%4))))
	}
	return dst, 0
}

// claim is the part of a value that says which unit and table it is of.
func (s *selfDescribing) claim(dev, unit int, input bool) uint64 {
	v := uint64(s.first+dev)<<deviceShift | uint64(unit)<<unitShift
	if !input {
		v |= 1 << tableShift
	}
	return v
}

func (s *selfDescribing) write(place, []byte, int64) byte { return illegalAddress }

// check judges a value of device dev of the worker. It is wrong when it does not name its device, unit, table and
// address, or when the unit has not sent its counter; it is old when its answer was made more than maxAge before the
// server read the value, or when keptAnswers others of the unit came after it.
func (s *selfDescribing) check(dev int, v *shown, maxAge int64) verdictOf {
	right := s.claim(dev, v.unit, v.input) | uint64(v.addr/4)<<blockShift
	i := dev*s.units + v.unit - s.lowest
	n := s.answered[i]
	back := (n - uint32(v.value)) & counterMask // answers since; a counter from the future is far back
	switch {
	case v.value&^counterMask != right, back >= n:
		return isWrong
	case back >= keptAnswers:
		return isOld
	}
	made := s.epoch + int64(s.made[i*keptAnswers+int((n-back)%keptAnswers)])*1e6
	if v.at-made > maxAge {
		return isOld
	}
	return isRight
}

// verdictOf a value.
type verdictOf uint8

const (
	isRight verdictOf = iota
	isWrong
	isOld
)

// describe says where a self-describing value is of.
func (c *Config) describe(v uint64) string {
	block := v >> blockShift & blockMask
	address := fmt.Sprintf("input:%d", block*4)
	switch {
	case c.Mode == DLT645:
		address = fmt.Sprintf("%08X", selfIdentifier|block)
	case v>>tableShift&1 != 0:
		address = fmt.Sprintf("holding:%d", block*4)
	}
	return fmt.Sprintf("device %d, unit %d, %s", v>>deviceShift, v>>unitShift&0xFF, address)
}
