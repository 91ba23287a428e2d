package bus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	window      = 4                     // chunks on their way
	linger      = 50 * time.Millisecond // a chunk that is not full waits so long for more: fewer, cheaper batches
	ackTimeout  = 5 * time.Second       // without any acknowledgement; doubles with each failure, up to mostTimeout
	mostTimeout = 60 * time.Second
	leastPause  = 100 * time.Millisecond // before sending again, doubles up to mostPause
	mostPause   = 10 * time.Second
	mostAcks    = 8 << 20 // bytes of acknowledgements that were not looked at yet; one has some 100
)

var (
	errUnacked = errors.New("bus: no acknowledgement")
	errStuck   = errors.New("bus: no acknowledgement, time and again")
	errGap     = errors.New("bus: messages of a batch are missing in the stream")
	errCut     = errors.New("bus: the connection was cut")
)

// flight is what a lane knows of a chunk that it has sent. The zero flight was not sent.
type flight struct {
	attempt uint64 // names its acknowledgements; 0: to be sent
	gen     uint64 // generation of the connection
	sent    int    // messages that it became
	need    int    // acknowledgements
	got     int
	seq     uint64 // the highest that was acknowledged
	at      time.Time
	err     error
}

// lane brings the records of one kind into one stream, in order. Its goroutine alone sends, a few chunks ahead of what
// is acknowledged; when one fails, it and those after it are sent again, so that a record can be in the stream twice.
//
// The acknowledgement of a chunk's last message is enough where linkd alone writes to the stream, and that is cheapest:
// its number in the stream says whether all of the chunk are there, in order. Else, and while that number is not known,
// every message asks for one.
type lane struct {
	kind  string
	spool *spool
	link  *link
	alone bool                      // nobody else writes to the stream
	packs *packer                   // of the stream; nil: each record is a message there
	hears func(subject string) bool // whether it has subscribers, which the own server alone says; nil: it may have
	inbox string                    // acknowledgements come to inbox + attempt
	open  *atomic.Bool
	word  func(kind string, err error) // of trouble, and with nil of its end; must not block
	sent  atomic.Uint64
	again atomic.Uint64

	mu     sync.Mutex
	flying []*chunk  // oldest first
	heard  time.Time // when anything on its way was last acknowledged

	// The goroutine's.
	attempt  uint64
	to       *subjects // of the chunk that was sent last
	known    bool      // last is what the stream's last message has, when all before it is acknowledged
	last     uint64
	failures int
	pause    time.Time // send nothing before
	messages []message // of the chunk that is sent; kept for its room

	ending chan struct{} // send what there is without lingering, then end
	stop   chan struct{}
	ended  chan struct{}
}

// run sends until stop, or until all is sent after ending.
func (l *lane) run() {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	ending := l.ending
	for hold := linger; ; {
		wait, idle := l.step(time.Now(), hold)
		if idle && hold == 0 {
			return
		}
		timer.Reset(wait)
		select {
		case <-l.spool.wake:
		case <-timer.C:
		case <-ending:
			hold, ending = 0, nil
		case <-l.stop:
			return
		}
	}
}

// step does what can be done now. It returns when to look again at the latest, and whether nothing is left.
func (l *lane) step(now time.Time, hold time.Duration) (wait time.Duration, idle bool) {
	const rest = time.Second
	if err := l.settle(now); err != nil {
		l.rewind(now, err)
	}
	if !l.open.Load() {
		return rest, l.empty()
	}
	if wait = l.pause.Sub(now); wait > 0 {
		return wait, false
	}
	flying := l.onTheirWay()
	for _, c := range flying {
		if c.attempt == 0 {
			if err := l.send(now, c); err != nil {
				l.rewind(now, err)
				return leastPause, false
			}
		}
	}
	wait = rest
	for n := len(flying); n < window; n++ {
		c, later := l.spool.take(now, hold)
		if c == nil {
			if later > 0 {
				wait = later
			}
			return wait, n == 0 && later == 0
		}
		if !l.fits(c) {
			continue
		}
		l.mu.Lock()
		l.flying = append(l.flying, c)
		l.mu.Unlock()
		if !l.open.Load() {
			return rest, false // it may be the first of another name, whose stream is not there yet
		}
		if err := l.send(now, c); err != nil {
			l.rewind(now, err)
			return leastPause, false
		}
	}
	return wait, false
}

// empty reports whether nothing is left to be acknowledged.
func (l *lane) empty() bool {
	l.spool.mu.Lock()
	waiting := l.spool.waiting
	l.spool.mu.Unlock()
	return waiting == 0 && len(l.onTheirWay()) == 0
}

// owes are the names of what is not acknowledged, one a chunk.
func (l *lane) owes() (list []*subjects) {
	l.spool.mu.Lock()
	for _, c := range l.spool.full {
		list = append(list, c.to)
	}
	l.spool.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.flying { // with mu: one that is acknowledged is emptied for use again
		list = append(list, c.to)
	}
	return list
}

// onTheirWay are the chunks that are not acknowledged. They are the lane's goroutine's to look into.
func (l *lane) onTheirWay() []*chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(make([]*chunk, 0, window), l.flying...)
}

// settle takes off what is acknowledged, and returns why what is left must be sent again.
func (l *lane) settle(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.flying) > 0 {
		c := l.flying[0]
		switch {
		case c.attempt == 0:
			return nil
		case c.err != nil:
			return c.err
		case c.got < c.need && c.gen != l.link.generation():
			return errCut
		case c.got < c.need && now.Sub(l.lastSign(c)) > min(ackTimeout<<min(l.failures, 8), mostTimeout):
			return errUnacked
		case c.got < c.need:
			return nil
		case c.need == 1 && c.sent > 1 && (!l.known || c.seq != l.last+uint64(c.sent)):
			return errGap
		}
		l.known, l.last = l.alone, c.seq
		l.sent.Add(uint64(c.n))
		if l.failures > 0 {
			l.failures = 0
			l.word(l.kind, nil)
		}
		l.flying = append(l.flying[:0], l.flying[1:]...)
		l.spool.done(c)
	}
	return nil
}

// lastSign is when c was sent, or when the server last acknowledged anything after that: one that is slow is not asked
// for the same again. The caller holds mu.
func (l *lane) lastSign(c *chunk) time.Time {
	if l.heard.After(c.at) {
		return l.heard
	}
	return c.at
}

// rewind has all that is on its way sent again, after a pause.
func (l *lane) rewind(now time.Time, err error) {
	l.mu.Lock()
	for _, c := range l.flying {
		if c.attempt != 0 {
			l.again.Add(uint64(c.n))
		}
		c.flight = flight{}
	}
	l.mu.Unlock()
	l.known = false
	l.pause = now.Add(min(leastPause<<min(l.failures, 8), mostPause))
	if !errors.Is(err, errGap) && !errors.Is(err, errCut) {
		if l.failures++; l.failures > 1 && errors.Is(err, errUnacked) {
			err = errStuck
		}
		l.word(l.kind, err)
	}
}

// fits drops the records that are larger than what the server takes; false when nothing is left.
func (l *lane) fits(c *chunk) bool {
	if limit := l.link.nc.MaxPayload(); limit > 0 && int64(c.biggest) > limit {
		l.spool.drop(c.strip(int(limit)))
	}
	if c.n == 0 {
		l.spool.done(c)
	}
	return c.n > 0
}

// send publishes a chunk that is in flying.
func (l *lane) send(now time.Time, c *chunk) error {
	l.attempt++
	messages := l.layOut(c)
	f := flight{attempt: l.attempt, gen: l.link.generation(), sent: len(messages), need: 1, at: now}
	l.mu.Lock()
	// The number of the last message will say that all are there when the one before the first is known by then.
	every := !l.alone || c.to != l.to || !l.known && l.flying[0] == c
	l.to = c.to
	if every {
		f.need = f.sent
	}
	c.flight = f
	l.mu.Unlock()
	if l.packs != nil && c.heard != f.gen+1 {
		if err := l.tell(c); err != nil {
			return err
		}
		c.heard = f.gen + 1
	}
	reply := l.inbox + strconv.FormatUint(f.attempt, 10)
	for i, m := range messages {
		var err error
		if every || i == len(messages)-1 {
			err = l.link.nc.PublishRequest(m.subject, reply, m.data)
		} else {
			err = l.link.nc.Publish(m.subject, m.data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// layOut returns the messages that c is in the stream, at least one.
func (l *lane) layOut(c *chunk) []message {
	if l.packs != nil {
		limit := packBytes
		if most := l.link.nc.MaxPayload(); most > 0 {
			limit = int(min(int64(limit), most))
		}
		return l.packs.pack(c, limit)
	}
	l.messages = l.messages[:0]
	for subject, data := range c.records {
		l.messages = append(l.messages, message{string(subject), data})
	}
	return l.messages
}

// tell publishes the records of c to those who listen to their subjects now. Whether anybody does is asked first where
// it can be: to publish to nobody costs several times as much.
func (l *lane) tell(c *chunk) error {
	for subject, data := range c.told {
		to := string(subject)
		if l.hears != nil && !l.hears(to) {
			continue
		}
		if err := l.link.nc.Publish(to, data); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged takes an acknowledgement; on the connection's goroutine.
func (l *lane) acknowledged(m *nats.Msg) {
	attempt, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, l.inbox), 10, 64)
	if err != nil || attempt == 0 {
		return
	}
	seq, err := readAck(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.flying {
		if c.attempt != attempt {
			continue
		}
		if err != nil {
			c.err = err
		}
		c.got++
		l.heard = time.Now()
		c.seq = max(c.seq, seq)
		if c.got == c.need || err != nil {
			poke(l.spool.wake)
		}
		return
	}
}

// refusal is an acknowledgement that says no.
type refusal struct {
	code int // of JetStream
	text string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("bus: the server does not store: %s (%d)", r.text, r.code)
}
