package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

const (
	maxWrites = 64             // tags of one request
	maxTTL    = 24 * time.Hour // of a write that waits for its device
	maxQueued = 16             // writes that wait for one device
	maxWaits  = 1 << 16        // writes that wait, all in all
)

// Words of WriteResult.Result.
const (
	confirmed = "confirmed"
	rejected  = "rejected"
	timedOut  = "timeout"
	offline   = "offline"
	waits     = "queued"
)

// queued is a write that waits for its device.
type queued struct {
	order  *order
	served *served
	until  int64 // nanoseconds since the Unix epoch; never sent after that
}

// order is one write on its way through the server.
type order struct {
	srv     *Server
	req     WriteRequest
	served  *served
	conn    string // PROVIDER/NAME; empty: the channel has none
	device  int
	writes  []drivers.Write
	wanted  []tags.Value // what each tag is to read as afterwards
	asked   time.Time
	answers chan WriteResult // one; nobody may be waiting
}

// Write writes tags of one device and returns what came of it when the device has answered. Only names that do not
// exist and requests that cannot be understood are errors (ErrNotFound, ErrInvalid, ErrBusy, or ctx's); that the
// device is away, refuses, or does not answer is a result, and so is a value that does not fit the tag.
func (s *Server) Write(ctx context.Context, req WriteRequest) (WriteResult, error) {
	q := TagQuery{Channel: req.Channel}
	if _, err := s.tagged(&q); err != nil {
		return WriteResult{}, err
	}
	p, n, err := s.tagPoint(q)
	if err != nil {
		return WriteResult{}, err
	}
	switch {
	case len(req.Values) == 0 || len(req.Values) > maxWrites:
		return WriteResult{}, fmt.Errorf("%w: %d values; write 1 to %d", ErrInvalid, len(req.Values), maxWrites)
	case req.TTL < 0 || req.TTL > maxTTL:
		return WriteResult{}, fmt.Errorf("%w: ttl %s; write 0s to %s", ErrInvalid, req.TTL, maxTTL)
	}
	c := p.servedAt(n)
	o := &order{srv: s, req: req, served: c, asked: time.Now(),
		answers: make(chan WriteResult, 1)}
	if p.name != localName {
		o.conn = p.name + "/" + q.Connection
	}
	if o.device, err = c.device(req.Channel, req.Device); err != nil {
		return WriteResult{}, err
	}
	refusal, err := o.compile()
	if err != nil {
		return WriteResult{}, err
	}
	if refusal != "" {
		return o.done(WriteResult{Result: rejected, Reason: refusal}), nil
	}
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	return o.send(ctx, p, n)
}

// compile turns the values of the request into those of the wire; refusal says why one does not fit.
func (o *order) compile() (refusal string, err error) {
	for i, v := range o.req.Values {
		tag, err := o.served.tag(o.req.Channel, o.req.Device, v.Tag)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(o.writes, func(w drivers.Write) bool { return w.Tag == tag }) {
			return "", fmt.Errorf("%w: tag %s is named twice", ErrInvalid, v.Tag)
		}
		t := &o.served.set.Tags[tag]
		want, err := t.Parse(v.Value)
		if err == nil {
			var raw tags.Value
			if raw, err = t.Invert(want); err == nil {
				o.writes = append(o.writes, drivers.Write{Tag: tag, Value: raw})
				back, _ := t.Convert(raw) // what is written is the nearest that the wire can say
				o.wanted = append(o.wanted, back)
			}
		}
		if err != nil {
			return fmt.Sprintf("%s: %v", o.req.Values[i].Tag, err), nil
		}
		o.req.Readback = o.req.Readback || t.Readback
	}
	return "", nil
}

// send gives the order to the session of connection point n, keeps it, or says that the device is away.
func (o *order) send(ctx context.Context, p *provider, n uint32) (WriteResult, error) {
	owner := p.pts.at(n).binding.Owner()
	if owner == 0 {
		if r, kept := o.keep(p, n); kept || o.req.TTL == 0 {
			return o.done(r), nil
		}
		owner = p.pts.at(n).binding.Owner() // it has come meanwhile
	}
	err := o.srv.post(owner, func(now int64, s *session) { o.command(now, s) })
	if err != nil {
		return WriteResult{}, err
	}
	select {
	case r := <-o.answers:
		return r, nil
	case <-ctx.Done():
		return WriteResult{}, ctx.Err()
	}
}

// keep queues the order for a device that is away, or says that it is offline; false when it has come back.
func (o *order) keep(p *provider, n uint32) (WriteResult, bool) {
	away := WriteResult{Result: offline, Reason: "the device is not connected"}
	if o.req.TTL == 0 {
		return away, false
	}
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	if pt.binding.Owner() != 0 {
		return away, false
	}
	i := n % stripeCount
	list := p.expire(n, time.Now().UnixNano())
	if len(list) >= maxQueued || o.srv.waiting.Load() >= maxWaits {
		away.Reason = fmt.Sprintf("the device is not connected, and %d writes wait for it already", len(list))
		return away, true
	}
	if p.pts.queued[i] == nil {
		p.pts.queued[i] = map[uint32][]*queued{}
	}
	until := o.asked.Add(o.req.TTL)
	p.pts.queued[i][n] = append(list, &queued{order: o, served: o.served, until: until.UnixNano()})
	o.srv.waiting.Add(1)
	away = WriteResult{Result: waits, Reason: "the device is not connected; kept until " + until.Format(time.RFC3339)}
	return away, true
}

// expire drops the writes for connection point n whose time has passed, and returns the others. The caller holds the
// stripe.
func (p *provider) expire(n uint32, now int64) []*queued {
	i := n % stripeCount
	left := p.pts.queued[i][n][:0:0]
	for _, w := range p.pts.queued[i][n] {
		if w.until > now {
			left = append(left, w)
			continue
		}
		p.srv.waiting.Add(-1)
		w.order.done(WriteResult{Result: timedOut, Reason: "the device did not come back in time; nothing was sent"})
	}
	if len(left) == 0 {
		delete(p.pts.queued[i], n)
	}
	return left
}

// takeQueued gives the session that has just opened its driver the writes that waited for its connection point.
func (s *session) takeQueued(now int64) {
	p, i := s.loop.provider, s.point%stripeCount
	if p.srv.waiting.Load() == 0 {
		return
	}
	p.pts.lock(s.point)
	list := p.expire(s.point, now)
	delete(p.pts.queued[i], s.point)
	p.pts.unlock(s.point)
	for _, w := range list {
		p.srv.waiting.Add(-1)
		if w.served != s.served {
			w.order.done(WriteResult{Result: rejected, Reason: tags.Replaced.String()})
			continue
		}
		w.order.command(now, s)
	}
}

// command hands the order to the driver, on the session's loop. s is nil when the session has gone.
func (o *order) command(now int64, s *session) {
	if s == nil || s.phase != phaseOnline || s.reason != notClosed {
		o.done(WriteResult{Result: offline, Reason: "the device is not connected"})
		return
	}
	m, ok := s.machine.(drivers.Commander)
	switch {
	case s.served != o.served:
		o.done(WriteResult{Result: rejected, Reason: tags.Replaced.String()})
	case !ok:
		o.done(WriteResult{Result: rejected, Reason: "driver " + o.served.driver.Name + " does not write"})
	default:
		v, loop := s.values, s.loop
		m.Command(now, &drivers.Command{Device: o.device, Writes: o.writes, Readback: o.req.Readback,
			Answer: func(r drivers.Result, why tags.Reason, detail string) {
				o.done(o.answer(v, loop.now, r, why, detail))
			}}, s)
	}
}

// answer puts the driver's result into words. v are the connection point's values.
func (o *order) answer(v *values, now int64, r drivers.Result, why tags.Reason, detail string) WriteResult {
	res := WriteResult{Reason: why.String()}
	if detail != "" {
		res.Reason = detail
	}
	switch r {
	case drivers.Confirmed:
		res = WriteResult{Result: confirmed}
	case drivers.Rejected:
		res.Result = rejected
	case drivers.TimedOut:
		res.Result = timedOut
		res.Reason = "the device did not answer; it may have done it"
	case drivers.LinkLost:
		res.Result, res.Reason = timedOut, "the link ended before the device answered; it may have done it"
	case drivers.Unsent:
		res.Result = offline
	}
	if r != drivers.Confirmed || !o.req.Readback || v == nil {
		return res
	}
	back := make(map[string]any, len(o.writes))
	for i, w := range o.writes {
		t, got := &o.served.set.Tags[w.Tag], v.block.Get(w.Tag, now).Value
		back[t.Name] = got.Any()
		res.Readback = got.Any()
		if !t.Same(got, o.wanted[i]) {
			res.Result, res.Reason = rejected, tags.Mismatch.String()
		}
	}
	if len(o.writes) > 1 {
		res.Readback = back
	}
	return res
}

// done answers the order, counts it and writes it down; it returns r.
func (o *order) done(r WriteResult) WriteResult {
	select {
	case o.answers <- r:
	default:
	}
	name := o.served.driver.Name
	o.srv.writes.add(name, r.Result)
	values := make([]any, 0, len(o.req.Values))
	for _, v := range o.req.Values {
		values = append(values, slog.Any(v.Tag, v.Value))
	}
	o.srv.cfg.Audit.Info("write", "who", o.req.Who, "connection", o.conn, "channel", o.req.Channel, "device",
		o.req.Device, slog.Group("values", values...), "result", r.Result, "reason", r.Reason,
		"took", time.Since(o.asked).Round(time.Millisecond))
	return r
}
