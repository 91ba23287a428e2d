package loadgen

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Back-off of devices that dial again: doubling, with half to one and a half times as jitter.
const (
	firstRedial = int64(250 * time.Millisecond)
	lastRedial  = int64(30 * time.Second)
)

func nanos(n int64) time.Duration { return time.Duration(n) }

// begin dials the devices that are due, within the bound on connects in flight.
func (w *worker) begin(now int64) {
	if w.phase != connecting {
		return
	}
	for n := 0; int(w.connects.n) < len(w.devs) && w.slots > 0; n++ {
		d, due := &w.devs[w.connects.n], w.connects.due()
		switch {
		case due > now:
			w.at(due)
			return
		case n == dialsAtOnce:
			w.at(now)
			return
		}
		w.connects.n++
		started := w.clock()
		d.began = started
		if w.connects.rate > 0 {
			lag := started - max(due, w.slotFree)
			w.out.Times[ownLag].record(lag)
			d.began = due + max(0, lag)
		}
		w.connect(started, d)
	}
}

// connect begins one attempt.
func (w *worker) connect(now int64, d *device) {
	d.gen++
	d.tries = min(d.tries+1, 16)
	fd, step, err := w.dial.dial(w.first+int(d.i)+int(d.moves), d.slow)
	if err == nil {
		if err = w.poll.add(fd, d.i, d.gen); err != nil {
			step = "epoll"
			unix.Close(fd)
		}
	}
	if err != nil {
		c, text := connectError(step, w.cfg.Target, err)
		w.out.Own.failed(c)
		w.giveUp(now, d, c, text)
		return
	}
	d.fd, d.state = int32(fd), dialling
	w.slots--
	w.timers.add(timer{now + int64(w.cfg.ConnectTimeout), d.i, d.gen, dialling})
}

// redial begins another attempt of a device that could not connect or was dropped.
func (w *worker) redial(now int64, d *device) {
	if w.slots == 0 {
		w.timers.add(timer{now + int64(50*time.Millisecond), d.i, d.gen, down})
		return
	}
	d.began = now
	w.connect(now, d)
}

// connected handles the end of a connect, good or bad.
func (w *worker) connected(now int64, d *device, events uint32) {
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := socketError(d.fd); err != nil {
			c, text := connectError("connect", w.cfg.Target, err)
			w.out.Own.failed(c)
			w.fail(now, d, c, text)
			return
		}
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP) == 0 {
		return
	}
	w.out.Times[connectTime].record(now - d.began - w.ownPart(d.began))
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0 {
		w.fail(now, d, closedBefore, "closed by the server before the identity was sent")
		return
	}
	d.said = w.clock()
	d.pos, d.openFD, d.ddp, d.active = 0, false, ddpReader{}, true
	if w.slave != nil {
		w.slave.linked(d)
	}
	w.scratch = w.speech.appendIdentity(w.scratch[:0], w.who(d))
	d.state = unanswered
	if len(w.scratch) > 0 && !w.write(now, d, w.scratch) {
		return
	}
	if w.speech.acked() && !w.speech.silent {
		w.timers.add(timer{now + int64(w.cfg.AckTimeout), d.i, d.gen, unanswered})
		return
	}
	w.identified(now, d)
}

// identified follows the identity, or its answer where the preset has one.
func (w *worker) identified(now int64, d *device) {
	if w.cfg.Confirm != ConfirmEcho {
		w.comeUp(now, d)
		return
	}
	d.state = confirming
	w.timers.add(timer{now + int64(w.cfg.AckTimeout), d.i, d.gen, confirming})
	w.sendFrame(now, d, now)
}

// comeUp counts the device as up.
func (w *worker) comeUp(now int64, d *device) {
	d.state, d.tries, d.free, d.lag = up, 0, now, 0
	if d.slow {
		w.timers.add(timer{now + slowEvery, d.i, d.gen, up})
	}
	w.freeSlot(now)
	w.upNow++
	if w.slave != nil {
		w.slave.gapBegins(now, d)
	}
	if w.book != nil {
		w.book.newSession(d)
	}
	if d.cameUp {
		w.out.Returned++
	} else {
		d.cameUp = true
		w.out.Up++
		w.pending--
	}
	if w.phase == traffic && w.closedLoop() && int(d.i) < w.kick {
		w.owe(now, d, now)
	}
}

func (w *worker) freeSlot(now int64) {
	if w.slots == 0 {
		w.slotFree = now
	}
	w.slots++
}

// fail ends the device's link: a failed attempt, or a drop of an up device. The link is closed.
func (w *worker) fail(now int64, d *device, c cause, text string) {
	unix.Close(int(d.fd))
	if d.state != up && d.state != cutting {
		d.fd = -1
		if d.left >= 0 {
			w.release(d)
		}
		w.freeSlot(now)
		d.inFlight = false
		w.giveUp(now, d, c, text)
		return
	}
	w.leave(now, d)
	if d.twin && (c == closedAfter || c == reset) {
		w.out.Faults.Takeovers++
	}
	w.out.Dropped[c]++
	w.out.Errors.add(text, 1)
	d.state = gone
	if w.cfg.Reconnect {
		w.later(now, d)
	}
}

// giveUp handles an attempt that failed: another one follows, or the device has failed.
func (w *worker) giveUp(now int64, d *device, c cause, text string) {
	w.out.Errors.add(text, 1)
	switch {
	case w.cfg.Reconnect && (d.cameUp || w.phase == connecting):
		w.later(now, d)
	case d.cameUp:
		d.state = gone
	default:
		w.give(d, c)
	}
}

// give counts a device that never came up.
func (w *worker) give(d *device, c cause) {
	if d.fd >= 0 {
		unix.Close(int(d.fd))
		d.fd = -1
		w.slots++
		if d.left >= 0 {
			w.release(d)
		}
		d.inFlight = false
	}
	d.state = failed
	w.out.Failed[c]++
	w.pending--
}

// later has the device dial again after its back-off.
func (w *worker) later(now int64, d *device) {
	pause := int64(w.cfg.Faults.Backoff)
	if pause == 0 {
		pause = min(firstRedial<<min(d.tries, 10), lastRedial)
		pause = int64(float64(pause) * (0.5 + w.random.Float64()))
	} else {
		w.out.Faults.InStep++
	}
	d.state = down
	w.timers.add(timer{now + pause, d.i, d.gen, down})
}

// closed handles the end of the stream.
func (w *worker) closed(now int64, d *device, errno unix.Errno) {
	if errno == 0 {
		w.fail(now, d, closedAfter, "closed by the server after the identity was sent")
		return
	}
	w.fail(now, d, causeOf(errno), fmt.Sprintf("link lost: %v", errno))
}
