package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"linkd/loadgen"
)

// load is a fleet that runs, in a process of its own.
type load struct {
	process
	json bytes.Buffer
}

// sources spreads the devices over 14 addresses, so that the search for a free port stays short in a large fleet.
const sources = "127.0.1.0/28"

// load starts a fleet of n devices towards a server.
func (b *bench) load(ctx context.Context, s *server, n int, args ...string) (*load, error) {
	l := &load{}
	all := append([]string{"loadgen", "--target", s.addr, "--devices", strconv.Itoa(n), "--id", "c{n:07}",
		"--sources", sources, "-o", "json"}, args...)
	name, all := b.on(s.cores.others, b.Linkd, all)
	p, err := launch(ctx, &l.json, name, all...)
	l.process = p
	return l, err
}

// end stops the fleet and returns what came of it. An error where a device did not come up, was dropped or lost an
// answer: such a run has no figure.
func (l *load) end() (*loadgen.Result, error) {
	ended := l.stop()
	r := &loadgen.Result{}
	if err := json.Unmarshal(l.json.Bytes(), r); err != nil {
		return nil, fmt.Errorf("bench: the load gave no result (%w): %s", err, l.output.last())
	}
	if r.Up != int64(r.Devices) || len(r.Dropped) > 0 || r.Corrupt > 0 || r.Lost > 0 {
		return nil, fmt.Errorf("bench: of %d devices %d came up, dropped %v, failed %v; %d echoes lost, %d corrupt",
			r.Devices, r.Up, r.Dropped, r.Failed, r.Lost, r.Corrupt)
	}
	if ended != nil && !r.Stopped {
		return nil, fmt.Errorf("bench: load: %w: %s", ended, l.output.last())
	}
	return r, nil
}

const (
	sampleEvery = 50 * time.Millisecond
	calmFor     = 6                    // samples in a row
	calmCPU     = 5 * time.Millisecond // at most, over them all
	settleTime  = 90 * time.Second     // longest wait
)

// settle waits until the server has nothing to do any more and done says that it is where it should be. It looks at the
// CPU time in /proc, which costs the server nothing, and asks it only once it rests. It returns the CPU time from
// before it asked.
func (s *server) settle(ctx context.Context, what string, done func(stats) bool) (time.Duration, error) {
	limit := time.NewTimer(settleTime)
	defer limit.Stop()
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	var seen []time.Duration
	var last stats
	for {
		cpu, err := cpuTime(s.pid())
		if err != nil {
			return 0, err
		}
		if seen = append(seen, cpu); len(seen) > calmFor && cpu-seen[len(seen)-1-calmFor] <= calmCPU {
			if last, err = s.stats(ctx); err != nil {
				return 0, err
			}
			if done(last) {
				return cpu, nil
			}
			seen = nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-limit.C:
			return 0, fmt.Errorf("bench: waited %v for %s; the server has %d devices bound and %d bytes in", settleTime,
				what, last.Bound, last.BytesIn)
		case <-every.C:
		}
	}
}

// bound is a condition for settle.
func bound(n int) (what string, done func(stats) bool) {
	return fmt.Sprintf("%d devices bound", n), func(s stats) bool { return s.Bound == n }
}

// frees is how often memory is given back before it is measured: what a pool holds survives two collections.
const frees = 3

// memory is the server's resident anonymous memory when all that can be freed is.
func (s *server) memory(ctx context.Context) (int64, error) {
	for range frees {
		if _, err := request(ctx, "POST", s.freeURL); err != nil {
			return 0, err
		}
	}
	return rssAnon(s.pid())
}
