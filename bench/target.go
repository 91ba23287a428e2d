package bench

import "strings"

// Units of the figures that have targets.
const (
	idleUnit    = "B/device"
	burstUnit   = "burst-B/device"
	kernelUnit  = "kernel-B/pair" // the sockets of both ends are on this machine
	stormUnit   = "cpu-us/device"
	redialUnit  = "redial-cpu-us/device"
	allUpUnit   = "all-up-s"
	bindUnit    = "bind-s"
	connectUnit = "connect-p99-ms"
	visitUnit   = "cpu-us/visit"
	messageUnit = "cpu-us/msg"
	rateUnit    = "msg/s"
	rttP50Unit  = "rtt-p50-ms"
	rttP99Unit  = "rtt-p99-ms"
	lastUnit    = "last-ms"
	commandUnit = "cpu-us/command"
	polledUnit  = "polled-B/device"
	scaleUnit   = "echoing-B/device"
	// Of the load itself: how late it was, and how much of a core it took.
	ownLagUnit  = "load-lag-p99-ms"
	ownCoreUnit = "load-core-%"
)

// target is what linkd is to keep to: a value, and ratios to other servers. 0 stands for none.
type target struct {
	value  float64
	ratios map[string]float64
}

func targetOf(row Row) target {
	fast, polled := strings.HasPrefix(row.Case, fastCase), strings.Contains(row.Case, "every=")
	switch row.Unit {
	case idleUnit:
		return target{value: 600, ratios: map[string]float64{Net: 0.17}}
	case burstUnit:
		return target{value: 660}
	case polledUnit:
		if row.Scenario != "mixed" { // of whose devices few are polled
			return target{value: 900}
		}
	case stormUnit:
		if !polled {
			return target{ratios: map[string]float64{Gnet: 1.15}}
		}
	case bindUnit:
		if !polled {
			return target{value: 45}
		}
	case messageUnit:
		if row.Scenario == "echo" || row.Scenario == "uplink" {
			return target{ratios: map[string]float64{Gnet: 1, CEpoll: 1.15}}
		}
	case rttP99Unit:
		if strings.HasPrefix(row.Case, "load=") {
			return target{ratios: map[string]float64{CEpoll: 1.2, Gnet: 1, Net: 1, NBIO: 1, Netpoll: 1}}
		}
	case pollUnit:
		return target{ratios: map[string]float64{CEpoll: 1, CPaced: 1.15, Net: 0.60}}
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
	case CoreUnit:
		if strings.HasPrefix(row.Case, seldomCase) {
			return target{value: 2}
		}
	case channelUnit:
		return target{value: 500}
	}
	return target{}
}
