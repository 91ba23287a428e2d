package bus

const hexDigits = "0123456789ABCDEF"

// appendToken appends s as one token of a subject: what is no letter, digit, _ or - becomes %XX, so that no name can be
// a wildcard, or two tokens. The names of a project file stay as they are.
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

// subjects are those of one project.
type subjects struct {
	all, tags, conn, cmd, tx string // each but all ends in a dot
}

func subjectsOf(project string) subjects {
	p := "linkd." + project + "."
	return subjects{all: p + ">", tags: p + "tags.", conn: p + "conn.", cmd: p + "cmd.", tx: p + "tx."}
}

// streamNames are those of one project.
func tagStream(project string) string  { return "linkd_" + project + "_tags" }
func connStream(project string) string { return "linkd_" + project + "_conn" }
