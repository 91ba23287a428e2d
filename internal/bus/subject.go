package bus

import "linkd/internal/payload"

// subjects are those of one project.
type subjects struct {
	all, tags, conn, cmd, tx string // each but all ends in a dot
	packs                    string // of reports in the stream; a shard's number follows
}

func subjectsOf(project string) subjects {
	p := "linkd." + project + "."
	return subjects{all: p + ">", tags: p + "tags.", conn: p + "conn.", cmd: p + "cmd.", tx: p + "tx.",
		packs: "linkd_history." + project + "."}
}

// streamNames are those of one project.
func tagStream(project string) string  { return "linkd_" + project + "_tags" }
func connStream(project string) string { return "linkd_" + project + "_conn" }

// appendSubject appends the subject of b at a: of a channel's device, or of a provider's connection.
func appendSubject[A, B ~string | ~[]byte](dst []byte, prefix string, a A, b B) []byte {
	dst = payload.AppendToken(append(dst, prefix...), a)
	return payload.AppendToken(append(dst, '.'), b)
}
