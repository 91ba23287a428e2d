package loadgen

import (
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// slave is what a worker needs for devices that answer. Nothing in it has a pointer per device.
type slave struct {
	cfg       *Slave
	dialect   *dialect
	registers registers
	self      *selfDescribing // the registers where they are that, or what meters show besides
	meters    *meters         // DL/T 645 has these instead
	asked     []asked         // by device
	answers   []answer        // those outstanding, and free places
	spare     []int32         // free places in answers
	due       timers          // of answers: the timer's dev is a place in answers
	last      int64           // when answers were last sent
	request   request         // the one that is being answered
	pdu       []byte
}

// asked is what a device was asked.
type asked struct {
	buf         [maxRequest]byte // bytes of a request that is not yet complete
	n           int16
	outstanding int8
	begun       int32 // 1 + the place of the answer that has gone out in part: no other comes between; 0: none
	dead        bool
	question    uint64 // the first that came, whose intervals are measured; 0: none yet
	at          int64  // when it last came; 0: not in this link
	placed      bool   // it came at least twice: the server has found the link its place in the cycle
	since       int64  // since when the device is up; 0: it is not
}

// answer is one that has not gone out, or not entirely.
type answer struct {
	b      [maxAnswer + 2*mostGarbage]byte
	n, off int16
	dev    int32
	gen    uint32
	pieces bool
	beat   bool // a heartbeat goes after the next piece
}

const (
	pieceGap   = int64(20 * time.Millisecond) // the most between two pieces of one answer
	churnPause = 500 * time.Millisecond       // the most between hanging up and dialling
)

func newSlave(cfg *Config, first, count int) *slave {
	s := &slave{cfg: &cfg.Slave, dialect: modbusRTU(), asked: make([]asked, count)}
	if cfg.Mode == ModbusTCP {
		s.dialect = modbusTCP()
	}
	switch {
	case cfg.Mode == DLT645:
		s.dialect = dlt645()
		s.self = newSelfDescribing(cfg, first, count)
		s.meters = &meters{first: cfg.From + first, from: s.cfg.UnitFrom, to: s.cfg.UnitTo, self: s.self}
	case s.cfg.Registers == Greenhouse:
		s.registers = newGreenhouses(cfg, first, count)
	default:
		s.self = newSelfDescribing(cfg, first, count)
		s.registers = s.self
	}
	for i := range s.asked {
		// A device is dead or not whichever worker has it.
		chance := rand.New(rand.NewPCG(cfg.Seed, uint64(cfg.From+first+i))).Float64()
		s.asked[i].dead = chance < s.cfg.Dead
	}
	return s
}

// linked forgets what the device was asked on its link before.
func (s *slave) linked(d *device) {
	a := &s.asked[d.i]
	a.n, a.outstanding, a.begun, a.at, a.since, a.placed = 0, 0, 0, 0, 0, false
}

// requests takes bytes from the server.
func (w *worker) requests(now int64, d *device, b []byte) {
	s := w.slave
	a := &s.asked[d.i]
	for len(b) > 0 {
		n := copy(a.buf[a.n:], b)
		a.n += int16(n)
		b = b[n:]
		for a.n > 0 {
			from, to := s.dialect.find(a.buf[:a.n])
			w.out.Polls.Skipped += int64(from)
			if to > 0 {
				w.request(now, d, a, a.buf[from:to])
			} else {
				to = from
			}
			a.n = int16(copy(a.buf[:], a.buf[to:a.n]))
			if to == from {
				break
			}
		}
		if int(a.n) == len(a.buf) { // cannot be: no frame is longer
			w.out.Polls.Skipped += int64(a.n)
			a.n = 0
		}
	}
}

// request decides what becomes of one request.
func (w *worker) request(now int64, d *device, a *asked, frame []byte) {
	s, out := w.slave, &w.out.Polls
	s.request = s.dialect.open(frame)
	q := &s.request
	out.Received++
	w.ownPart(0) // so late it was read, at most
	if w.phase == traffic {
		out.InTraffic++
	}
	if s.meters != nil {
		q.unit = byte(s.meters.unit(q, int(d.i)))
	}
	w.interval(now, a, q)
	there := int(q.unit) >= s.cfg.UnitFrom && int(q.unit) <= s.cfg.UnitTo
	switch {
	case !there:
		out.OtherUnit++
		if !s.dialect.refuses {
			return
		}
	case a.dead:
		out.Dead++
		return
	case w.random.Float64() < s.cfg.Drop:
		out.Dropped++
		return
	}
	if a.outstanding == mostOutstanding {
		out.Flooded++
		return
	}
	delay := s.cfg.Latency
	if w.random.Float64() < s.cfg.Late {
		out.Late++
		delay = s.cfg.LateBy
	}
	switch {
	case !there:
		s.pdu = append(s.pdu[:0], q.pdu[0]|modbusRefusal, targetSilent)
	case s.meters != nil:
		s.pdu = s.meters.answer(s.pdu[:0], q, int(d.i), now)
	default:
		s.pdu = appendPDU(s.pdu[:0], q, s.registers, int(d.i), now)
	}
	if s.pdu[0]&s.dialect.refusal != 0 {
		out.Exceptions++
	}
	a.outstanding++
	w.plan(now+delay.draw(w.random), d, q)
}

// interval measures how long ago the device's first question was asked before.
func (w *worker) interval(now int64, a *asked, q *request) {
	key := uint64(q.unit)<<40 | 1<<48
	for _, c := range q.pdu[:min(len(q.pdu), 5)] {
		key = key&^0xFFFFFFFFFF | (key<<8|uint64(c))&0xFFFFFFFFFF
	}
	if a.question == 0 {
		a.question = key
	}
	if a.question == key {
		w.askedAgain(now, a)
	}
}

// plan puts the answer in the PDU into a place from which it goes out at due.
func (w *worker) plan(due int64, d *device, q *request) {
	s := w.slave
	if len(s.spare) == 0 {
		s.spare = append(s.spare, int32(len(s.answers)))
		s.answers = append(s.answers, answer{})
	}
	place := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	to := &s.answers[place]
	rubbish := w.random.Float64() < s.cfg.Garbage
	b := to.b[:0]
	if rubbish {
		w.out.Polls.Garbage++
		b = w.appendGarbage(b)
	}
	b = s.dialect.wrap(b, q, s.pdu)
	if rubbish {
		b = w.appendGarbage(b)
	}
	to.n, to.off, to.dev, to.gen = int16(len(b)), 0, d.i, d.gen
	to.beat = w.random.Float64() < s.cfg.BeatInside
	to.pieces = to.beat || s.cfg.Fragment
	s.due.add(timer{at: due, dev: place})
}

func (w *worker) appendGarbage(dst []byte) []byte {
	for range 1 + w.random.IntN(mostGarbage) {
		dst = append(dst, byte(w.random.Uint32()))
	}
	return dst
}

// reply sends the answers that are due.
func (w *worker) reply(now int64) {
	s := w.slave
	for n := 0; n < sendsAtOnce; n++ {
		t, ok := s.due.take(now)
		if !ok {
			if len(s.due) > 0 {
				w.at(max(s.due[0].at, s.last+int64(w.cfg.Tick)))
			}
			return
		}
		s.last = now
		a := &s.answers[t.dev]
		d := &w.devs[a.dev]
		if d.gen != a.gen || d.state != up {
			w.out.Polls.Unsent++
			s.spare = append(s.spare, t.dev)
			continue
		}
		if begun := s.asked[a.dev].begun; begun != 0 && begun != t.dev+1 {
			s.due.add(timer{at: now + pieceGap/4, dev: t.dev})
			continue
		}
		sent := w.clock()
		w.out.Times[ownLag].record(sent - t.at)
		w.piece(sent, d, t.dev)
	}
	w.at(now)
}

// piece sends what comes next of the answer in this place.
func (w *worker) piece(now int64, d *device, place int32) {
	s := w.slave
	a := &s.answers[place]
	n := a.n - a.off
	if d.doomed && n > 1 {
		if w.out.Polls.Unsent++; w.say(now, d, a.b[a.off:a.off+n/2]) {
			w.severSoon(now, d)
		}
		s.spare = append(s.spare, place)
		return
	}
	if a.pieces && n > 1 {
		n = 1 + int16(w.random.IntN(int(n)-1))
	}
	first := a.off == 0
	if first && n < a.n {
		w.out.Polls.Fragmented++
	}
	stands := w.say(now, d, a.b[a.off:a.off+n])
	a.off += n
	if stands && a.beat && a.off < a.n {
		a.beat = false
		w.out.Polls.BeatInside++
		stands = w.beatOf(now, d)
	}
	switch {
	case !stands:
		w.out.Polls.Unsent++
	case a.off < a.n:
		s.asked[d.i].begun = place + 1
		s.due.add(timer{at: now + w.random.Int64N(pieceGap), dev: place})
		return
	default:
		w.out.Polls.Answered++
		s.asked[d.i].outstanding--
		s.asked[d.i].begun = 0
	}
	s.spare = append(s.spare, place)
}

// say sends payload as the preset has it, behind what the kernel did not take yet. It reports whether the link still
// stands.
func (w *worker) say(now int64, d *device, payload []byte) bool {
	d.active = true
	w.scratch = w.speech.appendData(w.scratch[:0], w.who(d), payload)
	return w.writeBehind(now, d, w.scratch)
}

func (w *worker) beatOf(now int64, d *device) bool {
	w.scratch = w.speech.appendHeartbeat(w.scratch[:0], w.who(d))
	return w.writeBehind(now, d, w.scratch)
}

func (w *worker) writeBehind(now int64, d *device, b []byte) bool {
	if d.left < 0 {
		return w.write(now, d, b)
	}
	if len(w.left[d.left])+len(b) > maxSize {
		w.fail(now, d, otherCause, "the server does not take the answers")
		return false
	}
	w.left[d.left] = append(w.left[d.left], b...)
	return true
}

// check judges the values that the server has shown.
func (w *worker) check() {
	if w.cfg.Verify == "" {
		return
	}
	out := &w.out.Verdict
	list := w.inbox.take()
	for i := range list {
		v := &list[i]
		switch w.slave.self.check(v.dev-w.first, v, int64(w.cfg.MaxAge)) {
		case isRight:
			out.Verified++
			continue
		case isWrong:
			out.Wrong++
		case isOld:
			out.Old++
		}
		if out.Example == "" {
			right := w.slave.self.claim(v.dev-w.first, v.unit, v.input) | uint64(v.addr/4)<<blockShift
			out.Example = fmt.Sprintf("what was read of %s is %s, answer %d", w.cfg.describe(right), w.cfg.describe(v.value),
				v.value&counterMask)
		}
	}
}

// hangUp has the device close its link and dial again.
func (w *worker) hangUp(now int64, d *device) {
	unix.Close(int(d.fd))
	w.leave(now, d)
	w.out.Polls.Churned++
	d.state = down
	w.timers.add(timer{now + w.random.Int64N(int64(churnPause)), d.i, d.gen, down})
}
