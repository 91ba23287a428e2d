package modbus

import (
	"fmt"
	"strconv"
	"strings"

	"linkd/drivers/tags"
)

// table is one of the four tables of a Modbus device.
type table uint8

const (
	coil table = iota
	discrete
	input
	holding
)

var tableNames = [...]string{"coil", "discrete", "input", "holding"}

// reads are the functions that read the tables.
var reads = [...]byte{1, 2, 4, 3}

// bits reports whether the table holds bits, not registers.
func (t table) bits() bool { return t <= discrete }

func (t table) writable() bool { return t == coil || t == holding }

// ref is where a tag is.
type ref struct {
	tag   int
	table table
	addr  int // as on the wire
	bit   int // of a register; -1: not a bit
	count int // registers, or 1 bit
}

const addressForm = "write coil:0, discrete:0, input:0, holding:0 (from 0, as on the wire), holding:0.5 for a bit, " +
	"or a number such as 40001 (from 1)"

// parseAddress reads a tag's address. The error says what would be right.
func parseAddress(n int, t *tags.Tag) (ref, error) {
	r := ref{tag: n, bit: -1, count: (t.Size + 1) / 2}
	text, bit, hasBit := strings.Cut(t.Address, ".")
	name, digits, named := strings.Cut(text, ":")
	var err error
	switch {
	case named:
		for r.table = coil; r.table <= holding && tableNames[r.table] != name; r.table++ {
		}
		r.addr, err = strconv.Atoi(digits)
		if r.table > holding || err != nil || digits[0] == '+' {
			return r, t.AddressFault("is %q; %s", t.Address, addressForm)
		}
	case !r.modicon(text):
		return r, t.AddressFault("is %q; %s", t.Address, addressForm)
	}
	if hasBit {
		if r.bit, err = strconv.Atoi(bit); err != nil || r.bit < 0 || r.bit > 15 || r.table.bits() {
			return r, t.AddressFault("is %q; write the bit of a register as holding:0.5, 0 (lowest) to 15", t.Address)
		}
	}
	isBool := t.Type == tags.TypeBool
	switch {
	case r.table.bits() && !isBool:
		return r, t.Fault("a %s is a bit; write type: bool", tableNames[r.table])
	case !r.table.bits() && isBool != hasBit:
		return r, t.Fault("a bool in a register is one of its bits: write type: bool and address: %s:0.5",
			tableNames[r.table])
	case t.Writable && !r.table.writable():
		return r, t.Fault("%s is read-only in the device; leave writable out", tableNames[r.table])
	case r.addr < 0 || r.addr+r.count > 1<<16:
		return r, t.AddressFault("is %q; addresses go from 0 to 65535", t.Address)
	}
	return r, nil
}

// modicon reads 40001 or 400001: the first digit is the table, the rest counts from 1.
func (r *ref) modicon(s string) bool {
	n, err := strconv.Atoi(s)
	if len(s) < 5 || len(s) > 6 || err != nil || s[0] < '0' || s[0] > '4' || s[0] == '2' {
		return false
	}
	r.table = map[byte]table{'0': coil, '1': discrete, '3': input, '4': holding}[s[0]]
	base := int(s[0] - '0')
	for range len(s) - 1 {
		base *= 10
	}
	r.addr = n - base - 1
	return r.addr >= 0
}

func (r ref) String() string { return fmt.Sprintf("%s:%d", tableNames[r.table], r.addr) }
