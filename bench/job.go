package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What a server does with its links.
const (
	echoes   = "echo"    // it sends back what comes
	sinks    = "sink"    // it counts what comes
	polls    = "poll"    // it asks for registers
	commands = "command" // it sends one frame to each, when told to
)

// job is what a server is to do.
type job struct {
	kind     string        // default echoes
	every    time.Duration // polls: the period
	share    int           // polls: one device in so many is polled; default 1
	fleet    int           // with share: devices of the fleet
	identity string        // of linkd's provider; default auto
	id       string        // pattern of the ids; default c{n:07}
	from, to int           // numbers of the devices that are known; default 1 to configured
	ip       string        // to listen on; default 127.0.0.1
}

func polling(every time.Duration) job { return job{kind: polls, every: every} }

const anyID = "c{n:07}"

func (j job) withDefaults() job {
	text := func(to *string, s string) {
		if *to == "" {
			*to = s
		}
	}
	text(&j.kind, echoes)
	text(&j.identity, "preset: auto")
	text(&j.id, anyID)
	text(&j.ip, "127.0.0.1")
	if j.to == 0 {
		j.from, j.to = 1, configured
	}
	j.share = max(j.share, 1)
	return j
}

// registers is how many input registers each poll reads, and how many tags it so renews.
const registers = 10

// project is the project file with which linkd does the job. Who is polled where not all are stands in a fleet of its
// own, p1 and so on.
func (j job) project() string {
	j = j.withDefaults()
	var b strings.Builder
	fmt.Fprintf(&b, "project: bench\nproviders:\n  - name: s1\n    type: tcp-server\n    local_ip: %s\n"+
		"    local_port: 0\n    identity: {%s}\n    fleets:\n", j.ip, j.identity)
	fleet := func(name string, from, to int) {
		fmt.Fprintf(&b, "      - {name: \"%s{n}\", socket_conn_id: \"%s\", from: %d, to: %d}\n", name, j.id, from, to)
	}
	polled := "f"
	if j.share > 1 {
		polled = "p"
		fleet("p", j.from, j.from+j.fleet/j.share-1)
		j.from += j.fleet / j.share
	}
	fleet("f", j.from, j.to)
	channel := func(name, fleet, rest string) {
		fmt.Fprintf(&b, "  - {name: \"%s_{connection}\", connection: \"s1/%s*\", %s}\n", name, fleet, rest)
	}
	switch j.kind {
	case polls, commands:
		b.WriteString("models:\n  - name: m\n    tags:\n")
		every, options := j.every, ""
		if j.kind == commands {
			every, options = seldomEnough, ", options: {timeout_min: 3s}" // a busy machine delays, and fails no command
			b.WriteString("      - {name: setpoint, address: \"holding:0\", type: int16, writable: true}\n")
		} else {
			for i := range registers {
				fmt.Fprintf(&b, "      - {name: t%d, address: \"input:%d\", type: int16, scale: 0.1}\n", i, i)
			}
		}
		b.WriteString("channels:\n")
		channel("ch", polled, fmt.Sprintf("driver: modbus-rtu, poll: %s, devices: [{name: d, unit: 1, model: m}]%s", every,
			options))
		if j.share > 1 {
			channel("rest", "f", "driver: raw")
		}
	case sinks:
		b.WriteString("channels:\n")
		channel("ch", "f", "driver: raw")
	default:
		b.WriteString("channels:\n")
		channel("ch", "f", "driver: raw, options: {echo: true}")
	}
	return b.String()
}

// seldomEnough is the period of polls that do not come again while something else is measured.
const seldomEnough = time.Hour

// args are what a server of bench/peers is told of the job; bench/peers/README.md says what they mean.
func (j job) args(loops int) []string {
	j = j.withDefaults()
	args := []string{"-n", strconv.Itoa(j.to), "-loops", strconv.Itoa(loops), "-addr", j.ip, "-job"}
	switch j.kind {
	case polls:
		return append(args, polls, "-p", strconv.FormatInt(j.every.Milliseconds(), 10), "-share", strconv.Itoa(j.share))
	case commands:
		return append(args, sinks)
	}
	return append(args, j.kind)
}
