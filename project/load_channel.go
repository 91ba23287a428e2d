package project

func (l *loader) model(n *node) *Model {
	m := &Model{}
	for _, e := range l.fields(n, "a model", modelKeys) {
		switch e.key {
		case "name":
			m.Name = l.text(e)
		case "title":
			m.Title = l.text(e)
		case "tags":
			m.Tags = l.tags(e)
		}
	}
	return m
}

func (l *loader) tags(list entry) []*Tag {
	var tags []*Tag
	for _, item := range l.items(list) {
		tags = append(tags, l.tag(item))
	}
	return tags
}

func (l *loader) tag(n *node) *Tag {
	t := &Tag{Scale: 1}
	for _, e := range l.fields(n, "a tag", tagKeys) {
		switch e.key {
		case "name":
			t.Name = l.text(e)
		case "title":
			t.Title = l.text(e)
		case "address":
			t.Address = l.text(e)
		case "type":
			t.Type = l.text(e)
		case "unit":
			t.Unit = l.text(e)
		case "scale", "offset", "clamp", "decimals", "deadband", "expr":
			l.conversion(t, e)
		default:
			l.access(t, e)
		}
	}
	return t
}

// conversion reads the keys that say how a value becomes what people read.
func (l *loader) conversion(t *Tag, e entry) {
	const huge, number = 1e300, "a number such as 0.1"
	switch e.key {
	case "scale":
		if t.Scale = l.number(e, -huge, huge, number); t.Scale == 0 && !e.value.bad {
			l.add(e.here(), "scale is 0, which makes every value 0; write another number")
		}
	case "offset":
		t.Offset = l.number(e, -huge, huge, number)
	case "clamp":
		items := l.list(e)
		if e.value.bad || len(items) != 2 {
			l.add(e.here(), "clamp is %s; write the limits as [LOW, HIGH]", describe(e.value))
			return
		}
		t.Clamp = &[2]float64{l.number(entry{"clamp", items[0], items[0]}, -huge, huge, number),
			l.number(entry{"clamp", items[1], items[1]}, -huge, huge, number)}
		if t.Clamp[0] >= t.Clamp[1] {
			l.add(e.here(), "clamp is [%g, %g]; write the lower limit first", t.Clamp[0], t.Clamp[1])
		}
	case "decimals":
		n := int(l.integer(e, 0, 9))
		t.Decimals = &n
	case "deadband":
		t.Deadband = l.number(e, 0, huge, "a number from 0")
	case "expr":
		t.Expr = l.longText(e, maxPattern)
	}
}

// access reads the keys that say how a tag is read and written.
func (l *loader) access(t *Tag, e entry) {
	switch e.key {
	case "order":
		t.Order = l.text(e)
	case "length":
		t.Length = int(l.integer(e, 1, maxText))
	case "poll":
		t.Poll = l.duration(e)
	case "writable":
		t.Writable = l.boolean(e)
	case "readback":
		t.Readback = l.boolean(e)
	case "on_change":
		t.OnChange = l.boolean(e)
	}
}

func (l *loader) channel(n *node) *Channel {
	c := &Channel{}
	for _, e := range l.fields(n, "a channel", channelKeys) {
		switch e.key {
		case "name":
			c.Name = l.text(e)
		case "title":
			c.Title = l.text(e)
		case "connection":
			c.Connection = l.text(e)
		case "driver":
			c.Driver = l.text(e)
		case "poll":
			c.Poll = l.duration(e)
		case "devices":
			for _, item := range l.items(e) {
				c.Devices = append(c.Devices, l.device(item))
			}
		case "options":
			c.Options = l.options(e, "the driver's")
		}
	}
	return c
}

// maxOptions bounds how deep options are nested, so that a file has room for them wherever they stand.
const maxOptions = 12

// options reads what only a driver, or another owner, understands.
func (l *loader) options(e entry, whose string) map[string]any {
	if e.value.kind != mapKind {
		l.add(e.here(), "options is %s; write %s options as key: value", describe(e.value), whose)
		return nil
	}
	if len(e.value.entries) == 0 {
		return nil
	}
	if e.value.deeper(maxOptions) {
		l.add(e.here(), "options is nested more than %d deep; write %s options flatter", maxOptions, whose)
		return nil
	}
	l.enter(e.key)
	m, _ := l.free(e.value).(map[string]any)
	l.leave()
	return m
}

func (l *loader) device(n *node) *Device {
	d := &Device{}
	for _, e := range l.fields(n, "a device", deviceKeys) {
		switch e.key {
		case "name":
			d.Name = l.text(e)
		case "title":
			d.Title = l.text(e)
		case "unit":
			d.Unit = int(l.integer(e, 0, 255))
		case "address":
			d.Address = l.text(e)
		case "model":
			d.Model = l.text(e)
		case "driver":
			d.Driver = l.text(e)
		case "options":
			d.Options = l.options(e, "the driver's")
		case "poll":
			d.Poll = l.duration(e)
		case "tags":
			d.Tags = l.tags(e)
		}
	}
	return d
}
