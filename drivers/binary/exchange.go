package binary

import (
	"bytes"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
)

// found is a search for a frame in bytes.
type found struct{ from, to int }

// try looks at b[i:] for p and reports whether the search is over. A frame without a checksum that has begun is waited
// for; one with a checksum makes no claim before it is whole.
func (f *found) try(p *pattern, b []byte, i int, unit, value []byte) bool {
	n, ok := p.at(b[i:], unit, value)
	switch {
	case !ok:
		return false
	case n > 0:
		f.from, f.to = i, i+n
		return true
	}
	f.from = min(f.from, i)
	return !p.summed
}

// asking is a request to a device and the frame that answers it.
type asking struct {
	c       *channel
	request []byte
	frame   *frame
	device  int
}

// Ask implements poll.Exchange.
func (a *asking) Ask(dst []byte, _ uint16) []byte { return append(dst, a.request...) }

// Find implements poll.Exchange.
func (a *asking) Find(b []byte, _ uint16) (from, to int) {
	f := found{from: len(b)}
	for i := range b {
		if f.try(a.frame.pattern, b, i, a.c.units[a.device], nil) {
			break
		}
	}
	return f.from, f.to
}

// Take implements poll.Exchange.
func (a *asking) Take(b []byte, l drivers.Link) tags.Reason {
	a.c.report(a.frame, a.device, b, l)
	return tags.Fine
}

// report gives the values in a frame to the link.
func (c *channel) report(f *frame, device int, b []byte, l drivers.Link) {
	for _, r := range f.refs[device] {
		t := &c.set.Tags[r.tag]
		switch {
		case r.offset+t.Size > len(b)-f.pattern.tail: // the checksum of a short frame is no value
			l.Bad(r.tag, tags.Malformed)
		case r.bit >= 0:
			l.Value(r.tag, tags.Bool(b[r.offset]>>r.bit&1 != 0))
		default:
			if v, ok := t.Decode(b[r.offset:]); ok {
				l.Value(r.tag, v)
			} else {
				l.Bad(r.tag, tags.Malformed)
			}
		}
	}
}

// hear implements poll.Config's Hear: frames that are not asked for. One of a device that the channel does not have is
// passed over.
func (c *channel) hear(b []byte, l drivers.Link) (from, to int) {
	f := found{from: len(b)}
	for i := range b {
		for _, k := range c.heard {
			if !f.try(k.pattern, b, i, nil, nil) {
				continue
			}
			if f.to > 0 {
				c.heardFrame(k, b[f.from:f.to], l)
			}
			return f.from, f.to
		}
	}
	return f.from, f.to
}

func (c *channel) heardFrame(k *frame, b []byte, l drivers.Link) {
	unit := k.pattern.unit(b)
	for d := range c.units {
		if unit == nil || bytes.Equal(unit, c.units[d]) {
			c.report(k, d, b, l)
			l.Polled(d, drivers.PollHeard, 0, -1)
			return
		}
	}
}

// plan is what is asked of a device: a request for each frame, as often as the tag that is read most often.
func (c *channel) plan(device int) (out []poll.Planned) {
	for _, f := range c.frames {
		if f.ask == nil || len(f.refs[device]) == 0 {
			continue
		}
		p := poll.Planned{Device: device, Exchange: &asking{c, f.ask.build(nil, c.units[device], nil), f, device}}
		for _, r := range f.refs[device] {
			p.Tags = append(p.Tags, r.tag)
			if every := c.set.Tags[r.tag].Poll; p.Every == 0 || every > 0 && every < p.Every {
				p.Every = every
			}
		}
		out = append(out, p)
	}
	return out
}

// writing is a write and what confirms or refuses it.
type writing struct {
	rule        *rule
	send        []byte
	unit, value []byte
}

// Ask implements poll.Exchange.
func (w *writing) Ask(dst []byte, _ uint16) []byte { return append(dst, w.send...) }

// Find implements poll.Exchange.
func (w *writing) Find(b []byte, _ uint16) (from, to int) {
	f := found{from: len(b)}
	for i := range b {
		if f.try(w.rule.answer, b, i, w.unit, w.value) ||
			w.rule.refusal != nil && f.try(w.rule.refusal, b, i, w.unit, nil) {
			break
		}
	}
	return f.from, f.to
}

// Take implements poll.Exchange.
func (w *writing) Take(b []byte, _ drivers.Link) tags.Reason {
	if n, ok := w.rule.answer.at(b, w.unit, w.value); ok && n == len(b) {
		return tags.Fine
	}
	return tags.Refused
}

// writes implements poll.Config's Writes.
func (c *channel) writes(cmd *drivers.Command) (writes, readBack []poll.Exchange, err error) {
	unit := c.units[cmd.Device]
	for _, w := range cmd.Writes {
		t := &c.set.Tags[w.Tag]
		r := c.rules[t.Address]
		value, err := t.Encode(nil, w.Value)
		if err != nil {
			return nil, nil, err
		}
		writes = append(writes, &writing{r, r.send.build(nil, unit, value), unit, value})
		f := c.frames[c.refs[w.Tag].frame]
		if cmd.Readback && f.ask != nil {
			readBack = append(readBack, &asking{c, f.ask.build(nil, unit, nil), f, cmd.Device})
		}
	}
	return writes, readBack, nil
}
