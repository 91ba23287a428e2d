package loadgen

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

const (
	mostHosts   = 256
	leastSecret = 16 // bytes, where strangers can reach the coordinator
	mostSecret  = 1 << 10
)

// Meeting is where the hosts of one run meet, for Coordinate and for Join.
type Meeting struct {
	Addr   string        // host:port of the coordinator
	Hosts  int           // Coordinate: how many join, 1 to 256
	Secret []byte        // the same on all hosts; 16 bytes or more unless Addr is a loopback address
	Wait   time.Duration // longest wait for all hosts, or for the coordinator; default 1 min
	Lease  time.Duration // Coordinate: a host or coordinator that is silent for so long is lost; default 10 s, least 1 s

	Sources string   // Join: the source addresses of this host; empty: those of the coordinator's Config
	Command []string // Join: as Config.Command

	// Told, where given, is called with what happens, a line at a time, from one goroutine at a time.
	Told func(string)
}

func (m Meeting) withDefaults() Meeting {
	m.Wait = or(m.Wait, time.Minute)
	m.Lease = or(m.Lease, 10*time.Second)
	if m.Told == nil {
		m.Told = func(string) {}
	}
	return m
}

func (m *Meeting) validate() error {
	host, port, err := net.SplitHostPort(m.Addr)
	number, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || perr != nil:
		return fmt.Errorf("%w: coordinator %q; give host:port", ErrConfig, m.Addr)
	case m.Wait < 0 || m.Wait > 24*time.Hour:
		return fmt.Errorf("%w: wait %v; give up to 24h", ErrConfig, m.Wait)
	case m.Lease < time.Second || m.Lease > time.Hour:
		return fmt.Errorf("%w: lease %v; give 1s to 1h", ErrConfig, m.Lease)
	case len(m.Secret) > mostSecret:
		return fmt.Errorf("%w: a secret of %d bytes; give at most %d", ErrConfig, len(m.Secret), mostSecret)
	case len(m.Secret) < leastSecret && !isLoopback(host):
		return fmt.Errorf("%w: a secret of %d bytes for %s, which strangers can reach; give %d bytes or more, the same on "+
			"all hosts", ErrConfig, len(m.Secret), net.JoinHostPort(host, strconv.FormatUint(number, 10)), leastSecret)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
