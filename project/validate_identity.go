package project

import (
	"bytes"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// preset says which identity keys mean something to a preset, beside timeout, quiet, max_bytes, heartbeat, ack and
// nack; and which of ack and nack are the protocol's own.
type preset struct {
	name string
	keys []string
	own  []string
}

var presets = []preset{
	{name: "auto"},
	{name: "usr", keys: []string{"mode"}},
	{name: "template", keys: []string{"length", "prefix", "suffix"}},
	{name: "four-faith"},
	{name: "ddp", own: []string{"ack"}},
	{name: "inhand"},
	{name: "imei", own: []string{"ack", "nack"}},
	{name: "line", keys: []string{"prefix", "suffix"}},
	{name: "fixed", keys: []string{"length", "prefix", "suffix"}},
	{name: "length-prefixed", keys: []string{"length", "endian", "prefix", "suffix"}},
	{name: "hex", keys: []string{"length", "prefix", "suffix"}},
	{name: "regex", keys: []string{"pattern"}},
}

// Bounds of identity options, the same as the codec's.
const (
	maxHeartbeat = 64  // bytes of one
	maxAnswer    = 256 // bytes of ack and nack
	maxSteps     = 256 // of a compiled pattern
)

// Presets returns the names of the identity presets.
func Presets() []string {
	list := make([]string, len(presets))
	for i, p := range presets {
		list[i] = p.name
	}
	return list
}

// identity checks how links say who they are; n is the identity mapping, or nil.
func (c *checker) identity(n *node, id *Identity) {
	if n != nil && n.bad {
		return
	}
	if id.Quiet >= id.Timeout && !n.faulty("quiet") && !n.faulty("timeout") {
		c.add(n.where("quiet"), "quiet is %s, not shorter than timeout, %s; write a shorter one", id.Quiet, id.Timeout)
	}
	if id.MaxBytes < 1 || id.MaxBytes > maxBytes {
		c.add(n.where("max_bytes"), "max_bytes is %d; write a whole number from 1 to %d", id.MaxBytes, maxBytes)
	}
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == id.Preset })
	if i < 0 {
		if !n.faulty("preset") {
			c.add(n.where("preset"), "there is no preset %s; %s", clip(id.Preset), suggest(id.Preset, Presets()))
		}
		return
	}
	c.presetKeys(n, id, presets[i])
	switch id.Preset {
	case "fixed", "hex":
		if id.Length == 0 && !n.faulty("length") {
			c.add(n.where("length"), "preset %s has no length; write the bytes of an id", id.Preset)
		}
	case "line":
		c.lineKeys(n, id)
	case "length-prefixed":
		if id.Length != 1 && id.Length != 2 && id.Length != 4 && !n.faulty("length") {
			c.add(n.where("length"), "length is %d; write the bytes of the length field, 1, 2 or 4", id.Length)
		}
	case "regex":
		c.regex(n, id)
	}
	c.byteStrings(n, id)
	c.choose(n, "endian", id.Endian, "big", "little")
	c.choose(n, "mode", id.Mode, "connect", "packet", "both")
	if id.Preset != "length-prefixed" && id.Length > id.MaxBytes && id.MaxBytes > 0 {
		c.add(n.where("length"), "length is %d, more than max_bytes, %d; raise max_bytes", id.Length, id.MaxBytes)
	}
}

// presetKeys reports keys that are set and mean nothing to the preset.
func (c *checker) presetKeys(n *node, id *Identity, p preset) {
	set := map[string]bool{"length": id.Length != 0, "endian": id.Endian != "", "pattern": id.Pattern != "",
		"prefix": len(id.Prefix) > 0, "suffix": len(id.Suffix) > 0, "mode": id.Mode != "",
		"ack": len(id.Ack) > 0, "nack": len(id.Nack) > 0}
	for _, key := range identityKeys {
		if !set[key] || slices.Contains(p.keys, key) || n.faulty(key) {
			continue
		}
		if key == "ack" || key == "nack" {
			if slices.Contains(p.own, key) {
				c.add(n.where(key), "preset %s has an acknowledgement of its own; remove %s", p.name, key)
			}
			continue
		}
		var users []string
		for _, other := range presets {
			if slices.Contains(other.keys, key) {
				users = append(users, other.name)
			}
		}
		c.add(n.where(key), "%s means nothing to preset %s; remove it, or use preset %s", key, p.name,
			strings.Join(users, ", "))
	}
}

// regex checks the pattern of preset regex.
func (c *checker) regex(n *node, id *Identity) {
	if n.faulty("pattern") {
		return
	}
	if id.Pattern == "" {
		c.add(n.where("pattern"), "preset regex has no pattern; write one with a group named id, such as %s",
			`'ID=(?P<id>\w+);'`)
		return
	}
	re, err := syntax.Parse(id.Pattern, syntax.Perl)
	if err != nil {
		c.add(n.where("pattern"), "pattern: %s; write a regular expression in RE2 syntax",
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if !slices.Contains(re.CapNames(), "id") {
		c.add(n.where("pattern"), `pattern %s has no group named id; write (?P<id>…) around the id`, clip(id.Pattern))
		return
	}
	if prog, err := syntax.Compile(re.Simplify()); err != nil || len(prog.Inst) > maxSteps {
		c.add(n.where("pattern"), "pattern %s takes more than %d steps; write a shorter one, with smaller repetitions",
			clip(id.Pattern), maxSteps)
	}
}

// lineKeys checks what surrounds the id in preset line.
func (c *checker) lineKeys(n *node, id *Identity) {
	for _, key := range []string{"prefix", "suffix"} {
		b := id.Prefix
		if key == "suffix" {
			b = id.Suffix
		}
		if bytes.ContainsAny(b, "\r\n\x00") {
			c.add(n.where(key), "%s holds CR, LF or NUL, which end a line; leave it out", key)
		} else if len(bytes.Trim(b, " \t")) != len(b) {
			c.add(n.where(key), "%s begins or ends with a blank; leave the blank out", key)
		}
	}
}

// byteStrings checks the lengths of prefix, suffix, heartbeats and answers.
func (c *checker) byteStrings(n *node, id *Identity) {
	if around := len(id.Prefix) + len(id.Suffix); around > id.MaxBytes && id.MaxBytes > 0 {
		c.add(n.where("prefix"), "prefix and suffix have %d bytes, more than max_bytes, %d; raise max_bytes",
			around, id.MaxBytes)
	}
	if len(id.Heartbeats) > maxHeartbeats {
		c.add(n.where("heartbeat"), "heartbeat has %d items; write at most %d", len(id.Heartbeats), maxHeartbeats)
	}
	for _, h := range id.Heartbeats {
		switch {
		case len(h) == 0 || len(h) > maxHeartbeat:
			c.add(n.where("heartbeat"), "a heartbeat is %d bytes long; write 1 to %d", len(h), maxHeartbeat)
		case id.Preset == "hex" && string(h) == "{id}":
			c.add(n.where("heartbeat"), "heartbeat {id} means nothing to preset hex; write the bytes out")
		}
	}
	for _, key := range []string{"ack", "nack"} {
		b := id.Ack
		if key == "nack" {
			b = id.Nack
		}
		if len(b) > maxAnswer {
			c.add(n.where(key), "%s is %d bytes long; write at most %d", key, len(b), maxAnswer)
		}
	}
}

// shape says what an id looks like where the preset fixes it; ok is whether s is one.
func (id *Identity) shape(s string) (want string, ok bool) {
	var count int
	digits := "0123456789"
	switch id.Preset {
	case "four-faith", "ddp", "inhand":
		count, want = 11, "11 digits"
	case "imei":
		count, want = 15, "15 digits"
	case "fixed":
		return fmt.Sprintf("%d bytes", id.Length), len(s) == id.Length || id.Length == 0
	case "hex":
		count, digits = 2*id.Length, digits+"ABCDEF"
		want = fmt.Sprintf("%d hex digits in capitals", count)
	default:
		return "", true
	}
	return want, count == 0 || len(s) == count && strings.Trim(s, digits) == ""
}

// carriesSecret reports whether a link can send a secret with its id.
func (id *Identity) carriesSecret() bool {
	if id.Preset != "regex" {
		return false
	}
	re, err := syntax.Parse(id.Pattern, syntax.Perl)
	return err != nil || slices.Contains(re.CapNames(), "secret")
}
