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
)

// errParentGone says that the parent ended before it said what to do.
var errParentGone = errors.New("loadgen: no word from the parent process")

// ServeWorker does one process's share of a fleet: it reads the share and then words from in, and writes reports to
// out. It returns when the share is done or in ends. Only Run, in the parent process, knows what to write to in.
func ServeWorker(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports := &reporter{out: json.NewEncoder(out)}
	err := serve(ctx, cancel, bufio.NewReader(in), reports)
	if err != nil {
		reports.send(report{Error: err.Error()})
	}
	return err
}

func serve(ctx context.Context, cancel func(), in *bufio.Reader, reports *reporter) error {
	line, err := in.ReadBytes('\n')
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
	c, err := newCrew(&s)
	if err != nil {
		return err
	}
	reports.send(report{Ready: true})
	begin := make(chan struct{})
	started := make(chan struct{})
	go obey(in, started, begin, cancel)
	select {
	case <-started:
	case <-ctx.Done():
	}
	go func() {
		select {
		case <-c.settled:
			reports.send(report{Settled: true})
		case <-ctx.Done():
		}
	}()
	outcome, err := c.run(ctx, begin, func(p Progress) { reports.send(report{Progress: &p}) })
	if err != nil {
		return err
	}
	reports.send(report{Outcome: outcome})
	return nil
}

// obey acts on the parent's words until there are no more.
func obey(in *bufio.Reader, started, begin chan struct{}, stop func()) {
	defer stop()
	var startOnce, beginOnce sync.Once
	for {
		word, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.TrimSpace(word) {
		case "start":
			startOnce.Do(func() { close(started) })
		case "go":
			beginOnce.Do(func() { close(begin) })
		case "stop":
			stop()
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
	_ = r.out.Encode(x) // the parent's end of the pipe is gone: so is its standard output's, which stops us
}
