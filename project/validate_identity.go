package project

import (
	"regexp"
	"slices"
	"strings"
)

// preset says which identity keys mean something to a preset, beside timeout, quiet, max_bytes and heartbeat.
type preset struct {
	name string
	keys []string
	acks bool // ack and nack; false where the protocol has its own
}

var presets = []preset{
	{name: "auto", acks: true},
	{name: "usr", keys: []string{"mode", "prefix"}, acks: true},
	{name: "template", keys: []string{"length", "prefix", "suffix"}, acks: true},
	{name: "four-faith", acks: true},
	{name: "ddp"},
	{name: "inhand", acks: true},
	{name: "imei"},
	{name: "line", keys: []string{"prefix", "suffix"}, acks: true},
	{name: "fixed", keys: []string{"length", "prefix", "suffix"}, acks: true},
	{name: "length-prefixed", keys: []string{"length", "endian", "prefix"}, acks: true},
	{name: "hex", keys: []string{"length", "prefix", "suffix"}, acks: true},
	{name: "regex", keys: []string{"pattern"}, acks: true},
}

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
	case "fixed":
		if id.Length == 0 && !n.faulty("length") {
			c.add(n.where("length"), "preset fixed has no length; write the bytes of an id")
		}
	case "template":
		if id.Length == 0 && len(id.Prefix)+len(id.Suffix) == 0 && !n.faulty("length") && !n.faulty("prefix") &&
			!n.faulty("suffix") {
			c.add(n.where("length"), "preset template has no length, prefix or suffix; write what surrounds the id")
		}
	case "length-prefixed":
		if id.Length != 1 && id.Length != 2 && id.Length != 4 && !n.faulty("length") {
			c.add(n.where("length"), "length is %d; write the bytes of the length field, 1, 2 or 4", id.Length)
		}
	case "regex":
		c.regex(n, id)
	}
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
		ack := key == "ack" || key == "nack"
		if !set[key] || slices.Contains(p.keys, key) || ack && p.acks || n.faulty(key) {
			continue
		}
		if ack {
			c.add(n.where(key), "preset %s has an acknowledgement of its own; remove %s", p.name, key)
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
	re, err := regexp.Compile(id.Pattern)
	switch {
	case err != nil:
		c.add(n.where("pattern"), "pattern: %s; write a regular expression in RE2 syntax",
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case re.SubexpIndex("id") < 0:
		c.add(n.where("pattern"), `pattern %s has no group named id; write (?P<id>…) around the id`, clip(id.Pattern))
	}
}

// carriesSecret reports whether a link can send a secret with its id.
func (id *Identity) carriesSecret() bool {
	if id.Preset != "regex" {
		return false
	}
	re, err := regexp.Compile(id.Pattern)
	return err != nil || re.SubexpIndex("secret") >= 0
}
