package nats

import (
	"bytes"

	"linkd/internal/payload"
)

// subjects is what all subjects of one output begin with; it ends in a dot.
type subjects string

func newSubjects(prefix, project string) subjects {
	return subjects(append(payload.AppendToken([]byte(prefix+"."), project), '.'))
}

// of makes a subject of a record's topic: CLASS/CHANNEL/DEVICE, CLASS/PROVIDER/CONNECTION or CLASS/PROVIDER.
func (s subjects) of(topic []byte) string {
	dst := []byte(s)
	for i, part := range bytes.SplitN(topic, []byte{'/'}, 3) {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = payload.AppendToken(dst, part)
	}
	return string(dst)
}

// all is the wildcard of the subjects.
func (s subjects) all() string { return string(s) + ">" }
