// Package dlt645 owns the driver dlt645: electricity meters that speak DL/T 645-2007 or DL/T 645-1997. See its README.
package dlt645

import (
	_ "embed"
	"errors"
	"fmt"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
	"linkd/project"
	"linkd/project/options"
)

//go:embed README.md
var readme string

// Driver describes dlt645.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name: "dlt645", Title: "Electricity meters, DL/T 645-2007 and 1997",
		Links:    []project.LinkKind{project.TCPServer, project.TCPClient},
		MaxFrame: maxFrame, Polls: true,
		Ask:     func(o *options.Options) { (&channel{}).options(o) },
		Compile: compile, Readme: readme + poll.Readme,
	}
}

// channel is a channel while it is compiled, and what its exchanges share.
type channel struct {
	version *version
	set     *tags.Set
	meters  [][6]byte // by device: addresses as on the wire
	refs    []ref     // by tag
	wakeUp  int
	said    []poll.Announcement
	key     []byte // what goes before the value of a write; nil: there is no password
}

// ref is where a tag is.
type ref struct {
	id     uint32
	signed bool
	size   int // bytes of data that the meter answers
}

const (
	defaultWakeUp = 4
	mostWakeUp    = 16
	defaultLevel  = 2
)

func compile(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
	c, o := &channel{}, options.Read(ch.Options)
	times := c.options(o)
	err := poll.Done(o)
	if err != nil {
		return nil, err
	}
	if len(ch.Devices) == 0 {
		return nil, &project.FieldError{Field: "devices", Err: errors.New("a dlt645 channel has devices; write " +
			`devices: [{name: m1, address: "123456789012", model: …}]`)}
	}
	if c.set, err = tags.Compile(c.version.formats(ch, models)); err != nil {
		return nil, err
	}
	if err := errors.Join(c.addresses(), c.identifiers(written(ch, models))); err != nil {
		return nil, err
	}
	cfg := poll.Config{Tags: c.set, Writes: c.writes, Explain: c.version.explain, Options: times, MaxFrame: maxFrame,
		Announce: c.said}
	for d := range c.set.Devices {
		cfg.Plan = append(cfg.Plan, c.plan(d)...)
	}
	out, err := poll.New(cfg)
	if err != nil {
		return nil, &project.FieldError{Field: "poll", Err: err}
	}
	return out, nil
}

// written is the tags of the project file in the order in which they are compiled.
func written(ch *project.Channel, models []*project.Model) (list []*project.Tag) {
	for _, d := range ch.Devices {
		for _, m := range models {
			if m.Name == d.Model {
				list = append(list, m.Tags...)
			}
		}
		list = append(list, d.Tags...)
	}
	return list
}

// options reads all options.
func (c *channel) options(o *options.Options) poll.Options {
	years := []string{"2007", "1997"}
	switch text := o.Ask(options.Option{Key: "version", Kind: options.Choice, Default: years[0], Choices: years}); text {
	case "", "2007":
		c.version = v2007()
	case "1997":
		c.version = v1997()
	default:
		o.Fault("version", "is %q; write 2007 or 1997", text)
		c.version = v2007()
	}
	c.wakeUp = o.Count("wake_up", defaultWakeUp, 0, mostWakeUp)
	c.login(o)
	c.said = c.clock(o)
	return poll.ReadOptions(o)
}

// login reads what goes before the value of a write.
func (c *channel) login(o *options.Options) {
	var password [3]byte
	var operator [4]byte
	secret := o.Ask(options.Option{Key: "password", Kind: options.Password})
	level := o.Count("level", defaultLevel, 0, 99)
	person := o.Text("operator", "00000000")
	if secret != "" && !digits(password[:], secret) {
		o.Fault("password", "is not 6 digits; write them in quotes, as in \"000000\"")
	}
	if person != "" && !digits(operator[:], person) {
		o.Fault("operator", "is %q; write 8 digits in quotes, as in \"00000001\"", person)
	}
	if o.Value("operator") != nil && person != "" && !c.version.codeAndLevel {
		o.Fault("operator", "is for version 2007; leave it out")
	}
	if secret != "" {
		c.key = append([]byte{bcd(level)}, password[:]...)
		if c.version.codeAndLevel {
			c.key = append(c.key, operator[:]...)
		}
	}
}

// addresses reads the devices' addresses.
func (c *channel) addresses() error {
	c.meters = make([][6]byte, len(c.set.Devices))
	var errs []error
	for i := range c.set.Devices {
		dev := &c.set.Devices[i]
		if !digits(c.meters[i][:], dev.Address) || dev.Address == "999999999999" {
			errs = append(errs, &project.FieldError{Field: "devices." + dev.Name + ".address",
				Err: fmt.Errorf("address of device %s is %q; write the meter's own 12 digits in quotes, leading zeros too, as in "+
					"\"000123456789\"", dev.Name, dev.Address)})
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return c.set.Distinct(false)
}

// identifiers reads the tags' addresses. list is the tags as the project file has them.
func (c *channel) identifiers(list []*project.Tag) error {
	c.refs = make([]ref, len(c.set.Tags))
	var errs []error
	for i := range c.set.Tags {
		var err error
		if c.refs[i], err = c.ref(&c.set.Tags[i], list[i].Type != ""); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ref reads the address of one tag. The error says what would be right.
func (c *channel) ref(t *tags.Tag, typed bool) (ref, error) {
	v := c.version
	id, ok := v.parse(t.Address)
	r := ref{id: id, size: t.Size}
	if !ok {
		example := "02010100"
		if v.size == 2 {
			example = "9010"
		}
		return r, t.AddressFault("is %q; write the data identifier of DL/T 645-%s as %d hex digits in quotes, such as %q",
			t.Address, v.year, 2*v.size, example)
	}
	k := v.item(id)
	if k != nil && k.typ == t.Type && k.length == t.Size {
		r.signed, r.size = k.signed, max(k.size, k.length)
	}
	most := maxRead - v.size
	switch {
	case v.block(id):
		return r, t.AddressFault("is %q, a block of several values; write a tag for each of its identifiers", t.Address)
	case !typed && k != nil && k.length != t.Size:
		return r, t.Fault("length is %d, but %s %s has %d bytes; leave length out, or write its type too", t.Size, t.Address,
			k.what, k.length)
	case !typed && k == nil:
		return r, t.AddressFault("is %q, of which linkd does not know the format; write its type, as in "+
			"type: bcd, length: 4, scale: 0.01", t.Address)
	case t.Size > most:
		return r, t.Fault("length is %d; an answer holds at most %d bytes", t.Size, most)
	case !t.Writable:
		return r, nil
	case c.key == nil && v.codeAndLevel:
		return r, t.Fault("writable needs the meter's password; write options: {password: \"000000\", level: 2}, or " +
			"leave writable out")
	case r.signed || r.size != t.Size:
		return r, t.Fault("%s is measured by the meter; leave writable out", k.what)
	case v.size+len(c.key)+t.Size > maxSent:
		return r, t.Fault("length is %d; a write holds at most %d bytes", t.Size, maxSent-v.size-len(c.key))
	}
	return r, nil
}
