package loadgen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"time"
)

// Between the parent and a process of the fleet, or a coordinator and a host, one line each:
//
//	to the process    its share as JSON, then "start", then "go" when all processes have settled, or "stop"; "start" and
//	                  "go" may be followed by how long to wait with it; "alive" says no more than that
//	from the process  a report as JSON: ready, then settled, progress now and then, at the end its outcome; an empty one
//	                  says no more than that the process is alive
//
// The end of its standard input stops a process: it never outlives its parent.

const (
	maxReport   = 16 << 20         // bytes of one line; an outcome has less than 1 MiB
	stopPatient = 15 * time.Second // beyond Drain, until a process that was told to stop is killed
)

// report is one line from a process.
type report struct {
	Ready    int       `json:",omitempty"` // of how many processes the share is made; 0: not yet
	Settled  bool      `json:",omitempty"`
	Progress *Progress `json:",omitempty"`
	Outcome  *outcome  `json:",omitempty"`
	Error    string    `json:",omitempty"`
}

// process is one process of the fleet, as its parent sees it, or one host, as the coordinator does.
type process struct {
	name     string // in messages
	in       io.WriteCloser
	kill     func()
	share    share
	delay    time.Duration // with which it takes what is said to all, so that all take it at once
	stderr   tail
	ready    int
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

// runProcesses divides a share among n processes and merges their outcomes.
func runProcesses(ctx context.Context, s *share, n int, cue *cue, report func(Progress)) (*outcome, error) {
	f := newFamily(s, cue, ErrWorkerDied)
	cpu := cpuTime()
	for i := range n {
		lo, hi := s.Count*i/n, s.Count*(i+1)/n
		part := share{Config: s.Config, To: s.To, First: s.First + lo, Count: hi - lo}
		if err := f.spawn(part, fmt.Sprintf("worker process %d of %d", i+1, n)); err != nil {
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

// family is the processes of one share, or the hosts of one run.
type family struct {
	cfg     *Config
	to      netip.AddrPort
	count   int // devices
	members []*process
	notes   chan note
	start   time.Time
	cue     *cue
	lost    error            // what it is when a member dies
	beat    <-chan time.Time // when to say that we are alive
	late    <-chan time.Time // when the run should have ended long ago

	ready, begun, settled, gone bool // how far all are
	mayStart, mayGo             bool
	stopped                     bool
}

func newFamily(s *share, cue *cue, lost error) *family {
	return &family{cfg: &s.Config, to: s.To, count: s.Count, notes: make(chan note), start: time.Now(), cue: cue,
		lost: lost}
}

func (f *family) spawn(s share, name string) error {
	command := f.cfg.Command
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("loadgen: finding this executable: %w", err)
		}
		command = []string{self, "loadgen", "--worker"}
	}
	cmd := exec.Command(command[0], command[1:]...)
	p := &process{name: name, share: s, kill: func() { _ = cmd.Process.Kill() }}
	cmd.Stderr = &p.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("loadgen: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("loadgen: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("loadgen: starting a worker process: %w", err)
	}
	p.in = in
	return f.add(p, out, false, func(error) error {
		_, _ = io.Copy(io.Discard, out)
		return cmd.Wait()
	})
}

// add gives a new member its share, and listens to it. Of a strict one every line must be a report. ended is told why
// there are no more lines, and says how the member ended.
func (f *family) add(p *process, out io.Reader, strict bool, ended func(error) error) error {
	f.members = append(f.members, p)
	line, err := json.Marshal(&p.share)
	if err == nil {
		_, _ = p.in.Write(append(line, '\n')) // a process that does not read it is seen to end
	}
	go f.listen(len(f.members)-1, out, strict, ended)
	return err
}

// listen turns the lines of a member into notes, and its end into the last one.
func (f *family) listen(i int, out io.Reader, strict bool, ended func(error) error) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxReport)
	var err error
	for err == nil && lines.Scan() {
		var r report
		switch e := json.Unmarshal(lines.Bytes(), &r); {
		case e == nil:
			f.notes <- note{i: i, report: r}
		case strict:
			err = fmt.Errorf("it sent what is no report: %w", e)
		} // else not ours: a line that the executable printed by itself
	}
	if err == nil {
		err = lines.Err()
	}
	f.notes <- note{i: i, ended: true, err: ended(err)}
}

// follow leads the processes through the run until all have ended.
func (f *family) follow(ctx context.Context, report func(Progress)) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	stop, start, begin := ctx.Done(), f.cue.start, f.cue.begin
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
		case <-start:
			start, f.mayStart = nil, true
			f.lead()
		case <-begin:
			begin, f.mayGo = nil, true
			f.lead()
		case <-stop:
			stop = nil
			stopAll()
		case <-f.late:
			stopAll()
		case <-f.beat:
			f.say("alive")
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
	p.ready = max(p.ready, n.report.Ready)
	p.settled = p.settled || n.report.Settled
	if n.report.Progress != nil {
		p.progress = *n.report.Progress
	}
	if out := n.report.Outcome; out != nil && p.outcome == nil {
		if err := out.check(p.share.Count); err != nil {
			p.failure = err.Error()
			return
		}
		p.outcome = out
		if out.Stopped && !f.stopped {
			p.failure = "it was stopped there"
		}
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
	return p.outcome == nil || p.failure != ""
}

// lead says start when all members are ready, and go when all have settled, and the cue allows it.
func (f *family) lead() {
	ready, settled, processes := true, true, 0
	for _, p := range f.members {
		ready = ready && (p.ready > 0 || p.ended)
		settled = settled && (p.settled || p.ended)
		processes += p.ready
	}
	if ready && !f.ready {
		f.ready = true
		f.cue.ready(processes)
	}
	if f.ready && f.mayStart && !f.begun {
		f.begun = true
		f.say("start")
	}
	if f.begun && settled && !f.settled {
		f.settled = true
		f.cue.settled()
	}
	if f.settled && f.mayGo && !f.gone {
		f.gone = true
		f.say("go")
	}
}

func (f *family) say(word string) {
	for _, p := range f.members {
		if !p.ended {
			_, _ = fmt.Fprintln(p.in, word, p.delay) // if it is gone, its end is on its way
		}
	}
}

func (f *family) kill() {
	for _, p := range f.members {
		if !p.ended {
			p.kill()
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
	all := Progress{Phase: "connecting", Devices: f.count, Elapsed: time.Since(f.start), Processes: len(f.members)}
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

// collect merges the outcomes; the devices of a member that died have failed for that reason.
func (f *family) collect(out *outcome) error {
	var died []error
	for _, p := range f.members {
		if p.outcome != nil {
			out.merge(p.outcome)
		}
		if p.outcome != nil && p.failure == "" {
			continue
		}
		text := fmt.Sprintf("%s (devices %d to %d): %s", p.name, p.share.First+1, p.share.First+p.share.Count, p.failure)
		if p.outcome == nil {
			out.Failed[workerDied] += int64(p.share.Count)
			out.Errors.add(text, 1)
		}
		died = append(died, fmt.Errorf("%w: %s", f.lost, text))
	}
	return errors.Join(died...)
}
