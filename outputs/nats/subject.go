package nats

import "bytes"

const hexDigits = "0123456789ABCDEF"

// appendToken appends s as one token of a subject, as linkd's own bus does: what is no letter, digit, _ or - becomes
// %XX, so that no name can be a wildcard, or two tokens.
func appendToken[S ~string | ~[]byte](dst []byte, s S) []byte {
	if len(s) == 0 {
		return append(dst, '%')
	}
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// subjects is what all subjects of one output begin with; it ends in a dot.
type subjects string

func newSubjects(prefix, project string) subjects {
	return subjects(append(appendToken([]byte(prefix+"."), project), '.'))
}

// of makes a subject of a record's topic: CLASS/CHANNEL/DEVICE, CLASS/PROVIDER/CONNECTION or CLASS/PROVIDER.
func (s subjects) of(topic []byte) string {
	dst := []byte(s)
	for i, part := range bytes.SplitN(topic, []byte{'/'}, 3) {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = appendToken(dst, part)
	}
	return string(dst)
}

// all is the wildcard of the subjects.
func (s subjects) all() string { return string(s) + ">" }
