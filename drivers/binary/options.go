package binary

import (
	"regexp"
	"slices"
	"strings"

	"linkd/drivers/checksum"
	"linkd/drivers/poll"
	"linkd/project/options"
)

var frameName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// options reads all options.
func (c *channel) options(o *options.Options) poll.Options {
	c.layout = readLayout(o)
	frames, writes := o.Mappings("frames", maxFrames), o.Mappings("writes", maxWrites)
	if o.Err() == nil { // else frames would be faulty by that alone
		if len(frames) == 0 {
			o.Fault("frames", "is empty; declare what devices send, as in frames: [{name: status, bytes: \"AA {data:4}\"}]")
		}
		c.readFrames(frames)
		c.readRules(writes)
	}
	return poll.ReadOptions(o)
}

// readLayout reads what all frames share.
func readLayout(o *options.Options) layout {
	y := layout{lengthSize: 1, unitSize: 1, maxFrame: o.Count("max_frame", defaultFrame, 1, maxFrame)}
	if in := o.Mapping("length"); in != nil {
		y.lengthSize, y.lengthLittle = in.Count("size", 1, 1, 4), little(in)
		y.adjust = in.Count("adjust", 0, -maxFrame, maxFrame)
		if y.lengthSize == 3 {
			in.Fault("size", "is 3; write 1, 2 or 4")
		}
		done(in, "size", "order", "adjust")
	}
	if in := o.Mapping("unit"); in != nil {
		y.unitSize, y.unitLittle = in.Count("size", 1, 1, maxUnit), little(in)
		done(in, "size", "order")
	}
	if in := o.Mapping("checksum"); in != nil {
		y.sum = sumKind(in)
		y.sumFrom, y.sumLittle = in.Count("from", 0, 0, maxFrame), little(in)
		done(in, "kind", "from", "order")
	}
	return y
}

// sumKind reads which checksum it is.
func sumKind(o *options.Options) checksum.Kind {
	name := quoted(o, "kind")
	kind, known := checksum.Find(name)
	if !known {
		var names []string
		for _, k := range checksum.Kinds() {
			names = append(names, k.Name)
		}
		o.Fault("kind", "of the checksum is %q; choose one of: %s", name, strings.Join(names, ", "))
	}
	return kind
}

// readFrames reads what devices send.
func (c *channel) readFrames(list []*options.Options) {
	names := map[string]bool{}
	for _, in := range list {
		f := &frame{name: quoted(in, "name"), pattern: c.layout.read(in, "bytes", false),
			ask: c.layout.read(in, "ask", false)}
		switch {
		case !frameName.MatchString(f.name):
			in.Fault("name", "of a frame is %q; write a letter, then letters, digits and _", f.name)
		case names[f.name]:
			in.Fault("name", "of a frame is %s, which another has; a name is one frame's", f.name)
		case in.Value("bytes") == nil:
			in.Fault("bytes", "of frame %s are missing; write them as in bytes: \"AA 55 {data:4}\"", f.name)
		case f.ask != nil && f.ask.has(dataField):
			in.Fault("ask", "of frame %s holds {data}, but what is sent is known; write the bytes", f.name)
		}
		done(in, "name", "bytes", "ask")
		names[f.name] = true
		c.frames = append(c.frames, f)
		if in.Value("ask") == nil {
			c.heard = append(c.heard, f)
		}
	}
}

// readRules reads how tags are written.
func (c *channel) readRules(list []*options.Options) {
	c.rules = map[string]*rule{}
	for _, in := range list {
		r := &rule{c.layout.read(in, "send", true), c.layout.read(in, "answer", true), c.layout.read(in, "refusal", false)}
		address := quoted(in, "address")
		switch {
		case address == "" || c.rules[address] != nil:
			in.Fault("address", "of a write is %q; write the address of a tag, as in status:5, once", address)
		case in.Value("send") == nil || r.send != nil && (!r.send.has(valueField) || r.send.has(dataField)):
			in.Fault("send", "of %s has to hold {value} and no {data}; write what is sent", address)
		case in.Value("answer") == nil:
			in.Fault("answer", "of %s is missing; write the frame that confirms it: a write is not believed otherwise", address)
		}
		done(in, "address", "send", "answer", "refusal")
		c.rules[address] = r
	}
}

// read reads a frame; nil when it is not given or faulty. value says that {value} may stand in it.
func (y *layout) read(o *options.Options, key string, value bool) *pattern {
	s := quoted(o, key)
	if _, isText := o.Value(key).(string); !isText {
		return nil
	}
	p, err := parsePattern(y, s, value)
	if err != nil {
		o.Fault(key, "is %q: %w", s, err)
		return nil
	}
	return p
}

// done refuses all keys but the known ones.
func done(o *options.Options, known ...string) {
	for _, key := range o.Keys() {
		if !slices.Contains(known, key) {
			o.Fault(key, "is not known here; write one of: %s", strings.Join(known, ", "))
		}
	}
}

// quoted is a text, empty when it is not given. A number is none: 0102 would lose its zero.
func quoted(o *options.Options, key string) string {
	v := o.Value(key)
	s, ok := v.(string)
	if v != nil && !ok {
		o.Fault(key, `is %v; write it in quotes, as in "AA 55"`, v)
	}
	return s
}

// little is the order of the bytes of a field.
func little(o *options.Options) bool {
	s := quoted(o, "order")
	if s != "" && s != "big" && s != "little" {
		o.Fault("order", "is %q; write big or little", s)
	}
	return s == "little"
}
