package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTime = 20 * time.Second // longest start of a server
	stopTime  = 2 * time.Minute  // from SIGTERM to SIGKILL; fifty that share a million links take most of one to hang up
)

// process is a program that we started.
type process struct {
	cmd    *exec.Cmd
	output *transcript
}

// launch starts a program and collects what it prints; stdout, where given, gets its standard output.
// When ctx is done the program gets SIGTERM, and SIGKILL if it stays.
func launch(ctx context.Context, stdout io.Writer, name string, args ...string) (process, error) {
	p := process{cmd: exec.CommandContext(ctx, name, args...), output: newTranscript()}
	p.cmd.Stdout, p.cmd.Stderr = stdout, p.output
	if stdout == nil {
		p.cmd.Stdout = p.output
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTime
	if err := p.cmd.Start(); err != nil {
		return p, fmt.Errorf("bench: start %s: %w", filepath.Base(name), err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the program and waits for it. It may be called once.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.AfterFunc(stopTime, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	return p.wait()
}

// wait is stop for a program that ends by itself.
func (p *process) wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("bench: %s: %w: %s", filepath.Base(p.cmd.Path), err, p.output.last())
	}
	return nil
}

// transcript keeps the first bytes that a process prints, and lets others wait for them.
type transcript struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

const transcriptBytes = 1 << 20 // of output kept; what follows is dropped

func newTranscript() *transcript { return &transcript{changed: make(chan struct{}, 1)} }

// Write implements io.Writer.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(b[:min(len(b), transcriptBytes-t.b.Len())])
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (t *transcript) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.b.Bytes())
}

// last is the last line printed.
func (t *transcript) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.bytes())), "\n")
	return lines[len(lines)-1]
}

// await waits until every pattern was printed, and returns the first group of each.
func (t *transcript) await(ctx context.Context, patterns ...*regexp.Regexp) ([]string, error) {
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	for {
		text, found := t.bytes(), []string(nil)
		for _, p := range patterns {
			if m := p.FindSubmatch(text); m != nil {
				found = append(found, string(m[1]))
			}
		}
		if len(found) == len(patterns) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, fmt.Errorf("bench: the server did not start within %v; its last line: %s", startTime, t.last())
		case <-t.changed:
		}
	}
}
