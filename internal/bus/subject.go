package bus

import (
	"fmt"

	"linkd/internal/payload"
)

// subjects are those of one project. They never change: a project that is renamed has others.
type subjects struct {
	project                      string
	all, tags, conn, rx, cmd, tx string         // each but all ends in a dot
	packs                        [shards]string // of reports in the stream
	everyPack                    string
}

func subjectsOf(project string) *subjects {
	p, packs := "linkd."+project+".", "linkd_history."+project+"."
	s := &subjects{project: project, all: p + ">", tags: p + "tags.", conn: p + "conn.",
		rx: p + "rx.", cmd: p + "cmd.", tx: p + "tx.",
		everyPack: packs + "*"}
	for i := range s.packs {
		s.packs[i] = fmt.Sprintf("%s%02d", packs, i)
	}
	return s
}

// streamNames are those of one project.
func tagStream(project string) string  { return "linkd_" + project + "_tags" }
func connStream(project string) string { return "linkd_" + project + "_conn" }

// appendSubject appends the subject of b at a: of a channel's device, or of a provider's connection.
func appendSubject[A, B ~string | ~[]byte](dst []byte, prefix string, a A, b B) []byte {
	dst = payload.AppendToken(append(dst, prefix...), a)
	return payload.AppendToken(append(dst, '.'), b)
}
