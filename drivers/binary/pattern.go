package binary

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"linkd/drivers/checksum"
)

// kind is what a piece of a frame is.
type kind uint8

const (
	constant kind = iota
	unitField
	lengthField
	sumField
	dataField
	valueField
)

// piece is neighbouring bytes of a frame.
type piece struct {
	kind  kind
	bytes []byte // of a constant
	size  int    // 0: as many as the length field says, or as the value has
}

// layout is what all frames of a channel share.
type layout struct {
	lengthSize   int
	lengthLittle bool
	adjust       int // bytes of the frame = the field + adjust
	sum          checksum.Kind
	sumFrom      int
	sumLittle    bool
	unitSize     int
	unitLittle   bool
	maxFrame     int
}

// pattern is a frame as it is declared.
type pattern struct {
	*layout
	pieces []piece
	fixed  int  // bytes of all pieces but the one of no fixed size
	open   bool // there is one
	tail   int  // bytes after it
	length int  // offset of the length field, -1 for none
	summed bool
}

// parsePattern reads a frame. value says that {value} may stand in it.
func parsePattern(y *layout, s string, value bool) (*pattern, error) {
	p := &pattern{layout: y, length: -1}
	seen := map[string]bool{}
	for _, word := range strings.Fields(s) {
		x, err := y.piece(word, value)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(word, ":")
		switch {
		case x.kind != constant && (x.kind != dataField || x.size == 0) && seen[name]:
			return nil, fmt.Errorf("%s stands in it twice; write it once", word)
		case x.kind == dataField && x.size == 0 && p.length < 0:
			return nil, errors.New("{data} has no length; write {length} before it, or {data:N} for N bytes")
		case x.kind == lengthField && p.open:
			return nil, errors.New("{length} stands after {value}; write it before")
		case x.size == 0 && p.open:
			return nil, errors.New("{data} and {value} stand in it together; write {data:N} for N bytes")
		case x.kind == sumField && !p.open && p.fixed < y.sumFrom:
			return nil, fmt.Errorf("the checksum is at byte %d and covers bytes from %d on; write a smaller checksum.from",
				p.fixed, y.sumFrom)
		case x.kind == lengthField:
			p.length = p.fixed
		case x.kind == sumField:
			p.summed = true
		}
		if x.kind != dataField || x.size == 0 {
			seen[name] = true
		}
		if p.open {
			p.tail += x.size
		}
		p.fixed, p.open = p.fixed+x.size, p.open || x.size == 0
		p.pieces = append(p.pieces, x)
	}
	switch {
	case len(p.pieces) == 0:
		return nil, errors.New(`it is empty; write bytes in hex, as in "AA 55 {unit} 01 {checksum}"`)
	case p.pieces[0].kind != constant && !p.summed:
		return nil, errors.New("it could begin anywhere; begin with a constant byte, or write {checksum} in it")
	case !p.holds(0) && p.length >= 0 && p.fixed <= y.maxFrame:
		return nil, fmt.Errorf("its %d bytes less length.adjust %d are no number of %d bytes; correct adjust or size",
			p.fixed, y.adjust, y.lengthSize)
	case p.fixed > y.maxFrame:
		return nil, fmt.Errorf("it has %d bytes, more than max_frame %d", p.fixed, y.maxFrame)
	}
	return p, nil
}

// piece reads one word of a frame.
func (y *layout) piece(word string, value bool) (piece, error) {
	name, size, sized := strings.Cut(strings.Trim(word, "{}"), ":")
	n := 0
	if sized {
		var err error
		if n, err = strconv.Atoi(size); err != nil || n < 1 || n > maxFrame || name != "data" {
			return piece{}, fmt.Errorf("%q: write {data:N} with N from 1 to %d", word, maxFrame)
		}
	}
	switch {
	case !strings.HasPrefix(word, "{"):
		b, err := hex.DecodeString(word)
		if err != nil {
			return piece{}, fmt.Errorf("%q is no bytes in hex; write AA 55, {unit}, {length}, {checksum}, {data}, {data:N} "+
				"or, in a write, {value}", word)
		}
		return piece{constant, b, len(b)}, nil
	case word == "{unit}":
		return piece{unitField, nil, y.unitSize}, nil
	case word == "{length}":
		return piece{lengthField, nil, y.lengthSize}, nil
	case word == "{checksum}" && y.sum.Sum == nil:
		return piece{}, errors.New("{checksum}: nothing says which; write checksum: {kind: crc16-modbus} in the options")
	case word == "{checksum}":
		return piece{sumField, nil, y.sum.Size}, nil
	case word == "{value}" && value:
		return piece{valueField, nil, 0}, nil
	case name == "data":
		return piece{dataField, nil, n}, nil
	}
	return piece{}, fmt.Errorf("%q is not known here; write bytes in hex, {unit}, {length}, {checksum}, {data}, {data:N} "+
		"or, in a write, {value}", word)
}

// holds reports whether a value of size bytes in place of {value} leaves a frame that can be.
func (p *pattern) holds(size int) bool {
	n := p.fixed + size
	return n <= p.maxFrame && (p.length < 0 || n >= p.adjust && int64(n-p.adjust) < 1<<(8*p.lengthSize))
}

// has reports whether the pattern has such a piece.
func (p *pattern) has(k kind) bool {
	for i := range p.pieces {
		if p.pieces[i].kind == k {
			return true
		}
	}
	return false
}

// at looks at b for the frame: n is its length, 0 when more has to come; ok is false when it does not begin there. unit
// and value are what it has to hold; nil: anything.
func (p *pattern) at(b, unit, value []byte) (n int, ok bool) {
	n = p.fixed
	if p.open {
		n += len(value)
	}
	if p.length >= 0 && len(b) >= p.length+p.lengthSize {
		said := int64(number(b[p.length:p.length+p.lengthSize], p.lengthLittle)) + int64(p.adjust)
		free := p.open && value == nil
		if said < int64(p.fixed) || said > int64(p.maxFrame) || !free && said != int64(n) {
			return 0, false
		}
		n = int(said)
	}
	at, whole := 0, len(b) >= n && (p.length < 0 || len(b) >= p.length+p.lengthSize)
	for i := range p.pieces {
		x := &p.pieces[i]
		size := x.size
		if size == 0 {
			if !whole {
				return 0, true // what follows has no place yet
			}
			size = n - p.fixed
		}
		if !p.fits(x, b, at, size, unit, value) {
			return 0, false
		}
		at += size
	}
	if !whole {
		return 0, true
	}
	return n, true
}

// fits reports whether the piece at b[at:at+size] is as it has to be, as far as it has come.
func (p *pattern) fits(x *piece, b []byte, at, size int, unit, value []byte) bool {
	if at >= len(b) {
		return true
	}
	got := b[at:min(at+size, len(b))]
	want := x.bytes
	switch x.kind {
	case unitField:
		want = unit
	case valueField:
		want = value
	case sumField:
		return len(got) < size || at >= p.sumFrom && uint64(p.sum.Sum(b[p.sumFrom:at])) == number(got, p.sumLittle)
	}
	return want == nil || len(want) == size && bytes.Equal(got, want[:len(got)])
}

// unit is the device that a whole frame names, nil when frames of its pattern name none.
func (p *pattern) unit(frame []byte) []byte {
	at := 0
	for i := range p.pieces {
		size := p.pieces[i].size
		if size == 0 {
			size = len(frame) - p.fixed
		}
		if p.pieces[i].kind == unitField {
			return frame[at : at+size]
		}
		at += size
	}
	return nil
}

// value is what stands for {value} in b, were it a whole frame; nil when the pattern has none, or b is too short.
func (p *pattern) value(b []byte) []byte {
	at := 0
	for i := range p.pieces {
		if p.pieces[i].kind == valueField && len(b) > p.fixed {
			return b[at : at+len(b)-p.fixed]
		}
		at += p.pieces[i].size
	}
	return nil
}

// build appends the frame to a unit with a value.
func (p *pattern) build(dst, unit, value []byte) []byte {
	start, n := len(dst), p.fixed
	if p.open {
		n += len(value)
	}
	for i := range p.pieces {
		switch x := &p.pieces[i]; x.kind {
		case constant:
			dst = append(dst, x.bytes...)
		case unitField:
			dst = append(dst, unit...)
		case lengthField:
			dst = appendNumber(dst, uint64(n-p.adjust), x.size, p.lengthLittle)
		case sumField:
			sum := p.sum.Sum(dst[min(start+p.sumFrom, len(dst)):])
			dst = appendNumber(dst, uint64(sum), x.size, p.sumLittle)
		case dataField:
			dst = append(dst, make([]byte, x.size)...)
		case valueField:
			dst = append(dst, value...)
		}
	}
	return dst
}

func number(b []byte, little bool) (n uint64) {
	for i := range b {
		if little {
			i = len(b) - 1 - i
		}
		n = n<<8 | uint64(b[i])
	}
	return n
}

func appendNumber(dst []byte, n uint64, size int, little bool) []byte {
	for i := range size {
		if !little {
			i = size - 1 - i
		}
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}
