package server

import (
	"bufio"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// reservedDescriptors are kept for everything that is not a link: 256 HTTP clients, dials under way, and four for
	// each event loop. A process that runs out of descriptors loses every link of a listener.
	reservedDescriptors = 512
	// bytesPerLink is what the capacity reckons a link to cost at most: 1 KiB here, the rest in the kernel (measured:
	// about 5 KiB an idle socket; more while it has data).
	bytesPerLink = 8 << 10
)

// Limits is what the process may use, read at start.
type Limits struct {
	Descriptors uint64 // open files allowed, after raising
	Memory      uint64 // bytes available: of the control group or the machine
}

// Capacity is how many links the limits allow.
func (l Limits) Capacity() int {
	byFiles := int64(min(l.Descriptors, math.MaxInt32)) - reservedDescriptors
	byMemory := int64(min(l.Memory/bytesPerLink, math.MaxInt32))
	return int(max(min(byFiles, byMemory), 1))
}

// readLimits raises the limit of open files to the most that the system gives, and reads what there is.
func readLimits() Limits {
	var l Limits
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil {
		if r.Cur < r.Max {
			raised := unix.Rlimit{Cur: r.Max, Max: r.Max}
			if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
				r = raised
			}
		}
		l.Descriptors = r.Cur
	}
	l.Memory = availableMemory()
	if max, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(max)), 10, 64); err == nil {
			l.Memory = min(l.Memory, n)
		}
	}
	return l
}

// availableMemory is what the kernel reckons it can give without swapping.
func availableMemory() uint64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	defer func() { _ = f.Close() }()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseUint(fields[1], 10, 64)
			return kib << 10
		}
	}
	return math.MaxInt64
}

// share is how many event loops each of n providers gets.
func (s *Server) share(n int) int {
	loops := s.cfg.Loops
	if loops <= 0 {
		loops = runtime.NumCPU()
	}
	return max(loops/max(n, 1), 1)
}
