package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ErrConfig is wrapped by every error that says that a Config cannot be run.
var ErrConfig = errors.New("bench: wrong configuration")

// Config is one run. The zero value of a field takes the stated default; Linkd has none.
type Config struct {
	Linkd     string        `json:"-"`            // path of the linkd binary, which is also the load
	PeersDir  string        `json:"-"`            // source of the other servers; default bench/peers
	Scenarios []string      `json:"scenarios"`    // default all
	Peers     []string      `json:"peers"`        // default all
	Rounds    int           `json:"rounds"`       // default 5
	Devices   []int         `json:"devices"`      // idle: in turn; storm: the most; default 5000, 10000, 19000
	Links     int           `json:"links"`        // echo; default 1000
	Rate      float64       `json:"rate"`         // echo: messages a second over all links; default 20000
	Window    time.Duration `json:"window_nanos"` // echo: how long is measured; default 4 s
	Loops     int           `json:"loops"`        // event loops of each server; default one a core; poll: always one
	Polled    int           `json:"polled"`       // poll: links; default 10000
	Seldom    time.Duration `json:"seldom_nanos"` // poll: period of a fleet that is polled seldom; default 1 min
	MaxRate   bool          `json:"max_rate"`     // poll: search for the highest rate too, which takes minutes
	// Progress, where given, is called before each run of a server, from one goroutine.
	Progress func(string) `json:"-"`
}

// Quick is a Config of small numbers, to see that everything works: its figures are rough.
func Quick() Config {
	return Config{Rounds: 1, Devices: []int{2000, 5000}, Links: 500, Rate: 10_000, Window: time.Second, Polled: 2000,
		Seldom: 10 * time.Second}
}

func (c Config) withDefaults() Config {
	if c.PeersDir == "" {
		c.PeersDir = filepath.Join("bench", "peers")
	}
	if len(c.Scenarios) == 0 {
		for _, s := range Scenarios() {
			c.Scenarios = append(c.Scenarios, s.Name)
		}
	}
	if len(c.Peers) == 0 {
		c.Peers = Peers()
	}
	if len(c.Devices) == 0 {
		c.Devices = []int{5000, 10_000, 19_000}
	}
	def := func(to *int, n int) {
		if *to == 0 {
			*to = n
		}
	}
	def(&c.Rounds, 5)
	def(&c.Links, 1000)
	def(&c.Loops, runtime.NumCPU())
	def(&c.Polled, 10_000)
	if c.Rate == 0 {
		c.Rate = 20_000
	}
	if c.Seldom == 0 {
		c.Seldom = time.Minute
	}
	if c.Window == 0 {
		c.Window = 4 * time.Second
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

// descriptorReserve is what a process needs beside one descriptor for each device: linkd keeps 320, and one in twenty
// of the rest for devices that it knows.
const descriptorReserve = 700

// validate says, for a Config with its defaults in place, what is wrong with it.
func (c *Config) validate(openFiles int) error {
	for _, name := range c.Scenarios {
		if _, ok := scenarioNamed(name); !ok {
			return fmt.Errorf("%w: no scenario %q; linkd bench list lists them", ErrConfig, name)
		}
	}
	for _, name := range c.Peers {
		if !slices.Contains(Peers(), name) {
			return fmt.Errorf("%w: no peer %q; give some of %s", ErrConfig, name, strings.Join(Peers(), ","))
		}
	}
	most := max(slices.Max(c.Devices), c.Links, c.Polled)
	switch {
	case c.Rounds < 1 || c.Rounds > 1000:
		return fmt.Errorf("%w: %d rounds; give 1 to 1000", ErrConfig, c.Rounds)
	case slices.Min(c.Devices) < 1 || c.Links < 1 || c.Polled < 1 || most > configured:
		return fmt.Errorf("%w: %v devices, %d links, %d polled; give 1 to %d of each", ErrConfig, c.Devices, c.Links,
			c.Polled, configured)
	case c.Seldom < time.Second || c.Seldom > time.Minute:
		return fmt.Errorf("%w: links polled each %v; give 1s to 1m", ErrConfig, c.Seldom)
	case c.Rate < 1 || c.Window < 100*time.Millisecond || c.Loops < 1:
		return fmt.Errorf("%w: rate %v, window %v, loops %d; give 1, 100ms and 1 or more", ErrConfig, c.Rate, c.Window,
			c.Loops)
	case most+descriptorReserve > openFiles:
		return fmt.Errorf("%w: %d devices take %d descriptors in one process and the limit is %d; raise it "+
			"(ulimit -Hn), or give fewer devices", ErrConfig, most, most+descriptorReserve, openFiles)
	}
	return nil
}

// peersOf are the servers of a scenario that are measured, in the order of the configuration.
func (c *Config) peersOf(scenario string) []string {
	s, _ := scenarioNamed(scenario)
	return slices.DeleteFunc(slices.Clone(c.Peers), func(p string) bool { return !slices.Contains(s.peers, p) })
}

func scenarioNamed(name string) (Scenario, bool) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}

// bench is a run under way.
type bench struct {
	Config
	dir    string // temporary: binaries and project files
	report *Report
}

// Run measures, and returns the report. Every process that it starts has ended when it returns. When ctx is done it
// ends early, with ctx's error.
func Run(ctx context.Context, c Config) (*Report, error) {
	c = c.withDefaults()
	limit, err := read(parseOpenFiles, "/proc/self/limits")
	if err != nil {
		return nil, err
	}
	if err := c.validate(limit); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "linkd-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{Config: c, dir: dir, report: &Report{Stamp: stampNow(ctx, limit), Config: c}}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	for _, name := range c.Scenarios {
		s, _ := scenarioNamed(name)
		for round := range c.Rounds {
			if err := b.round(ctx, s, round); err != nil {
				return nil, fmt.Errorf("scenario %s, round %d: %w", name, round+1, err)
			}
		}
	}
	b.report.summarise()
	return b.report, nil
}

// round runs each case once for each server, in turn.
func (b *bench) round(ctx context.Context, s Scenario, round int) error {
	before, err := usageNow()
	if err != nil {
		return err
	}
	for _, m := range s.cases(&b.Config) {
		for _, peer := range b.peersOf(s.Name) {
			if m.peers != nil && !slices.Contains(m.peers, peer) {
				continue
			}
			b.Progress(fmt.Sprintf("%s, round %d of %d: %s, %s", s.Name, round+1, b.Rounds, m.name, peer))
			if err := b.measure(ctx, s, m, peer, round); err != nil {
				return fmt.Errorf("%s, %s: %w", m.name, peer, err)
			}
		}
	}
	after, err := usageNow()
	steal, other := disturbance(before, after)
	b.report.Disturbances = append(b.report.Disturbances, Disturbance{s.Name, round, steal, other})
	return err
}

func (b *bench) measure(ctx context.Context, s Scenario, m measured, peer string, round int) error {
	iterations, figures, err := m.run(ctx, b, peer)
	if err != nil {
		return err
	}
	b.report.Samples = append(b.report.Samples, Sample{Scenario: s.Name, Peer: peer, Case: m.name, Round: round,
		Iterations: iterations, Figures: figures})
	return nil
}
