package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"
)

const redialCoordinator = 250 * time.Millisecond

// Join is one host of a run that Coordinate leads: it takes the devices that it is given, and stops them when the
// coordinator says so, ends, or is silent for a lease. It returns nil when its share is done and reported, whatever
// came of it; what devices suffered is in the coordinator's Result. Errors wrap ErrConfig, ErrMeeting or
// ErrCoordinatorLost, or are those of Run. When ctx is done the share ends early, which fails the coordinator's run.
func Join(ctx context.Context, m Meeting) error {
	m = m.withDefaults()
	if err := m.validate(); err != nil {
		return err
	}
	conn, err := m.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	unwatched := context.AfterFunc(ctx, func() { conn.Close() }) // until there is something to report
	defer unwatched()
	cores := runtime.NumCPU()
	room := min(max(0, raiseDescriptorLimit()-descriptorReserve)*cores, maxDevices*2)
	if room == 0 {
		return fmt.Errorf("%w: the descriptor limit leaves no room for devices; raise it (ulimit -n)", ErrConfig)
	}
	link := &leased{Conn: conn, lease: helloWithin}
	in := bufio.NewReaderSize(link, maxShare)
	hurry := time.AfterFunc(2*helloWithin, func() { conn.Close() })
	err = m.greet(link, in, room, cores)
	hurry.Stop()
	if err != nil {
		return err
	}
	m.Told(fmt.Sprintf("joined %s", conn.RemoteAddr()))
	j := &joined{meeting: &m, link: link, in: in, reports: &reporter{out: json.NewEncoder(link)}}
	ended := make(chan struct{})
	var alive sync.WaitGroup
	alive.Go(func() { j.beat(ended) })
	defer alive.Wait()
	defer close(ended)
	s, err := j.share()
	if err != nil {
		return err
	}
	unwatched()
	return j.run(ctx, s)
}

// dial waits for the coordinator.
func (m *Meeting) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Wait)
	defer cancel()
	pause := time.NewTicker(redialCoordinator)
	defer pause.Stop()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", m.Addr)
		if err == nil {
			return conn, nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: no coordinator within %v: %w", ErrMeeting, m.Wait, err)
		}
	}
}

// joined is a host that has been welcomed.
type joined struct {
	meeting *Meeting
	link    *leased
	in      *bufio.Reader
	reports *reporter
}

// beat says that this host is alive until done.
func (j *joined) beat(done <-chan struct{}) {
	beats := time.NewTicker(j.link.lease / beatsInLease)
	defer beats.Stop()
	for {
		select {
		case <-beats.C:
			j.reports.send(report{})
		case <-done:
			return
		}
	}
}

// share waits for the share, and checks it.
func (j *joined) share() (*share, error) {
	for {
		line, err := j.in.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("%w before the run: %w", ErrCoordinatorLost, err)
		}
		if string(line) == "alive\n" {
			continue
		}
		s, err := readShare(line)
		if err == nil {
			s.Config.Command = j.meeting.Command
			s.Config.Sources = or(j.meeting.Sources, s.Config.Sources)
			err = s.check()
		}
		if err != nil {
			j.reports.send(report{Error: err.Error()})
		}
		return s, err
	}
}

func readShare(line []byte) (*share, error) {
	s := new(share)
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("loadgen: a share that cannot be read: %w", err)
	}
	return s, nil
}

// check says what is wrong with a share that came from another host.
func (s *share) check() error {
	c := &s.Config
	if err := c.validate(); err != nil {
		return err
	}
	if s.First < 0 || s.Count < 1 || s.Count > c.Devices || s.First > c.Devices-s.Count {
		return fmt.Errorf("%w: devices %d to %d of %d", ErrConfig, s.First+1, s.First+s.Count, c.Devices)
	}
	if !s.To.IsValid() || c.Verify != "" {
		return fmt.Errorf("%w: no target, or a verdict, on a host that joined", ErrConfig)
	}
	if err := c.fits(s.To); err != nil {
		return err
	}
	return canVanish(c)
}

// run does the share and reports what came of it.
func (j *joined) run(ctx context.Context, s *share) error {
	own := s.Config
	own.Devices = s.Count
	processes, err := plan(&own, raiseDescriptorLimit(), openDescriptors())
	if err != nil {
		j.reports.send(report{Error: err.Error()})
		return err
	}
	j.meeting.Told(fmt.Sprintf("devices %d to %d of %d, in %d processes", s.First+1, s.First+s.Count, s.Config.Devices,
		processes))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := newWords()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.obey(j.in, func(err error) {
			if err != nil {
				err = fmt.Errorf("%w: %w; its devices are stopped", ErrCoordinatorLost, err)
			}
			stop(err)
		})
	}()
	out, err := perform(ctx, s, processes, w.cue(j.reports), j.reports.progress)
	if gone := context.Cause(ctx); errors.Is(gone, ErrCoordinatorLost) {
		j.link.Close()
		<-heard
		return gone
	}
	end := report{Outcome: out}
	if err != nil {
		end.Error = err.Error()
	}
	j.reports.send(end)
	// All is said; the coordinator hangs up when it has read it. If this end were closed before, it might not.
	if tcp, ok := j.link.Conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // fails only when the other end is gone already
	}
	<-heard
	return err
}
