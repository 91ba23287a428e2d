package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"
)

const (
	handshakesAtOnce = 16
	beatsInLease     = 4           // words of either end in one lease
	overtime         = time.Minute // that the hosts have beyond all times of a run
)

// Coordinate runs one fleet on hosts that Join it, and says what came of it. It waits until m.Hosts have joined,
// leases each a range of the devices in proportion to its cores, within its room, and starts all at the same moment.
// Its errors are those of Run and, besides, one that wraps ErrMeeting when the hosts do not all come, and with a
// Result one that wraps ErrHostLost for each that was lost.
func Coordinate(ctx context.Context, cfg Config, m Meeting) (*Result, error) {
	cfg, m = cfg.withDefaults(), m.withDefaults()
	to, err := prepare(ctx, &cfg)
	if err == nil {
		err = m.validate()
	}
	switch {
	case err != nil:
		return nil, err
	case m.Hosts < 1 || m.Hosts > mostHosts:
		return nil, fmt.Errorf("%w: hosts %d; give 1 to %d", ErrConfig, m.Hosts, mostHosts)
	case cfg.Devices < m.Hosts:
		return nil, fmt.Errorf("%w: %d devices for %d hosts; give one for each at least", ErrConfig, cfg.Devices, m.Hosts)
	case cfg.Verify != "":
		return nil, fmt.Errorf("%w: verify with a coordinator; it takes one process on one host", ErrConfig)
	}
	guests, err := m.gather(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := divide(&cfg, guests)
	if err != nil {
		for _, g := range guests {
			g.link.Close()
		}
		return nil, err
	}
	whole := share{Config: cfg, To: to, Count: cfg.Devices}
	processes := 0
	lead := atOnce()
	lead.ready = func(n int) { processes = n }
	f := newFamily(&whole, lead, ErrHostLost)
	beats := time.NewTicker(m.Lease / beatsInLease)
	defer beats.Stop()
	f.beat, f.late = beats.C, time.After(cfg.longest())
	f.host(guests, counts, m.Told)
	report := cfg.Progress
	if report == nil {
		report = func(Progress) {}
	}
	f.follow(ctx, report)
	out := newOutcome()
	err = f.collect(out)
	r := out.result(&cfg, processes)
	r.Hosts = m.Hosts
	return r, err
}

// longest is how long a run of c can take at most.
func (c *Config) longest() time.Duration {
	all := overtime.Seconds()
	for _, d := range []time.Duration{c.Timeout, c.Duration, 2 * c.Drain, c.Hold} {
		all += d.Seconds()
	}
	return time.Duration(min(all, math.MaxInt64/float64(2*time.Second)) * float64(time.Second))
}

// host makes members of the hosts that have joined, with so many devices each.
func (f *family) host(guests []*guest, counts []int, told func(string)) {
	farthest := time.Duration(0)
	for _, g := range guests {
		farthest = max(farthest, g.trip)
	}
	first := 0
	for i, g := range guests {
		p := &process{in: g.link, kill: func() { g.link.Close() }, delay: (farthest - g.trip) / 2,
			name:  fmt.Sprintf("host %d of %d, %s at %s", i+1, len(guests), g.Name, g.link.RemoteAddr()),
			share: share{Config: *f.cfg, To: f.to, First: first, Count: counts[i]}}
		told(fmt.Sprintf("%s has devices %d to %d", p.name, first+1, first+counts[i]))
		first += counts[i]
		err := f.add(p, g.in, true, func(err error) error {
			g.link.Close()
			return err
		})
		if err != nil {
			p.failure = err.Error() // a share always becomes JSON
		}
	}
}

// divide leases the devices to the hosts in proportion to their cores, one each at least, within their room.
func divide(c *Config, guests []*guest) ([]int, error) {
	counts := make([]int, len(guests))
	room := make([]int, len(guests))
	all := 0
	for i, g := range guests {
		counts[i], room[i] = 1, max(1, int(float64(g.Room)*float64(c.Devices)/float64(c.descriptors(c.Devices))))
		all += room[i]
	}
	if all < c.Devices {
		return nil, fmt.Errorf("%w: %d devices, and %d hosts have room for %d; let more hosts join, or raise their "+
			"descriptor limits (ulimit -n)", ErrConfig, c.Devices, len(guests), all)
	}
	for left := c.Devices - len(guests); left > 0; {
		cores := 0
		for i, g := range guests {
			if counts[i] < room[i] {
				cores += g.Cores
			}
		}
		pool := left
		for i, g := range guests {
			if counts[i] < room[i] {
				n := min(max(1, pool*g.Cores/cores), room[i]-counts[i], left)
				counts[i] += n
				left -= n
			}
		}
	}
	return counts, nil
}

// gather waits until all hosts have joined. What else dials in is sent away, and told of when the wait was in vain.
func (m *Meeting) gather(ctx context.Context) (guests []*guest, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.Wait)
	defer cancel()
	var listening net.ListenConfig
	l, err := listening.Listen(ctx, "tcp", m.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: coordinator %q: %w", ErrConfig, m.Addr, err)
	}
	door := &door{meeting: m, listener: l, joined: make(chan *guest), refused: make(chan error)}
	door.open.Go(func() { door.keep(ctx) })
	defer func() {
		cancel()
		l.Close()
		door.open.Wait()
		if err != nil {
			for _, g := range guests {
				g.link.Close()
			}
		}
	}()
	beats := time.NewTicker(m.Lease / beatsInLease)
	defer beats.Stop()
	m.Told(fmt.Sprintf("waiting for %d hosts at %s", m.Hosts, l.Addr()))
	var last error
	for len(guests) < m.Hosts {
		select {
		case g := <-door.joined:
			guests = append(guests, g)
			m.Told(fmt.Sprintf("%s at %s has joined: %d cores, room for %d devices", g.Name, g.link.RemoteAddr(), g.Cores,
				g.Room))
		case last = <-door.refused:
			m.Told(last.Error())
		case <-beats.C:
			guests = m.present(guests)
		case <-ctx.Done():
			err = fmt.Errorf("%w: %d of %d joined within %v", ErrMeeting, len(guests), m.Hosts, m.Wait)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				err = fmt.Errorf("%w: stopped while %d of %d had joined", ErrMeeting, len(guests), m.Hosts)
			}
			if last != nil {
				err = fmt.Errorf("%w; the last that was sent away: %w", err, last)
			}
			return guests, err
		}
	}
	return guests, nil
}

// present tells the hosts that we are here, and returns those that still are.
func (m *Meeting) present(guests []*guest) []*guest {
	still := guests[:0]
	for _, g := range guests {
		if _, err := g.link.Write([]byte("alive\n")); err != nil {
			m.Told(fmt.Sprintf("%s at %s has left: %v", g.Name, g.link.RemoteAddr(), err))
			continue
		}
		still = append(still, g)
	}
	return still
}

// door lets hosts in.
type door struct {
	meeting  *Meeting
	listener net.Listener
	joined   chan *guest
	refused  chan error
	open     sync.WaitGroup
}

// keep accepts links until the listener is closed, and gives each a handshake, a bounded number at once.
func (d *door) keep(ctx context.Context) {
	places := make(chan struct{}, handshakesAtOnce)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.open.Go(func() {
			d.admit(ctx, conn)
			<-places
		})
	}
}

// admit ends a handshake that takes too long, and one that nobody waits for any more.
func (d *door) admit(ctx context.Context, conn net.Conn) {
	hurry, done := context.WithTimeout(ctx, helloWithin)
	defer done()
	unhurried := context.AfterFunc(hurry, func() { conn.Close() })
	g, err := d.meeting.receive(conn)
	if !unhurried() && err == nil {
		err = fmt.Errorf("it took longer than %v", helloWithin)
	}
	if err != nil {
		conn.Close()
		select {
		case d.refused <- fmt.Errorf("%s was sent away: %w", conn.RemoteAddr(), err):
		case <-ctx.Done():
		}
		return
	}
	select {
	case d.joined <- g:
	case <-ctx.Done():
		conn.Close()
	}
}
