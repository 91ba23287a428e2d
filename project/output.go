package project

import "errors"

// OutputCatalog is what a Catalog may be too: then outputs are checked, and otherwise their types and options are not.
type OutputCatalog interface {
	// CheckOutput says all that is wrong with o: a type that is not known, or that refuses the format or options. An
	// error that is (or wraps) a *FieldError is shown at that field, any other at the output.
	CheckOutput(o *Output) []error
}

func (l *loader) output(n *node) *Output {
	o := &Output{}
	for _, e := range l.fields(n, "an output", outputKeys) {
		switch e.key {
		case "name":
			o.Name = l.text(e)
		case "title":
			o.Title = l.text(e)
		case "type":
			o.Type = l.text(e)
		case "format":
			o.Format = l.text(e)
		case "options":
			o.Options = l.options(e, "the output's")
		}
	}
	return o
}

func (w *writer) output(o *Output) {
	w.textField("name", o.Name)
	w.textField("title", o.Title)
	w.textField("type", o.Type)
	w.textField("format", o.Format)
	w.optionsField(o.Options)
}

// outputs checks all outputs.
func (c *checker) outputs(cat Catalog) {
	seen := make(names)
	types, _ := cat.(OutputCatalog)
	c.enter("outputs")
	defer c.leave()
	for i, o := range c.project.Outputs {
		c.item(i, o.Name)
		n := nth(c.places.outputs, i)
		if n != nil && n.bad {
			continue
		}
		before := len(c.list)
		if c.name(n, "name", "the output", o.Name) {
			c.unique(seen, n, "output", o.Name)
		}
		if o.Type == "" && !n.faulty("type") {
			c.add(n.where("type"), "output %s has no type; name the protocol that it speaks", o.Name)
		}
		if types != nil && len(c.list) == before {
			for _, err := range types.CheckOutput(o) {
				c.told(n, err, func(field string) string { return field })
			}
		}
	}
}

// told reports what a catalogue says about the noun at n, to which the trail leads. path makes the path of a field.
func (c *checker) told(n *node, err error, path func(string) string) {
	at := spot{n, ""}
	if fe := (*FieldError)(nil); errors.As(err, &fe) {
		at = spot{n.path(fe.Field), path(fe.Field)}
	}
	if at.node != nil && at.node.bad {
		return // what is wrong with it has been said
	}
	if at.node != nil {
		at.node = &node{line: at.node.line, col: at.node.col}
	}
	c.add(at, "%s", err)
}
