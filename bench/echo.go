package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

const (
	messageBytes = 64
	// Of the saturation that was measured just before; there the tails are compared.
	partLoad = 0.4
)

func echoCases(c *Config) (cases []measured) {
	add := func(name string, run func(ctx context.Context, b *bench, s *server) (sample, error)) {
		cases = append(cases, measured{name: name, run: on(job{}, run), external: run})
	}
	for _, links := range c.EchoLinks {
		add(fmt.Sprintf("rate=%.0f/links=%d", c.Rate, links), func(ctx context.Context, b *bench, s *server) (sample, error) {
			return b.echo(ctx, s, links, c.Rate)
		})
	}
	for _, links := range c.FewLinks {
		add(fmt.Sprintf("closed/links=%d", links), func(ctx context.Context, b *bench, s *server) (sample, error) {
			return b.echo(ctx, s, links, 0)
		})
	}
	add(fmt.Sprintf("closed/links=%d", c.Links), func(ctx context.Context, b *bench, s *server) (sample, error) {
		return b.echo(ctx, s, c.Links, 0)
	})
	if !c.Brief {
		add(fmt.Sprintf("load=%.0f%%/links=%d", 100*partLoad, c.Links),
			func(ctx context.Context, b *bench, s *server) (sample, error) { return b.partly(ctx, s) })
	}
	return cases
}

// partly measures at a part of what the server can do at most.
func (b *bench) partly(ctx context.Context, s *server) (sample, error) {
	most, err := b.echo(ctx, s, b.Links, 0)
	if err != nil {
		return sample{}, err
	}
	what, none := bound(0)
	if err := s.rested(ctx, what, none); err != nil {
		return sample{}, err
	}
	return b.echo(ctx, s, b.Links, partLoad*most.value(rateUnit))
}

// echo measures a window in the middle of the traffic, at a fixed rate of messages a second, or as fast as answers come
// for rate 0. The messages are those that the server has received in that window.
func (b *bench) echo(ctx context.Context, s *server, links int, rate float64) (sample, error) {
	return b.traffic(ctx, s, links, "--mode", "echo", "--rate", strconv.FormatFloat(rate, 'f', -1, 64))
}

// traffic measures a window in the middle of frames that devices send.
func (b *bench) traffic(ctx context.Context, s *server, links int, args ...string) (sample, error) {
	args = append(args, "--size", strconv.Itoa(messageBytes))
	if s.external() {
		r, err := b.through(ctx, s, links, append(args, "--duration", (warmUp+b.Window).String())...)
		if err != nil {
			return sample{}, err
		}
		return sample{int(r.Received.Messages), append(r.roundTrips(), Figure{rateUnit, r.RateAchieved}), curvesOf(r)}, nil
	}
	before, err := s.stats(ctx)
	if err != nil {
		return sample{}, err
	}
	l, err := b.load(ctx, s, links, append(args, "--duration", "10m")...)
	if err != nil {
		return sample{}, err
	}
	messages, u, err := b.window(ctx, s, links, before.BytesIn)
	r, ended := l.end()
	if err := errors.Join(err, ended); err != nil {
		return sample{}, err
	}
	if messages == 0 {
		return sample{}, errors.New("bench: no message came while it was measured")
	}
	figures := []Figure{{messageUnit, u.each(messages)}, {rateUnit, u.rate(messages)}}
	return sample{int(messages), append(figures, r.roundTrips()...), curvesOf(r)}, nil
}

// window waits for the traffic and counts what the server received and used in the time of the configuration.
func (b *bench) window(ctx context.Context, s *server, links int, had uint64) (messages float64, u used, err error) {
	// The identities are 8 bytes a device, so that more than that for each is traffic.
	if err := s.await(ctx, func(now stats) bool {
		return now.BytesIn-had > uint64(links*(8+messageBytes))
	}); err != nil {
		return 0, u, err
	}
	if err := sleep(ctx, b.steady(s)); err != nil {
		return 0, u, err
	}
	before, after, u, err := watch(ctx, s, b.Window)
	return float64(after.BytesIn-before.BytesIn) / messageBytes, u, err
}
