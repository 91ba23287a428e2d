// Package binary owns the driver for protocols whose frames the project file declares. See its README.
package binary

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
)

// Bounds of the project file.
const (
	maxFrame     = 4096
	defaultFrame = 256
	maxFrames    = 32
	maxWrites    = 64
	maxUnit      = 8
)

//go:embed README.md
var readme string

// Driver describes binary.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name: "binary", Title: "Frames that the project file declares",
		Links: []project.LinkKind{project.TCPServer, project.TCPClient}, MaxFrame: maxFrame, Polls: true,
		Ask: func(o *options.Options) { (&channel{}).options(o) }, Compile: compile, Readme: readme + poll.Readme,
	}
}

// channel is a channel while it is compiled, and what its exchanges share.
type channel struct {
	layout
	set    *tags.Set
	frames []*frame
	heard  []*frame // those that nobody asks for
	rules  map[string]*rule
	refs   []ref    // by tag
	units  [][]byte // by device, as in {unit}
}

// frame is one that devices send.
type frame struct {
	name    string
	pattern *pattern
	ask     *pattern // nil: it comes unasked
	refs    [][]ref  // by device
}

// rule is how a tag is written.
type rule struct{ send, answer, refusal *pattern }

// ref is where a tag's value is.
type ref struct{ tag, frame, offset, bit int } // bit -1: no bit

func compile(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
	c, o := &channel{}, options.Read(ch.Options)
	times := c.options(o)
	err := poll.Done(o)
	if err != nil {
		return nil, err
	}
	if len(ch.Devices) == 0 {
		return nil, &project.FieldError{Field: "devices", Err: errors.New("a binary channel has devices; write " +
			"devices: [{name: d1, unit: 1, tags: […]}]")}
	}
	if c.set, err = tags.Compile(ch, models); err != nil {
		return nil, err
	}
	if err := errors.Join(c.devices(), c.compileTags()); err != nil {
		return nil, err
	}
	cfg := poll.Config{Tags: c.set, Writes: c.writes, Explain: c.explain, MaxFrame: c.maxFrame, Options: times}
	if len(c.heard) > 0 {
		cfg.Hear = c.hear
	}
	for d := range c.set.Devices {
		cfg.Plan = append(cfg.Plan, c.plan(d)...)
	}
	out, err := poll.New(cfg)
	if err != nil {
		return nil, &project.FieldError{Field: "poll", Err: err}
	}
	return out, nil
}

// devices computes what stands for each device in {unit}.
func (c *channel) devices() error {
	var errs []error
	for _, d := range c.set.Devices {
		fault := func(field, format string, args ...any) {
			errs = append(errs, &project.FieldError{Field: "devices." + d.Name + "." + field,
				Err: fmt.Errorf(field+" of device "+d.Name+" "+format, args...)})
		}
		unit := appendNumber(nil, uint64(d.Unit), c.unitSize, c.unitLittle)
		if d.Address != "" {
			b, err := hex.DecodeString(strings.ReplaceAll(d.Address, " ", ""))
			if err != nil || len(b) != c.unitSize {
				fault("address", "is %q; write the bytes of {unit} in hex, %d of them", d.Address, c.unitSize)
			}
			unit = b
		}
		for i, other := range c.units {
			if bytes.Equal(other, unit) {
				fault("unit", "is % X, which device %s has already", unit, c.set.Devices[i].Name)
			}
		}
		c.units = append(c.units, unit)
	}
	for _, f := range c.frames {
		if len(c.units) > 1 && !f.pattern.has(unitField) {
			errs = append(errs, &project.FieldError{Field: "options.frames", Err: fmt.Errorf("frame %s does not say which of "+
				"the %d devices sent it; write {unit} in its bytes, or have one device", f.name, len(c.units))})
		}
	}
	return errors.Join(errs...)
}

var tagAddress = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]*):([0-9]{1,4})(?:\.([0-7]))?$`)

// compileTags reads the addresses of the tags.
func (c *channel) compileTags() error {
	var errs []error
	c.refs = make([]ref, len(c.set.Tags))
	for _, f := range c.frames {
		f.refs = make([][]ref, len(c.set.Devices))
	}
	for i := range c.set.Tags {
		t := &c.set.Tags[i]
		r, err := c.ref(i, t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.refs[i] = r
		f := c.frames[r.frame]
		f.refs[t.Device] = append(f.refs[t.Device], r)
	}
	return errors.Join(errs...)
}

// ref reads the address of tag i.
func (c *channel) ref(i int, t *tags.Tag) (ref, error) {
	m := tagAddress.FindStringSubmatch(t.Address)
	if m == nil {
		return ref{}, t.AddressFault("is %q; write FRAME:OFFSET or FRAME:OFFSET.BIT, as in status:5 or status:7.0",
			t.Address)
	}
	r := ref{tag: i, frame: -1, bit: -1}
	var names []string
	for k, f := range c.frames {
		names = append(names, f.name)
		if f.name == m[1] {
			r.frame = k
		}
	}
	if r.frame < 0 {
		return r, t.Fault("there is no frame %s; choose one of: %s", m[1], strings.Join(names, ", "))
	}
	r.offset, _ = strconv.Atoi(m[2]) // at most four digits
	if m[3] != "" {
		r.bit = int(m[3][0] - '0')
	}
	f := c.frames[r.frame]
	most := c.maxFrame - f.pattern.tail
	if !f.pattern.open {
		most = f.pattern.fixed
	}
	switch {
	case r.offset+t.Size > most:
		return r, t.AddressFault("is %q, but frame %s has %d bytes and the value %d; correct the offset or the type",
			t.Address, f.name, most, t.Size)
	case r.bit >= 0 && t.Type != tags.TypeBool:
		return r, t.AddressFault("%q is a bit; write type: bool", t.Address)
	case t.Writable && r.bit >= 0:
		return r, t.Fault("a single bit cannot be written; write the byte that it is in")
	case t.Writable && c.rules[t.Address] == nil:
		return r, t.Fault("it is writable, but options.writes does not say how; add {address: %q, send: …, answer: …}",
			t.Address)
	case t.Writable && !c.rules[t.Address].send.holds(t.Size):
		return r, t.Fault("a value of %d bytes does not fit into what options.writes sends for %s; correct length.size, "+
			"length.adjust or max_frame", t.Size, t.Address)
	}
	return r, nil
}
