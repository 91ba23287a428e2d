package poll

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// part is one of several channels that share their links, with the numbers that its first device and tag have among
// all.
type part struct {
	cfg         *Config
	device, tag int
}

// joined is an exchange of a part.
type joined struct {
	Exchange
	of *part
}

// Shape implements Shaped: of drivers that cannot tell, all are of one shape.
func (j *joined) Shape() uint8 { return shape(j.Exchange) }

// Words implements Refusal for an exchange that does.
func (j *joined) Words(answer []byte) string {
	if r, ok := j.Exchange.(Refusal); ok {
		return r.Words(answer)
	}
	return ""
}

var _ drivers.Joiner = (*Channel)(nil)

// Join implements drivers.Joiner: one plan, one question in flight, whoever asks it. The times of c are those of the
// link; another channel may not state its own.
func (c *Channel) Join(others []drivers.Channel) (drivers.Channel, error) {
	cfg := Config{Options: c.cfg.Options, Distinct: true}
	var sets []*tags.Set
	var parts []*part
	device, tag := 0, 0
	for i, o := range append([]drivers.Channel{c}, others...) {
		one, ok := o.(*Channel)
		switch {
		case !ok:
			return nil, errors.New("its driver cannot share a link")
		case i > 0 && one.cfg.Options != (Options{Retries: defaultRetries}).defaults():
			return nil, errors.New("times and retries are the link's: write them in the options of the channel")
		}
		p := &part{&one.cfg, device, tag}
		parts = append(parts, p)
		sets = append(sets, one.cfg.Tags)
		cfg.Plan = append(cfg.Plan, p.plan(one.cfg.Plan)...)
		cfg.Announce = append(cfg.Announce, one.cfg.Announce...)
		cfg.Distinct = cfg.Distinct && one.cfg.Distinct
		cfg.MaxFrame = max(cfg.MaxFrame, one.cfg.MaxFrame)
		device, tag = device+len(one.cfg.Tags.Devices), tag+len(one.cfg.Tags.Tags)
	}
	cfg.Tags = tags.Join(sets)
	cfg.Writes = func(cmd *drivers.Command) (writes, reads []Exchange, err error) {
		return partOf(parts, cmd.Device).writes(cmd)
	}
	cfg.Split = func(p *Planned) []Planned { return p.Exchange.(*joined).of.split(p) }
	cfg.Explain = func(in bool, b []byte) string { return explain(parts, in, b) }
	all, err := New(cfg)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		all.hears = all.hears || p.cfg.Hear != nil
	}
	all.parts = parts
	return all, nil
}

// partOf is the part that a device is in.
func partOf(parts []*part, device int) *part {
	i := slices.IndexFunc(parts, func(p *part) bool { return device < p.device+len(p.cfg.Tags.Devices) })
	return parts[i]
}

// plan is a part's plan in the numbers of all.
func (p *part) plan(own []Planned) []Planned {
	list := slices.Clone(own)
	for i := range list {
		e := &list[i]
		e.Exchange, e.Device = &joined{e.Exchange, p}, e.Device+p.device
		e.Tags = slices.Clone(e.Tags)
		for k := range e.Tags {
			e.Tags[k] += p.tag
		}
	}
	return list
}

func (p *part) split(e *Planned) []Planned {
	if p.cfg.Split == nil {
		return nil
	}
	own := *e
	own.Exchange, own.Device = e.Exchange.(*joined).Exchange, e.Device-p.device
	own.Tags = slices.Clone(e.Tags)
	for k := range own.Tags {
		own.Tags[k] -= p.tag
	}
	return p.plan(p.cfg.Split(&own))
}

func (p *part) writes(cmd *drivers.Command) (writes, reads []Exchange, err error) {
	if p.cfg.Writes == nil {
		return nil, nil, fmt.Errorf("device %s takes no writes", p.cfg.Tags.Devices[cmd.Device-p.device].Name)
	}
	own := *cmd
	own.Device -= p.device
	own.Writes = slices.Clone(cmd.Writes)
	for i := range own.Writes {
		own.Writes[i].Tag -= p.tag
	}
	writes, reads, err = p.cfg.Writes(&own)
	for _, list := range [][]Exchange{writes, reads} {
		for i := range list {
			list[i] = &joined{list[i], p}
		}
	}
	return writes, reads, err
}

// explain asks each part what a frame means.
func explain(parts []*part, in bool, b []byte) string {
	var words []string
	for _, p := range parts {
		if p.cfg.Explain == nil {
			continue
		}
		if text := p.cfg.Explain(in, b); text != "" && !strings.HasPrefix(text, NoFrame) {
			words = append(words, text)
		}
	}
	return strings.Join(words, "; or ")
}

// shifted is a Link on which a part speaks in its own numbers.
type shifted struct {
	drivers.Link
	of *part
}

// Value implements drivers.Link.
func (s *shifted) Value(tag int, v tags.Value) { s.Link.Value(tag+s.of.tag, v) }

// Bad implements drivers.Link.
func (s *shifted) Bad(tag int, r tags.Reason) { s.Link.Bad(tag+s.of.tag, r) }

// Polled implements drivers.Link.
func (s *shifted) Polled(device int, r drivers.PollResult, took, late int64) {
	s.Link.Polled(device+s.of.device, r, took, late)
}

// take reads an answer, in the numbers of the part that asked.
func (m *machine) take(x Exchange, answer []byte, l drivers.Link) tags.Reason {
	j, ok := x.(*joined)
	if !ok {
		return x.Take(answer, l)
	}
	m.rare.shifted = shifted{l, j.of}
	return j.Take(answer, &m.rare.shifted)
}

// heard offers b to what devices say unasked: as Config.Hear.
func (m *machine) heard(b []byte, l drivers.Link) (from, to int) {
	if m.c.parts == nil {
		return m.c.cfg.Hear(b, l)
	}
	first := len(b)
	for _, p := range m.c.parts {
		if p.cfg.Hear == nil {
			continue
		}
		m.rare.shifted = shifted{l, p}
		from, to := p.cfg.Hear(b, &m.rare.shifted)
		if to > 0 {
			return from, to
		}
		first = min(first, from)
	}
	return first, 0
}
