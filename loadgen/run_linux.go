package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"linkd/internal/limits"
)

// descriptorReserve is left free in each process: standard streams, epoll sets, pipes to other processes.
const descriptorReserve = 100

// Run runs one fleet to its end and says what came of it. The error wraps ErrConfig when cfg cannot be run; a Result
// comes with every other error that arose on the way, such as a process that died. What devices suffered is no error of
// Run: see Result.Err. When ctx is done the run ends early and reports what it has.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg = cfg.withDefaults()
	to, err := prepare(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	if err := canVanish(&cfg); err != nil {
		return nil, err
	}
	processes, err := plan(&cfg, raiseDescriptorLimit(), openDescriptors())
	if err != nil {
		return nil, err
	}
	report := cfg.Progress
	if report == nil {
		report = func(Progress) {}
	}
	if processes > 1 && cfg.follows() != "" {
		return nil, fmt.Errorf("%w: verify or ledger with %d processes; it takes one: fewer devices, or raise the "+
			"descriptor limit (ulimit -n)", ErrConfig, processes)
	}
	if processes > 1 {
		out, err := runProcesses(ctx, &share{Config: cfg, To: to, Count: cfg.Devices}, processes, atOnce(), report)
		if out == nil {
			return nil, err
		}
		return out.result(&cfg, processes), err
	}
	c, err := newCrew(&share{Config: cfg, To: to, Count: cfg.Devices})
	if err != nil {
		return nil, err
	}
	begin := make(chan struct{})
	close(begin)
	if cfg.follows() == "" {
		out, err := c.run(ctx, begin, report)
		return out.result(&cfg, 1), err
	}
	f, err := follow(ctx, &cfg)
	if err != nil {
		c.free()
		return nil, err
	}
	go f.run(c.check)
	out, err := c.run(ctx, begin, report)
	rest := f.finish(ctx)
	out.Verdict.merge(&rest)
	out.Ledger.Skipped = rest.Skipped
	out.Ledger.settle(rest.Lost)
	if rest.ended != nil {
		err = errors.Join(err, fmt.Errorf("%w: the stream ended: %w", ErrVerify, rest.ended))
	}
	return out.result(&cfg, 1), err
}

// prepare checks a Config with its defaults in place, and finds its target.
func prepare(ctx context.Context, cfg *Config) (netip.AddrPort, error) {
	if err := cfg.validate(); err != nil {
		return netip.AddrPort{}, err
	}
	to, err := resolve(ctx, cfg.Target)
	if err != nil {
		return to, err
	}
	return to, cfg.fits(to)
}

// fits says whether the source addresses are of the target's kind.
func (c *Config) fits(to netip.AddrPort) error {
	from, err := parseSources(c.Sources)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if from.count > 0 && from.first.Unmap().Is4() != to.Addr().Unmap().Is4() {
		return fmt.Errorf("%w: sources %s and target %s are of different IP versions", ErrConfig, c.Sources, to)
	}
	return nil
}

func resolve(ctx context.Context, target string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(target); err == nil {
		return a, nil
	}
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: target %q; give host:port", ErrConfig, target)
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: target %q: %w", ErrConfig, target, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: target %q: %w", ErrConfig, target, err)
	}
	ip := ips[0].Unmap()
	for _, a := range ips { // IPv4 first: --sources is mostly that
		if a.Unmap().Is4() {
			ip = a.Unmap()
			break
		}
	}
	return netip.AddrPortFrom(ip, uint16(number)), nil
}

// plan says how many processes the fleet takes, with this descriptor limit for each and so many descriptors open here.
func plan(cfg *Config, limit, open int) (int, error) {
	here, there := limit-open-descriptorReserve, limit-descriptorReserve
	if there < 1 {
		return 0, fmt.Errorf("%w: a descriptor limit of %d leaves no room for devices; raise it (ulimit -n)", ErrConfig,
			limit)
	}
	n := cfg.Processes
	if n == 0 {
		if cfg.descriptors(cfg.Devices) <= here {
			return 1, nil
		}
		n = max(2, (cfg.descriptors(cfg.Devices)+there-1)/there)
	}
	n = min(n, cfg.Devices)
	room := there
	if n == 1 {
		room = here
	}
	if each := cfg.descriptors((cfg.Devices + n - 1) / n); each > room {
		return 0, fmt.Errorf("%w: %d links in each of %d processes, and a descriptor limit of %d leaves room for %d; "+
			"give --processes %d, or raise the limit (ulimit -n)", ErrConfig, each, n, limit, max(0, room),
			(cfg.descriptors(cfg.Devices)+there-1)/there)
	}
	return n, nil
}

// raiseDescriptorLimit raises the soft limit to the hard one, and returns what holds now.
func raiseDescriptorLimit() int {
	n, err := limits.RaiseDescriptors()
	if err != nil {
		return 1024
	}
	return int(min(n, maxDevices+1_000_000)) // may be unlimited
}

func openDescriptors() int {
	n, err := limits.OpenDescriptors()
	if err != nil {
		return descriptorReserve
	}
	return n
}
