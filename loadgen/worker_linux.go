package loadgen

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// phase of a worker's run.
type phase uint8

const (
	connecting phase = iota // until every device is up or has failed
	waiting                 // for the others
	traffic                 // for Duration
	draining                // until every answer has come, or Drain has passed
	holding                 // for Hold
	finished
)

// Work done in one turn before the sockets are looked at again.
const (
	dialsAtOnce = 64
	sendsAtOnce = 256
)

// worker runs one part of a fleet on one goroutine. Only orders and public are for others.
type worker struct {
	cfg    *Config
	speech *speech
	frames frames
	dial   *dialler
	poll   *poller
	clock  func() int64 // nanoseconds since the Unix epoch, never going back
	random *rand.Rand

	devs   []device
	first  int     // index in the fleet of devs[0]
	share  float64 // of the fleet's rates
	timers timers
	wake   int64 // when the loop must turn again
	phase  phase

	start     int64 // of the run
	connects  pacer
	slots     int   // connects that may still be begun
	slotFree  int64 // when slots last rose from 0
	pending   int   // devices not yet up or failed
	upNow     int   // devices that are up
	awaited   int   // echoes in flight
	flushing  int   // devices with bytes that the kernel did not take yet
	sends     pacer
	kick      int // next device to be given its first frame or burst
	lastSends int64
	beats     pacer
	churns    pacer
	mishaps   mishaps

	end       int64 // of the phase
	goAt      int64
	cpuAt     [2]time.Duration // when the traffic began
	stall     stall
	nextStall int64
	out       *outcome
	buf       [maxSize]byte
	scratch   []byte
	head      []byte   // first bytes of the newest answer to an identity, for messages
	left      [][]byte // what the kernel did not take yet
	spare     []int32  // free places in left
	burst     []byte
	slave     *slave // nil: the devices do not answer
	book      *book  // nil: there is no ledger
	inbox     inbox
	orders    orders
	published published
	settled   chan struct{} // closed when connecting ends
}

// orders are given by the goroutine that started the worker; each is followed by wakeUp.
type orders struct {
	goAt atomic.Int64 // when the traffic begins; 0: not yet
	stop atomic.Bool  // end early
}

// published are counters for Progress, refreshed once a turn.
type published struct {
	up, failed, dropped, sent, received atomic.Int64
	phase                               atomic.Int32
}

// run works until the run is over. It returns an error only when the event loop itself fails.
func (w *worker) run() error {
	defer w.closeAll()
	defer w.inbox.close()
	w.start = w.clock()
	w.connects = pacer{start: w.start + w.connects.start, rate: w.cfg.Ramp * w.share}
	if w.cfg.Heartbeat > 0 {
		w.beats = pacer{start: w.start, rate: float64(len(w.devs)) / w.cfg.Heartbeat.Seconds()}
	}
	w.end = w.start + int64(w.cfg.Timeout)
	now := w.start
	for {
		w.step(now)
		w.publish()
		if w.phase == finished {
			return nil
		}
		turn, asked := now, w.clock()
		events, err := w.poll.wait(w.wake - asked)
		if err != nil {
			return err
		}
		// All that is in the batch had happened by now: whatever takes longer is the generator's own doing.
		now = w.clock()
		w.stall.looked(turn, asked, w.wake, now, len(events) == eventsAtOnce)
		for i := range events {
			w.event(now, &events[i])
		}
	}
}

// step does all that is due, and sets wake.
func (w *worker) step(now int64) {
	w.wake = now + longWait
	w.advance(now)
	if w.phase == finished {
		return
	}
	w.expire(now)
	w.begin(now)
	w.advance(now) // the last device may just have failed
	w.offer(now)
	w.beat(now)
	w.mishap(now)
	if w.slave != nil {
		w.reply(now)
		w.check()
	}
	if w.book != nil {
		w.reconcile(now)
	}
	w.expectTimer()
	w.stallSelf(now)
}

// at asks for a turn at t.
func (w *worker) at(t int64) { w.wake = min(w.wake, t) }

func (w *worker) expectTimer() {
	if len(w.timers) > 0 {
		w.at(w.timers[0].at)
	}
}

// advance goes from phase to phase.
func (w *worker) advance(now int64) {
	stop := w.orders.stop.Load()
	if stop && w.phase < draining {
		w.out.Stopped = true
	}
	if w.phase == connecting && (w.pending == 0 || stop || now >= w.end) {
		w.settle(now, stop)
	}
	if w.phase == waiting {
		w.goAt = w.orders.goAt.Load()
		switch {
		case stop:
			w.drain(now)
		case w.goAt != 0:
			w.phase, w.end = traffic, w.goAt+int64(w.cfg.Duration)
			w.cpuAt = cpuTime()
			rate := w.cfg.Rate * w.share
			w.sends = pacer{start: w.goAt + w.sends.start, rate: rate}
			w.startMishaps()
		}
	}
	if w.phase == traffic && (stop || w.deserted() || now >= w.end && w.offered(now)) {
		w.endTraffic(now, stop)
	}
	if w.phase == draining && (w.awaited == 0 && w.flushing == 0 && !w.awaitsLines() || now >= w.end) {
		w.phase, w.end = holding, now+int64(w.cfg.Hold)
	}
	if w.phase == holding && (stop || w.deserted() || now >= w.end) {
		w.phase = finished
	}
	if w.phase != waiting {
		w.at(w.end)
	}
}

// settle ends the connecting phase: what is not up by now has failed.
func (w *worker) settle(now int64, stop bool) {
	for i := range w.devs {
		d := &w.devs[i]
		switch {
		case d.cameUp || d.state == failed:
		case stop || d.state == unborn:
			w.give(d, notTried)
		default:
			w.out.Errors.add(fmt.Sprintf("not up within %v", w.cfg.Timeout), 1)
			w.give(d, timedOut)
		}
	}
	w.phase = waiting
	w.out.Settled = nanos(now - w.start)
	close(w.settled)
}

// offered reports whether every device that gets a burst has been given it, and all frames due before the end have been
// sent or noted; a generator that is too slow for its rate gives up after Drain.
func (w *worker) offered(now int64) bool {
	kicked := w.cfg.Burst == 0 || w.kick == len(w.devs)
	paced := w.sends.rate == 0 || w.sends.due() >= w.end || now >= w.end+int64(w.cfg.Drain)
	return kicked && paced
}

func (w *worker) endTraffic(now int64, stop bool) {
	end := min(w.end, max(now, w.goAt))
	w.out.Traffic = nanos(end - w.goAt)
	w.gapsEnd(end)
	cpu := cpuTime()
	w.out.Own.CPU = cpu[0] + cpu[1] - w.cpuAt[0] - w.cpuAt[1]
	if !stop {
		end = w.end // frames of devices that are gone were due all the same
	}
	if w.sends.rate > 0 {
		w.out.Unsent += w.sends.before(end)
	}
	w.drain(now)
}

// deserted reports that no device is up, and that none will come back.
func (w *worker) deserted() bool { return w.upNow == 0 && !w.cfg.Reconnect }

func (w *worker) drain(now int64) { w.phase, w.end = draining, now+int64(w.cfg.Drain) }

// expire handles the timers that have come.
func (w *worker) expire(now int64) {
	for {
		t, ok := w.timers.take(now)
		if !ok {
			return
		}
		d := &w.devs[t.dev]
		if d.gen != t.gen || d.state != t.state {
			continue
		}
		switch d.state {
		case dialling:
			w.fail(now, d, timedOut, fmt.Sprintf("connect %s: no answer within %v", w.cfg.Target, w.cfg.ConnectTimeout))
		case unanswered:
			w.fail(now, d, ackMissing, fmt.Sprintf("no answer to the identity within %v", w.cfg.AckTimeout))
		case confirming:
			w.fail(now, d, timedOut, fmt.Sprintf("no echo to confirm the device within %v", w.cfg.AckTimeout))
		case down:
			w.redial(now, d)
		case up:
			w.sip(now, d)
		case cutting:
			w.sever(now, d)
		}
	}
}

// event handles what the kernel reported of one socket.
func (w *worker) event(now int64, ev *unix.EpollEvent) {
	if ev.Fd < 0 {
		var b [8]byte
		_, _ = unix.Read(w.poll.wake, b[:])
		return
	}
	d := &w.devs[ev.Fd]
	if d.gen != uint32(ev.Pad) || d.fd < 0 {
		return // closed earlier in this batch
	}
	if d.state == dialling {
		w.connected(now, d, ev.Events)
		return
	}
	if ev.Events&unix.EPOLLOUT != 0 && d.left >= 0 && !w.flush(now, d) {
		return
	}
	if d.slow && d.state == up && ev.Events&(unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return // it reads in its own time
	}
	ended := ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	if ended || ev.Events&unix.EPOLLIN != 0 {
		w.receive(now, d, ended)
	}
}

func (w *worker) publish() {
	w.published.up.Store(w.out.Up)
	w.published.failed.Store(sum(w.out.Failed))
	w.published.dropped.Store(sum(w.out.Dropped))
	w.published.sent.Store(w.out.Sent)
	w.published.received.Store(w.out.Received)
	if w.slave != nil {
		w.published.sent.Store(w.out.Polls.Answered)
		w.published.received.Store(w.out.Polls.Received)
	}
	w.published.phase.Store(int32(w.phase))
}

// closeAll ends the run: what is still awaited is lost, and every socket is closed.
func (w *worker) closeAll() {
	if w.phase == connecting { // the event loop failed: nobody shall wait for us
		close(w.settled)
	}
	if w.book != nil {
		w.reconcile(w.clock())
	}
	w.out.Lost += int64(w.awaited)
	if w.slave != nil {
		w.out.Polls.Unsent += int64(len(w.slave.due))
	}
	for i := range w.devs {
		d := &w.devs[i]
		switch {
		case d.state == up:
			w.out.UpAtEnd++
		case d.cameUp && (d.twin || d.slow):
			w.out.Excused++
		}
		if d.confirmed {
			w.out.Confirmed++
		}
		if d.left >= 0 && d.state == up && !d.inFlight {
			w.out.Lost++
			w.out.Errors.add("the server did not take the last bytes in time", 1)
		}
		w.out.Unsent += int64(d.backlog)
		if d.fd >= 0 {
			unix.Close(int(d.fd))
			d.fd = -1
		}
	}
	w.layGhosts()
	w.out.Elapsed = nanos(w.clock() - w.start)
	w.publish()
}
