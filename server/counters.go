package server

import (
	"sync/atomic"
	"time"
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
	_                 [64]byte
}

func (c *counters) identified(d time.Duration) {
	c.sessions[resultIdentified].Add(1)
	c.identify.add(IdentifyBounds, d)
}

func (c *counters) lag(d time.Duration) { c.lateness.add(LagBounds, d) }

// maxBounds is the most bounds that a histogram has.
const maxBounds = 12

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
