package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"linkd/loadgen"
)

// load is a fleet that runs, in a process of its own.
type load struct {
	process
	json   bytes.Buffer
	server *server
	churns bool // links that come and go are what was asked for
	pushes bool // more is sent than the server may take
}

// outcome is what came of a fleet.
type outcome struct{ loadgen.Result }

// sources spreads the devices over 14 addresses, so that the search for a free port stays short in a large fleet.
const sources = "127.0.1.0/28"

// load starts a fleet of n devices towards a server.
func (b *bench) load(ctx context.Context, s *server, n int, args ...string) (*load, error) {
	l := &load{server: s, churns: slices.Contains(args, "--churn"), pushes: slices.Contains(args, loadgen.Push)}
	if s.external() {
		args = append(args, b.LoadArgs...)
	}
	all := []string{"loadgen", "--target", s.addr, "--devices", strconv.Itoa(n), "-o", "json",
		"--own-lag-limit", "1h", "--own-cpu-limit", "100%"} // what it comes to is a figure
	for name, value := range map[string]string{"--id": anyID, "--sources": sources} {
		if !slices.Contains(args, name) {
			all = append(all, name, value)
		}
	}
	name, all := b.on(s.cores.others, b.Linkd, append(all, args...))
	p, err := launch(ctx, &l.json, name, all...)
	l.process = p
	return l, err
}

// through has a fleet come, do its part and leave by itself.
func (b *bench) through(ctx context.Context, s *server, n int, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetTime)
	defer cancel()
	l, err := b.load(ctx, s, n, args...)
	if err != nil {
		return outcome{}, err
	}
	return l.left()
}

const fleetTime = 5 * time.Minute

// end stops the fleet and returns what came of it.
func (l *load) end() (outcome, error) { return l.result(l.stop()) }

// left waits until the fleet has left by itself.
func (l *load) left() (outcome, error) { return l.result(l.wait()) }

// result reads what came of it. An error where a device did not come up, was dropped or lost an answer: such a run has
// no figure.
func (l *load) result(ended error) (r outcome, err error) {
	if err := json.Unmarshal(l.json.Bytes(), &r); err != nil {
		return r, fmt.Errorf("bench: the load gave no result (%w): %s", err, l.output.last())
	}
	dropped := len(r.Dropped) > 0 && !l.churns
	if r.Up != int64(r.Devices) || dropped || r.Corrupt > 0 || r.Lost > 0 && !l.pushes {
		return r, fmt.Errorf("bench: of %d devices %d came up, dropped %v, failed %v; %d lost, %d corrupt%s", r.Devices,
			r.Up, r.Dropped, r.Failed, r.Lost, r.Corrupt, l.server.closed())
	}
	if ended != nil && !r.Stopped && !l.pushes {
		return r, fmt.Errorf("bench: load: %w: %s", ended, l.output.last())
	}
	return r, nil
}

// roundTrips are the figures of a fleet that sends: how long answers took, and whether it could keep up itself.
func (r *outcome) roundTrips() (list []Figure) {
	if r.RTT.Count > 0 {
		list = []Figure{{rttP50Unit, r.RTT.P50}, {rttP99Unit, r.RTT.P99}, {"rtt-max-ms", r.RTT.Max}}
	}
	return append(list, Figure{ownLagUnit, r.Lag.P99}, Figure{ownCoreUnit, r.ownCore()})
}

// lateLoad is from when on the load's own lag says that its core was too busy, in milliseconds at p99.
const lateLoad = 20

// ownCore is the generator's CPU time in per cent of a core, over the whole run.
func (r *outcome) ownCore() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return 100 * (r.CPUUser + r.CPUSys) / r.Elapsed
}

// curvesOf are the curves of a fleet's times.
func curvesOf(r outcome) map[string][]CurvePoint {
	all := map[string][]CurvePoint{}
	for name, curve := range r.Curves {
		for _, p := range curve {
			all[name] = append(all[name], CurvePoint(p))
		}
	}
	return all
}

// cadence is how regularly devices were asked, as they saw it.
func (r *outcome) cadence() []Figure {
	if r.Polls == nil || r.Polls.Interval.Count == 0 {
		return nil
	}
	return []Figure{{"jitter-p99-ms", r.Polls.Interval.P99}}
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
			return 0, fmt.Errorf("bench: waited %v for %s; the server has %d devices bound and %d bytes in%s", settleTime,
				what, last.Bound, last.BytesIn, s.closed())
		case <-every.C:
		}
	}
}

// rested is settle where the CPU time does not matter; a server that is not ours is left alone.
func (s *server) rested(ctx context.Context, what string, done func(stats) bool) error {
	if s.external() {
		return nil
	}
	_, err := s.settle(ctx, what, done)
	return err
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
		if _, err := requestAs(ctx, s.token, http.MethodPost, s.freeURL); err != nil {
			return 0, err
		}
	}
	return rssAnon(s.pid())
}
