package text

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project/options"
)

// request is something that is sent, and the lines that answer it.
type request struct {
	name    string
	send    tags.Template
	expect  *pattern
	refused *pattern // nil: the device does not refuse
}

// request reads {send, expect, error}, of a write or of a question.
func (c *channel) request(o *options.Options, name string, write bool) *request {
	r := &request{name: name}
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
	r.expect = c.pattern(in, "expect", name)
	if in.Text("error", "") != "" {
		r.refused = c.pattern(in, "error", name)
	}
	in.Done()
	return r
}

// exchange is a request to one device. It implements poll.Exchange.
type exchange struct {
	c       *channel
	request *request
	device  int
	line    []byte // what is sent, with its ending
	tag     int    // that is written; -1: none
	wanted  []byte // what a group value is to be
	chosen  string // or the word that was sent in its place
}

var (
	_ poll.Exchange = (*exchange)(nil)
	_ poll.Refusal  = (*exchange)(nil)
)

// Ask implements poll.Exchange.
func (x *exchange) Ask(dst []byte, _ uint16) []byte { return append(dst, x.line...) }

// Find implements poll.Exchange.
func (x *exchange) Find(b []byte, _ uint16) (from, to int) {
	for at := 0; ; {
		line, next, whole := x.c.lines.next(b, at)
		if !whole {
			return next, 0
		}
		if line != nil && (x.request.refused.from(x.c.set, line, x.device) ||
			x.request.expect.from(x.c.set, line, x.device)) {
			return at, next
		}
		at = next
	}
}

// Take implements poll.Exchange.
func (x *exchange) Take(answer []byte, l drivers.Link) tags.Reason {
	line, _, _ := x.c.lines.next(answer, 0)
	if x.request.refused.from(x.c.set, line, x.device) {
		return tags.Refused
	}
	p := x.request.expect
	match := p.re.FindSubmatchIndex(line)
	if match == nil {
		return tags.Malformed
	}
	p.report(x.c.set, x.device, line, match, l)
	if x.tag >= 0 && p.value != 0 {
		if !x.wrote(part(line, match, p.value)) {
			return tags.Mismatch
		}
	}
	return tags.Fine
}

// wrote reports whether a text is the value that was written, or the word that stood for it.
func (x *exchange) wrote(text []byte) bool {
	if x.chosen != "" && string(text) == x.chosen {
		return true
	}
	t := &x.c.set.Tags[x.tag]
	v, ok := t.DecodeText(text)
	return ok && bytes.Equal(t.AppendText(nil, v), x.wanted)
}

// mostWords bounds what of a device's refusal is told.
const mostWords = 200

// Words implements poll.Refusal.
func (x *exchange) Words(answer []byte) string {
	line, _, _ := x.c.lines.next(answer, 0)
	return strings.ToValidUTF8(string(line[:min(len(line), mostWords)]), "\uFFFD")
}

// plan asks each device for what its tags need.
func (c *channel) plan() (out []poll.Planned) {
	for d := range c.set.Devices {
		for _, r := range c.requests {
			p := poll.Planned{Device: d, Exchange: c.question(r, d)}
			for _, b := range r.expect.values[d] {
				p.Tags = append(p.Tags, b.tag)
				p.Every = shorter(p.Every, c.set.Tags[b.tag].Poll)
			}
			if len(p.Tags) > 0 {
				out = append(out, p)
			}
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

// question is a request without a value.
func (c *channel) question(r *request, device int) *exchange {
	line := c.ended(r.send.Append(nil, &c.set.Devices[device], tags.Value{}, nil))
	return &exchange{c: c, request: r, device: device, line: line, tag: -1}
}

// writes implements poll.Config's Writes.
func (c *channel) writes(cmd *drivers.Command) (writes, reads []poll.Exchange, err error) {
	for _, w := range cmd.Writes {
		t := &c.set.Tags[w.Tag]
		r := c.writable[t.Name]
		text := t.AppendText(nil, w.Value)
		if bytes.ContainsFunc(text, control) {
			return nil, nil, fmt.Errorf("%w: %q holds a control character; write plain text", tags.ErrValue, text)
		}
		line := c.ended(r.send.Append(nil, &c.set.Devices[cmd.Device], w.Value, text))
		if !c.oneLine(line) {
			return nil, nil, fmt.Errorf("%w: %q would end the line early; write plain text", tags.ErrValue, text)
		}
		writes = append(writes, &exchange{c: c, request: r, device: cmd.Device, line: line, tag: w.Tag, wanted: text,
			chosen: r.send.Chosen(w.Value)})
		if cmd.Readback {
			reads = append(reads, c.reads(cmd.Device, w.Tag)...)
		}
	}
	return writes, reads, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// ended is a line with its ending.
func (c *channel) ended(line []byte) []byte { return append(line, c.ending...) }

// oneLine reports whether a line with its ending is one, for a device that ends lines as linkd does or as it does.
func (c *channel) oneLine(line []byte) bool {
	text := line[:len(line)-len(c.ending)]
	return bytes.Index(line, c.ending) == len(text) && !bytes.Contains(text, c.lines.end)
}

// reads are the requests that bring a tag.
func (c *channel) reads(device, tag int) (out []poll.Exchange) {
	for _, r := range c.requests {
		for _, b := range r.expect.values[device] {
			if b.tag == tag {
				out = append(out, c.question(r, device))
			}
		}
	}
	return out
}

// explain implements poll.Config's Explain: what each line from a device is to the patterns.
func (c *channel) explain(in bool, b []byte) string {
	var words []string
	for at := 0; in; {
		line, next, whole := c.lines.next(b, at)
		if !whole {
			break
		}
		at = next
		for _, p := range c.readers() {
			if match := p.re.FindSubmatchIndex(line); line != nil && match != nil {
				words = append(words, p.explain(line, match))
			}
		}
	}
	return strings.Join(words, "; ")
}
