package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Setting is a limit of the system that matters to what is measured.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Advice string `json:"advice,omitempty"` // where it is too low
}

// settings reads the limits of the system for a configuration. What cannot be read is left out, as not every kernel has
// it.
func settings(c *Config, openFiles int) (list []Setting) {
	most := c.most()
	wanted := []struct {
		name  string
		least int
		why   string
	}{
		{"net.core.somaxconn", 4096, "a storm overflows the queue of links that wait to be accepted"},
		{"net.ipv4.tcp_max_syn_backlog", 1024, "a storm overflows the queue of links half made"},
		{"net.core.netdev_max_backlog", 1000, "segments are dropped on loopback"},
		{"fs.file-max", 2*most + 4096, "server and load share it"},
		{"fs.nr_open", most + descriptorReserve, "no process can have more descriptors"},
		{"net.netfilter.nf_conntrack_max", 2 * most, "links are dropped once it is full"},
	}
	for _, w := range wanted {
		text, err := sysctl(w.name)
		if err != nil {
			continue
		}
		s := Setting{Name: w.name, Value: text}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n < uint64(w.least) {
			s.Advice = fmt.Sprintf("sysctl -w %s=%d: %s", w.name, w.least, w.why)
		}
		list = append(list, s)
	}
	if low, high, err := portRange(); err == nil {
		list = append(list, Setting{Name: localPorts, Value: fmt.Sprintf("%d %d", low, high)})
	}
	return append(list, Setting{Name: "open files", Value: strconv.Itoa(openFiles)})
}

const localPorts = "net.ipv4.ip_local_port_range"

// portRange returns the first and the last port from which links go out.
func portRange() (low, high int, err error) {
	text, err := sysctl(localPorts)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(text, &low, &high); err != nil || low < 1 || high < low || high > 65535 {
		return 0, 0, fmt.Errorf("%w: %s is %q, want two ports", errProc, localPorts, text)
	}
	return low, high, nil
}

func sysctl(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
