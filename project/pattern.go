package project

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPattern is wrapped by every error of ParsePattern.
var ErrPattern = errors.New("project: not a pattern")

// maxDigits bounds the digits of a pattern's number, so that every number fits an int64.
const maxDigits = 18

// Pattern is text with a number in it: "c{n:07}" gives c0000001 for 1. It is a small comparable value; two Patterns
// are equal when they give the same text for every number. The zero Pattern is the empty text without a number.
type Pattern struct {
	prefix string
	suffix string
	width  int // fewest digits, at least 1; 0: no number, the text is prefix alone
}

// ParsePattern reads text with exactly one {n} or {n:0W}. W is the fewest digits, 1 to 18: shorter numbers are padded
// with zeros, longer ones are not cut. Braces stand for nothing else. Errors wrap ErrPattern.
func ParsePattern(s string) (Pattern, error) {
	if !strings.ContainsAny(s, "{}") {
		return Pattern{}, fmt.Errorf("%w: %q has no {n}; write text with one {n} or {n:0W}, such as c{n:07}", ErrPattern, s)
	}
	prefix, rest, _ := strings.Cut(s, "{")
	field, suffix, found := strings.Cut(rest, "}")
	if !found || strings.Contains(prefix, "}") || strings.ContainsAny(suffix, "{}") {
		return Pattern{}, fmt.Errorf("%w: %q holds other braces; write exactly one {n} or {n:0W}", ErrPattern, s)
	}
	if field == "n" {
		return Pattern{prefix: prefix, suffix: suffix, width: 1}, nil
	}
	digits, found := strings.CutPrefix(field, "n:0")
	width, err := strconv.ParseUint(digits, 10, 8)
	if !found || err != nil || width < 1 || width > maxDigits {
		return Pattern{}, fmt.Errorf("%w: {%s} in %q; write {n}, or {n:0W} with a width W of 1 to %d, such as {n:07}",
			ErrPattern, field, s, maxDigits)
	}
	return Pattern{prefix: prefix, suffix: suffix, width: int(width)}, nil
}

// constant is the Pattern that gives the same text for every number.
func constant(s string) Pattern { return Pattern{prefix: s} }

// IsZero reports whether p is the zero Pattern.
func (p Pattern) IsZero() bool { return p == Pattern{} }

// Varies reports whether p has a number in it.
func (p Pattern) Varies() bool { return p.width > 0 }

// Append appends the text for n, which is 0 or more, to dst. It allocates only when dst must grow.
func (p Pattern) Append(dst []byte, n int) []byte {
	dst = append(dst, p.prefix...)
	if p.width == 0 {
		return dst
	}
	for w, limit := 1, 10; w < p.width; w++ {
		if n < limit {
			dst = append(dst, '0')
		}
		limit *= 10
	}
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, p.suffix...)
}

// Format returns the text for n, which is 0 or more.
func (p Pattern) Format(n int) string {
	var buf [64]byte
	return string(p.Append(buf[:0], n))
}

// Match is the inverse of Format: the number whose text is b. Only the canonical spelling matches: c{n:03} matches
// c007 and c1000, not c7 and not c0007. A pattern without a number matches nothing. It does not allocate.
func (p Pattern) Match(b []byte) (n int, ok bool) {
	digits := len(b) - len(p.prefix) - len(p.suffix)
	if p.width == 0 || digits < p.width || digits > maxDigits ||
		string(b[:len(p.prefix)]) != p.prefix || string(b[len(p.prefix)+digits:]) != p.suffix {
		return 0, false
	}
	number := b[len(p.prefix) : len(p.prefix)+digits]
	if digits > p.width && number[0] == '0' {
		return 0, false
	}
	for _, c := range number {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// String returns the pattern as ParsePattern reads it.
func (p Pattern) String() string {
	switch p.width {
	case 0:
		return p.prefix
	case 1:
		return p.prefix + "{n}" + p.suffix
	}
	return p.prefix + "{n:0" + strconv.Itoa(p.width) + "}" + p.suffix
}
