package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

func stormCases(c *Config) []measured {
	n := slices.Max(c.Devices)
	return []measured{{name: fmt.Sprintf("n=%d", n),
		run: on(job{}, func(ctx context.Context, b *bench, s *server) (sample, error) { return b.storm(ctx, s, n) }),
		external: func(ctx context.Context, b *bench, s *server) (sample, error) {
			r, err := b.through(ctx, s, n, "--ramp", "0")
			if err != nil {
				return sample{}, err
			}
			return sample{n, []Figure{{allUpUnit, r.TimeToAllUp}, {connectUnit, r.Connect.P99}}, curvesOf(r)}, nil
		}}}
}

// storm measures n devices that dial in at once, up to the moment when all are bound and the server rests; then all
// are cut off at once and dial in again, with what the server still has of them.
func (b *bench) storm(ctx context.Context, s *server, n int) (sample, error) {
	out := sample{iterations: n}
	for _, units := range [...][2]string{{stormUnit, allUpUnit}, {redialUnit, "redial-all-up-s"}} {
		what, none := bound(0)
		if _, err := s.settle(ctx, what, none); err != nil {
			return sample{}, err
		}
		before, err := cpuTime(s.pid()) // with what the question took
		if err != nil {
			return sample{}, err
		}
		l, err := b.load(ctx, s, n, "--ramp", "0", "--hold", "10m")
		if err != nil {
			return sample{}, err
		}
		what, all := bound(n)
		after, err := s.settle(ctx, what, all)
		r, ended := l.end()
		if err := errors.Join(err, ended); err != nil {
			return sample{}, err
		}
		out.figures = append(out.figures, Figure{units[0], microseconds(after-before) / float64(n)},
			Figure{units[1], r.TimeToAllUp})
		if out.curves == nil {
			out.figures = append(out.figures, Figure{connectUnit, r.Connect.P99})
			out.curves = curvesOf(r)
		}
	}
	return out, nil
}
