package bench

import (
	"context"
	"fmt"
	"time"
)

// used is what a server has used, and when.
type used struct {
	cpu  time.Duration
	at   time.Time
	span time.Duration // since another
}

func (s *server) usage() (used, error) {
	cpu, err := cpuTime(s.pid())
	return used{cpu: cpu, at: time.Now()}, err
}

func (u used) since(from used) used {
	return used{cpu: u.cpu - from.cpu, at: u.at, span: u.at.Sub(from.at)}
}

// watch looks at a server before and after a time. What it is asked does not count.
func (b *bench) watch(ctx context.Context, s *server, span time.Duration) (before, after stats, u used, err error) {
	if before, err = s.stats(ctx); err != nil {
		return before, after, u, err
	}
	from, err := s.usage()
	if err != nil {
		return before, after, u, err
	}
	if err := sleep(ctx, span); err != nil {
		return before, after, u, err
	}
	to, err := s.usage()
	if err != nil {
		return before, after, u, err
	}
	after, err = s.stats(ctx)
	return before, after, to.since(from), err
}

// await asks the server until done.
func (s *server) await(ctx context.Context, done func(stats) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if now, err := s.stats(ctx); err != nil || done(now) {
			return err
		}
		if err := sleep(ctx, sampleEvery); err != nil {
			return fmt.Errorf("bench: no traffic: %w", err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
