package loadgen

import (
	"bytes"
	"strings"
)

const stderrKept = 2 << 10 // bytes of the standard error of a process that died

// tail keeps the end of what is written to it. The process's own copying goroutine alone writes; it is read after Wait.
type tail struct{ b []byte }

// Write keeps the last stderrKept bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - stderrKept; over > 0 {
		t.b = bytes.Clone(t.b[over:])
	}
	return len(b), nil
}

// last is the last line that says something.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
