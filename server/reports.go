package server

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	batchReports  = 128                   // of one batch
	batchValues   = 2048                  // tag values after which a batch takes no further report
	batchReceived = 1024                  // of one batch
	batchBytes    = 64 << 10              // of what devices have sent; one piece may be larger
	maxBatches    = 256                   // that wait for the followers; more are lost
	gatherTime    = 20 * time.Millisecond // how long a batch that does not fill up stays on its loop
)

// reports hands what exchanges have brought to those who follow all of it, and what devices have sent to who asks for
// it. A loop fills a batch of its own and gives it away when it is full, or soon after it was begun; one goroutine
// finds the names that belong to it and calls the followers. A loop waits for nobody: with maxBatches waiting, the
// newest is lost and counted.
type reports struct {
	srv          *Server
	anyone       atomic.Bool
	lost         atomic.Uint64 // reports
	lostReceived atomic.Uint64
	full         chan *batch
	spare        chan *batch
	begun        chan struct{} // a loop has begun a batch
	end          chan struct{}
	done         sync.WaitGroup

	mu       sync.Mutex // held while the followers are called
	takers   map[*func([]Report)]struct{}
	receiver func([]Received) // nil: none
	out      []Report         // reused by each call, as are those below
	received []Received
	names    []byte
}

// batch is reports of one loop, and what its devices have sent, before they have their words.
type batch struct {
	provider *provider
	heads    []reportHead
	values   []ReportValue
	received []receivedHead
	bytes    []byte // of received, back to back
}

type reportHead struct {
	time    int64
	session uint64
	served  *served
	point   uint32
	device  int
	first   int  // index of its first value
	closed  bool // what follows is another report
}

func newReports(s *Server) *reports {
	r := &reports{srv: s, full: make(chan *batch, maxBatches), spare: make(chan *batch, maxBatches),
		begun: make(chan struct{}, 1), end: make(chan struct{}), takers: map[*func([]Report)]struct{}{}}
	r.done.Go(r.run)
	return r
}

// FollowReports has take called with what devices report from now on: one call at a time, those of one session in
// order. take must neither block, nor keep anything of what it is given, nor call stop; while it runs, up to 32,768
// reports wait, and more are lost and counted. Once stop has returned, take is not called again.
func (s *Server) FollowReports(take func([]Report)) (stop func()) {
	r := s.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takers[&take] = struct{}{}
	r.anyone.Store(true)
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.takers, &take)
		r.anyone.Store(len(r.takers) > 0)
	})
}

// Lost returns how many reports the followers of FollowReports have been too slow for since start, and how many pieces
// that of FollowReceived.
func (s *Server) Lost() (reports, received uint64) {
	return s.reports.lost.Load(), s.reports.lostReceived.Load()
}

// report adds a tag to the report of its device that is being made.
func (l *loop) report(s *session, v *values, tag int) {
	t := &v.served.set.Tags[tag]
	if b := l.batch; b == nil || !b.goesOn(s.number, t.Device) {
		l.beginReport(reportHead{time: l.now, session: s.number, served: v.served, point: s.point, device: t.Device})
	}
	l.batch.values = append(l.batch.values, ReportValue{t, v.block.Get(tag, l.now)})
}

// beginReport begins a report, in a batch that has room for it.
func (l *loop) beginReport(h reportHead) {
	if b := l.batch; b != nil && (len(b.heads) >= batchReports || len(b.values) >= batchValues) {
		l.handOver()
	}
	b := l.filling()
	h.first = len(b.values)
	b.heads = append(b.heads, h)
}

// filling is the loop's batch.
func (l *loop) filling() *batch {
	if l.batch == nil {
		l.batch = l.provider.srv.reports.begin(l)
	}
	return l.batch
}

// goesOn says that a value of this device belongs to the last report.
func (b *batch) goesOn(session uint64, device int) bool {
	if len(b.heads) == 0 {
		return false
	}
	h := &b.heads[len(b.heads)-1]
	return !h.closed && h.session == session && h.device == device
}

// reported ends the report that is being made.
func (l *loop) reported() {
	if b := l.batch; b != nil && len(b.heads) > 0 {
		b.heads[len(b.heads)-1].closed = true
	}
}

// handOver gives the loop's batch away. On the loop.
func (l *loop) handOver() {
	b := l.batch
	if b == nil {
		return
	}
	l.batch = nil
	l.begun.Store(false)
	r := l.provider.srv.reports
	select {
	case r.full <- b:
	default:
		r.lost.Add(uint64(len(b.heads)))
		r.lostReceived.Add(uint64(len(b.received)))
		r.reuse(b)
	}
}

// begin is an empty batch for a loop that has none.
func (r *reports) begin(l *loop) *batch {
	l.begun.Store(true)
	select {
	case r.begun <- struct{}{}:
	default:
	}
	select {
	case b := <-r.spare:
		b.provider = l.provider
		return b
	default:
		return &batch{provider: l.provider}
	}
}

// reuse empties a batch for the next loop that needs one.
func (r *reports) reuse(b *batch) {
	clear(b.heads)
	clear(b.values)
	b.provider, b.heads, b.values, b.received, b.bytes = nil, b.heads[:0], b.values[:0], b.received[:0], b.bytes[:0]
	select {
	case r.spare <- b:
	default:
	}
}

// run calls the followers, until close.
func (r *reports) run() {
	gather := time.NewTimer(gatherTime)
	gather.Stop()
	for waiting := false; ; {
		select {
		case b := <-r.full:
			r.deliver(b)
		case <-r.begun:
			if !waiting {
				waiting = true
				gather.Reset(gatherTime)
			}
		case <-gather.C:
			waiting = false
			r.collect()
		case <-r.end:
			for len(r.full) > 0 {
				r.deliver(<-r.full)
			}
			return
		}
	}
}

// collect asks the loops for what they have.
func (r *reports) collect() {
	for _, l := range *r.srv.loops.Load() {
		if l != nil && l.begun.Load() {
			_ = l.post(letter{must: true, do: func(int64, *session) { l.handOver() }}) // a loop that ends hands over itself
		}
	}
}

// close ends the goroutine after what the loops have handed over. They must have ended.
func (r *reports) close() {
	close(r.end)
	r.done.Wait()
}

// deliver gives what is in a batch its words and calls the followers.
func (r *reports) deliver(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.reuse(b)
	r.out, r.received, r.names = r.out[:0], r.received[:0], r.names[:0]
	b.provider.mu.RLock()
	for i := range b.heads {
		first, end := b.heads[i].first, len(b.values)
		if i+1 < len(b.heads) {
			end = b.heads[i+1].first
		}
		r.add(b.provider, &b.heads[i], b.values[first:end:end])
	}
	r.addReceived(b)
	b.provider.mu.RUnlock()
	for take := range r.takers {
		if len(r.out) > 0 {
			(*take)(r.out)
		}
	}
	if r.receiver != nil && len(r.received) > 0 {
		r.receiver(r.received)
	}
}

// add puts one report into words. The caller holds p.mu.
func (r *reports) add(p *provider, h *reportHead, values []ReportValue) {
	origin, name := r.nameOf(p, h.point)
	if origin == 0 {
		return
	}
	rep := Report{Time: h.time, Provider: p.name, Device: h.served.set.Devices[h.device].Name, Session: h.session,
		Channel: r.word(func(dst []byte) []byte { return h.served.channel.AppendNameFor(dst, name) }),
		Values:  values}
	if p.name != localName {
		rep.Connection = name
		rep.ID = r.word(func(dst []byte) []byte { return p.pts.appendID(dst, origin, h.point) })
	}
	r.out = append(r.out, rep)
}

// nameOf is a connection point's origin and name; 0 when it has been removed and forgotten. The caller holds p.mu.
func (r *reports) nameOf(p *provider, n uint32) (origin uint32, name []byte) {
	pt := p.pts.lock(n)
	origin = pt.origin
	p.pts.unlock(n)
	if origin == 0 {
		return 0, nil
	}
	return origin, r.word(func(dst []byte) []byte { return p.pts.appendName(dst, origin, n) })
}

// word appends to names, and returns what was appended.
func (r *reports) word(appendTo func([]byte) []byte) []byte {
	start := len(r.names)
	r.names = appendTo(r.names)
	return r.names[start:len(r.names):len(r.names)]
}
