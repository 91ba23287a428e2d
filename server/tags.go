package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"linkd/drivers/tags"
)

// readTime bounds how long a reading of tags waits for the loops that have them.
const readTime = 5 * time.Second

// tagView is the tag as it is configured, without a value.
func (c *served) tagView(provider, conn string, tag int) TagView {
	t := &c.set.Tags[tag]
	name := c.channel.NameFor(conn)
	if provider == localName {
		conn = "" // what is called after its channel is no connection
	}
	return TagView{Channel: name, Device: c.set.Devices[t.Device].Name, Tag: t.Name,
		Provider: provider, Connection: conn, Title: t.Title, Unit: t.Unit, Address: t.Address, Type: t.Type.String(),
		Writable: t.Writable}
}

// fill adds what the tag was when it was sampled.
func (v *TagView) fill(s tags.Sample) {
	v.Value, v.Quality, v.Reason = s.Value.Any(), s.Quality.String(), s.Reason.String()
	if s.TS != 0 {
		v.TS = time.Unix(0, s.TS)
	}
	if s.Changed != 0 {
		v.Changed = time.Unix(0, s.Changed)
	}
}

// connName is the name of connection point n. It takes p.mu: on a loop, for those who follow values alone.
func (p *provider) connName(n uint32) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	return string(p.pts.appendName(nil, pt.origin, n))
}

// tagged checks what a query names and fills in the connection of a channel. only says that there is just one.
func (s *Server) tagged(q *TagQuery) (only bool, err error) {
	if q.Channel != "" {
		_, provider, conn, ok := s.Project().FindChannel(q.Channel)
		if !ok {
			return false, fmt.Errorf("%w: no channel %q", ErrNotFound, q.Channel)
		}
		if q.Connection != "" && (q.Connection != conn || q.Provider != provider) {
			return false, fmt.Errorf("%w: channel %s is not on %s/%s", ErrNotFound, q.Channel, q.Provider, q.Connection)
		}
		q.Provider, q.Connection = provider, conn
	}
	if q.Connection == "" {
		return false, nil
	}
	_, _, err = s.tagPoint(*q)
	return true, err
}

// tagPoint is the connection point of a query that tagged has checked.
func (s *Server) tagPoint(q TagQuery) (*provider, uint32, error) {
	if q.Provider != localName {
		return s.lookup(q.Provider, q.Connection)
	}
	for _, p := range s.all() {
		if p.name != localName {
			continue
		}
		p.mu.RLock()
		n, ok := p.pts.find(q.Connection)
		p.mu.RUnlock()
		if ok {
			return p, n, nil
		}
	}
	return nil, 0, fmt.Errorf("%w: no channel %q", ErrNotFound, q.Channel)
}

// tagRange is some tags of one connection point, to be read.
type tagRange struct {
	p           *provider
	n           uint32
	name        string
	served      *served
	first, last int // last exclusive
	owner       handle
	samples     []tags.Sample // of first to last; empty: never read
}

// Tags returns one page of tags, by connection and in the order of the project, and the cursor of the next page, empty
// at the end. Errors wrap ErrInvalid, ErrNotFound or ErrBusy.
func (s *Server) Tags(q TagQuery) (items []TagView, next string, err error) {
	if q.Limit < 1 || q.Limit > 1000 {
		q.Limit = 100
	}
	only, err := s.tagged(&q)
	if err != nil {
		return nil, "", err
	}
	ranges, next, err := s.tagRanges(q, only)
	if err != nil {
		return nil, "", err
	}
	if err := s.sample(ranges); err != nil {
		return nil, "", err
	}
	for _, r := range ranges {
		for i := r.first; i < r.last; i++ {
			v := r.served.tagView(r.p.name, r.name, i)
			if r.samples == nil {
				v.Quality, v.Reason = tags.Bad.String(), tags.Offline.String()
			} else {
				v.fill(r.samples[i-r.first])
			}
			items = append(items, v)
		}
	}
	return items, next, nil
}

// Tag returns one tag. The error wraps ErrNotFound or ErrBusy.
func (s *Server) Tag(channel, device, tag string) (TagView, error) {
	q := TagQuery{Channel: channel, Device: device, Limit: 1}
	if _, err := s.tagged(&q); err != nil {
		return TagView{}, err
	}
	p, n, err := s.tagPoint(q)
	if err != nil {
		return TagView{}, err
	}
	c := p.servedAt(n)
	i, err := c.tag(channel, device, tag)
	if err != nil {
		return TagView{}, err
	}
	r := []*tagRange{{p: p, n: n, name: q.Connection, served: c, first: i, last: i + 1,
		owner: p.pts.at(n).binding.Owner()}}
	if err := s.sample(r); err != nil {
		return TagView{}, err
	}
	v := c.tagView(p.name, q.Connection, i)
	if r[0].samples == nil {
		v.Quality, v.Reason = tags.Bad.String(), tags.Offline.String()
	} else {
		v.fill(r[0].samples[0])
	}
	return v, nil
}

// servedAt returns the channel of a connection point, nil for none.
func (p *provider) servedAt(n uint32) *served {
	pt := p.pts.lock(n)
	defer p.pts.unlock(n)
	return (*p.served.Load())[pt.channel]
}

// device finds a device of a channel. c may be nil.
func (c *served) device(channel, name string) (int, error) {
	if c == nil || c.set == nil {
		return 0, fmt.Errorf("%w: channel %s has no devices", ErrNotFound, channel)
	}
	for i := range c.set.Devices {
		if c.set.Devices[i].Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: channel %s has no device %q", ErrNotFound, channel, name)
}

// tag finds a tag of a channel. c may be nil.
func (c *served) tag(channel, device, name string) (int, error) {
	d, err := c.device(channel, device)
	if err != nil {
		return 0, err
	}
	for i := c.set.Devices[d].First; i < c.set.Devices[d].End; i++ {
		if c.set.Tags[i].Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: device %s/%s has no tag %q", ErrNotFound, channel, device, name)
}

// tagRanges finds what a page of a query holds.
func (s *Server) tagRanges(q TagQuery, only bool) (ranges []*tagRange, next string, err error) {
	providers := s.all()
	if only {
		p, _, err := s.tagPoint(q)
		if err != nil {
			return nil, "", err
		}
		providers = []*provider{p}
	}
	at, tag, _ := cutLast(q.Cursor, ':')
	skip, err := strconv.Atoi(tag)
	if q.Cursor != "" && (err != nil || skip < 0) {
		return nil, "", fmt.Errorf("%w: cursor %q; use the one that the page before gave as next", ErrInvalid, q.Cursor)
	}
	start, first, err := cursor(providers, at)
	if err != nil {
		return nil, "", err
	}
	left := q.Limit
	for _, p := range providers[start:] {
		from := first
		if only {
			p.mu.RLock()
			from, _ = p.pts.find(q.Connection)
			p.mu.RUnlock()
		}
		p.mu.RLock()
		p.eachPoint(from, func(n uint32, pt *point, name []byte) bool {
			r, more := p.tagRange(n, pt, name, q.Device, skip, left)
			skip = 0
			if r != nil {
				ranges, left = append(ranges, r), left-(r.last-r.first)
			}
			if more >= 0 {
				next = p.name + ":" + strconv.FormatUint(uint64(n), 10) + ":" + strconv.Itoa(more)
			}
			return more < 0 && !only
		})
		p.mu.RUnlock()
		if next != "" {
			break
		}
		first = 0
	}
	return ranges, next, nil
}

// tagRange is the tags of connection point n from skip on, at most limit of them; more is the first one left, -1 for
// none. The caller holds p.mu and the stripe.
func (p *provider) tagRange(n uint32, pt *point, name []byte, device string, skip, limit int) (r *tagRange, more int) {
	c := (*p.served.Load())[pt.channel]
	if c == nil || c.set == nil {
		return nil, -1
	}
	first, last := 0, len(c.set.Tags)
	if device != "" {
		d, err := c.device("", device)
		if err != nil {
			return nil, -1
		}
		first, last = c.set.Devices[d].First, c.set.Devices[d].End
	}
	first = max(first, skip)
	if first >= last {
		return nil, -1
	}
	if limit == 0 {
		return nil, first
	}
	more = -1
	if last-first > limit {
		last = first + limit
		more = last
	}
	return &tagRange{p: p, n: n, name: string(name), served: c, first: first, last: last, owner: pt.binding.Owner()}, more
}

// cutLast cuts s at the last sep; without one, before is s and ok false.
func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// sample fills in the samples of ranges: of an online connection point its loop does, of another its stripe has them.
func (s *Server) sample(ranges []*tagRange) error {
	done := make(chan struct{}, len(ranges))
	waits := 0
	for _, r := range ranges {
		if r.owner == 0 {
			r.p.sampleKept(r)
			continue
		}
		err := s.post(r.owner, func(now int64, ses *session) {
			if ses != nil && ses.values != nil && ses.values.served == r.served {
				r.take(ses.values, now)
			}
			done <- struct{}{}
		})
		switch {
		case err == nil:
			waits++
		case errors.Is(err, ErrBusy):
			return err
		}
	}
	limit := time.NewTimer(readTime)
	defer limit.Stop()
	for ; waits > 0; waits-- {
		select {
		case <-done:
		case <-limit.C:
			return ErrBusy
		}
	}
	for _, r := range ranges {
		if r.samples == nil && r.owner != 0 {
			r.p.sampleKept(r) // its session has ended meanwhile
		}
	}
	return nil
}

func (p *provider) sampleKept(r *tagRange) {
	p.pts.lock(r.n)
	defer p.pts.unlock(r.n)
	if v := p.pts.kept[r.n%stripeCount][r.n].values; v != nil && v.served == r.served {
		r.take(v, time.Now().UnixNano())
	}
}

func (r *tagRange) take(v *values, now int64) {
	samples := make([]tags.Sample, 0, r.last-r.first)
	for i := r.first; i < r.last; i++ {
		samples = append(samples, v.block.Get(i, now))
	}
	r.samples = samples
}
