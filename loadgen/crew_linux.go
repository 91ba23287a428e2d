package loadgen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const progressEvery = 250 * time.Millisecond

// share is the part of a run that one process does.
type share struct {
	Config Config
	To     netip.AddrPort
	First  int // index in the fleet of its first device
	Count  int
}

// crew is the workers of one process.
type crew struct {
	cfg     *Config
	workers []*worker
	done    chan error
	settled chan struct{} // closed when all workers' devices are up or have failed
	cpu     [2]time.Duration
	start   time.Time
	spare   int64 // descriptors beyond one for each device
}

// newCrew prepares the workers; nothing is dialled yet. The caller runs the crew, which also frees it.
func newCrew(s *share) (*crew, error) {
	cfg := &s.Config
	speech, err := newSpeech(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	from, err := parseSources(cfg.Sources)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c := &crew{cfg: cfg, settled: make(chan struct{})}
	c.spare = int64(raiseDescriptorLimit() - openDescriptors() - s.Count)
	count := min(cfg.Workers, s.Count)
	c.done = make(chan error, count)
	clock := cfg.clock
	if clock == nil {
		clock = newClock()
	}
	for i := range count {
		lo, hi := s.Count*i/count, s.Count*(i+1)/count
		w, err := newWorker(cfg, speech, s.First+lo, hi-lo, count)
		if err != nil {
			c.free()
			return nil, err
		}
		w.dial, w.clock = newDialler(s.To, from), clock
		c.workers = append(c.workers, w)
	}
	return c, nil
}

func newWorker(cfg *Config, speech *speech, first, count, workers int) (*worker, error) {
	poll, err := newPoller(workers)
	if err != nil {
		return nil, err
	}
	share := float64(count) / float64(cfg.Devices)
	w := &worker{
		cfg: cfg, speech: speech, frames: newFrames(cfg.Size, speech.wire == fourFaith), poll: poll,
		random: rand.New(rand.NewPCG(cfg.Seed, uint64(first))),
		devs:   make([]device, count), first: first, share: share, pending: count,
		slots: max(1, int(float64(cfg.Inflight)*share)), out: newOutcome(), settled: make(chan struct{}),
		burst: make([]byte, cfg.Burst),
	}
	fill(w.burst, speech.wire == fourFaith)
	w.book = newBook(cfg, count)
	if cfg.answers() {
		w.slave = newSlave(cfg, first, count)
	}
	for i := range w.devs {
		w.devs[i] = device{i: int32(i), fd: -1, left: -1}
	}
	w.suffer()
	// Workers take turns instead of sending at the same moment.
	w.connects.start, w.sends.start = turn(cfg.Ramp, first, cfg.Devices), turn(cfg.Rate, first, cfg.Devices)
	return w, nil
}

// turn is when, in nanoseconds, the worker whose first device is this one begins with what it does at a share of rate.
func turn(rate float64, first, devices int) int64 {
	if rate == 0 {
		return 0
	}
	return int64(float64(first) / float64(devices) * 1e9 / rate)
}

// newClock returns a clock that tells nanoseconds since the Unix epoch and never goes back.
func newClock() func() int64 {
	base := time.Now()
	epoch := base.UnixNano()
	return func() int64 { return epoch + int64(time.Since(base)) }
}

// free closes what a crew that never ran has open.
func (c *crew) free() {
	for _, w := range c.workers {
		w.poll.close()
	}
}

// check hands a value of the fleet to the worker that owns its device.
func (c *crew) check(v shown) bool {
	for _, w := range c.workers {
		if v.dev >= w.first && v.dev < w.first+len(w.devs) {
			return w.inbox.put(v)
		}
	}
	return true
}

// run does the whole share. The traffic begins when begin is closed, not before all is settled. When ctx is done the
// run ends early, and still yields its outcome.
func (c *crew) run(ctx context.Context, begin <-chan struct{}, progress func(Progress)) (*outcome, error) {
	c.start, c.cpu = time.Now(), cpuTime()
	for _, w := range c.workers {
		go func() { c.done <- w.run() }()
	}
	go c.watchSettled()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	var firstErr error
	stop := ctx.Done()
	settled := c.settled
	var started <-chan struct{}
	for alive := len(c.workers); alive > 0; {
		select {
		case <-settled:
			settled, started = nil, begin
		case <-started:
			started = nil
			now := c.workers[0].clock()
			c.order(func(w *worker) { w.orders.goAt.Store(now) })
		case <-stop:
			stop = nil
			c.order(func(w *worker) { w.orders.stop.Store(true) })
		case err := <-c.done:
			alive--
			if err != nil && firstErr == nil {
				firstErr = err
				c.order(func(w *worker) { w.orders.stop.Store(true) })
			}
		case <-ticker.C:
			progress(c.progress())
		}
	}
	progress(c.progress())
	out := newOutcome()
	var busy time.Duration
	for _, w := range c.workers {
		w.poll.close()
		out.merge(w.out)
		busy = max(busy, w.out.Own.CPU)
	}
	out.Own.CPU, out.Own.DescriptorsLeft = busy, c.spare
	cpu := cpuTime()
	out.CPUUser, out.CPUSys = cpu[0]-c.cpu[0], cpu[1]-c.cpu[1]
	return out, firstErr
}

func (c *crew) watchSettled() {
	for _, w := range c.workers {
		<-w.settled
	}
	close(c.settled)
}

func (c *crew) order(give func(*worker)) {
	for _, w := range c.workers {
		give(w)
		w.poll.wakeUp()
	}
}

func (c *crew) progress() Progress {
	p := Progress{Phase: "connecting", Elapsed: time.Since(c.start), Processes: 1}
	last := finished
	for _, w := range c.workers {
		p.Devices += len(w.devs)
		p.Up += w.published.up.Load()
		p.Failed += w.published.failed.Load()
		p.Dropped += w.published.dropped.Load()
		p.Sent += w.published.sent.Load()
		p.Received += w.published.received.Load()
		last = min(last, phase(w.published.phase.Load()))
	}
	switch {
	case last >= holding:
		p.Phase = "hold"
	case last >= traffic:
		p.Phase = "traffic"
	}
	return p
}

// cpuTime is what this process has used: in user mode, and in the kernel.
func cpuTime() [2]time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return [2]time.Duration{}
	}
	return [2]time.Duration{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}
