package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// used is what a server has used, and when.
type used struct {
	cpu  time.Duration
	at   time.Time
	span time.Duration // since another
	// counted is the time between the moments of its counts: it is asked before and after the span, so that the answers'
	// own cost does not count, and on a busy machine an answer takes its time.
	counted time.Duration
}

// rate is a count by the second.
func (u used) rate(count float64) float64 { return count / u.counted.Seconds() }

// each is the CPU time, in microseconds, for each of a count.
func (u used) each(count float64) float64 {
	return microseconds(u.cpu) / u.span.Seconds() / u.rate(count)
}

func (s *server) usage() (used, error) {
	cpu, err := cpuTime(s.pid())
	return used{cpu: cpu, at: time.Now()}, err
}

func (u used) since(from used) used {
	return used{cpu: u.cpu - from.cpu, at: u.at, span: u.at.Sub(from.at)}
}

// watched is what can be looked at over a time: a server, or several as one.
type watched interface {
	stats(ctx context.Context) (stats, error)
	usage() (used, error)
	memory(ctx context.Context) (int64, error)
}

// watch looks at servers before and after a time.
func watch(ctx context.Context, w watched, span time.Duration) (before, after stats, u used, err error) {
	count := func() (s stats, at time.Time, err error) {
		began := time.Now()
		s, err = w.stats(ctx)
		return s, began.Add(time.Since(began) / 2), err
	}
	before, began, err := count()
	if err != nil {
		return before, after, u, err
	}
	from, err := w.usage()
	if err != nil {
		return before, after, u, err
	}
	if err := sleep(ctx, span); err != nil {
		return before, after, u, err
	}
	to, err := w.usage()
	if err != nil {
		return before, after, u, err
	}
	after, ended, err := count()
	u = to.since(from)
	u.counted = ended.Sub(began)
	return before, after, u, err
}

// warmUp is of traffic, before it is measured.
const warmUp = 500 * time.Millisecond

// steady is how long after its links have come a server's traffic is measured. linkd stores what was last seen of links
// within five seconds, once for all that came; a bare server keeps nothing. A brief run does not wait for it.
func (b *bench) steady(s *server) time.Duration {
	if s.bare || b.Brief {
		return warmUp
	}
	return 6 * time.Second
}

// emptyMemory is the memory of servers without devices. They are asked first, as what HTTP takes once belongs to it.
func emptyMemory(ctx context.Context, w watched) (int64, error) {
	if _, err := w.stats(ctx); err != nil {
		return 0, err
	}
	return w.memory(ctx)
}

// await asks the server until done.
func (s *server) await(ctx context.Context, done func(stats) bool) error {
	_, err := s.until(ctx, startTime, sampleEvery, done)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("bench: no traffic within %v", startTime)
	}
	return err
}

// until asks the server again and again until done, and returns what it said last. After most the error is
// context.DeadlineExceeded.
func (s *server) until(ctx context.Context, most, every time.Duration, done func(stats) bool) (last stats, err error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		if last, err = s.stats(ctx); err != nil || done(last) {
			return last, err
		}
		if err := sleep(ctx, every); err != nil {
			return last, err
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
