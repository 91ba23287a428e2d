package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Between the parent and a process of the fleet, one line each:
//
//	to the process    its share as JSON, then "start", then "go" when all processes have settled, or "stop"
//	from the process  a report as JSON: ready, then settled, progress now and then, at the end its outcome
//
// The end of its standard input stops a process: it never outlives its parent.

const (
	maxReport   = 16 << 20         // bytes of one line; an outcome has less than 1 MiB
	stderrKept  = 2 << 10          // of a process that died
	stopPatient = 15 * time.Second // beyond Drain, until a process that was told to stop is killed
)

// report is one line from a process.
type report struct {
	Ready    bool      `json:",omitempty"`
	Settled  bool      `json:",omitempty"`
	Progress *Progress `json:",omitempty"`
	Outcome  *outcome  `json:",omitempty"`
	Error    string    `json:",omitempty"`
}

// process is one process of the fleet, as its parent sees it.
type process struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	share    share
	stderr   tail
	ready    bool
	settled  bool
	progress Progress
	outcome  *outcome
	failure  string // what it said of its failure
	ended    bool
}

// note is what a process's reader goroutine tells the parent.
type note struct {
	i      int
	report report
	ended  bool
	err    error
}

// runProcesses shares the fleet among n processes and merges their outcomes.
func runProcesses(ctx context.Context, cfg *Config, to netip.AddrPort, n int, report func(Progress)) (*outcome, error) {
	f := &family{cfg: cfg, notes: make(chan note), start: time.Now()}
	cpu := cpuTime()
	for i := range n {
		lo, hi := cfg.Devices*i/n, cfg.Devices*(i+1)/n
		s := share{Config: *cfg, To: to, First: lo, Count: hi - lo}
		if err := f.spawn(s); err != nil {
			f.abandon()
			return nil, err
		}
	}
	f.follow(ctx, report)
	out := newOutcome()
	err := f.collect(out)
	used := cpuTime()
	out.CPUUser += used[0] - cpu[0]
	out.CPUSys += used[1] - cpu[1]
	return out, err
}

// family is the processes of one run.
type family struct {
	cfg     *Config
	members []*process
	notes   chan note
	start   time.Time
	begun   bool
	gone    bool
	stopped bool
}

func (f *family) spawn(s share) error {
	command := f.cfg.Command
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("loadgen: finding this executable: %w", err)
		}
		command = []string{self, "loadgen", "--worker"}
	}
	p := &process{cmd: exec.Command(command[0], command[1:]...), share: s}
	p.cmd.Stderr = &p.stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("loadgen: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("loadgen: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("loadgen: starting a worker process: %w", err)
	}
	p.in = in
	f.members = append(f.members, p)
	line, err := json.Marshal(&s)
	if err == nil {
		_, _ = in.Write(append(line, '\n')) // a process that does not read it is seen to end
	}
	go f.listen(len(f.members)-1, p.cmd, out)
	return err
}

// listen turns the lines of a process into notes, and its end into the last one.
func (f *family) listen(i int, cmd *exec.Cmd, out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxReport)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // not ours: a line that the executable printed by itself
		}
		f.notes <- note{i: i, report: r}
	}
	_, _ = io.Copy(io.Discard, out)
	f.notes <- note{i: i, ended: true, err: cmd.Wait()}
}

// follow leads the processes through the run until all have ended.
func (f *family) follow(ctx context.Context, report func(Progress)) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	stop := ctx.Done()
	var kill <-chan time.Time
	stopAll := func() {
		if !f.stopped {
			f.stopped = true
			f.say("stop")
			kill = time.After(f.cfg.Drain + stopPatient)
		}
	}
	for alive := len(f.members); alive > 0; {
		select {
		case n := <-f.notes:
			if n.ended {
				alive--
				if f.end(n) {
					stopAll()
				}
			} else {
				f.take(n)
			}
			f.lead()
		case <-stop:
			stop = nil
			stopAll()
		case <-kill:
			f.kill()
		case <-ticker.C:
			report(f.progress())
		}
	}
	report(f.progress())
}

func (f *family) take(n note) {
	p := f.members[n.i]
	p.ready = p.ready || n.report.Ready
	p.settled = p.settled || n.report.Settled
	if n.report.Progress != nil {
		p.progress = *n.report.Progress
	}
	if n.report.Outcome != nil {
		p.outcome = n.report.Outcome
	}
	if n.report.Error != "" {
		p.failure = n.report.Error
	}
}

// end notes that a process has ended, and reports whether it died: ended without its outcome.
func (f *family) end(n note) bool {
	p := f.members[n.i]
	p.ended = true
	p.in.Close()
	if p.outcome == nil && p.failure == "" {
		p.failure = "it ended without a result"
		if n.err != nil {
			p.failure = n.err.Error()
		}
		if said := p.stderr.last(); said != "" {
			p.failure += ": " + said
		}
	}
	return p.outcome == nil
}

// lead says start when all processes are ready, and go when all have settled.
func (f *family) lead() {
	ready, settled := true, true
	for _, p := range f.members {
		ready = ready && (p.ready || p.ended)
		settled = settled && (p.settled || p.ended)
	}
	if ready && !f.begun {
		f.begun = true
		f.say("start")
	}
	if settled && !f.gone {
		f.gone = true
		f.say("go")
	}
}

func (f *family) say(word string) {
	for _, p := range f.members {
		if !p.ended {
			_, _ = io.WriteString(p.in, word+"\n") // if it is gone, its end is on its way
		}
	}
}

func (f *family) kill() {
	for _, p := range f.members {
		if !p.ended {
			_ = p.cmd.Process.Kill()
		}
	}
}

// abandon ends the processes that were started, when another could not be.
func (f *family) abandon() {
	f.kill()
	for alive := len(f.members); alive > 0; {
		if n := <-f.notes; n.ended {
			f.members[n.i].ended = true
			f.members[n.i].in.Close()
			alive--
		}
	}
}

func (f *family) progress() Progress {
	all := Progress{Phase: "connecting", Devices: f.cfg.Devices, Elapsed: time.Since(f.start), Processes: len(f.members)}
	for _, p := range f.members {
		all.Up += p.progress.Up
		all.Failed += p.progress.Failed
		all.Dropped += p.progress.Dropped
		all.Sent += p.progress.Sent
		all.Received += p.progress.Received
	}
	if f.gone {
		all.Phase = f.members[0].progress.Phase
	}
	return all
}

// collect merges the outcomes; the devices of a process that died have failed for that reason.
func (f *family) collect(out *outcome) error {
	var died []error
	for i, p := range f.members {
		if p.outcome != nil {
			out.merge(p.outcome)
			continue
		}
		text := fmt.Sprintf("worker process %d of %d (devices %d to %d): %s", i+1, len(f.members), p.share.First+1,
			p.share.First+p.share.Count, p.failure)
		out.Failed[workerDied] += int64(p.share.Count)
		out.Errors.add(text, 1)
		died = append(died, fmt.Errorf("%w: %s", ErrWorkerDied, text))
	}
	return errors.Join(died...)
}

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
