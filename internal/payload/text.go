package payload

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendText appends s as the inside of a JSON string.
func appendText[S ~string | ~[]byte](dst []byte, s S) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendEscaped(append(dst, s[:i]...), []byte(s[i:]))
		}
	}
	return append(dst, s...)
}

func appendEscaped(dst, s []byte) []byte {
	for len(s) > 0 {
		c := s[0]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRune(s)
			dst, s = utf8.AppendRune(dst, r), s[n:] // what is no UTF-8 is decoded as U+FFFD
			continue
		}
		s = s[1:]
	}
	return dst
}
