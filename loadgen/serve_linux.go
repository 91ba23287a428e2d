package loadgen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	maxShare  = 1 << 20          // bytes of a share; a command line has less
	mostDelay = 10 * time.Second // of a word
)

// errParentGone says that the parent ended before it said what to do.
var errParentGone = errors.New("loadgen: no word from the parent process")

// ServeWorker does one process's share of a fleet: it reads the share and then words from in, and writes reports to
// out. It returns when the share is done or in ends. Only Run, in the parent process, knows what to write to in.
func ServeWorker(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reports := &reporter{out: json.NewEncoder(out)}
	err := serve(ctx, cancel, bufio.NewReaderSize(in, maxShare), reports)
	if err != nil {
		reports.send(report{Error: err.Error()})
	}
	return err
}

func serve(ctx context.Context, stop func(error), in *bufio.Reader, reports *reporter) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return errParentGone
	}
	var s share
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("loadgen: a share that cannot be read: %w", err)
	}
	if limit := raiseDescriptorLimit(); limit <= s.Config.descriptors(s.Count) {
		return fmt.Errorf("loadgen: a descriptor limit of %d is too low for %d devices", limit, s.Count)
	}
	w := newWords()
	go w.obey(in, stop)
	outcome, err := perform(ctx, &s, 1, w.cue(reports), reports.progress)
	if err != nil {
		return err
	}
	reports.send(report{Outcome: outcome})
	return nil
}

// cue leads a share from outside: it is told how far the share is, and says when to go on.
type cue struct {
	ready   func(processes int) // nothing is dialled yet
	start   <-chan struct{}     // dialling begins when it is closed
	settled func()              // every device is up or has failed
	begin   <-chan struct{}     // the traffic begins when it is closed
}

// atOnce lets a share go on by itself.
func atOnce() *cue {
	now := make(chan struct{})
	close(now)
	return &cue{ready: func(int) {}, start: now, settled: func() {}, begin: now}
}

// perform does a share in n processes; one is this one.
func perform(ctx context.Context, s *share, n int, cue *cue, progress func(Progress)) (*outcome, error) {
	if n > 1 {
		return runProcesses(ctx, s, n, cue, progress)
	}
	c, err := newCrew(s)
	if err != nil {
		return nil, err
	}
	cue.ready(1)
	select {
	case <-cue.start:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.settled:
			cue.settled()
		case <-ctx.Done():
		}
	}()
	return c.run(ctx, cue.begin, progress)
}

// words are what a share's leader has said.
type words struct {
	start, begin         chan struct{}
	startOnce, beginOnce sync.Once
}

func newWords() *words { return &words{start: make(chan struct{}), begin: make(chan struct{})} }

// cue leads a share by the words, and reports how far it is.
func (w *words) cue(to *reporter) *cue {
	return &cue{start: w.start, begin: w.begin,
		ready:   func(processes int) { to.send(report{Ready: processes}) },
		settled: func() { to.send(report{Settled: true}) }}
}

// obey acts on the leader's words until there are no more; stop is told why.
func (w *words) obey(in *bufio.Reader, stop func(error)) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			stop(err)
			return
		}
		word, text, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		delay, err := time.ParseDuration(text)
		if err != nil || delay > mostDelay {
			delay = 0 // said without one
		}
		switch word {
		case "start":
			time.AfterFunc(delay, func() { w.startOnce.Do(func() { close(w.start) }) })
		case "go":
			time.AfterFunc(delay, func() { w.beginOnce.Do(func() { close(w.begin) }) })
		case "stop":
			stop(nil)
		}
	}
}

// reporter writes reports from several goroutines, a line each.
type reporter struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (r *reporter) send(x report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.out.Encode(x) // the leader's end is gone: so is what it says, and that stops us
}

func (r *reporter) progress(p Progress) { r.send(report{Progress: &p}) }
