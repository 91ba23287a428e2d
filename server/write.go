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
	kept    uint64           // its number on the shelf; 0: it is not there
	answers chan WriteResult // one; nobody may be waiting
}

// Write writes tags of one device and returns what came of it when the device has answered. Only names that do not
// exist and requests that cannot be understood are errors (ErrNotFound, ErrInvalid, ErrBusy, or ctx's); that the
// device is away, refuses, or does not answer is a result, and so is a value that does not fit the tag.
func (s *Server) Write(ctx context.Context, req WriteRequest) (WriteResult, error) {
	o, p, n, err := s.order(req)
	if err != nil {
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

// order finds out what a request is about. Errors wrap ErrNotFound or ErrInvalid.
func (s *Server) order(req WriteRequest) (o *order, p *provider, n uint32, err error) {
	q := TagQuery{Channel: req.Channel}
	if _, err := s.tagged(&q); err != nil {
		return nil, nil, 0, err
	}
	if p, n, err = s.tagPoint(q); err != nil {
		return nil, nil, 0, err
	}
	switch {
	case len(req.Values) == 0 || len(req.Values) > maxWrites:
		return nil, nil, 0, fmt.Errorf("%w: %d values; write 1 to %d", ErrInvalid, len(req.Values), maxWrites)
	case req.TTL < 0 || req.TTL > maxTTL:
		return nil, nil, 0, fmt.Errorf("%w: ttl %s; write 0s to %s", ErrInvalid, req.TTL, maxTTL)
	}
	o = &order{srv: s, req: req, served: p.servedAt(n), asked: time.Now(), answers: make(chan WriteResult, 1)}
	if p.name != localName {
		o.conn = p.name + "/" + q.Connection
	}
	o.device, err = o.served.device(req.Channel, req.Device)
	return o, p, n, err
}

// away is what comes of a write to a device that is not there.
func away() WriteResult { return WriteResult{Result: offline, Reason: "the device is not connected"} }

// tooLate is what comes of a write whose device did not come back in time.
func tooLate() WriteResult {
	return WriteResult{Result: timedOut, Reason: "the device did not come back in time; nothing was sent"}
}

// until is when the order is given up while it waits.
func (o *order) until() time.Time { return o.asked.Add(o.req.TTL) }

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
		return o.done(o.keep(p, n)), nil
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

// keep queues the order for a device that is away, or says that it is offline. One that comes back meanwhile gets it
// all the same.
func (o *order) keep(p *provider, n uint32) WriteResult {
	refused := away()
	if o.req.TTL == 0 {
		return refused
	}
	p.pts.lock(n)
	left, late := p.expire(n, time.Now().UnixNano())
	p.pts.unlock(n)
	giveUp(late, tooLate())
	if len(left) >= maxQueued || o.srv.waiting.Load() >= maxWaits {
		refused.Reason = fmt.Sprintf("the device is not connected, and %d writes wait for it already", len(left))
		return refused
	}
	if err := o.srv.shelve(o); err != nil {
		refused.Reason = "the device is not connected, and the write could not be kept: " + err.Error()
		return refused
	}
	o.enqueue(p, n)
	return WriteResult{Result: waits, Reason: "the device is not connected; kept until " +
		o.until().Format(time.RFC3339)}
}

// command hands the order to the driver, on the session's loop. s is nil when the session has gone.
func (o *order) command(now int64, s *session) {
	if s == nil || s.phase != phaseOnline || s.reason != notClosed {
		o.done(away())
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
