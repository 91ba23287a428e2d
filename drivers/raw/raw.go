// Package raw is the driver without a protocol: it lets bytes through. See its README.
package raw

import (
	"fmt"

	"linkd/drivers"
	"linkd/project"
)

// Driver describes raw.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name:    "raw",
		Title:   "Bytes through: send, tap, tunnel",
		Links:   []project.LinkKind{project.TCPServer, project.TCPClient},
		Compile: compile,
	}
}

// channel is a compiled channel and, having no state, the machine of all its links.
type channel struct{ echo bool }

func compile(ch *project.Channel, _ []*project.Model) (drivers.Channel, error) {
	c := &channel{}
	for name, v := range ch.Options {
		on, isBool := v.(bool)
		switch {
		case name != "echo":
			return nil, &project.FieldError{Field: "options." + name,
				Err: fmt.Errorf("raw has no option %q; it has echo", name)}
		case !isBool:
			return nil, &project.FieldError{Field: "options.echo", Err: fmt.Errorf("echo is %v; write true or false", v)}
		}
		c.echo = on
	}
	if len(ch.Devices) > 0 {
		return nil, &project.FieldError{Field: "devices",
			Err: fmt.Errorf("raw knows no devices; leave them out, or choose a driver with a protocol")}
	}
	return c, nil
}

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
