// Package text owns the driver of lines: regular expressions whose named groups are tags. See its README.
package text

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
)

// Bounds of the project file.
const (
	defaultLine = 1024
	mostLine    = 8192
	mostEnd     = 8 // bytes of a terminator
)

//go:embed README.md
var readme string

// Driver describes text.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name: "text", Title: "Lines of text, read by regular expressions",
		Links:    []project.LinkKind{project.TCPServer, project.TCPClient},
		MaxFrame: mostLine + 1 + mostEnd, Polls: true,
		Ask:     func(o *options.Options) { (&channel{set: &tags.Set{}}).options(o) },
		Compile: compile, Readme: readme + poll.Readme,
	}
}

// channel is what the exchanges of a compiled channel share.
type channel struct {
	set      *tags.Set
	lines    lines
	ending   []byte
	patterns []*pattern // of unasked lines
	requests []*request
	writable map[string]*request // by tag name
}

func compile(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
	c, o := &channel{}, options.Read(ch.Options)
	var err error
	c.set, err = tags.CompileText(ch, models)
	if len(ch.Devices) == 0 {
		err = &project.FieldError{Field: "devices", Err: errors.New("a text channel has devices; write " +
			"devices: [{name: d1, tags: […]}]")}
	}
	times := c.options(o)
	if err := errors.Join(err, poll.Done(o)); err != nil {
		return nil, err
	}
	if err := c.bind(); err != nil {
		return nil, err
	}
	out, err := poll.New(poll.Config{Tags: c.set, Plan: c.plan(), Writes: c.writes, Hear: c.hear, Explain: c.explain,
		MaxFrame: c.lines.held(), Options: times})
	if err != nil {
		return nil, &project.FieldError{Field: "poll", Err: err}
	}
	return out, nil
}

// options reads all options. Patterns are read for the devices of c.set.
func (c *channel) options(o *options.Options) poll.Options {
	c.lines.end = o.Bytes("terminator", "\n", mostEnd)
	c.lines.trimCR = o.Value("terminator") == nil || o.Value("terminator") == ""
	c.ending = o.Bytes("ending", string(c.lines.end), mostEnd)
	c.lines.max = o.Count("max_line", defaultLine, 1, mostLine)
	room := mostPatterns
	if p := o.Named("patterns"); p != nil {
		for _, name := range p.Keys() {
			if room--; room < 0 {
				p.Fault("", "and requests are more than %d; use fewer", mostPatterns)
				break
			}
			c.patterns = append(c.patterns, c.pattern(p, name, name))
		}
	}
	if r := o.Mapping("requests"); r != nil {
		for _, name := range r.Keys() {
			if room--; room < 0 {
				r.Fault("", "and patterns are more than %d; use fewer", mostPatterns)
				break
			}
			if c.patternOf(name) != nil {
				r.Fault(name, "is the name of a pattern too; write another")
			}
			c.requests = append(c.requests, c.request(r, name, false))
		}
	}
	c.writable = map[string]*request{}
	if w := o.Mapping("writes"); w != nil {
		for _, name := range w.Keys() {
			c.writable[name] = c.request(w, name, true)
		}
	}
	return poll.ReadOptions(o)
}

func (c *channel) patternOf(name string) *pattern {
	for _, p := range c.patterns {
		if p.name == name {
			return p
		}
	}
	return nil
}

// bind gives each tag to the patterns and requests that bring it, and checks that something does.
func (c *channel) bind() error {
	var errs []error
	for i := range c.set.Tags {
		t := &c.set.Tags[i]
		n := 0
		for _, p := range c.patterns {
			n += p.bind(i, t)
		}
		asked := 0
		for _, r := range c.requests {
			asked += r.expect.bind(i, t)
		}
		w := c.writable[t.Name]
		switch {
		case t.Writable && w == nil:
			errs = append(errs, t.Fault("is writable, but nothing says how; write options.writes.%s: {send, expect}", t.Name))
		case t.Writable && w.send.Chooses() && t.Type != tags.TypeBool:
			errs = append(errs, t.Fault("is a %s, but its write has {value:ON|OFF}, which is for a bool", t.Type))
		case n+asked == 0 && (!t.Writable || t.Address != ""):
			errs = append(errs, t.AddressFault("is %q; write a named group of a pattern or of a request's expect; there "+
				"are %s", t.Address, strings.Join(c.groups(), ", ")))
		case t.Readback && asked == 0:
			errs = append(errs, t.Fault("readback needs a request that brings the tag"))
		case asked > 0 && t.Poll == 0:
			errs = append(errs, t.Fault("a request brings it, but nothing says how often; write poll: 10s"))
		}
	}
	for d := range c.set.Devices {
		errs = append(errs, c.sendable(d)...)
	}
	return errors.Join(append(errs, c.unused()...)...)
}

// groups are the addresses that tags can have.
func (c *channel) groups() (list []string) {
	for _, p := range c.readers() {
		for _, group := range p.re.SubexpNames() {
			if group != "" && group != "unit" && group != "device" {
				list = append(list, p.name+"."+group)
			}
		}
	}
	if list == nil {
		list = []string{"none"}
	}
	return list
}

// readers are the patterns that read values.
func (c *channel) readers() []*pattern {
	list := slices.Clone(c.patterns)
	for _, r := range c.requests {
		list = append(list, r.expect)
	}
	return list
}

// sendable finds what cannot be sent to a device.
func (c *channel) sendable(device int) (errs []error) {
	d := &c.set.Devices[device]
	var list []*request
	for _, r := range c.requests {
		if len(r.expect.values[device]) > 0 {
			list = append(list, r)
		}
	}
	for i := d.First; i < d.End; i++ {
		if r := c.writable[c.set.Tags[i].Name]; r != nil && c.set.Tags[i].Writable {
			list = append(list, r)
		}
	}
	for _, r := range list {
		fault := ""
		if r.send.Addresses() && d.Address == "" {
			fault = "has no address, but %s sends one; write address"
		} else if !c.oneLine(c.question(r, device).line) {
			fault = "is sent %s with the end of a line in it; linkd adds the ending itself"
		}
		if fault != "" {
			errs = append(errs, &project.FieldError{Field: "devices." + d.Name,
				Err: fmt.Errorf("device %s "+fault, d.Name, r.name)})
		}
	}
	return errs
}

// unused finds writes of tags that nobody has.
func (c *channel) unused() (errs []error) {
	for name := range c.writable {
		found := false
		for i := range c.set.Tags {
			found = found || c.set.Tags[i].Name == name && c.set.Tags[i].Writable
		}
		if !found {
			errs = append(errs, &project.FieldError{Field: "options.writes." + name,
				Err: fmt.Errorf("writes.%s: no device has a tag of that name with writable: true", name)})
		}
	}
	return errs
}
