package text

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project/options"
)

// Bounds of the regular expressions of a channel: each line may be matched with all of them.
const (
	mostPatterns = 64
	mostPattern  = 1024 // bytes
	mostSteps    = 2000 // instructions that one is compiled to
)

// pattern is a regular expression, compiled once, and what its groups are.
type pattern struct {
	name  string
	re    *regexp.Regexp
	unit  int // number of the group that says whose line it is; 0: none
	id    int // likewise
	value int // number of the group that says what was written; 0: none
	// values are the groups that bring tags, by device.
	values [][]bound
}

// bound is a group that brings a tag.
type bound struct{ group, tag int }

// pattern compiles the regular expression at a key of o.
func (c *channel) pattern(o *options.Options, key, name string) *pattern {
	p := &pattern{name: name, values: make([][]bound, len(c.set.Devices))}
	text := o.Text(key, "")
	if text == "" || len(text) > mostPattern {
		o.Fault(key, "is %d bytes long; write a regular expression of 1 to %d", len(text), mostPattern)
		return p
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		o.Fault(key, "is no regular expression that Go knows: %v", err)
		return p
	}
	if prog, err := syntax.Compile(parsed.Simplify()); err != nil || len(prog.Inst) > mostSteps {
		o.Fault(key, "is too costly to match; use smaller repetitions than those in %s", text)
		return p
	}
	if p.re, err = regexp.Compile(text); err != nil {
		o.Fault(key, "is no regular expression that Go knows: %v", err)
		return p
	}
	p.unit, p.id = max(p.re.SubexpIndex("unit"), 0), max(p.re.SubexpIndex("device"), 0)
	p.value = max(p.re.SubexpIndex("value"), 0)
	if len(c.set.Devices) > 1 {
		c.tellApart(o, key, p)
	}
	return p
}

// tellApart checks that a pattern says whose line it is.
func (c *channel) tellApart(o *options.Options, key string, p *pattern) {
	if p.unit == 0 && p.id == 0 {
		o.Fault(key, "does not say whose line it is, and the channel has %d devices; add a group such as "+
			`(?P<unit>\d+), or (?P<device>\w+)`, len(c.set.Devices))
	}
	for _, byUnit := range []bool{true, false} {
		if group := map[bool]int{true: p.unit, false: p.id}[byUnit]; group != 0 {
			if err := c.set.Distinct(byUnit); err != nil {
				o.Fault(key, "cannot be used: %v", err)
			}
		}
	}
}

// bind lets the pattern bring a tag that one of its groups has in its address; it returns how many do.
func (p *pattern) bind(n int, t *tags.Tag) int {
	group := t.Address
	if name, rest, qualified := strings.Cut(t.Address, "."); qualified {
		if name != p.name {
			return 0
		}
		group = rest
	}
	at := p.re.SubexpIndex(group)
	if at <= 0 || slices.Contains([]string{"unit", "device"}, group) {
		return 0
	}
	p.values[t.Device] = append(p.values[t.Device], bound{at, n})
	return 1
}

// part is group n of a match; nil when it had no part in it.
func part(line []byte, match []int, n int) []byte {
	if match[2*n] < 0 {
		return nil
	}
	return line[match[2*n]:match[2*n+1]]
}

// owner is the device whose line a match is, -1 when nobody known is.
func (p *pattern) owner(set *tags.Set, line []byte, match []int) int {
	device := 0
	if p.unit != 0 {
		unit, err := strconv.Atoi(string(part(line, match, p.unit)))
		if err != nil {
			return -1
		}
		device = set.ByUnit(unit)
	}
	if p.id != 0 {
		named := set.ByID(part(line, match, p.id))
		if p.unit != 0 && named != device {
			return -1
		}
		device = named
	}
	return device
}

// from reports whether line matches and is device's.
func (p *pattern) from(set *tags.Set, line []byte, device int) bool {
	if p == nil {
		return false
	}
	if p.unit == 0 && p.id == 0 {
		return p.re.Match(line) // allocates nothing
	}
	match := p.re.FindSubmatchIndex(line)
	return match != nil && p.owner(set, line, match) == device
}

// report gives the values of a match to the link.
func (p *pattern) report(set *tags.Set, device int, line []byte, match []int, l drivers.Link) {
	for _, b := range p.values[device] {
		text := part(line, match, b.group)
		if text == nil {
			continue
		}
		if v, ok := set.Tags[b.tag].DecodeText(text); ok {
			l.Value(b.tag, v)
		} else {
			l.Bad(b.tag, tags.Malformed)
		}
	}
}

// explain is a match in words.
func (p *pattern) explain(line []byte, match []int) string {
	text := p.name + ":"
	for i, name := range p.re.SubexpNames() {
		if name != "" && match[2*i] >= 0 {
			text += fmt.Sprintf(" %s=%q", name, part(line, match, i))
		}
	}
	return text
}

// hear implements poll.Config's Hear: each line is read by every pattern that it matches.
func (c *channel) hear(b []byte, l drivers.Link) (from, to int) {
	heard := 0
	for at := 0; ; {
		line, next, whole := c.lines.next(b, at)
		if !whole {
			if heard > 0 {
				return 0, heard
			}
			return next, 0
		}
		if line != nil && c.read(line, l) {
			heard = next
		}
		at = next
	}
}

// read reports what the patterns read in an unasked line; false when nobody says it.
func (c *channel) read(line []byte, l drivers.Link) bool {
	before := -1
	for _, p := range c.patterns {
		match := p.re.FindSubmatchIndex(line)
		if match == nil {
			continue
		}
		device := p.owner(c.set, line, match)
		if device < 0 {
			continue
		}
		if before >= 0 && before != device {
			l.Polled(before, drivers.PollHeard, 0, -1)
		}
		before = device
		p.report(c.set, device, line, match, l)
	}
	if before >= 0 {
		l.Polled(before, drivers.PollHeard, 0, -1)
	}
	return before >= 0
}
