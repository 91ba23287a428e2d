package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"strings"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
)

// request is something that is sent, and the objects that answer it.
type request struct {
	send    tags.Template
	expect  []condition
	refused []condition // none: the device does not refuse
}

// condition is what must be at a place of an object.
type condition struct {
	place   *node
	any     bool // whatever
	written bool // what was written
	want    string
}

// readRequest reads {send, expect, error}, of a write or of a question.
func (c *channel) readRequest(o *options.Options, name string, write bool) *request {
	r := &request{}
	in := o.Mapping(name)
	if in == nil {
		return r
	}
	var err error
	if r.send, err = tags.ParseTemplate(in.Text("send", "")); err != nil {
		in.Fault("send", "%v", err)
	} else if r.send.Writes() != write {
		in.Fault("send", map[bool]string{true: "has no {value}; write where it goes",
			false: "has {value}, but a request has none; move it to writes"}[write])
	}
	r.expect, r.refused = c.conditions(in, "expect", write), c.conditions(in, "error", false)
	if write && len(r.expect) == 0 {
		in.Fault("", "has no expect; write what confirms the write, as in expect: {/ok: true}")
	}
	in.Done()
	return r
}

// mostConditions bounds what is compared of each object.
const mostConditions = 16

// conditions reads {POINTER: what must be there}.
func (c *channel) conditions(o *options.Options, key string, write bool) (list []condition) {
	in := o.Mapping(key)
	if in == nil {
		return nil
	}
	for _, pointer := range in.Keys() {
		k := condition{place: c.pointer(in, pointer, pointer)}
		switch v := in.Value(pointer).(type) {
		case nil:
			k.any = true
		case string, int, float64, bool:
			k.want = fmt.Sprint(v)
			k.written = write && k.want == "{value}"
		default:
			in.Fault(pointer, "is %v; write a text, a number, true or false", v)
		}
		list = append(list, k)
	}
	if len(list) == 0 || len(list) > mostConditions {
		in.Fault("", "has %d pointers; write 1 to %d", len(list), mostConditions)
	}
	return list
}

// hold reports whether an object fits all conditions.
func hold(list []condition, object []byte, same func(raw []byte) bool) bool {
	for i := range list {
		k := &list[i]
		raw := at(k.place, object)
		if raw == nil || !k.any && !k.written && string(plain(raw)) != k.want || k.written && !same(raw) {
			return false
		}
	}
	return len(list) > 0
}

// exchange is a request to one device. It implements poll.Exchange: what it is given is one object.
type exchange struct {
	c       *channel
	request *request
	device  int
	text    []byte // what is sent, with its ending
	tag     int    // that is written; -1: none
	wanted  []byte // its value
	chosen  string // or the word that was sent in its place
}

var (
	_ poll.Exchange = (*exchange)(nil)
	_ poll.Refusal  = (*exchange)(nil)
)

// Ask implements poll.Exchange.
func (x *exchange) Ask(dst []byte, _ uint16) []byte { return append(dst, x.text...) }

// Find implements poll.Exchange.
func (x *exchange) Find(b []byte, _ uint16) (from, to int) {
	if x.c.owner(b) != x.device || !hold(x.request.refused, b, x.wrote) && !x.answered(b) {
		return len(b), 0
	}
	return 0, len(b)
}

// answered reports whether an object of the device is the answer.
func (x *exchange) answered(b []byte) bool {
	if len(x.request.expect) == 0 {
		return x.c.report(x.device, b, nil) > 0
	}
	return hold(x.request.expect, b, x.wrote)
}

// wrote reports whether a value in an object is what was written.
func (x *exchange) wrote(raw []byte) bool {
	if x.tag < 0 {
		return false
	}
	if x.chosen != "" && string(plain(raw)) == x.chosen {
		return true
	}
	t := &x.c.set.Tags[x.tag]
	v, ok := decode(t, raw)
	return ok && bytes.Equal(t.AppendText(nil, v), x.wanted)
}

// Take implements poll.Exchange.
func (x *exchange) Take(answer []byte, l drivers.Link) tags.Reason {
	if hold(x.request.refused, answer, x.wrote) {
		return tags.Refused
	}
	x.c.report(x.device, answer, l)
	return tags.Fine
}

// mostWords bounds what of a device's refusal is told.
const mostWords = 200

// Words implements poll.Refusal.
func (x *exchange) Words(answer []byte) string {
	return strings.ToValidUTF8(string(answer[:min(len(answer), mostWords)]), "\uFFFD")
}

// question is the request to a device.
func (c *channel) question(device int) *exchange {
	text := c.filled(c.request, device, tags.Value{}, nil)
	return &exchange{c: c, request: c.request, device: device, text: text, tag: -1}
}

// filled is what is sent, with its ending.
func (c *channel) filled(r *request, device int, v tags.Value, text []byte) []byte {
	return append(r.send.Append(nil, &c.set.Devices[device], v, text), c.ending...)
}

// whole reports whether what is sent with its ending is one message: it ends where it should, and is JSON if it begins
// like it.
func (c *channel) whole(b []byte) bool {
	text := b[:len(b)-len(c.ending)]
	return bytes.Index(b, c.ending) == len(text) && (bytes.IndexAny(text, "{[") != 0 || stdjson.Valid(text))
}

// sendable says why a request cannot be sent to a device; nil when it can be.
func (c *channel) sendable(r *request, device int, name string, sample tags.Value) error {
	d := &c.set.Devices[device]
	fault := func(format string, args ...any) error {
		return &project.FieldError{Field: "options." + name, Err: fmt.Errorf(name+" "+format, args...)}
	}
	if r.send.Addresses() && d.Address == "" {
		return fault("sends the address of device %s, which has none; write address", d.Name)
	}
	if b := c.filled(r, device, sample, encode(&tags.Tag{}, sample)); !c.whole(b) {
		return fault("would send %q, which is no JSON or ends early; a string brings its quotes, and linkd adds the "+
			"ending", b)
	}
	return nil
}

// encode writes a value as JSON.
func encode(t *tags.Tag, v tags.Value) []byte {
	switch v.Kind {
	case tags.KindBool:
		return fmt.Append(nil, v.Any())
	case tags.KindText:
		b, _ := stdjson.Marshal(v.String()) // a string always can be
		return b
	}
	return t.AppendText(nil, v)
}

// writes implements poll.Config's Writes.
func (c *channel) writes(cmd *drivers.Command) (writes, reads []poll.Exchange, err error) {
	for _, w := range cmd.Writes {
		t := &c.set.Tags[w.Tag]
		r := c.writable[t.Name]
		text := c.filled(r, cmd.Device, w.Value, encode(t, w.Value))
		if !c.whole(text) {
			return nil, nil, fmt.Errorf("%w: %s would end the message early", tags.ErrValue, w.Value)
		}
		writes = append(writes, &exchange{c: c, request: r, device: cmd.Device, text: text, tag: w.Tag,
			wanted: t.AppendText(nil, w.Value), chosen: r.send.Chosen(w.Value)})
	}
	if cmd.Readback && c.request != nil {
		reads = append(reads, c.question(cmd.Device))
	}
	return writes, reads, nil
}
