// Package raw is the driver without a protocol: it lets bytes through. See its README.
package raw

import (
	_ "embed"
	"errors"
	"fmt"

	"linkd/drivers"
	"linkd/project"
	"linkd/project/options"
)

//go:embed README.md
var readme string

// Driver describes raw.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name:    "raw",
		Title:   "Bytes through: send, tap, tunnel",
		Links:   []project.LinkKind{project.TCPServer, project.TCPClient},
		Ask:     func(o *options.Options) { ask(o) },
		Compile: compile, Readme: readme,
	}
}

// channel is a compiled channel and, having no state, the machine of all its links.
type channel struct{ echo bool }

func compile(ch *project.Channel, _ []*project.Model) (drivers.Channel, error) {
	o := options.Read(ch.Options)
	c := ask(o)
	errs := []error{o.Err()}
	for _, name := range o.Unknown() {
		errs = append(errs, &project.FieldError{Field: "options." + name,
			Err: fmt.Errorf("raw has no option %q; it has echo", name)})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(ch.Devices) > 0 {
		return nil, &project.FieldError{Field: "devices",
			Err: fmt.Errorf("raw knows no devices; leave them out, or choose a driver with a protocol")}
	}
	return c, nil
}

// ask asks for all options.
func ask(o *options.Options) *channel { return &channel{echo: o.Flag("echo", false)} }

// Machine implements drivers.Channel.
func (c *channel) Machine() drivers.Machine { return c }

// Open implements drivers.Machine.
func (c *channel) Open(int64, drivers.Link) {}

// Receive implements drivers.Machine: it takes everything.
func (c *channel) Receive(_ int64, b []byte, l drivers.Link) int {
	if c.echo {
		_ = l.Send(b) // a device that does not read its echo is closed by the link
	}
	return len(b)
}

// Timer implements drivers.Machine; raw asks for none.
func (c *channel) Timer(int64, drivers.Link) {}

// Close implements drivers.Machine.
func (c *channel) Close(int64, drivers.Link) {}
