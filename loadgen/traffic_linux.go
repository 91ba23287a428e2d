package loadgen

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// closedLoop: each answer is followed by the next frame at once.
func (w *worker) closedLoop() bool { return w.cfg.Mode == Echo && w.cfg.Rate == 0 }

// offer sends what is due, a bounded number of frames a turn.
func (w *worker) offer(now int64) {
	if w.phase != traffic {
		return
	}
	if w.cfg.answers() {
		return
	}
	if w.cfg.Mode == Idle || w.closedLoop() {
		w.kickOff(now)
		return
	}
	for n := 0; ; n++ {
		due := w.sends.due()
		switch {
		case due >= w.end:
			return
		case due > now:
			w.at(max(due, w.lastSends+int64(w.cfg.Tick)))
			return
		case n == sendsAtOnce:
			w.at(now)
			return
		}
		d := &w.devs[w.sends.n%int64(len(w.devs))]
		w.sends.n++
		w.lastSends = now
		if d.state != up {
			w.out.Unsent++
			continue
		}
		w.owe(now, d, due)
	}
}

// kickOff gives each device its burst, or in closed loop its first frame.
func (w *worker) kickOff(now int64) {
	if w.cfg.Mode == Idle && w.cfg.Burst == 0 {
		return
	}
	for n := 0; w.kick < len(w.devs); n++ {
		if n == sendsAtOnce {
			w.at(now)
			return
		}
		d := &w.devs[w.kick]
		w.kick++
		switch {
		case d.state != up:
		case w.cfg.Mode == Echo:
			w.owe(now, d, w.goAt)
		case d.left < 0:
			w.scratch = w.appendBurst(w.scratch[:0], d)
			d.active = true
			w.write(now, d, w.scratch)
		}
	}
}

// appendBurst appends Burst bytes of filler as the device would send them.
func (w *worker) appendBurst(dst []byte, d *device) []byte {
	for b := w.burst; len(b) > 0; {
		n := len(b)
		if w.speech.wire == ddp {
			n = min(n, maxDDP)
		}
		dst = w.speech.appendData(dst, w.who(d), b[:n])
		b = b[n:]
	}
	return dst
}

// owe notes one more frame that is due, and sends what the device can send.
func (w *worker) owe(now int64, d *device, due int64) {
	if d.backlog == 0 {
		d.due = due
	}
	d.backlog++
	w.pay(now, d)
}

// pay sends frames of the backlog as long as the device is free to.
func (w *worker) pay(now int64, d *device) {
	for d.state == up && d.backlog > 0 && d.left < 0 && !d.inFlight && w.phase == traffic {
		if w.cfg.beforeSend != nil {
			w.cfg.beforeSend()
		}
		due := d.due
		d.backlog--
		if w.sends.rate > 0 {
			d.due += int64(float64(len(w.devs)) * 1e9 / w.sends.rate)
		}
		sent := w.clock()
		lag := max(0, sent-max(due, d.free))
		w.out.Times[ownLag].record(lag)
		d.counts, d.lag, d.sent = due+lag, lag, sent
		w.out.Sent++
		if w.cfg.Mode == Echo {
			w.awaited++
		}
		if !w.sendFrame(now, d, due) {
			return
		}
	}
}

// sendFrame sends one frame. In mode echo, and to confirm a device, its echo is awaited from now on.
func (w *worker) sendFrame(now int64, d *device, due int64) bool {
	if w.book != nil {
		return w.sendLine(now, d)
	}
	d.seq++
	d.pos, d.frameDue, d.active = 0, due, true
	d.inFlight = w.cfg.Mode == Echo || d.state == confirming
	b := w.frames.put(d.seq, due)
	if !w.speech.asItIs() {
		w.scratch = w.speech.appendData(w.scratch[:0], w.who(d), b)
		b = w.scratch
	}
	return w.write(now, d, b)
}

// write sends b, which is copied if the kernel does not take it all. It reports whether the link still stands.
// The caller has made sure that nothing is left from before.
func (w *worker) write(now int64, d *device, b []byte) bool {
	n, errno := send(d.fd, b)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		if d.state == unanswered && errno == unix.EPIPE {
			w.fail(now, d, closedBefore, "closed by the server before the identity was sent")
			return false
		}
		w.closed(now, d, errno)
		return false
	}
	w.out.SentBytes += int64(n)
	if n == len(b) {
		return true
	}
	if len(w.spare) == 0 {
		w.spare = append(w.spare, int32(len(w.left)))
		w.left = append(w.left, nil)
	}
	d.left = w.spare[len(w.spare)-1]
	w.spare = w.spare[:len(w.spare)-1]
	w.left[d.left] = append(w.left[d.left][:0], b[n:]...)
	w.flushing++
	return true
}

// flush sends what was left. It reports whether the link still stands.
func (w *worker) flush(now int64, d *device) bool {
	b := w.left[d.left]
	n, errno := send(d.fd, b)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		w.closed(now, d, errno)
		return false
	}
	w.out.SentBytes += int64(n)
	if n < len(b) {
		w.left[d.left] = append(b[:0], b[n:]...)
		return true
	}
	w.release(d)
	d.free = now - d.lag
	w.pay(now, d)
	return d.fd >= 0
}

// release gives back the place of what was left.
func (w *worker) release(d *device) {
	if cap(w.left[d.left]) > maxSize {
		w.left[d.left] = nil // a burst's; frames are smaller
	}
	w.spare = append(w.spare, d.left)
	d.left = -1
	w.flushing--
}

// receive reads all there is. A read that does not fill the buffer has emptied the socket, unless its end has come too.
func (w *worker) receive(now int64, d *device, ended bool) {
	gen := d.gen
	for d.fd >= 0 && d.gen == gen {
		n, errno := read(d.fd, w.buf[:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0 || n == 0:
			w.closed(now, d, errno)
			return
		}
		w.out.ReceivedBytes += int64(n)
		w.payload(now, d, w.buf[:n])
		if n < len(w.buf) && !ended || d.slow && d.state == up {
			return
		}
	}
}

// payload takes the preset's wrapping off b, and hands on what is inside.
func (w *worker) payload(now int64, d *device, b []byte) {
	acks, bad := 0, 0
	if d.state == unanswered {
		w.head = append(w.head[:0], b[:min(len(b), 8)]...)
	}
	switch w.speech.wire {
	case fourFaith:
		b, bad = unescape(&d.openFD, b)
	case ddp:
		var room [maxID]byte
		b, acks, bad = d.ddp.read(b, w.speech.appendID(room[:0], w.who(d)))
	}
	if d.state == unanswered {
		if b = w.answer(now, d, b, acks, bad); b == nil {
			return
		}
	} else if bad > 0 {
		w.out.Corrupt += int64(bad)
		w.out.Errors.add(fmt.Sprintf("bytes from the server that preset %s does not allow", w.cfg.Preset), int64(bad))
	}
	if w.slave != nil && d.state == up {
		w.requests(now, d, b)
		return
	}
	for len(b) > 0 && d.inFlight {
		v, taken := w.frames.match(&d.pos, d.seq, d.frameDue, b)
		b = b[taken:]
		switch v {
		case echoed:
			w.echoed(now, d)
		case stale:
			w.out.Stale++
		case mistaken:
			w.out.Corrupt++
			w.out.Errors.add("an echo with the right header and wrong bytes", 1)
		}
	}
}

// answer looks for the server's answer to the identity. It returns what follows the answer, nil when there is none yet
// or the link is closed.
func (w *worker) answer(now int64, d *device, b []byte, acks, bad int) []byte {
	right := bad == 0
	done := acks > 0
	if w.speech.wire == plain {
		n := min(len(b), len(w.speech.ack)-int(d.pos))
		right = string(b[:n]) == string(w.speech.ack[d.pos:int(d.pos)+n])
		d.pos += int32(n)
		done = int(d.pos) == len(w.speech.ack)
		if right {
			b = b[n:]
		}
	}
	switch {
	case !right:
		w.fail(now, d, ackWrong,
			fmt.Sprintf("the answer to the identity is not that of preset %s: % X", w.cfg.Preset, w.head))
		return nil
	case !done:
		return nil
	}
	w.out.Times[ackTime].record(now - d.said - w.ownPart(d.said))
	d.pos = 0
	w.identified(now, d)
	return b
}

// echoed handles the echo that was awaited.
func (w *worker) echoed(now int64, d *device) {
	d.inFlight, d.confirmed = false, true
	if d.state == confirming {
		w.out.Times[confirmTime].record(now - d.began - w.ownPart(d.began))
		w.comeUp(now, d)
		return
	}
	w.awaited--
	w.out.Received++
	late := w.ownPart(d.sent)
	d.free = now - d.lag - late
	w.out.Times[roundTrip].record(now - d.counts - late)
	if w.phase != traffic {
		return
	}
	if w.closedLoop() {
		w.owe(now, d, now)
		return
	}
	w.pay(now, d)
}

// beat gives the next devices their turn for a heartbeat: a device that sent nothing since its last turn sends one.
func (w *worker) beat(now int64) {
	if w.beats.rate == 0 || w.phase == draining {
		return
	}
	for n := 0; ; n++ {
		due := w.beats.due()
		if due > now {
			w.at(max(due, now+int64(w.cfg.Tick)))
			return
		}
		if n == sendsAtOnce {
			w.at(now)
			return
		}
		i := int(w.beats.n % int64(len(w.devs)))
		w.beats.n++
		d := &w.devs[i]
		idle := !d.active
		d.active = false
		if d.state == up && d.left < 0 && (idle || w.slave != nil) {
			w.scratch = w.speech.appendHeartbeat(w.scratch[:0], w.who(d))
			w.write(now, d, w.scratch)
		}
	}
}
