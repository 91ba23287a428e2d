package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// ErrConfig is wrapped by every error that says that a Config cannot be run.
var ErrConfig = errors.New("bench: wrong configuration")

// Config is one run. The zero value of a field takes the stated default; Linkd has none.
type Config struct {
	Linkd     string        `json:"-"`            // path of the linkd binary, which is also the load
	PeersDir  string        `json:"-"`            // source of the other servers; default bench/peers
	Scenarios []string      `json:"scenarios"`    // default all that are not run alone
	Peers     []string      `json:"peers"`        // default all
	Rounds    int           `json:"rounds"`       // default 5
	Devices   []int         `json:"devices"`      // idle: in turn; others: the most; default 5000, 10000, 19000
	Visitors  int           `json:"visitors"`     // identify: devices that come and leave; default 5000
	Links     int           `json:"links"`        // echo, as fast as answers come; default 1000
	FewLinks  []int         `json:"few_links"`    // echo: likewise; default 1, 10
	EchoLinks []int         `json:"echo_links"`   // echo, at Rate; default 10000, 19000
	Rate      float64       `json:"rate"`         // echo: messages a second over all devices; default 20000
	Rates     []float64     `json:"rates"`        // uplink: frames a second; default 10000 to 160000, doubling
	Window    time.Duration `json:"window_nanos"` // how long traffic and polls are measured; default 4 s
	Loops     int           `json:"loops"`        // event loops of each server; default 1
	Pin       bool          `json:"pin"`          // server and load have cores of their own, where there are enough
	Polled    int           `json:"polled"`       // poll, uplink: links; default 10000
	Faulty    []int         `json:"faulty"`       // poll: per cent of devices that are dead, and of answers that are late
	Seldom    time.Duration `json:"seldom_nanos"` // poll: period of a fleet that is polled seldom; default 1 min
	MaxRate   bool          `json:"max_rate"`     // poll: search for the highest rate too, which takes minutes
	Total     int           `json:"total"`        // million: devices; default 1,000,000
	Nodes     []int         `json:"nodes"`        // scale: processes; million: the first, 0: as many as descriptors demand
	Brief     bool          `json:"brief"`        // leave out cases, to be done in minutes
	Address   string        `json:"address"`      // of a server that runs already; it is measured too, as external
	LoadArgs  []string      `json:"load_args"`    // what the load is told besides, for that one
	// Progress, where given, is called before each run of a server, from one goroutine.
	Progress func(string) `json:"-"`
}

// Quick is a Config of small numbers, to see that everything works: its figures are rough.
func Quick() Config {
	return Config{Rounds: 1, Devices: []int{2000}, Visitors: 500, Links: 500, FewLinks: []int{1}, EchoLinks: []int{2000},
		Rate: 10_000, Rates: []float64{20_000}, Window: time.Second, Polled: 2000, Seldom: 10 * time.Second,
		Total: 20_000, Nodes: []int{1, 2}, Brief: true}
}

func (c Config) withDefaults() Config {
	if len(c.Scenarios) == 0 {
		for _, s := range Scenarios() {
			if !s.Alone {
				c.Scenarios = append(c.Scenarios, s.Name)
			}
		}
	}
	if len(c.Peers) == 0 {
		c.Peers = Peers()
	}
	if c.Address != "" && !slices.Contains(c.Peers, External) {
		c.Peers = append(slices.Clone(c.Peers), External)
	}
	list(&c.Devices, 5000, 10_000, 19_000)
	list(&c.FewLinks, 1, 10)
	list(&c.EchoLinks, 10_000, 19_000)
	list(&c.Rates, 10_000, 20_000, 40_000, 80_000, 160_000)
	list(&c.Nodes, 1, 2, 4)
	if !c.Brief {
		list(&c.Faulty, 1, 5)
	}
	value(&c.PeersDir, filepath.Join("bench", "peers"))
	value(&c.Rounds, 5)
	value(&c.Visitors, 5000)
	value(&c.Links, 1000)
	value(&c.Loops, 1)
	value(&c.Polled, 10_000)
	value(&c.Rate, 20_000)
	value(&c.Seldom, time.Minute)
	value(&c.Window, 4*time.Second)
	value(&c.Total, 1_000_000)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c
}

func value[T comparable](to *T, otherwise T) {
	var zero T
	if *to == zero {
		*to = otherwise
	}
}

func list[T any](to *[]T, otherwise ...T) {
	if len(*to) == 0 {
		*to = otherwise
	}
}

// descriptorReserve is what a process needs beside one descriptor for each device: linkd keeps 320, and one in twenty
// of the rest for devices that it knows.
const descriptorReserve = 700

// most is how many devices one process has at most.
func (c *Config) most() int {
	return max(slices.Max(c.Devices), slices.Max(c.EchoLinks), slices.Max(c.FewLinks), c.Links, c.Polled)
}

// validate says, for a Config with its defaults in place, what is wrong with it.
func (c *Config) validate(openFiles int) error {
	for _, name := range c.Scenarios {
		if _, ok := scenarioNamed(name); !ok {
			return fmt.Errorf("%w: no scenario %q; linkd bench list lists them", ErrConfig, name)
		}
	}
	for _, name := range c.Peers {
		if !slices.Contains(Peers(), name) && (name != External || c.Address == "") {
			return fmt.Errorf("%w: no peer %q; give some of %s", ErrConfig, name, strings.Join(Peers(), ","))
		}
	}
	if c.Address != "" {
		if _, _, err := net.SplitHostPort(c.Address); err != nil {
			return fmt.Errorf("%w: external address %q; give HOST:PORT", ErrConfig, c.Address)
		}
	}
	counts := slices.Concat(c.Devices, c.EchoLinks, c.FewLinks, []int{c.Visitors, c.Links, c.Polled})
	switch {
	case c.Rounds < 1 || c.Rounds > 1000:
		return fmt.Errorf("%w: %d rounds; give 1 to 1000", ErrConfig, c.Rounds)
	case slices.Min(counts) < 1 || slices.Max(counts) > configured:
		return fmt.Errorf("%w: %v devices or links; give 1 to %d of each", ErrConfig, counts, configured)
	case c.Seldom < time.Second || c.Seldom > time.Minute:
		return fmt.Errorf("%w: links polled each %v; give 1s to 1m", ErrConfig, c.Seldom)
	case c.Rate < 1 || slices.Min(c.Rates) < 1 || c.Window < 100*time.Millisecond || c.Loops < 1:
		return fmt.Errorf("%w: rate %v, rates %v, window %v, loops %d; give 1, 1, 100ms and 1 or more", ErrConfig, c.Rate,
			c.Rates, c.Window, c.Loops)
	case c.Total < 1 || c.Total > 10_000_000 || slices.Min(c.Nodes) < 1 || slices.Max(c.Nodes) > 1000:
		return fmt.Errorf("%w: %d devices in all, %v processes; give 1 to 10,000,000 and 1 to 1000", ErrConfig, c.Total,
			c.Nodes)
	case len(c.Faulty) > 0 && (slices.Min(c.Faulty) < 1 || slices.Max(c.Faulty) > 50):
		return fmt.Errorf("%w: %v %% of devices faulty; give 1 to 50", ErrConfig, c.Faulty)
	case c.most()+descriptorReserve > openFiles:
		return fmt.Errorf("%w: %d devices take %d descriptors in one process and the limit is %d; raise it "+
			"(ulimit -Hn), or give fewer devices", ErrConfig, c.most(), c.most()+descriptorReserve, openFiles)
	}
	return nil
}

// peersOf are the servers of a scenario that are measured, in the order of the configuration.
func (c *Config) peersOf(scenario string) []string {
	s, _ := scenarioNamed(scenario)
	return slices.DeleteFunc(slices.Clone(c.Peers), func(p string) bool {
		return p != External && !slices.Contains(s.peers, p)
	})
}

// takesPart reports whether a server is measured in a case.
func (m *measured) takesPart(peer string) bool {
	if peer == External {
		return m.external != nil
	}
	return m.peers == nil || slices.Contains(m.peers, peer)
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
	dir       string // temporary: binaries and project files
	started   atomic.Int64
	openFiles int
	report    *Report
	failed    []error // what linkd could not do: the run goes on, and its error is these
}

// Run measures, and returns the report. Every process that it starts has ended when it returns. When ctx is done it
// ends early, with ctx's error. With an error comes a report of what was measured before it, nil when it did not begin.
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
	b := &bench{Config: c, dir: dir, openFiles: limit, report: &Report{Stamp: stampNow(ctx, &c, limit), Config: c}}
	for _, s := range b.report.Stamp.Settings {
		if s.Advice != "" {
			b.note(s.Advice)
		}
	}
	if slices.Contains(c.Scenarios, millionName) { // before what takes hours
		if _, err := b.nodesFor(c.Total); err != nil {
			return nil, err
		}
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	err = b.rounds(ctx)
	if err != nil && len(b.report.Samples) > 0 {
		b.note(fmt.Sprintf("it ended before its time, %v: what is missing was not measured", err))
	}
	b.report.summarise()
	return b.report, errors.Join(errors.Join(b.failed...), err)
}

// rounds measures all that is asked for.
func (b *bench) rounds(ctx context.Context) error {
	for _, name := range b.Scenarios {
		s, _ := scenarioNamed(name)
		for round := range b.Rounds {
			if err := b.round(ctx, s, round); err != nil {
				return fmt.Errorf("scenario %s, round %d: %w", name, round+1, err)
			}
		}
	}
	return nil
}

// round runs each case once for each server, in turn.
func (b *bench) round(ctx context.Context, s Scenario, round int) error {
	before, err := usageNow()
	if err != nil {
		return err
	}
	for _, m := range s.cases(&b.Config) {
		for _, peer := range b.peersOf(s.Name) {
			if !m.takesPart(peer) {
				continue
			}
			b.Progress(fmt.Sprintf("%s, round %d of %d: %s, %s", s.Name, round+1, b.Rounds, m.name, peer))
			err := b.measure(ctx, s, m, peer, round)
			switch {
			case err == nil:
				continue
			case ctx.Err() != nil:
				return fmt.Errorf("%s, %s: %w", m.name, peer, err)
			}
			// Hours of other figures are not to be lost by it.
			b.note(fmt.Sprintf("%s, %s, round %d: %s failed and has no figures there: %s", s.Name, m.name, round+1, peer,
				oneLine(err)))
			if ours(peer) {
				b.failed = append(b.failed, fmt.Errorf("%s, %s, round %d, %s: %w", s.Name, m.name, round+1, peer, err))
			}
			if len(b.failed) >= mostFailures {
				return errManyFailures
			}
		}
	}
	after, err := usageNow()
	steal, other := disturbance(before, after)
	b.report.Disturbances = append(b.report.Disturbances, Disturbance{s.Name, round, steal, other})
	return err
}

func (b *bench) measure(ctx context.Context, s Scenario, m measured, peer string, round int) error {
	var out sample
	var err error
	if peer == External {
		out, err = m.external(ctx, b, &server{addr: b.Address})
	} else {
		out, err = m.run(ctx, b, peer)
	}
	if err != nil {
		return err
	}
	if late := out.value(ownLagUnit); late > lateLoad && !strings.HasPrefix(m.name, "closed") {
		b.note(fmt.Sprintf("%s, %s, %s, round %d: the load was %.0f ms late itself (p99): times say little of the server",
			s.Name, m.name, peer, round+1, late))
	}
	b.report.Samples = append(b.report.Samples, Sample{Scenario: s.Name, Peer: peer, Case: m.name, Round: round,
		Iterations: out.iterations, Figures: out.figures, Curves: out.curves})
	return nil
}

// oneLine words an error, which may be several and have a server's own words in it.
func oneLine(err error) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	return clip(strings.Join(strings.Fields(text), " "), mostNote)
}

func clip(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// mostFailures of linkd end a run: what it cannot do at all is not tried for hours.
const mostFailures = 5

var errManyFailures = fmt.Errorf("bench: linkd has failed %d times", mostFailures)

const (
	mostNotes = 150 // of a report: more are told, and not kept
	mostNote  = 400 // bytes of an error in one
)

// note says something that belongs into the report and that somebody should know now.
func (b *bench) note(text string) {
	if len(b.report.Notes) < mostNotes {
		b.report.Notes = append(b.report.Notes, text)
	}
	b.Progress(text)
}
