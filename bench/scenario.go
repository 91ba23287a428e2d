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

// Scenario is something that is measured.
type Scenario struct {
	Name  string
	Title string
	peers []string // who can do it
	cases func(*Config) []measured
}

// Scenarios lists what can be measured.
func Scenarios() []Scenario {
	bare, pollers := []string{Linkd, Gnet}, []string{Linkd, Epoll, Net}
	return []Scenario{
		{"idle", "memory for each idle device, after a burst of 4 KiB, and after all have left", bare, idleCases},
		{"storm", "CPU for each device when all dial in at once", bare, stormCases},
		{"echo", "CPU for each message of 64 bytes that comes and is sent back", bare, echoCases},
		{"poll", "CPU and lateness of Modbus RTU polls, and what a channel takes of memory", pollers, pollCases},
	}
}

// measured is one case of a scenario: what is measured in one run of one server.
type measured struct {
	name  string
	peers []string // who takes part; nil: all of the scenario
	run   func(ctx context.Context, b *bench, peer string) (iterations int, figures []Figure, err error)
}

// on runs f on a server that does a job and that is ended afterwards.
func on(j job, f func(context.Context, *bench, *server) (int, []Figure, error)) func(context.Context, *bench, string) (
	int, []Figure, error) {
	return func(ctx context.Context, b *bench, peer string) (int, []Figure, error) {
		s, err := b.start(ctx, peer, j)
		if err != nil {
			return 0, nil, err
		}
		n, figures, err := f(ctx, b, s)
		return n, figures, errors.Join(err, s.stop())
	}
}

// Figure is one value of one run. Its unit names it.
type Figure struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// Units of the figures that have targets.
const (
	idleUnit    = "B/device"
	burstUnit   = "burst-B/device"
	stormUnit   = "cpu-us/device"
	messageUnit = "cpu-us/msg"
)

// target is what linkd is to keep to: a value, and ratios to other servers. 0 stands for none.
type target struct {
	value  float64
	ratios map[string]float64
}

func targetOf(row Row) target {
	fast := strings.HasPrefix(row.Case, fastCase)
	switch row.Unit {
	case idleUnit, burstUnit:
		return target{value: 800}
	case stormUnit:
		return target{ratios: map[string]float64{Gnet: 1.2}}
	case messageUnit:
		return target{ratios: map[string]float64{Gnet: 1.1}}
	case pollUnit:
		return target{ratios: map[string]float64{Epoll: 1.15, Net: 0.70}}
	case lagP50Unit:
		if fast {
			return target{value: 1.5}
		}
	case lagP99Unit:
		switch {
		case fast:
			return target{value: 4}
		case strings.HasPrefix(row.Case, steadyCase):
			return target{value: 20}
		}
	case coreUnit:
		return target{value: 2}
	case channelUnit:
		return target{value: 500}
	}
	return target{}
}

const burstBytes = 4096

func idleCases(c *Config) (cases []measured) {
	for _, n := range c.Devices {
		cases = append(cases, measured{name: fmt.Sprintf("n=%d", n),
			run: on(job{}, func(ctx context.Context, b *bench, s *server) (int, []Figure, error) {
				figures, err := b.idle(ctx, s, n)
				return n, figures, err
			})})
	}
	return cases
}

// idle measures what n idle devices add to the memory of a server that has its project loaded, then n devices that
// have each sent a burst, in the same process, and what stays when they have left.
func (b *bench) idle(ctx context.Context, s *server, n int) ([]Figure, error) {
	if _, err := s.stats(ctx); err != nil { // what HTTP takes once belongs to the empty server
		return nil, err
	}
	empty, err := s.memory(ctx)
	if err != nil {
		return nil, err
	}
	fleet := func(unit string, bytes uint64, args ...string) (Figure, error) {
		before, err := s.stats(ctx)
		if err != nil {
			return Figure{}, err
		}
		l, err := b.load(ctx, s, n, append(args, "--hold", "10m")...)
		if err != nil {
			return Figure{}, err
		}
		what, all := bound(n)
		_, err = s.settle(ctx, what+" and their bursts", func(now stats) bool {
			return all(now) && now.BytesIn-before.BytesIn >= bytes
		})
		full := int64(0)
		if err == nil {
			full, err = s.memory(ctx)
		}
		_, ended := l.end()
		return Figure{unit, float64(full-empty) / float64(n)}, errors.Join(err, ended)
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
	return []Figure{idle, burst, {"left-B/device", float64(left-empty) / float64(n)}}, err
}

func stormCases(c *Config) []measured {
	n := slices.Max(c.Devices)
	return []measured{{name: fmt.Sprintf("n=%d", n),
		run: on(job{}, func(ctx context.Context, b *bench, s *server) (int, []Figure, error) {
			figures, err := b.storm(ctx, s, n)
			return n, figures, err
		})}}
}

// storm measures n devices that dial in at once, up to the moment when all are bound and the server rests.
func (b *bench) storm(ctx context.Context, s *server, n int) ([]Figure, error) {
	what, none := bound(0)
	if _, err := s.settle(ctx, what, none); err != nil {
		return nil, err
	}
	before, err := cpuTime(s.pid()) // with what the question took
	if err != nil {
		return nil, err
	}
	l, err := b.load(ctx, s, n, "--ramp", "0", "--hold", "10m")
	if err != nil {
		return nil, err
	}
	what, all := bound(n)
	after, err := s.settle(ctx, what, all)
	r, ended := l.end()
	if err := errors.Join(err, ended); err != nil {
		return nil, err
	}
	return []Figure{{stormUnit, microseconds(after-before) / float64(n)}, {"all-up-s", r.TimeToAllUp},
		{"connect-p99-ms", r.Connect.P99}}, nil
}

func echoCases(c *Config) []measured {
	echo := func(name string, rate float64) measured {
		return measured{name: name, run: on(job{}, func(ctx context.Context, b *bench, s *server) (int, []Figure, error) {
			return b.echo(ctx, s, rate)
		})}
	}
	return []measured{echo(fmt.Sprintf("rate=%.0f/links=%d", c.Rate, c.Links), c.Rate),
		echo(fmt.Sprintf("closed/links=%d", c.Links), 0)}
}

const (
	messageBytes = 64
	warmUp       = 500 * time.Millisecond // of traffic before it is measured
)

// echo measures a window in the middle of the traffic, at a fixed rate of messages a second, or as fast as answers come
// for rate 0. The messages are those that the server has received in that window.
func (b *bench) echo(ctx context.Context, s *server, rate float64) (int, []Figure, error) {
	l, err := b.load(ctx, s, b.Links, "--mode", "echo", "--size", strconv.Itoa(messageBytes),
		"--rate", strconv.FormatFloat(rate, 'f', -1, 64), "--duration", "10m")
	if err != nil {
		return 0, nil, err
	}
	messages, cpu, span, err := b.window(ctx, s)
	r, ended := l.end()
	if err := errors.Join(err, ended); err != nil {
		return 0, nil, err
	}
	if messages == 0 {
		return 0, nil, errors.New("bench: no message came while it was measured")
	}
	return int(messages), []Figure{{messageUnit, microseconds(cpu) / messages}, {"msg/s", messages / span.Seconds()},
		{"rtt-p50-ms", r.RTT.P50}, {"rtt-p99-ms", r.RTT.P99}}, nil
}

// window waits for the traffic and counts what the server received and used in the time of the configuration.
func (b *bench) window(ctx context.Context, s *server) (messages float64, cpu, span time.Duration, err error) {
	// The identities are 8 bytes a device, so that more than that for each is traffic.
	if err := s.await(ctx, func(now stats) bool { return now.BytesIn > uint64(b.Links*(8+messageBytes)) }); err != nil {
		return 0, 0, 0, err
	}
	if err := sleep(ctx, warmUp); err != nil {
		return 0, 0, 0, err
	}
	before, err := s.stats(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	from, began, err := cpuAt(s.pid())
	if err != nil {
		return 0, 0, 0, err
	}
	if err := sleep(ctx, b.Window); err != nil {
		return 0, 0, 0, err
	}
	to, ended, err := cpuAt(s.pid())
	if err != nil {
		return 0, 0, 0, err
	}
	after, err := s.stats(ctx)
	return float64(after.BytesIn-before.BytesIn) / messageBytes, to - from, ended.Sub(began), err
}

func cpuAt(pid int) (time.Duration, time.Time, error) {
	cpu, err := cpuTime(pid)
	return cpu, time.Now(), err
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
