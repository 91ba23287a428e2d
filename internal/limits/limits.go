// Package limits owns what the machine lets a process have: descriptors, memory, ports, and the settings of the kernel
// that decide how many links there can be. It reads them, and says what to change for a fleet of a given size. The only
// thing that it ever changes is the process's own soft limit of open files.
package limits

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnreadable is wrapped where the system does not say.
var ErrUnreadable = errors.New("limits: cannot be read")

// Settings of the kernel, as sysctl names them.
const (
	Backlog    = "net.core.somaxconn"
	SynBacklog = "net.ipv4.tcp_max_syn_backlog"
	Netdev     = "net.core.netdev_max_backlog"
	FileMax    = "fs.file-max"
	NrOpen     = "fs.nr_open"
	TCPMem     = "net.ipv4.tcp_mem"
	Conntrack  = "net.netfilter.nf_conntrack_max"
	Ports      = "net.ipv4.ip_local_port_range"
)

// Sysctl returns a setting of the kernel. Not every kernel has every one.
func Sysctl(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return strings.Join(strings.Fields(string(text)), " "), nil
}

// LocalPorts returns the first and the last port from which links go out.
func LocalPorts() (low, high int, err error) { return portsOf(Sysctl) }

func portsOf(read func(name string) (string, error)) (low, high int, err error) {
	text, err := read(Ports)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(text, &low, &high); err != nil || low < 1 || high < low || high > 65535 {
		return 0, 0, fmt.Errorf("%w: %s is %q, want two ports", ErrUnreadable, Ports, text)
	}
	return low, high, nil
}

// Descriptors returns the process's soft and hard limit of open files.
func Descriptors() (soft, hard uint64, err error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, 0, fmt.Errorf("%w: open files: %w", ErrUnreadable, err)
	}
	return r.Cur, r.Max, nil
}

// RaiseDescriptors raises the soft limit of open files to the hard one, and returns what holds then.
func RaiseDescriptors() (uint64, error) {
	soft, hard, err := Descriptors()
	if err != nil || soft >= hard {
		return soft, err
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: hard, Max: hard}) // refused: it is what it was
	soft, _, err = Descriptors()
	return soft, err
}

// OpenDescriptors is how many files the process has open.
func OpenDescriptors() (int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return len(entries), nil
}

// Available is the memory in bytes that the kernel reckons it can give without swapping.
func Available() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer func() { _ = f.Close() }()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 1 && fields[0] == "MemAvailable:" {
			if kib, err := strconv.ParseUint(fields[1], 10, 54); err == nil {
				return kib << 10, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: /proc/meminfo has no MemAvailable", ErrUnreadable)
}

// GroupMemory is the most memory in bytes that the control group gives its processes together; ok is false where it
// sets no limit.
func GroupMemory() (n uint64, ok bool) {
	text, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil // "max" is no number
}

// Set is the line that changes a setting of the kernel until the next start of the machine.
func Set(name string, values ...uint64) string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = strconv.FormatUint(v, 10)
	}
	value := strings.Join(text, " ")
	if len(values) > 1 {
		value = strconv.Quote(value)
	}
	return "sysctl -w " + name + "=" + value
}
