package bench

import (
	"fmt"
	"strconv"

	"linkd/internal/limits"
)

// Setting is a limit of the system that matters to what is measured.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Advice string `json:"advice,omitempty"` // where it is too low
}

// burstOf is which part of a fleet may have to be in the kernel's queue at once: timers of a minute expire in bunches
// of seconds, and a fleet of a million that came in 37 s so sends 27,000 probes at a time on each of two processors.
const burstOf = 20

// settings reads the limits of the system for a configuration. What cannot be read is left out, as not every kernel has
// it.
func settings(c *Config, openFiles int) (list []Setting) {
	most := c.most()
	wanted := []struct {
		name  string
		least int
		why   string
	}{
		{limits.Backlog, 4096, "a storm overflows the queue of links that wait to be accepted"},
		{limits.SynBacklog, 1024, "a storm overflows the queue of links half made"},
		{limits.Netdev, max(1000, most/burstOf), "loopback drops what does not fit, such as the keepalive probes of links " +
			"that have come together; after three the kernel cuts a link"},
		{limits.FileMax, 2*most + 4096, "server and load share it"},
		{limits.NrOpen, most + descriptorReserve, "no process can have more descriptors"},
		{limits.Conntrack, 2 * most, "links are dropped once it is full"},
	}
	for _, w := range wanted {
		text, err := limits.Sysctl(w.name)
		if err != nil {
			continue
		}
		s := Setting{Name: w.name, Value: text}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n < uint64(w.least) {
			s.Advice = limits.Set(w.name, uint64(w.least)) + ": " + w.why
		}
		list = append(list, s)
	}
	if low, high, err := limits.LocalPorts(); err == nil {
		list = append(list, Setting{Name: limits.Ports, Value: fmt.Sprintf("%d %d", low, high)})
	}
	return append(list, Setting{Name: "open files", Value: strconv.Itoa(openFiles)})
}
