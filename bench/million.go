package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"linkd/internal/limits"
)

// millionName is the scenario that takes nearly all memory of a machine.
const millionName = "million"

func millionCases(c *Config) []measured {
	return []measured{
		{name: fmt.Sprintf("n=%d", c.Total), run: func(ctx context.Context, b *bench, peer string) (sample, error) {
			return b.million(ctx, peer, job{}, b.quietly)
		}},
		{name: fmt.Sprintf("n=%d/every=%s", c.Total, c.Seldom),
			run: func(ctx context.Context, b *bench, peer string) (sample, error) {
				return b.million(ctx, peer, polling(b.Seldom), b.oneRound)
			}},
	}
}

// million brings the whole fleet up, has something measured, and takes it down again.
func (b *bench) million(ctx context.Context, peer string, j job,
	measure func(context.Context, *cluster) ([]Figure, error)) (out sample, err error) {
	nodes, err := b.nodesFor(b.Total)
	if err != nil {
		return sample{}, err
	}
	c, err := b.cluster(ctx, peer, j, nodes, b.Total)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if _, err := c.stats(ctx); err != nil { // what HTTP takes once belongs to the empty servers
		return sample{}, err
	}
	empty, err := c.footprint(ctx)
	if err != nil {
		return sample{}, err
	}
	if out.figures, err = c.storm(ctx); err != nil {
		return sample{}, err
	}
	figures, err := measure(ctx, c)
	if err != nil {
		return sample{}, err
	}
	full, err := c.footprint(ctx)
	if err != nil {
		return sample{}, err
	}
	each := func(bytes int64) float64 { return float64(bytes) / float64(b.Total) }
	unit := idleUnit
	if j.kind == polls {
		unit = polledUnit
	}
	figures = append(figures, Figure{unit, each(full.user - empty.user)},
		Figure{kernelUnit, each(full.kernel - empty.kernel)})
	began := time.Now()
	if err := c.leave(ctx); err != nil {
		return sample{}, err
	}
	figures = append(figures, Figure{"down-s", time.Since(began).Seconds()})
	return sample{iterations: b.Total, figures: append(out.figures, figures...)}, nil
}

// footprint is memory in bytes: of all servers, and of the kernel.
type footprint struct{ user, kernel int64 }

func (c *cluster) footprint(ctx context.Context) (f footprint, err error) {
	if f.user, err = c.memory(ctx); err != nil {
		return f, err
	}
	f.kernel, err = kernelMemory()
	return f, err
}

// storm has the whole fleet dial in at once.
func (c *cluster) storm(ctx context.Context) ([]Figure, error) {
	how := []string{"--hold", "1h"}
	if c.job.kind == polls {
		how = asked()
	}
	from, err := c.usage()
	if err != nil {
		return nil, err
	}
	if err := c.fill(ctx, append(how, "--ramp", "0")...); err != nil {
		return nil, err
	}
	up, err := c.usage()
	if err != nil {
		return nil, err
	}
	up = up.since(from)
	c.b.Progress(fmt.Sprintf("  %d devices bound in %v", c.total, up.span.Round(100*time.Millisecond)))
	return []Figure{{bindUnit, up.span.Seconds()}, {stormUnit, microseconds(up.cpu) / float64(c.total)}}, nil
}

// quietly measures what the fleet takes while nothing is said: keepalive, and the time to look at nothing.
func (b *bench) quietly(ctx context.Context, c *cluster) ([]Figure, error) {
	after, span := keepaliveAfter, keepaliveSpan
	if b.Brief {
		after, span = warmUp, b.Window
	}
	if err := sleep(ctx, after); err != nil {
		return nil, err
	}
	_, _, u, err := watch(ctx, c, span)
	return []Figure{{"quiet-" + CoreUnit, 100 * u.cpu.Seconds() / u.span.Seconds()}}, err
}

// The first probes of the kernel come after a minute, as all servers set it.
const (
	keepaliveAfter = 30 * time.Second
	keepaliveSpan  = 60 * time.Second
)

// phaseTime is the longest wait for a fleet to be polled as often as it should be. linkd leaves a device alone for up
// to five minutes that did not answer, as some do not in time while all of a fleet come at once.
const phaseTime = 6 * time.Minute

// inPhase waits until nearly all of the fleet is polled as often as it should be; a server that never does it is
// measured as it is.
func (b *bench) inPhase(ctx context.Context, c *cluster) error {
	due := 0.98 * float64(c.total) / b.Seldom.Seconds()
	for began := time.Now(); time.Since(began) < phaseTime; {
		before, after, u, err := watch(ctx, c, b.Window)
		if err != nil {
			return err
		}
		rate := u.rate(float64(after.Polls - before.Polls))
		if rate >= due {
			return nil
		}
		b.Progress(fmt.Sprintf("  %.0f polls a second, of %.0f that are waited for", rate, due))
	}
	return nil
}

// oneRound measures while each device is polled once.
func (b *bench) oneRound(ctx context.Context, c *cluster) ([]Figure, error) {
	err := sleep(ctx, min(b.Seldom, firstPoll)+b.Seldom/2)
	if err == nil {
		err = b.inPhase(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	before, after, u, err := watch(ctx, c, b.Seldom)
	if err == nil && after.Polls == before.Polls {
		err = errors.New("bench: nothing was polled while it was measured")
	}
	if err != nil {
		return nil, err
	}
	n := float64(after.Polls - before.Polls)
	return []Figure{{pollUnit, u.each(n)}, {"poll/s", u.rate(n)},
		{"lost", float64(after.Lost - before.Lost)}, {CoreUnit, 100 * u.cpu.Seconds() / u.span.Seconds()}}, nil
}

// What a fleet takes of memory, of server and load together, and each process of both. Somewhat more than measured.
const (
	bytesPerDevice  = 13_000
	bytesPerProcess = 40 << 20
)

// nodesFor returns how many processes a fleet takes, or says why this machine cannot have it.
func (b *bench) nodesFor(total int) (int, error) {
	if len(b.Nodes) > 0 && b.Nodes[0] > 1 && total/b.Nodes[0]+descriptorReserve <= b.openFiles {
		return b.checked(total, b.Nodes[0])
	}
	share := b.openFiles - descriptorReserve
	return b.checked(total, (total+share-1)/share)
}

func (b *bench) checked(total, nodes int) (int, error) {
	free, err := limits.Available()
	if err != nil {
		return 0, err
	}
	available := int64(min(free, math.MaxInt64))
	needed := int64(total)*bytesPerDevice + 2*int64(nodes)*bytesPerProcess
	if available < needed {
		room := float64(total) * float64(available) / float64(needed) // as fewer devices take fewer processes
		return 0, fmt.Errorf("%w: %d devices in %d processes a side take about %d MiB of memory and %d MiB are left; "+
			"give --total %d or fewer", ErrConfig, total, nodes, needed>>20, available>>20, int(room)/1000*1000)
	}
	return nodes, nil
}
