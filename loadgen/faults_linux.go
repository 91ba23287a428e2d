package loadgen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	slowBytes  = 4                  // that a slow reader reads at a time
	slowEvery  = int64(500_000_000) // nanoseconds between two reads
	slowBuffer = 2 << 10            // bytes of its receive buffer; the kernel takes no less
	cutPause   = int64(10_000_000)  // nanoseconds from half a frame to the reset, so that the server sees the half
	vanishBack = int64(backToUp)    // before the end of the traffic a vanished device is back
	dropAll    = unix.BPF_RET       // the one instruction of a filter that lets nothing in
	filterHelp = "half-open links need a socket filter (SO_ATTACH_FILTER) that lets nothing in, and this system " +
		"refuses it: %w; leave out half open and move, or run where filters are allowed"
)

// mishaps is what a worker needs for faults.
type mishaps struct {
	halfOpen, move, cut pacer
	ghosts              []int32 // sockets of half-open links
	oldest              int     // in ghosts, once it is full
}

// suffer prepares the devices for faults.
func (w *worker) suffer() {
	f := &w.cfg.Faults
	w.mishaps.ghosts = make([]int32, 0, w.cfg.ghosts(len(w.devs)))
	if f.SlowReader == 0 && f.Clone == 0 {
		return
	}
	for i := range w.devs {
		d, n := &w.devs[i], w.first+i
		d.slow = w.cfg.lot(slowLot, n) < f.SlowReader
		d.clone = w.cfg.isClone(n)
		d.twin = d.clone || w.cfg.hasClone(n)
		if d.slow {
			w.out.Faults.SlowReaders++
		}
		if d.clone {
			w.out.Faults.Clones++
		}
	}
}

// startMishaps begins with the faults that have a rate, at the start of the traffic.
func (w *worker) startMishaps() {
	f := &w.cfg.Faults
	for _, m := range []struct {
		to    *pacer
		share float64
	}{{&w.churns, w.cfg.Slave.Churn}, {&w.mishaps.halfOpen, f.HalfOpen}, {&w.mishaps.move, f.Move},
		{&w.mishaps.cut, f.Cut}} {
		*m.to = pacer{start: w.goAt, rate: m.share * float64(len(w.devs))}
		// Not at once: the server may not have read who has just come up.
		m.to.start = (&pacer{start: w.goAt, rate: 2 * m.to.rate, n: 1}).due()
	}
}

// mishap has devices suffer what is due.
func (w *worker) mishap(now int64) {
	if w.phase != traffic {
		return
	}
	w.strike(now, &w.churns, (*worker).hangUp)
	w.strike(now, &w.mishaps.halfOpen, (*worker).vanish)
	w.strike(now, &w.mishaps.move, (*worker).move)
	w.strike(now, &w.mishaps.cut, (*worker).cut)
}

// strike has as many devices suffer one fault as are due for it.
func (w *worker) strike(now int64, p *pacer, fault func(*worker, int64, *device)) {
	if p.rate == 0 {
		return
	}
	for due := p.due(); due < w.end-int64(w.cfg.Faults.quiet()); due = p.due() {
		if due > now {
			w.at(due)
			return
		}
		p.n++
		if d := &w.devs[w.random.IntN(len(w.devs))]; d.state == up {
			fault(w, now, d)
		}
	}
}

// who is the number in the fleet of the device whose id d says: its own, but for a clone.
func (w *worker) who(d *device) int {
	if d.clone {
		return w.first + int(d.i) - 1
	}
	return w.first + int(d.i)
}

// vanish leaves the device's link half-open, until it dials again.
func (w *worker) vanish(now int64, d *device) {
	if !w.haunt(now, d) {
		return
	}
	w.out.Faults.HalfOpen++
	pause := min(w.cfg.Faults.HalfOpenFor.draw(w.random), w.end-vanishBack-now)
	d.state = down
	w.timers.add(timer{now + pause, d.i, d.gen, down})
}

// move leaves the device's link half-open, and dials from another address at once.
func (w *worker) move(now int64, d *device) {
	if !w.haunt(now, d) {
		return
	}
	w.out.Faults.Moved++
	d.moves++
	d.state = down
	w.redial(now, d)
}

// haunt takes the device's link from it and leaves it half-open: nothing that the server sends is let in, so that its
// bytes are never acknowledged and its probes never answered, and nothing goes out. When there are as many as there is
// room for, the oldest gives way. It reports whether the kernel took the filter.
func (w *worker) haunt(now int64, d *device) bool {
	if err := deafen(int(d.fd)); err != nil {
		w.out.Errors.add(err.Error(), 1)
		return false
	}
	_ = unix.EpollCtl(w.poll.fd, unix.EPOLL_CTL_DEL, int(d.fd), nil) // its events would be ignored
	fd := d.fd
	w.leave(now, d)
	m := &w.mishaps
	if len(m.ghosts) < cap(m.ghosts) {
		m.ghosts = append(m.ghosts, fd)
		return true
	}
	exorcise(m.ghosts[m.oldest])
	m.ghosts[m.oldest] = fd
	m.oldest = (m.oldest + 1) % len(m.ghosts)
	return true
}

// leave takes its link from a device that is up. The caller has the socket.
func (w *worker) leave(now int64, d *device) {
	if w.slave != nil {
		w.gapEnds(now, d)
	}
	d.fd = -1
	if d.left >= 0 {
		w.release(d)
	}
	w.upNow--
	if d.inFlight {
		d.inFlight = false
		w.awaited--
		w.out.Lost++
	}
	w.out.Unsent += int64(d.backlog)
	d.backlog = 0
}

// cut ends the device's link in the middle of a frame, or of its next answer. Idle devices have neither.
func (w *worker) cut(now int64, d *device) {
	switch {
	case w.slave != nil:
		d.doomed = true
	case w.cfg.Mode == Idle || d.left >= 0:
		w.sever(now, d)
	default:
		w.scratch = w.speech.appendData(w.scratch[:0], w.who(d), w.frames.put(d.seq+1, now))
		if w.write(now, d, w.scratch[:len(w.scratch)/2]) {
			w.severSoon(now, d)
		}
	}
}

// severSoon has the link reset in a moment; until then the device says no more.
func (w *worker) severSoon(now int64, d *device) {
	d.state, d.doomed = cutting, false
	w.timers.add(timer{now + cutPause, d.i, d.gen, cutting})
}

// sever resets the device's link. It dials again after its back-off.
func (w *worker) sever(now int64, d *device) {
	fd := int(d.fd)
	w.leave(now, d)
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // RST instead of FIN
	unix.Close(fd)
	w.out.Faults.Cut++
	w.later(now, d)
}

// sip has a slow reader read a few bytes.
func (w *worker) sip(now int64, d *device) {
	n, errno := read(d.fd, w.buf[:slowBytes])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0 || n == 0:
		w.closed(now, d, errno)
		return
	default:
		w.out.ReceivedBytes += int64(n)
		w.payload(now, d, w.buf[:n])
	}
	if d.state == up {
		w.timers.add(timer{now + slowEvery, d.i, d.gen, up})
	}
}

// layGhosts ends the half-open links.
func (w *worker) layGhosts() {
	for _, fd := range w.mishaps.ghosts {
		exorcise(fd)
	}
	w.mishaps.ghosts = w.mishaps.ghosts[:0]
}

// exorcise closes the socket of a half-open link: without a word where the process has CAP_NET_ADMIN, else with a FIN.
func exorcise(fd int32) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
	unix.Close(int(fd))
}

// deafen has the kernel drop whatever comes for a socket, before TCP sees it.
func deafen(fd int) error {
	filter := unix.SockFilter{Code: dropAll}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: 1, Filter: &filter}); err != nil {
		return fmt.Errorf("loadgen: "+filterHelp, err)
	}
	return nil
}

// canVanish says why half-open links cannot be had on this system.
func canVanish(c *Config) error {
	if c.Faults.HalfOpen+c.Faults.Move == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loadgen: socket: %w", err)
	}
	defer unix.Close(fd)
	if err := deafen(fd); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}
