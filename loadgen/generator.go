package loadgen

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"linkd/internal/limits"
)

// ErrInvalid is wrapped by Result.Err when the generator itself fell short: the run says little about the server.
var ErrInvalid = errors.New("loadgen: the run is invalid")

const (
	defaultOwnLag = 20 * time.Millisecond
	defaultOwnCPU = 0.95
	mostStallSelf = 10 * time.Second
	// usualPorts is how many ephemeral ports Linux has for one address where nobody changed that.
	usualPorts = 28232
)

// Generator is the verdict on the generator itself.
type Generator struct {
	Valid   bool     `json:"valid"`
	Reasons []string `json:"reasons"` // why it is not, each to be read after "the generator"

	LagP99 float64 `json:"lag_p99_ms"` // how late it did what was due
	LagMax float64 `json:"lag_max_ms"`
	CPU    float64 `json:"cpu_percent"` // of its cores, during the traffic
	Cores  int     `json:"cores"`       // that it could use: one for each event loop, and one for the values it follows

	PortsLeft        int64 `json:"ports_left"`         // ephemeral ports of its addresses beyond one for each device
	DescriptorsLeft  int64 `json:"descriptors_left"`   // of the process that has least, beyond one for each device
	OutOfPorts       int64 `json:"out_of_ports"`       // connects for which there was no port
	OutOfDescriptors int64 `json:"out_of_descriptors"` // connects for which there was no descriptor
}

// own is what a run took of the generator's own means.
type own struct {
	CPU             time.Duration // of the process during the traffic
	NoPort          int64         // connects
	NoDescriptor    int64
	DescriptorsLeft int64
}

func (o *own) merge(other *own) {
	o.CPU += other.CPU
	o.NoPort += other.NoPort
	o.NoDescriptor += other.NoDescriptor
	o.DescriptorsLeft = min(o.DescriptorsLeft, other.DescriptorsLeft)
}

// failed counts a connect that found the generator's own means exhausted.
func (o *own) failed(c cause) {
	switch c {
	case noPort:
		o.NoPort++
	case noDescriptor:
		o.NoDescriptor++
	}
}

// judge gives the verdict over the generator.
func (o *outcome) judge(c *Config, processes int) *Generator {
	lag := o.Times[ownLag].latency()
	g := &Generator{LagP99: lag.P99, LagMax: lag.Max, Cores: c.cores(processes), PortsLeft: c.portsLeft(),
		OutOfPorts: o.Own.NoPort, OutOfDescriptors: o.Own.NoDescriptor, Reasons: []string{}}
	if o.Own.DescriptorsLeft < math.MaxInt64 {
		g.DescriptorsLeft = o.Own.DescriptorsLeft
	}
	if o.Traffic > 0 {
		g.CPU = 100 * o.Own.CPU.Seconds() / o.Traffic.Seconds() / float64(g.Cores)
	}
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			g.Reasons = append(g.Reasons, fmt.Sprintf(format, args...))
		}
	}
	say(g.LagP99 > ms(int64(c.OwnLagLimit)), "was %.1f ms late itself at p99, over %v: it had too little CPU", g.LagP99,
		c.OwnLagLimit)
	say(c.paced() && c.OwnCPULimit < 1 && g.CPU > 100*c.OwnCPULimit, "used %.0f %% of %d core(s), over %.0f %%", g.CPU,
		g.Cores, 100*c.OwnCPULimit)
	say(g.OutOfPorts > 0, "had no ephemeral port left for %d connects", g.OutOfPorts)
	say(g.OutOfDescriptors > 0, "had no descriptor left for %d connects", g.OutOfDescriptors)
	g.Valid = len(g.Reasons) == 0
	return g
}

// paced reports whether the traffic has a pace that the generator must keep: its own schedule, or the server's. What is
// as fast as answers come takes all the CPU there is.
func (c *Config) paced() bool { return c.Rate > 0 || c.answers() }

// cores is how many processors the generator can use on this machine.
func (c *Config) cores(processes int) int {
	n := processes * min(c.Workers, c.Devices)
	if c.follows() != "" {
		n++
	}
	return max(1, min(n, runtime.NumCPU()))
}

// portsLeft is how many ephemeral ports the source addresses have towards one target beyond one for each device. Ports
// of links that have closed may be taken for a while as well.
func (c *Config) portsLeft() int64 {
	each := int64(usualPorts)
	if lowest, highest, err := limits.LocalPorts(); err == nil {
		each = int64(highest - lowest + 1)
	}
	addresses := int64(1)
	if from, err := parseSources(c.Sources); err == nil && from.count > 0 {
		addresses = int64(min(from.count, uint64(c.Devices)))
	}
	return max(0, each*addresses-int64(c.Devices))
}

// Err is nil when the run is valid.
func (g *Generator) Err() error {
	if g == nil || g.Valid {
		return nil
	}
	return fmt.Errorf("%w: the generator %s", ErrInvalid, strings.Join(g.Reasons, ", and "))
}

func (g *Generator) String() string {
	verdict := "valid"
	if !g.Valid {
		verdict = "INVALID: it " + strings.Join(g.Reasons, ", and ")
	}
	return fmt.Sprintf("%s; late by %.3f ms (p99), %.3f ms at most; %.0f %% of %d core(s); "+
		"%d ports and %d descriptors left", verdict, g.LagP99, g.LagMax, g.CPU, g.Cores, g.PortsLeft, g.DescriptorsLeft)
}
