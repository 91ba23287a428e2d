package outputtest

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Tahu is the codec of Sparkplug B of the Eclipse Tahu project, which is not ours and runs in node.
type Tahu struct {
	t   testing.TB
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// Payload is a payload as Tahu's decoder has it. Integers of 64 bits are texts or numbers, as it likes.
type Payload struct {
	Timestamp any
	Seq       any
	Metrics   []Metric
}

// Metric is one of a Payload.
type Metric struct {
	Name         string
	Alias        any
	Timestamp    any
	Type         string
	Value        any
	IsHistorical bool
	IsNull       bool
	Properties   map[string]struct {
		Type  string
		Value any
	}
}

// NewTahu installs the codec where it is missing, below bin, and starts it. It ends with the test.
func NewTahu(t testing.TB) *Tahu {
	t.Helper()
	root, err := os.Getwd()
	for err == nil && root != "/" {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			break
		}
		root = filepath.Dir(root)
	}
	dir := filepath.Join(root, "bin", "tahu")
	for _, program := range []string{"node", "npm"} {
		_, missing := exec.LookPath(program)
		err = errors.Join(err, missing)
	}
	if err == nil {
		var said []byte
		if said, err = exec.Command(filepath.Join(root, "outputs/sparkplug/testdata/tahu/install"),
			dir).CombinedOutput(); err != nil {
			err = fmt.Errorf("installing sparkplug-payload: %w: %s", err, said)
		}
	}
	Need(t, err)
	cmd := exec.Command("node", filepath.Join(dir, "codec.js"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &Tahu{t: t, in: in, out: bufio.NewReader(out)}
}

func (c *Tahu) ask(line string) string {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := io.WriteString(c.in, line+"\n")
	answer := ""
	if err == nil {
		answer, err = c.out.ReadString('\n')
	}
	if err != nil || strings.HasPrefix(answer, "error:") {
		c.t.Fatalf("%.200s: %s %v", line, answer, err)
	}
	return strings.TrimSpace(answer)
}

// Decode decodes a payload.
func (c *Tahu) Decode(b []byte) (p Payload) {
	c.t.Helper()
	answer := c.ask("d " + hex.EncodeToString(b))
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		c.t.Fatalf("%s: %v", answer, err)
	}
	return p
}

// Encode encodes a payload, in JSON as the codec takes it.
func (c *Tahu) Encode(payload string) []byte {
	c.t.Helper()
	b, err := hex.DecodeString(c.ask("e " + payload))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}
