package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Faults is what goes wrong with a fleet's devices and links, in every mode. Whoever loses its link by it dials again.
// Those with a rate happen during the traffic, but not so late that the device would not be back before its end.
type Faults struct {
	HalfOpen    float64       // share of the devices that vanish without FIN or RST, each second
	HalfOpenFor Spread        // until such a device dials again; default 1 to 10 s
	Move        float64       // share that dial from another of the Sources, their old link left half-open, each second
	Cut         float64       // share whose link is reset within a frame or an answer, each second
	SlowReader  float64       // share that read eight bytes a second, into a small buffer
	Clone       float64       // share that say the id of another device; at most half
	Backoff     time.Duration // from every drop or failed connect to the next one, exactly; 0: doubling, with jitter
}

// FaultCounts is how often the faults of a run happened.
type FaultCounts struct {
	HalfOpen    int64 `json:"half_open"`    // links left without a word
	Moved       int64 `json:"moved"`        // links left half-open for one from another address
	Cut         int64 `json:"cut"`          // links reset within a frame or an answer
	SlowReaders int64 `json:"slow_readers"` // devices
	Clones      int64 `json:"clones"`       // devices that say the id of another
	Takeovers   int64 `json:"takeovers"`    // links of clones, and of those they copy, that the server ended
	InStep      int64 `json:"in_step"`      // redials that were begun exactly one Backoff after a drop
}

// What a lot is drawn for.
const (
	slowLot = iota + 1
	cloneLot
)

const (
	backToUp    = time.Second // from a redial to the link, with room to spare
	leastBefore = 2 * time.Second
	backoffForm = "give fixed:5s for a redial exactly so long after each drop, or jitter"
	mostBackoff = time.Hour
)

// ParseBackoff reads fixed:5s as five seconds. Empty text and jitter are 0, the doubling back-off with jitter.
func ParseBackoff(s string) (time.Duration, error) {
	if s == "" || s == "jitter" {
		return 0, nil
	}
	text, isFixed := strings.CutPrefix(s, "fixed:")
	d, err := time.ParseDuration(text)
	if !isFixed || err != nil || d <= 0 || d > mostBackoff {
		return 0, fmt.Errorf("%q; %s, at most %v", s, backoffForm, mostBackoff)
	}
	return d, nil
}

func (f *Faults) setDefaults() {
	if f.HalfOpenFor == (Spread{}) {
		f.HalfOpenFor = Spread{Kind: "uniform", A: float64(time.Second), B: float64(10 * time.Second)}
	}
}

// rate is the share of the devices that lose their link by a fault, each second.
func (f *Faults) rate() float64 { return f.HalfOpen + f.Move + f.Cut }

// any reports whether something goes wrong on purpose.
func (f *Faults) any() bool { return f.rate()+f.SlowReader+f.Clone > 0 || f.Backoff > 0 }

// dialAgain reports whether devices lose links in the course of things, and so must dial again.
func (f *Faults) dialAgain() bool { return f.rate()+f.SlowReader+f.Clone > 0 }

// quiet is how long before the end of the traffic the last fault happens.
func (f *Faults) quiet() time.Duration { return max(leastBefore, f.Backoff+backToUp) }

// ghosts is for how many half-open links of so many devices there is room: as many as there will be, but one a device.
func (c *Config) ghosts(devices int) int {
	share := min((c.Faults.HalfOpen+c.Faults.Move)*c.Duration.Seconds(), 1)
	return int(math.Ceil(share * float64(devices)))
}

// descriptors is how many sockets so many devices take.
func (c *Config) descriptors(devices int) int { return devices + c.ghosts(devices) }

// validate says what is wrong with c.Faults, as validate of Config does.
func (f *Faults) validate(c *Config, say func(wrong bool, format string, args ...any)) {
	for _, p := range []struct {
		name  string
		share float64
	}{{"half open", f.HalfOpen}, {"move", f.Move}, {"cut", f.Cut}, {"slow reader", f.SlowReader}} {
		say(!isShare(p.share), "%s %v; give 0 to 1", p.name, p.share)
	}
	say(!(f.Clone >= 0 && f.Clone <= 0.5), "clone %v; give 0 to 0.5: each clone needs a device to copy", f.Clone)
	if err := f.HalfOpenFor.validate(); err != nil {
		say(true, "half open for: %v", err)
	}
	say(f.rate() > 0 && c.Duration <= f.quiet(), "half open, move or cut with a duration of %v; give more than %v: "+
		"none happens so late that its device would not be back", c.Duration, f.quiet())
	say(f.Backoff < 0 || f.Backoff > mostBackoff, "backoff %v; give 0 to %v", f.Backoff, mostBackoff)
	say(f.Backoff > 0 && !c.Reconnect, "backoff without reconnect; devices dial again only with it")
	say(f.Clone > 0 && c.Preset == "none", "clone with preset none; there is no id to copy")
	say(f.Clone > 0 && c.Verify != "", "clone with verify; two devices with one id have two counters")
	if from, err := parseSources(c.Sources); err == nil {
		say(f.Move > 0 && from.count < 2, "move with sources %q; give a CIDR of two addresses or more, such as "+
			"127.0.1.0/24", c.Sources)
	}
}

// lot draws a number from 0 to 1 for device i of the fleet, which depends on the seed alone.
func (c *Config) lot(of uint64, i int) float64 {
	source := rand.NewPCG(c.Seed^of<<56, uint64(c.From+i))
	return float64(source.Uint64()>>11) / (1 << 53)
}

// isClone reports whether device i of the fleet says the id of the device before it, and hasClone whether the device
// after it says its own. Devices stand in pairs, of which some have one id, so that no third has it.
func (c *Config) isClone(i int) bool {
	return i%2 == 1 && c.Faults.Clone > 0 && c.lot(cloneLot, i) < 2*c.Faults.Clone
}

func (c *Config) hasClone(i int) bool { return i+1 < c.Devices && c.isClone(i+1) }

func (f *FaultCounts) merge(o *FaultCounts) {
	f.HalfOpen += o.HalfOpen
	f.Moved += o.Moved
	f.Cut += o.Cut
	f.SlowReaders += o.SlowReaders
	f.Clones += o.Clones
	f.Takeovers += o.Takeovers
	f.InStep += o.InStep
}

func (f *FaultCounts) String() string {
	return fmt.Sprintf("%d half-open, %d moved, %d cut, %d slow readers, %d clones (%d takeovers), %d redials in step",
		f.HalfOpen, f.Moved, f.Cut, f.SlowReaders, f.Clones, f.Takeovers, f.InStep)
}
