// Package modbus owns the Modbus drivers: one PDU codec under three framings (RTU over TCP, Modbus TCP, ASCII). See its
// README.
package modbus

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

// RTU describes modbus-rtu: RTU frames over a TCP link, as serial servers and DTUs pass them on.
func RTU() *drivers.Driver {
	return driver("modbus-rtu", "Modbus RTU over TCP", rtu{}, maxRTU, "")
}

// TCP describes modbus-tcp.
func TCP() *drivers.Driver {
	return driver("modbus-tcp", "Modbus TCP", tcp{}, maxTCP, tcpReadme)
}

// ASCII describes modbus-ascii.
func ASCII() *drivers.Driver {
	return driver("modbus-ascii", "Modbus ASCII over TCP", ascii{}, maxASCII, "")
}

//go:embed README.md
var readme string

//go:embed tcp/README.md
var tcpReadme string

// driver describes one of the three; own is what it has to say of options that the others do not have.
func driver(name, title string, f framing, maxFrame int, own string) *drivers.Driver {
	return &drivers.Driver{
		Name: name, Title: title, Links: []project.LinkKind{project.TCPServer, project.TCPClient},
		MaxFrame: maxFrame, Polls: true, Readme: own + readme + poll.Readme,
		Ask: func(o *options.Options) { (&channel{framing: f}).options(o) },
		Compile: func(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
			return compile(ch, models, f, maxFrame)
		},
	}
}

// channel is a channel while it is compiled, and what its exchanges share.
type channel struct {
	framing       framing
	set           *tags.Set
	refs          []ref // by tag
	maxBlock      int   // registers of one request
	maxGap        int   // registers between tags that are read along
	writeMultiple bool  // FC 15 and 16 even for one
	readWrite     bool  // FC 23 for a write with read-back
	inFlight      int   // questions at once; TCP alone
	unsolicited   bool  // answers that nobody asked for are taken
	heard         []poll.Planned
}

// Limits of the project file.
const (
	defaultBlock = 100
	mostBlock    = 125
	defaultGap   = 8
	mostInFlight = 16
)

func compile(ch *project.Channel, models []*project.Model, f framing, maxFrame int) (drivers.Channel, error) {
	c, o := &channel{framing: f}, options.Read(ch.Options)
	times := c.options(o)
	err := poll.Done(o)
	if err != nil {
		return nil, err
	}
	if len(ch.Devices) == 0 {
		return nil, &project.FieldError{Field: "devices", Err: errors.New("a Modbus channel has devices; write " +
			"devices: [{name: d1, unit: 1, model: …}]")}
	}
	if c.set, err = tags.Compile(ch, models); err != nil {
		return nil, err
	}
	cfg := poll.Config{Tags: c.set, Writes: c.writes, Split: c.split, Explain: c.explain, Options: times,
		MaxFrame: maxFrame, Distinct: f == tcp{}}
	var errs []error
	c.refs = make([]ref, len(c.set.Tags))
	for d := range c.set.Devices {
		dev := &c.set.Devices[d]
		if err := c.unit(d); err != nil {
			errs = append(errs, err)
		}
		for i := dev.First; i < dev.End; i++ {
			if c.refs[i], err = parseAddress(i, &c.set.Tags[i]); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) == 0 {
			polled := append([]ref(nil), c.refs[dev.First:dev.End]...)
			cfg.Plan = append(cfg.Plan, c.plan(d, byte(dev.Unit), polled)...)
		}
	}
	cfg.InFlight = c.inFlight
	if c.unsolicited {
		errs = append(errs, c.listen(&cfg))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	out, err := poll.New(cfg)
	if err != nil {
		return nil, &project.FieldError{Field: "poll", Err: err}
	}
	return out, nil
}

// unit says what is wrong with the unit of device d: each has its own, as an answer names nothing else.
func (c *channel) unit(d int) error {
	dev := &c.set.Devices[d]
	fault := func(format string, args ...any) error {
		return &project.FieldError{Field: "devices." + dev.Name + ".unit", Err: fmt.Errorf(format, args...)}
	}
	if c.framing != (tcp{}) && (dev.Unit < 1 || dev.Unit > 247) {
		return fault("unit of device %s is %d; write 1 to 247", dev.Name, dev.Unit)
	}
	for _, other := range c.set.Devices[:d] {
		if other.Unit == dev.Unit {
			return fault("unit of device %s is %d, which is device %s's already; write the unit that it has on the line, "+
				"or one device with the tags of both", dev.Name, dev.Unit, other.Name)
		}
	}
	return nil
}

// options reads all options.
func (c *channel) options(o *options.Options) poll.Options {
	c.maxBlock = o.Count("max_block", defaultBlock, 1, mostBlock)
	c.maxGap = o.Count("max_gap", defaultGap, 0, mostBlock)
	if c.framing == (tcp{}) {
		c.inFlight = o.Count("in_flight", 1, 1, mostInFlight)
	}
	c.writeMultiple, c.readWrite = o.Flag("write_multiple", false), o.Flag("read_write", false)
	c.unsolicited = o.Flag("unsolicited", false)
	return poll.ReadOptions(o)
}
