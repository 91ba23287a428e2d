package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

func downlinkCases(c *Config) []measured {
	n := slices.Max(c.Devices)
	return []measured{{name: fmt.Sprintf("n=%d", n), run: on(job{kind: commands},
		func(ctx context.Context, b *bench, s *server) (sample, error) { return b.downlink(ctx, s, n) })}}
}

// downlink measures one command to each of n devices, from the first until the last device has answered. A bare server
// is told once and sends to all; linkd is asked over its HTTP API for each device, and checks, writes and confirms.
func (b *bench) downlink(ctx context.Context, s *server, n int) (sample, error) {
	l, err := b.load(ctx, s, n, asked("--registers", "greenhouse")...)
	if err != nil {
		return sample{}, err
	}
	u, err := s.commandAll(ctx, n)
	_, ended := l.end()
	if err := errors.Join(err, ended); err != nil {
		return sample{}, err
	}
	return sample{iterations: n, figures: []Figure{{lastUnit, milliseconds(u.span)}, {commandUnit,
		microseconds(u.cpu) / float64(n)}}}, nil
}

// commandAll waits until n devices are there, and returns what the command to all of them took.
func (s *server) commandAll(ctx context.Context, n int) (used, error) {
	if _, err := s.settle(ctx, fmt.Sprintf("%d devices bound and polled once", n), func(now stats) bool {
		return now.Bound == n && now.Polls >= uint64(s.firstPolls*n)
	}); err != nil {
		return used{}, err
	}
	from, err := s.usage()
	if err != nil {
		return used{}, err
	}
	if err := s.command(ctx, n); err != nil {
		return used{}, err
	}
	to, err := s.usage()
	return to.since(from), err
}

// commandPeer has a bare server send, and waits for the answers.
func commandPeer(ctx context.Context, s *server, url string, n int) error {
	before, err := s.stats(ctx)
	if err != nil {
		return err
	}
	if _, err := request(ctx, http.MethodPost, url); err != nil {
		return err
	}
	now, err := s.until(ctx, settleTime, 5*time.Millisecond, func(now stats) bool {
		return now.Commands-before.Commands >= uint64(n)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("bench: %d of %d devices have answered after %v", now.Commands-before.Commands, n, settleTime)
	}
	return err
}

// writers is how many writes are asked of linkd at once: with fewer it would be the devices that are measured, which
// take up to 50 ms to answer.
const writers = 256

// command writes a tag of each device. The first failure ends it.
func (l linkdAPI) command(ctx context.Context, n int) error {
	var next atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}, Timeout: settleTime}
	defer client.CloseIdleConnections()
	all, ctx := errgroup.WithContext(ctx)
	for range writers {
		all.Go(func() error {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := l.put(ctx, client, fmt.Sprintf("/api/v1/tags/ch_f%d/d/setpoint", i), setpoint); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait() //nolint:wrapcheck // put's, which says all
}

// setpoint is a value that every device takes, in tenths of a degree.
const setpoint = `{"value": 210}`
