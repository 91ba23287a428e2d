// Package json owns the driver of JSON objects: pointers (RFC 6901) into them are tags. See its README.
package json

import (
	"bytes"
	_ "embed"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
)

// Bounds of the project file.
const (
	defaultObject = 8 << 10
	mostObject    = 64 << 10
	mostEnd       = 8 // bytes of an ending
)

//go:embed README.md
var readme string

// Driver describes json.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name: "json", Title: "JSON objects, read by pointers",
		Links:    []project.LinkKind{project.TCPServer, project.TCPClient},
		MaxFrame: mostObject, Polls: true,
		Ask:     func(o *options.Options) { (&channel{set: &tags.Set{}}).options(o) },
		Compile: compile, Readme: readme + poll.Readme,
	}
}

// channel is a compiled channel: the polling of whole objects, behind a splitter.
type channel struct {
	*poll.Channel
	set       *tags.Set
	roots     []*node // by device: where its tags are
	device    *node   // where an object says whose it is; nil: it does not
	byUnit    bool    // units tell devices apart
	mostBytes int
	ending    []byte
	request   *request            // nil: nothing is asked
	writable  map[string]*request // by tag name
}

func compile(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
	c, o := &channel{}, options.Read(ch.Options)
	var err error
	c.set, err = tags.CompileText(ch, models)
	if len(ch.Devices) == 0 {
		err = &project.FieldError{Field: "devices", Err: errors.New("a json channel has devices; write " +
			"devices: [{name: d1, tags: […]}]")}
	}
	times := c.options(o)
	if err := errors.Join(err, poll.Done(o)); err != nil {
		return nil, err
	}
	if err := c.bind(); err != nil {
		return nil, err
	}
	c.Channel, err = poll.New(poll.Config{Tags: c.set, Plan: c.plan(), Writes: c.writes, Hear: c.hear, Explain: c.explain,
		MaxFrame: c.mostBytes, Options: times})
	if err != nil {
		return nil, &project.FieldError{Field: "poll", Err: err}
	}
	return c, nil
}

// options reads all options. device is judged for the devices of c.set.
func (c *channel) options(o *options.Options) poll.Options {
	c.byUnit = c.set.Distinct(true) == nil
	switch at := o.Text("device", ""); {
	case at != "":
		c.device = c.pointer(o, "device", at)
		if err := c.set.Distinct(false); err != nil {
			o.Fault("device", "cannot tell all apart: %v", err)
		}
	case len(c.set.Devices) > 1:
		o.Fault("device", "is missing, and the channel has %d devices; write the pointer to what says whose object it is, "+
			"as in device: /id", len(c.set.Devices))
	}
	c.mostBytes = o.Count("max_object", defaultObject, 2, mostObject)
	c.ending = o.Bytes("ending", "\n", mostEnd)
	if request := c.readRequest(o, "request", false); o.Value("request") != nil {
		c.request = request
	}
	c.writable = map[string]*request{}
	if w := o.Mapping("writes"); w != nil {
		for _, name := range w.Keys() {
			c.writable[name] = c.readRequest(w, name, true)
		}
	}
	return poll.ReadOptions(o)
}

// pointer compiles the pointer to one place.
func (c *channel) pointer(o *options.Options, key, text string) *node {
	root := &node{index: -1}
	parts, err := parsePointer(text)
	if err != nil {
		o.Fault(key, "%v", err)
		return root
	}
	root.add(parts).tags = []int{0}
	return root
}

// bind puts each tag where its pointer leads, and checks what is to be sent.
func (c *channel) bind() error {
	var errs []error
	for d := range c.set.Devices {
		dev := &c.set.Devices[d]
		root := &node{index: -1}
		c.roots = append(c.roots, root)
		for i := dev.First; i < dev.End; i++ {
			t := &c.set.Tags[i]
			w := c.writable[t.Name]
			parts, err := parsePointer(t.Address)
			switch {
			case t.Address == "" && t.Writable:
			case err != nil:
				errs = append(errs, t.AddressFault("%v", err))
			default:
				n := root.add(parts)
				n.tags = append(n.tags, i)
			}
			switch {
			case t.Writable && w == nil:
				errs = append(errs, t.Fault("is writable, but nothing says how; write options.writes.%s: {send, expect}",
					t.Name))
			case t.Readback && (c.request == nil || t.Address == ""):
				errs = append(errs, t.Fault("readback needs options.request, which brings the tag, and its address"))
			case t.Writable && w.send.Chooses() && t.Type != tags.TypeBool:
				errs = append(errs, t.Fault("is a %s, but its write has {value:ON|OFF}, which is for a bool", t.Type))
			case t.Writable:
				errs = append(errs, c.sendable(w, d, "writes."+t.Name, c.sample(t)))
			}
		}
		if c.request != nil {
			errs = append(errs, c.sendable(c.request, d, "request", tags.Value{}))
		}
	}
	return errors.Join(append(errs, c.unused()...)...)
}

// sample is a value of a tag, to try a template with.
func (c *channel) sample(t *tags.Tag) tags.Value {
	switch t.Type {
	case tags.TypeBool:
		return tags.Bool(true)
	case tags.TypeString:
		return tags.Text("x")
	}
	return tags.Int(1)
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

// plan asks each device as often as the shortest interval of its tags says.
func (c *channel) plan() (out []poll.Planned) {
	for d := range c.set.Devices {
		dev := &c.set.Devices[d]
		p := poll.Planned{Device: d}
		for i := dev.First; i < dev.End; i++ {
			t := &c.set.Tags[i]
			if t.Address == "" {
				continue
			}
			p.Tags = append(p.Tags, i)
			p.Every = shorter(p.Every, t.Poll)
		}
		if c.request != nil && len(p.Tags) > 0 {
			p.Exchange = c.question(d)
			out = append(out, p)
		}
	}
	return out
}

// shorter is the shorter of two intervals, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// at is what stands at the one place of a pointer, as it is written; nil when there is nothing.
func at(root *node, object []byte) []byte {
	w := walk{b: object}
	if w.value(root) != nil {
		return nil
	}
	return w.raw
}

// owner is the device whose object it is, -1 when nobody known is.
func (c *channel) owner(object []byte) int {
	if c.device == nil {
		return 0
	}
	raw := at(c.device, object)
	if raw == nil {
		return -1
	}
	device := c.set.ByID(plain(raw))
	if device < 0 && c.byUnit {
		if unit, err := strconv.Atoi(string(raw)); err == nil {
			device = c.set.ByUnit(unit)
		}
	}
	return device
}

// report gives the values of a device's object to l, which may be nil, and returns how many tags are in it.
func (c *channel) report(device int, object []byte, l drivers.Link) int {
	w := walk{b: object, set: c.set, l: l}
	_ = w.value(c.roots[device]) // it is JSON: the machine has looked
	return w.n
}

// decode reads a value as it is written in an object.
func decode(t *tags.Tag, raw []byte) (tags.Value, bool) {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n' {
		return tags.Value{}, false // null too
	}
	return t.DecodeText(plain(raw))
}

// hear implements poll.Config's Hear: b is one object.
func (c *channel) hear(b []byte, l drivers.Link) (from, to int) {
	device := c.owner(b)
	if device < 0 || c.report(device, b, l) == 0 {
		return len(b), 0
	}
	l.Polled(device, drivers.PollHeard, 0, -1)
	return 0, len(b)
}

// explain implements poll.Config's Explain: what each object from a device says.
func (c *channel) explain(in bool, b []byte) string {
	var words []string
	var s splitter
	for in && len(b) > 0 {
		n, whole := s.next(b, c.mostBytes)
		if n == 0 {
			break
		}
		if whole && stdjson.Valid(b[:n]) {
			words = append(words, c.says(b[:n]))
		}
		b = b[n:]
	}
	return strings.Join(words, "; ")
}

// says is an object in words.
func (c *channel) says(object []byte) string {
	device := c.owner(object)
	if device < 0 {
		return "an object of no device that is known"
	}
	text := bytes.NewBufferString(c.set.Devices[device].Name)
	w := walk{b: object, set: c.set, words: text}
	_ = w.value(c.roots[device])
	return text.String()
}
