package server

import (
	"sync"
	"sync/atomic"
	"time"

	"linkd/drivers"
)

// result is what became of an accepted link.
type result uint8

const (
	resultIdentified result = iota
	resultStranger
	resultTimeout
	resultRefused
	resultClosed // the device left before it said who it is
	resultCount
)

func (r result) String() string {
	return [resultCount]string{"identified", "stranger", "timeout", "refused", "closed"}[r]
}

// counters are one loop's, written there and read at scrape: no two loops write to one cache line.
type counters struct {
	bytesIn, bytesOut atomic.Uint64
	sessions          [resultCount]atomic.Uint64
	closes            [reasonCount]atomic.Uint64
	strangers         [reasonCount]atomic.Uint64
	identify          histogram
	lateness          histogram
	drivers           []driverCounters // by number in the table
	_                 [64]byte
}

// driverCounters are those of one driver on one loop.
type driverCounters struct {
	polls      [drivers.PollResultCount]atomic.Uint64
	good, bad  atomic.Uint64
	took, late histogram
}

func (c *counters) identified(d time.Duration) {
	c.sessions[resultIdentified].Add(1)
	c.identify.add(IdentifyBounds, d)
}

func (c *counters) lag(d time.Duration) { c.lateness.add(LagBounds, d) }

// maxBounds is the most bounds that a histogram has.
const maxBounds = 15

// histogram counts durations by bound; the last bucket used is the one above all bounds.
type histogram struct {
	buckets [maxBounds + 1]atomic.Uint64
	nanos   atomic.Uint64
}

func (h *histogram) add(bounds []float64, d time.Duration) {
	i, seconds := 0, d.Seconds()
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(uint64(max(d, 0)))
}

// addTo adds the counts to cumulative ones, and returns the sum in seconds.
func (h *histogram) addTo(cumulative []uint64) float64 {
	sum := uint64(0)
	for i := range cumulative {
		sum += h.buckets[i].Load()
		cumulative[i] += sum
	}
	return time.Duration(h.nanos.Load()).Seconds()
}

// writeResults are the results that a write can have, in the order in which metrics list them.
var writeResults = [...]string{confirmed, rejected, timedOut, offline, waits}

// writeCounters count writes by driver and result; they are rare.
type writeCounters struct {
	mu sync.Mutex
	m  map[[2]string]uint64
}

func (c *writeCounters) add(driver, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[[2]string]uint64{}
	}
	c.m[[2]string{driver, result}]++
}

func (c *writeCounters) of(driver string) map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]uint64, len(writeResults))
	for _, r := range writeResults {
		out[r] = c.m[[2]string{driver, r}]
	}
	return out
}
