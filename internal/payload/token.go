package payload

// AppendToken appends s as one token of a NATS subject: what is no letter, digit, _ or - becomes %XX, so that no name
// can be a wildcard, or two tokens. The names of a project file stay as they are.
func AppendToken[S ~string | ~[]byte](dst []byte, s S) []byte {
	const digits = "0123456789ABCDEF"
	if len(s) == 0 {
		return append(dst, '%')
	}
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
