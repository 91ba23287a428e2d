package binary

import (
	"cmp"
	"fmt"
)

// explain implements poll.Config's Explain.
func (c *channel) explain(in bool, b []byte) string {
	for _, f := range c.frames {
		p, name := f.pattern, "frame "+f.name
		if !in {
			p, name = f.ask, "asks for "+f.name
		}
		if text := said(p, b, name); text != "" {
			return text
		}
	}
	for i := range c.set.Tags {
		t := &c.set.Tags[i]
		r := c.rules[t.Address]
		if r == nil {
			continue
		}
		var text string
		if in {
			text = cmp.Or(said(r.answer, b, "confirms "+t.Address), said(r.refusal, b, "refuses "+t.Address))
		} else {
			text = said(r.send, b, "writes "+t.Address)
		}
		if text != "" {
			return text
		}
	}
	return "no declared frame"
}

// said names b when it is a whole frame of p.
func said(p *pattern, b []byte, name string) string {
	if p == nil {
		return ""
	}
	if n, ok := p.at(b, nil, p.value(b)); !ok || n == 0 || n != len(b) {
		return ""
	}
	if unit := p.unit(b); unit != nil {
		return fmt.Sprintf("%s, unit %X", name, unit)
	}
	return name
}
