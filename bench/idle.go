package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

const burstBytes = 4096

func idleCases(c *Config) (cases []measured) {
	for _, n := range c.Devices {
		cases = append(cases, measured{name: fmt.Sprintf("n=%d", n),
			run: on(job{}, func(ctx context.Context, b *bench, s *server) (sample, error) {
				figures, err := b.idle(ctx, s, n)
				return sample{iterations: n, figures: figures}, err
			})})
	}
	return cases
}

// idle measures what n idle devices add to the memory of a server that has its project loaded, and of the kernel; then
// n devices that have each sent a burst, in the same process, and what stays when they have left.
func (b *bench) idle(ctx context.Context, s *server, n int) ([]Figure, error) {
	empty, err := emptyMemory(ctx, s)
	if err != nil {
		return nil, err
	}
	without, err := kernelMemory()
	if err != nil {
		return nil, err
	}
	each := func(bytes int64) float64 { return float64(bytes) / float64(n) }
	fleet := func(unit string, bytes uint64, args ...string) ([]Figure, error) {
		before, err := s.stats(ctx)
		if err != nil {
			return nil, err
		}
		l, err := b.load(ctx, s, n, append(args, "--hold", "10m")...)
		if err != nil {
			return nil, err
		}
		what, all := bound(n)
		_, err = s.settle(ctx, what+" and their bursts", func(now stats) bool {
			return all(now) && now.BytesIn-before.BytesIn >= bytes
		})
		var full, with int64
		if err == nil {
			full, err = s.memory(ctx)
		}
		if err == nil {
			with, err = kernelMemory()
		}
		_, ended := l.end()
		return []Figure{{unit, each(full - empty)}, {kernelUnit, each(with - without)}}, errors.Join(err, ended)
	}
	idle, err := fleet(idleUnit, 0)
	if err != nil {
		return nil, err
	}
	burst, err := fleet(burstUnit, uint64(n)*burstBytes, "--burst", strconv.Itoa(burstBytes))
	if err != nil {
		return nil, err
	}
	what, none := bound(0)
	if _, err := s.settle(ctx, what, none); err != nil {
		return nil, err
	}
	left, err := s.memory(ctx)
	return append(idle, burst[0], Figure{"left-B/device", each(left - empty)}), err
}
