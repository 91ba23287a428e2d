package project

import (
	"strconv"
	"strings"
)

// span is a set of texts of one length: prefix, then a number of exactly so many digits from lo to hi, then suffix.
// A constant text is a span without digits, of the number 0. Spans answer questions about ten million texts without
// writing one of them.
type span struct {
	prefix, suffix string
	digits         int
	lo, hi         int // inclusive
}

// constantSpan holds s alone.
func constantSpan(s string) span { return span{prefix: s} }

// spans returns the texts that p gives for from to to, as at most maxDigits disjoint spans.
func (p Pattern) spans(from, to int) []span {
	if p.width == 0 {
		return []span{constantSpan(p.prefix)}
	}
	var list []span
	for digits := p.width; digits <= maxDigits; digits++ {
		first := power(digits - 1)
		if digits == p.width {
			first = 0
		}
		s := span{p.prefix, p.suffix, digits, max(from, first), min(to, power(digits)-1)}
		if s.lo <= s.hi {
			list = append(list, s)
		}
	}
	return list
}

// power returns ten to the n.
func power(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// text returns the text for number n.
func (s span) text(n int) string {
	if s.digits == 0 {
		return s.prefix + s.suffix
	}
	return Pattern{prefix: s.prefix, suffix: s.suffix, width: s.digits}.Format(n)
}

func (s span) length() int { return len(s.prefix) + s.digits + len(s.suffix) }

// at returns the fixed character at position i; ok is false where a digit of the number stands.
func (s span) at(i int) (c byte, ok bool) {
	switch end := len(s.prefix) + s.digits; {
	case i < len(s.prefix):
		return s.prefix[i], true
	case i < end:
		return 0, false
	default:
		return s.suffix[i-end], true
	}
}

// meet returns a text that a and b share.
//
// Both numbers are windows on the same characters. Where only one window stands, the other's fixed characters give
// its digits; where both stand, the digits are free, and one number F for both. So each of the two numbers is
// fixed + F * unit, which grows with F: each range bounds F, and the bounds must leave something.
func meet(a, b span) (string, bool) {
	if a.length() != b.length() || a.lo > a.hi || b.lo > b.hi {
		return "", false
	}
	for i := range a.length() {
		x, fixedA := a.at(i)
		y, fixedB := b.at(i)
		switch {
		case fixedA && fixedB && x != y,
			fixedA && !fixedB && !digit(x),
			fixedB && !fixedA && !digit(y):
			return "", false
		}
	}
	left := max(len(a.prefix), len(b.prefix))
	right := min(len(a.prefix)+a.digits, len(b.prefix)+b.digits)
	free := max(right-left, 0)
	lo, hi := 0, power(free)-1
	for _, side := range [2][2]span{{a, b}, {b, a}} {
		fixed, unit := side[0].number(side[1], left, right)
		lo = max(lo, ceilDiv(side[0].lo-fixed, unit))
		hi = min(hi, floorDiv(side[0].hi-fixed, unit))
	}
	if lo > hi {
		return "", false
	}
	fixed, unit := a.number(b, left, right)
	return a.text(fixed + lo*unit), true
}

// number returns s's number when the digits that both s and other leave free, at left to right, are all 0, and how
// much one more of the free number adds to it.
func (s span) number(other span, left, right int) (fixed, unit int) {
	unit = 1
	for i := len(s.prefix); i < len(s.prefix)+s.digits; i++ {
		c, ok := other.at(i)
		if !ok {
			c = '0'
		}
		fixed = fixed*10 + int(c-'0')
		if i >= right && right > left {
			unit *= 10
		}
	}
	return fixed, unit
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func ceilDiv(a, b int) int { return -floorDiv(-a, b) }

// starting returns the texts of s that begin with prefix; ok is false when there are none.
func (s span) starting(prefix string) (span, bool) {
	if len(prefix) > s.length() {
		return span{}, false
	}
	n := min(len(prefix), len(s.prefix))
	if prefix[:n] != s.prefix[:n] {
		return span{}, false
	}
	rest := prefix[n:]
	n = min(len(rest), s.digits)
	number, end := rest[:n], rest[n:]
	if !strings.HasPrefix(s.suffix, end) {
		return span{}, false
	}
	if number == "" {
		return s, true
	}
	for i := range len(number) {
		if !digit(number[i]) {
			return span{}, false
		}
	}
	first, err := strconv.Atoi(number)
	if err != nil {
		return span{}, false
	}
	unit := power(s.digits - n)
	s.lo, s.hi = max(s.lo, first*unit), min(s.hi, first*unit+unit-1)
	return s, s.lo <= s.hi
}

// wrap returns the texts of s between two constants.
func (s span) wrap(before, after string) span {
	s.prefix = before + s.prefix
	if s.digits == 0 {
		s.prefix += s.suffix + after
		s.suffix = ""
		return s
	}
	s.suffix += after
	return s
}
