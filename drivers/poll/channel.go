package poll

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
)

// Channel is a compiled channel of a driver that asks and is answered: the plan and what all links share.
type Channel struct {
	cfg     Config
	classes []class
	parts   []*part // of which it is joined; nil: of none
	hears   bool    // devices may speak unasked
}

// maxClasses bounds the different intervals of one channel.
const maxClasses = 64

// class is the plan entries that are due together.
type class struct {
	every   int64 // nanoseconds
	entries []int // of the plan
}

var (
	_ drivers.Channel   = (*Channel)(nil)
	_ drivers.Tagged    = (*Channel)(nil)
	_ drivers.Asker     = (*Channel)(nil)
	_ drivers.Explainer = (*Channel)(nil)
	_ drivers.Commander = (*machine)(nil)
)

// New makes a Channel. The error says that the plan cannot be followed.
func New(cfg Config) (*Channel, error) {
	cfg.Options = cfg.Options.defaults()
	if cfg.InFlight > 1 && !cfg.Distinct {
		return nil, errors.New("several questions in flight need answers that name their question")
	}
	for _, a := range cfg.Announce {
		if a.Every <= 0 {
			return nil, errors.New("an announcement needs an interval")
		}
	}
	c := &Channel{cfg: cfg, hears: cfg.Hear != nil}
	for i, p := range cfg.Plan {
		if len(c.classes) > maxClasses {
			return nil, fmt.Errorf("tags are read at more than %d different intervals; use fewer", maxClasses)
		}
		if p.Every <= 0 {
			return nil, errors.New("tags are to be read, but nothing says how often; write poll: 10s")
		}
		at := slices.IndexFunc(c.classes, func(k class) bool { return k.every == int64(p.Every) })
		if at < 0 {
			at = len(c.classes)
			c.classes = append(c.classes, class{every: int64(p.Every)})
		}
		c.classes[at].entries = append(c.classes[at].entries, i)
	}
	return c, nil
}

// Tags implements drivers.Tagged.
func (c *Channel) Tags() *tags.Set { return c.cfg.Tags }

// Asks implements drivers.Asker.
func (c *Channel) Asks() time.Duration {
	shortest := int64(0)
	for _, k := range c.classes {
		if shortest == 0 || k.every < shortest {
			shortest = k.every
		}
	}
	return time.Duration(shortest)
}

// Explain implements drivers.Explainer.
func (c *Channel) Explain(in bool, b []byte) string {
	if c.cfg.Explain == nil {
		return ""
	}
	return c.cfg.Explain(in, b)
}

// Machine implements drivers.Channel.
func (c *Channel) Machine() drivers.Machine {
	m := &machine{c: c}
	if n := len(c.classes); n > 1 {
		m.seldom().classes = make([]classState, n-1)
	}
	if n := len(c.cfg.Tags.Devices); n > 1 {
		m.seldom().units = make([]unitState, n-1)
	}
	if n := c.cfg.InFlight; n > 1 {
		m.seldom().flights = make([]flight, n-1)
	}
	if c.parts != nil || len(c.cfg.Announce) > 0 || c.cfg.Gap > 0 {
		m.seldom()
	}
	return m
}

// plan is the entries that a link follows: the channel's, or its own after a device refused a part of them.
type plan struct {
	entries []Planned
	classes []class
}

// split returns a copy of p in which parts take the place of entry i.
func (p plan) split(i int, parts []Planned) *plan {
	next := &plan{entries: slices.Clone(p.entries), classes: make([]class, len(p.classes))}
	if len(parts) == 0 {
		next.entries[i].Tags = nil
	}
	for k := range p.classes {
		next.classes[k] = class{every: p.classes[k].every}
		for _, e := range p.classes[k].entries {
			if e != i {
				next.classes[k].entries = append(next.classes[k].entries, e)
				continue
			}
			for j, part := range parts {
				at := i // the first part takes the entry's place, so that numbers of others stay
				if j > 0 {
					at = len(next.entries)
					next.entries = append(next.entries, part)
				}
				next.entries[at] = part
				next.classes[k].entries = append(next.classes[k].entries, at)
			}
		}
	}
	return next
}

// spread is a number from 0 to period for a link: the same each time, even over many links.
func spread(number uint64, period int64) int64 {
	number = (number + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 // splitmix64
	number = (number ^ number>>27) * 0x94d049bb133111eb
	return int64((number ^ number>>31) >> 1 % uint64(max(period, 1)))
}

// firstWithin is how long after it has come online a link is polled for the first time at the latest.
const firstWithin = 10 * time.Second
