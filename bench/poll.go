package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Units of the polls' figures that have targets, and the beginnings of the cases' names that have targets of their own.
const (
	pollUnit    = "cpu-us/poll"
	lagP50Unit  = "lag-p50-ms"
	lagP99Unit  = "lag-p99-ms"
	CoreUnit    = "core-%"
	channelUnit = "channel-B/link"

	steadyCase = "every=1s/"
	fastCase   = "every=500ms/"
	seldomCase = "seldom/"
)

func pollCases(c *Config) []measured {
	most := slices.Max(c.Devices)
	polls := func(n int, every time.Duration) measured {
		return measured{name: fmt.Sprintf("every=%s/links=%d", every, n),
			run: on(polling(every), func(ctx context.Context, b *bench, s *server) (sample, error) {
				return b.poll(ctx, s, n, every, b.Window, pollUnit)
			})}
	}
	list := []measured{polls(c.Polled, time.Second)}
	for _, percent := range c.Faulty {
		list = append(list, measured{name: fmt.Sprintf("every=1s/links=%d/dead=%d%%/late=%d%%", c.Polled, percent, percent),
			run: on(polling(time.Second), func(ctx context.Context, b *bench, s *server) (sample, error) {
				share := strconv.Itoa(percent) + "%"
				return b.poll(ctx, s, c.Polled, time.Second, b.Window, pollUnit, "--dead", share, "--late", share)
			})})
	}
	if c.Brief {
		return list
	}
	list = append(list, polls(c.Polled, 500*time.Millisecond), polls(c.Polled, 200*time.Millisecond),
		measured{name: fmt.Sprintf("seldom/every=%s/links=%d", c.Seldom, most),
			run: on(polling(c.Seldom), func(ctx context.Context, b *bench, s *server) (sample, error) {
				return b.poll(ctx, s, most, c.Seldom, 5*b.Window, CoreUnit)
			})},
		measured{name: fmt.Sprintf("memory/links=%d", most), peers: []string{Linkd},
			run: func(ctx context.Context, b *bench, peer string) (sample, error) {
				figures, err := b.channelMemory(ctx, peer, most)
				return sample{iterations: most, figures: figures}, err
			}})
	if c.MaxRate {
		list = append(list, measured{name: fmt.Sprintf("highest/links=%d", c.Polled),
			run: func(ctx context.Context, b *bench, peer string) (sample, error) {
				figures, err := b.highest(ctx, peer)
				return sample{iterations: b.Polled, figures: figures}, err
			}})
	}
	return list
}

// polled is what a window of polls came to.
type polled struct {
	polls, lost uint64
	used        used
	lag         []uint64
}

func (p *polled) rate() float64 { return p.used.rate(float64(p.polls)) }

func (p *polled) figures(first string) []Figure {
	cpu := Figure{pollUnit, p.used.each(float64(p.polls))}
	if first == CoreUnit {
		cpu = Figure{CoreUnit, 100 * p.used.cpu.Seconds() / p.used.span.Seconds()}
	}
	return []Figure{cpu, {"poll/s", p.rate()}, {"lost", float64(p.lost)}, {lagP50Unit, quantile(p.lag, 0.5)},
		{lagP99Unit, quantile(p.lag, 0.99)}}
}

// asked returns what the devices do: answer within the time that a modem takes; and how else they behave.
func asked(args ...string) []string {
	return append([]string{"--mode", "modbus-rtu", "--latency", "uniform(5ms,50ms)", "--duration", "10m"}, args...)
}

// poll measures a window of polls, when all links have found their phase.
func (b *bench) poll(ctx context.Context, s *server, n int, every, span time.Duration, first string, how ...string) (
	sample, error) {
	l, err := b.load(ctx, s, n, asked(how...)...)
	if err != nil {
		return sample{}, err
	}
	p, err := b.polls(ctx, s, n, every, span)
	r, ended := l.end()
	if err = errors.Join(err, ended); err == nil && p.polls == 0 {
		err = errors.New("bench: nothing was polled while it was measured")
	}
	if err != nil {
		return sample{}, err
	}
	return sample{int(p.polls), append(p.figures(first), r.cadence()...), curvesOf(r)}, nil
}

// firstPoll is how long after it has come a link is polled for the first time at the latest; its next poll is up to
// one and a half periods later, and from there on all polls are a period apart.
const firstPoll = 10 * time.Second

func (b *bench) polls(ctx context.Context, s *server, n int, every, span time.Duration) (p polled, err error) {
	_, all := bound(n)
	if err := s.await(ctx, all); err != nil {
		return p, err
	}
	if err := sleep(ctx, max(min(every, firstPoll)+every/2+warmUp, b.steady(s))); err != nil {
		return p, err
	}
	before, after, u, err := watch(ctx, s, span)
	if err != nil {
		return p, err
	}
	p = polled{after.Polls - before.Polls, after.Lost - before.Lost, u, after.Lag}
	for i := range p.lag {
		p.lag[i] -= before.Lag[i]
	}
	return p, nil
}

// channelMemory is what a channel with tags adds to the memory of a link, beyond a link that is echoed, and what both
// take.
func (b *bench) channelMemory(ctx context.Context, peer string, n int) ([]Figure, error) {
	with, err := b.linkMemory(ctx, peer, n, polling(b.Seldom), asked()...)
	if err != nil {
		return nil, err
	}
	without, err := b.linkMemory(ctx, peer, n, job{}, "--hold", "10m")
	return []Figure{{channelUnit, with - without}, {polledUnit, with}}, err
}

// linkMemory is what each of n links, polled once where they are polled, adds to the memory of a server.
func (b *bench) linkMemory(ctx context.Context, peer string, n int, j job, args ...string) (each float64, err error) {
	s, err := b.start(ctx, peer, j)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	empty, err := emptyMemory(ctx, s)
	if err != nil {
		return 0, err
	}
	l, err := b.load(ctx, s, n, args...)
	if err != nil {
		return 0, err
	}
	err = s.await(ctx, func(now stats) bool { return now.Bound == n && (j.kind != polls || now.Polls >= uint64(n)) })
	full := int64(0)
	if err == nil {
		full, err = s.memory(ctx)
	}
	_, ended := l.end()
	return float64(full-empty) / float64(n), errors.Join(err, ended)
}

const (
	lowestRate = 20_000 // polls a second
	mostRate   = 200_000
	rateStep   = 1.25
	lagLimit   = 100 // milliseconds, p99
	enoughOf   = 0.95
)

// highest searches for the highest rate of polls whose lag stays under the limit. Each step is a server of its own.
func (b *bench) highest(ctx context.Context, peer string) ([]Figure, error) {
	best := Figure{"highest-poll/s", 0}
	for rate := float64(lowestRate); rate <= mostRate; rate *= rateStep {
		every := time.Duration(float64(b.Polled) / rate * float64(time.Second)).Round(time.Millisecond)
		s, err := b.start(ctx, peer, polling(every))
		if err != nil {
			return nil, err
		}
		p, err := b.highestStep(ctx, s, every)
		if err := errors.Join(err, s.stop()); err != nil {
			return nil, err
		}
		reached := p.rate()
		b.Progress(fmt.Sprintf("  every %v: %.0f polls a second, lag p99 %.1f ms", every, reached, quantile(p.lag, 0.99)))
		if quantile(p.lag, 0.99) > lagLimit || reached < enoughOf*float64(b.Polled)/every.Seconds() {
			break
		}
		best.Value = reached
	}
	return []Figure{best}, nil
}

func (b *bench) highestStep(ctx context.Context, s *server, every time.Duration) (p polled, err error) {
	l, err := b.load(ctx, s, b.Polled, asked()...)
	if err != nil {
		return p, err
	}
	p, err = b.polls(ctx, s, b.Polled, every, b.Window)
	_, ended := l.end()
	return p, errors.Join(err, ended)
}

// lagBounds are the upper bounds, in seconds, by which all servers count how late polls were started.
var lagBounds = [...]float64{0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.2,
	0.5, 1}

// quantile is in milliseconds, even within the bounds between which it lies; above all bounds it is the last
// of them, of nothing 0.
func quantile(counts []uint64, q float64) float64 {
	sum := uint64(0)
	for _, n := range counts {
		sum += n
	}
	rank, below := q*float64(sum), 0.0
	for i, n := range counts[:min(len(counts), len(lagBounds))] {
		if n > 0 && below+float64(n) >= rank {
			low := 0.0
			if i > 0 {
				low = lagBounds[i-1]
			}
			return 1000 * (low + (lagBounds[i]-low)*(rank-below)/float64(n))
		}
		below += float64(n)
	}
	if sum == 0 {
		return 0
	}
	return 1000 * lagBounds[len(lagBounds)-1]
}

// polls reads linkd's metrics of polls.
func (s *stats) polls(text string) error {
	const driver = `driver="modbus-rtu"`
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "linkd_polls_total{"+driver+`,result="`)
		result, value, cut := strings.Cut(rest, `"} `)
		if !ok || !cut {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return fmt.Errorf("bench: linkd_polls_total of %s is %q, want a number", result, strings.TrimSpace(value))
		}
		if result == "ok" {
			s.Polls = uint64(n)
		} else {
			s.Lost += uint64(n)
		}
	}
	below := uint64(0)
	for i := range len(lagBounds) + 1 {
		bound := "+Inf"
		if i < len(lagBounds) {
			bound = strconv.FormatFloat(lagBounds[i], 'g', -1, 64)
		}
		n, err := metric(text, fmt.Sprintf(`linkd_poll_lag_seconds_bucket{%s,le="%s"}`, driver, bound))
		if err != nil {
			return err
		}
		s.Lag = append(s.Lag, uint64(n)-below)
		below = uint64(n)
	}
	return nil
}
