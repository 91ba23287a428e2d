package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// One device in so many is polled; the others are there.
const polledShare = 5

func mixedCases(c *Config) []measured {
	n := slices.Max(c.Devices)
	j := polling(time.Second)
	j.share, j.fleet = polledShare, n
	return []measured{{name: fmt.Sprintf("n=%d/polled=%d/churn=1%%", n, n/polledShare), run: on(j,
		func(ctx context.Context, b *bench, s *server) (sample, error) { return b.mixed(ctx, s, n, j) })}}
}

// mixed measures a fleet in which one device in five is polled each second and one in a hundred redials each minute.
func (b *bench) mixed(ctx context.Context, s *server, n int, j job) (sample, error) {
	empty, err := emptyMemory(ctx, s)
	if err != nil {
		return sample{}, err
	}
	l, err := b.load(ctx, s, n, asked("--churn", "1%/min", "--reconnect")...)
	if err != nil {
		return sample{}, err
	}
	p, err := b.polls(ctx, s, n, j.every, b.Window)
	full := int64(0)
	if err == nil {
		full, err = s.memory(ctx)
	}
	_, ended := l.end()
	if err := errors.Join(err, ended); err != nil {
		return sample{}, err
	}
	return sample{iterations: int(p.polls), figures: append(p.figures(CoreUnit), Figure{polledUnit,
		float64(full-empty) / float64(n)})}, nil
}
