package server

import (
	"math"
	"runtime"

	"linkd/internal/limits"
)

const (
	// ReservedDescriptors are kept for everything that is not a link: 256 HTTP clients, dials under way, and four for
	// each event loop. A process that runs out of descriptors loses every link of a listener.
	ReservedDescriptors = 512
	// BytesPerLink is what the capacity reckons a link to cost at most: 1 KiB here, the rest in the kernel (measured:
	// about 5 KiB an idle socket; more while it has data).
	BytesPerLink = 8 << 10
)

// Limits is what the process may use, read at start.
type Limits struct {
	Descriptors uint64 // open files allowed, after raising
	Memory      uint64 // bytes available: of the control group or the machine
}

// Capacity is how many links the limits allow.
func (l Limits) Capacity() int {
	byFiles := int64(min(l.Descriptors, math.MaxInt32)) - ReservedDescriptors
	byMemory := int64(min(l.Memory/BytesPerLink, math.MaxInt32))
	return int(max(min(byFiles, byMemory), 1))
}

// readLimits raises the limit of open files to the most that the system gives, and reads what there is.
func readLimits() Limits {
	l := Limits{Memory: math.MaxInt64}
	if n, err := limits.RaiseDescriptors(); err == nil {
		l.Descriptors = n
	}
	if n, err := limits.Available(); err == nil {
		l.Memory = n
	}
	if n, ok := limits.GroupMemory(); ok {
		l.Memory = min(l.Memory, n)
	}
	return l
}

// share is how many event loops each of n providers gets.
func (s *Server) share(n int) int {
	loops := s.cfg.Loops
	if loops <= 0 {
		loops = runtime.NumCPU()
	}
	return max(loops/max(n, 1), 1)
}
