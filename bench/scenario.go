package bench

import (
	"context"
	"errors"
	"slices"
)

// Scenario is something that is measured.
type Scenario struct {
	Name  string
	Title string
	Alone bool     // it runs only where it is named: it takes long, or much of the machine
	peers []string // who can do it
	cases func(*Config) []measured
}

// Scenarios lists what can be measured.
func Scenarios() []Scenario {
	all := Peers()
	return []Scenario{
		{"idle", "memory for each idle device, after a burst of 4 KiB, and after all have left", false, all, idleCases},
		{"storm", "CPU for each device when all dial in at once, and when all redial", false, all, stormCases},
		{"identify", "CPU for each device that comes, says who it is and leaves, by identity preset", false, all,
			identifyCases},
		{"uplink", "CPU for each frame of 64 bytes that comes unasked, at rising rates", false, all, uplinkCases},
		{"echo", "CPU and round trip for each message of 64 bytes that comes and is sent back", false, all, echoCases},
		{"poll", "CPU and lateness of Modbus RTU polls, with dead and late devices, and what a channel takes of memory",
			false, all, pollCases},
		{"downlink", "one command to every device: until the last has answered", false, all, downlinkCases},
		{"mixed", "a fleet's daily life: one device in five polled, the others idle, 1 % a minute redial", false, all,
			mixedCases},
		{"scale", "what a device and a message cost, by the number of devices and of processes", false,
			[]string{Linkd, CEpoll, Net}, scaleCases},
		{millionName, "1,000,000 identified devices on one machine", true, []string{Linkd, CEpoll, Gnet}, millionCases},
	}
}

// measured is one case of a scenario: what is measured in one run of one server.
type measured struct {
	name  string
	peers []string // who takes part; nil: all of the scenario
	run   func(ctx context.Context, b *bench, peer string) (sample, error)
	// external measures a server that runs already, from the load's side alone; nil: that says nothing.
	external func(ctx context.Context, b *bench, s *server) (sample, error)
}

// value is one figure of a sample, 0 where it has none.
func (s *sample) value(unit string) float64 {
	i := slices.IndexFunc(s.figures, func(f Figure) bool { return f.Unit == unit })
	if i < 0 {
		return 0
	}
	return s.figures[i].Value
}

// sample is what one run came to.
type sample struct {
	iterations int // devices or messages
	figures    []Figure
	curves     map[string][]CurvePoint
}

// on runs f on a server that does a job and that is ended afterwards.
func on(j job, f func(context.Context, *bench, *server) (sample, error)) func(context.Context, *bench, string) (sample,
	error) {
	return func(ctx context.Context, b *bench, peer string) (sample, error) {
		s, err := b.start(ctx, peer, j)
		if err != nil {
			return sample{}, err
		}
		out, err := f(ctx, b, s)
		return out, errors.Join(err, s.stop())
	}
}

// Figure is one value of one run. Its unit names it.
type Figure struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}
