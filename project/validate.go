package project

import (
	"fmt"
	"strings"
)

// MaxName is the longest name, in bytes.
const MaxName = 128

// checker validates one project. Every rule has one place here or in the files beside, whether the project comes from
// a file or from the API; what comes from a file has places.
type checker struct {
	*faults
	project   *Project
	places    *places
	providers map[string]*population
}

// validate reports everything that is wrong with p.
func validate(p *Project, pl *places, cat Catalog, f *faults) {
	c := &checker{faults: f, project: p, places: pl, providers: make(map[string]*population)}
	root := pl.root
	if root == nil || !root.bad {
		c.name(root, "project", "the project", p.Name)
	}
	c.allProviders()
	models := c.models()
	c.channels(cat, models)
	c.outputs(cat)
}

// name checks a name under n's key; it reports whether the name can be used.
func (c *checker) name(n *node, key, what, name string) bool {
	if n.faulty(key) || n != nil && n.bad {
		return false
	}
	if name == "" {
		c.add(n.where(key), "%s has no name; write %s: NAME", what, key)
		return false
	}
	if problem := badName(name); problem != "" {
		c.add(n.where(key), "%s %s %s", key, clip(name), problem)
		return false
	}
	return true
}

// badName says why s is not a name; empty when it is one.
func badName(s string) string {
	if len(s) > MaxName {
		return fmt.Sprintf("is %d bytes long; write at most %d", len(s), MaxName)
	}
	for i := range len(s) {
		letter := 'a' <= s[i] && s[i] <= 'z' || 'A' <= s[i] && s[i] <= 'Z'
		if !letter && (i == 0 || !digit(s[i]) && s[i] != '_') {
			return "is not a name; start with a letter, go on with letters, digits and _"
		}
	}
	return ""
}

// line says where something else is, for the end of a phrase: " (line 4)", or nothing.
func (n *node) place() string {
	if n == nil || n.line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", n.line)
}

// names finds names that are there twice.
type names map[string]*node

// unique reports a name that seen has already, and otherwise remembers it.
func (c *checker) unique(seen names, n *node, what, name string) bool {
	if first, taken := seen[name]; taken {
		c.add(n.where("name"), "there is %s %s already%s; give each its own name", article(what), name, first.place())
		return false
	}
	seen[name] = n
	return true
}

// article returns what with its article.
func article(what string) string {
	if strings.ContainsAny(what[:1], "aeiou") {
		return "an " + what
	}
	return "a " + what
}

// choose checks that a value is one of the allowed ones. Empty values are the caller's.
func (c *checker) choose(n *node, key, value string, allowed ...string) {
	if value == "" || n.faulty(key) {
		return
	}
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.add(n.where(key), "%s is %s; write %s", key, clip(value), strings.Join(allowed, " or "))
}

// models checks the models and returns them by name.
func (c *checker) models() map[string]*Model {
	byName := make(map[string]*Model, len(c.project.Models))
	seen := make(names)
	c.enter("models")
	defer c.leave()
	for i, m := range c.project.Models {
		c.item(i, m.Name)
		n := nth(c.places.models, i)
		if !c.name(n, "name", "the model", m.Name) || !c.unique(seen, n, "model", m.Name) {
			continue
		}
		byName[m.Name] = m
		if len(m.Tags) == 0 && !n.faulty("tags") {
			c.add(n.where("tags"), "model %s has no tags; write at least one", m.Name)
		}
	}
	for i, m := range c.project.Models {
		c.item(i, m.Name)
		c.tags(nth(c.places.models, i), m.Tags, nil)
	}
	return byName
}

// tags checks the tags under n, whose names must differ from those of model too.
func (c *checker) tags(n *node, tags []*Tag, model *Model) {
	seen := make(names, len(tags))
	list := n.get("tags").itemsOrNone()
	c.enter("tags")
	defer c.leave()
	for i, t := range tags {
		c.item(i, t.Name)
		at := nth(list, i)
		if at == nil {
			at = n
		}
		if t.Poll != 0 && t.Poll < minPoll {
			c.add(at.where("poll"), "poll is %s; write %s or more", t.Poll, minPoll)
		}
		if !c.name(at, "name", "the tag", t.Name) || !c.unique(seen, at, "tag", t.Name) || model == nil {
			continue
		}
		for _, other := range model.Tags {
			if other.Name == t.Name {
				c.add(at.where("name"), "model %s has a tag %s already; give each its own name", model.Name, t.Name)
			}
		}
	}
}

// devices checks the devices of a channel.
func (c *checker) devices(n *node, ch *Channel, models map[string]*Model) {
	seen := make(names, len(ch.Devices))
	list := n.get("devices").itemsOrNone()
	c.enter("devices")
	defer c.leave()
	for i, d := range ch.Devices {
		c.item(i, d.Name)
		at := nth(list, i)
		if at == nil {
			at = n
		}
		if c.name(at, "name", "the device", d.Name) {
			c.unique(seen, at, "device", d.Name)
		}
		if d.Unit < 0 || d.Unit > 255 {
			c.add(at.where("unit"), "unit is %d; write a whole number from 0 to 255", d.Unit)
		}
		if d.Poll != 0 && d.Poll < minPoll {
			c.add(at.where("poll"), "poll is %s; write %s or more", d.Poll, minPoll)
		}
		if d.Driver == "" && len(d.Options) > 0 {
			c.add(at.where("options"), "device %s has options without a driver of its own; write them at the channel, "+
				"or name the driver", d.Name)
		}
		model := models[d.Model]
		switch {
		case at.faulty("model") || at.faulty("tags") || at != nil && at.bad:
		case d.Model != "" && model == nil:
			known := make([]string, 0, len(models))
			for _, m := range c.project.Models {
				known = append(known, m.Name)
			}
			c.add(at.where("model"), "there is no model %s; %s", clip(d.Model), suggestName(d.Model, known, "model"))
		case d.Model == "" && len(d.Tags) == 0:
			c.add(at.where("tags"), "device %s has no tags; write model: NAME, or tags", d.Name)
		}
		c.tags(at, d.Tags, model)
	}
}

// suggestName is suggest for things that the file itself defines, which can be many or none.
func suggestName(word string, known []string, what string) string {
	if len(known) == 0 {
		return fmt.Sprintf("define a %s of that name first", what)
	}
	return suggest(word, known[:min(len(known), 20)])
}

// catalog reports what the drivers say about a channel.
func (c *checker) catalog(cat Catalog, n *node, ch *Channel, kind LinkKind) {
	for _, err := range cat.Check(ch, c.project.Models, kind) {
		c.told(n, err, ch.fieldPath)
	}
}
