package common

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"
)

// Job is what a server does with what devices send.
type Job string

// The jobs.
const (
	Echo Job = "echo" // it sends back what comes
	Sink Job = "sink" // it counts what comes
	Poll Job = "poll" // it asks for registers, and takes the answers
)

// Options are the command line.
type Options struct {
	Devices int // ids c0000001 and so on that are known
	Job     Job
	Period  time.Duration // of the polls of one device
	Share   int           // the devices whose numbers it divides are polled
	Loops   int           // event loops, of servers that have them
	IP      netip.Addr    // IPv4, that devices dial
}

const (
	mostDevices = 9_999_999 // ids have seven digits
	leastPeriod = 2         // milliseconds: a tick of those that poll from a wheel
	mostPeriod  = 3_600_000 // milliseconds
	mostLoops   = 4096
)

const usage = "usage: PEER [-n DEVICES] [-job echo|sink|poll] [-p POLL_MS] [-share N] [-loops N] [-addr IP]"

// parse reads a command line, without the program's name.
func parse(args []string) (Options, error) {
	var o Options
	f := flag.NewFlagSet("peer", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.Devices, "n", 50_000, "")
	job := f.String("job", string(Echo), "")
	period := f.Int("p", 1000, "")
	f.IntVar(&o.Share, "share", 1, "")
	f.IntVar(&o.Loops, "loops", runtime.NumCPU(), "")
	ip := f.String("addr", "127.0.0.1", "")
	if err := f.Parse(args); err != nil {
		return o, fmt.Errorf("%w\n"+usage, err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q: give flags alone\n"+usage, f.Arg(0))
	}
	for _, n := range []struct {
		flag               string
		value, least, most int
	}{{"n", o.Devices, 1, mostDevices}, {"p", *period, leastPeriod, mostPeriod}, {"share", o.Share, 1, mostDevices},
		{"loops", o.Loops, 1, mostLoops}} {
		if n.value < n.least || n.value > n.most {
			return o, fmt.Errorf("-%s %d: give a number from %d to %d", n.flag, n.value, n.least, n.most)
		}
	}
	o.Period = time.Duration(*period) * time.Millisecond
	switch o.Job = Job(*job); o.Job {
	case Echo, Sink, Poll:
	default:
		return o, fmt.Errorf("-job %q: give echo, sink or poll", *job)
	}
	var err error
	if o.IP, err = netip.ParseAddr(*ip); err != nil || !o.IP.Is4() {
		return o, fmt.Errorf("-addr %q: give an IPv4 address", *ip)
	}
	return o, nil
}
