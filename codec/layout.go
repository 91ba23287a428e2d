package codec

import "bytes"

// cell says what one byte of a fixed layout may be.
type cell struct {
	kind cellKind
	lit  byte // literal only
}

type cellKind uint8

const (
	literal  cellKind = iota
	anyByte           // addresses, ports, raw ids
	digit             // 0-9
	hexDigit          // 0-9, A-F, a-f
)

func (c cell) allows(x byte) bool {
	switch c.kind {
	case literal:
		return x == c.lit
	case digit:
		return '0' <= x && x <= '9'
	case hexDigit:
		return '0' <= x && x <= '9' || 'A' <= x && x <= 'F' || 'a' <= x && x <= 'f'
	}
	return true
}

// appendCells appends n cells of a kind.
func appendCells(dst []cell, kind cellKind, n int) []cell {
	for range n {
		dst = append(dst, cell{kind: kind})
	}
	return dst
}

// appendLiteral appends the bytes of b as they are.
func appendLiteral(dst []cell, b []byte) []cell {
	for _, c := range b {
		dst = append(dst, cell{lit: c})
	}
	return dst
}

// layout compares the bytes with f.cells, one by one: a wrong byte is rubbish as soon as it is there. It serves the
// presets template, four-faith, ddp, inhand, imei, fixed and hex.
func layout(f *Framer, b []byte, s int, _ bool, _ IDs) hit {
	r := b[s:]
	for i, c := range f.cells {
		if i >= len(r) {
			return hit{verdict: Wait}
		}
		if !c.allows(r[i]) {
			return hit{verdict: Rubbish}
		}
	}
	end := s + len(f.cells)
	return hit{verdict: Found, from: s + f.idFrom, to: s + f.idTo, end: end, at: end}
}

// line takes the id from between prefix and suffix of one line that ends in CR, LF, CRLF or NUL.
func line(f *Framer, b []byte, s int, _ bool, _ IDs) hit {
	r := b[s:]
	if !begins(r, f.prefix) {
		return hit{verdict: Rubbish}
	}
	end := indexEnd(r[:min(len(r), f.maxBytes+1)])
	if end < 0 {
		if len(r) > f.maxBytes {
			return hit{verdict: Rubbish}
		}
		return hit{verdict: Wait}
	}
	body := trimRight(r[:end])
	from, to := len(f.prefix), len(body)-len(f.suffix)
	if from >= to || !bytes.HasSuffix(body, f.suffix) {
		return hit{verdict: Rubbish}
	}
	for from < to && isBlank(r[from]) {
		from++
	}
	to = len(trimRight(r[:to]))
	if from >= to {
		return hit{verdict: Rubbish}
	}
	return hit{verdict: Found, from: s + from, to: s + to, end: s + end, at: s + end + 1}
}

// lengthPrefixed reads prefix, the length of the id, the id, suffix.
func lengthPrefixed(f *Framer, b []byte, s int, _ bool, _ IDs) hit {
	r := b[s:]
	if !begins(r, f.prefix) {
		return hit{verdict: Rubbish}
	}
	from := len(f.prefix) + f.lenBytes
	if len(r) < from {
		return hit{verdict: Wait}
	}
	var n uint64
	for i := range f.lenBytes {
		k := i
		if f.littleEnd {
			k = f.lenBytes - 1 - i
		}
		n = n<<8 | uint64(r[len(f.prefix)+k])
	}
	if n == 0 || n > uint64(f.maxBytes) {
		return hit{verdict: Rubbish}
	}
	to := from + int(n)
	if len(r) > to && !begins(r[to:], f.suffix) {
		return hit{verdict: Rubbish}
	}
	end := to + len(f.suffix)
	if len(r) < end {
		return hit{verdict: Wait}
	}
	return hit{verdict: Found, from: s + from, to: s + to, end: s + end, at: s + end}
}

// begins reports whether b begins with lit, or is a beginning of it.
func begins(b, lit []byte) bool {
	n := min(len(b), len(lit))
	return bytes.Equal(b[:n], lit[:n])
}
