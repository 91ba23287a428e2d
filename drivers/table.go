package drivers

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"linkd/project"
)

// Table is the drivers of this linkd. It is what project.Load asks about channels.
type Table []*Driver

var _ project.Catalog = Table(nil)

// Find returns the driver with a name, nil when there is none.
func (t Table) Find(name string) *Driver {
	for _, d := range t {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Unknown is the error for a driver that is not in the table.
func (t Table) Unknown(name string) error {
	names := make([]string, len(t))
	for i, d := range t {
		names[i] = d.Name
	}
	return fmt.Errorf("driver %q is not known; choose one of: %s", name, strings.Join(names, ", "))
}

// Check implements project.Catalog.
func (t Table) Check(ch *project.Channel, models []*project.Model, kind project.LinkKind) []error {
	var errs []error
	for _, g := range groups(ch) {
		d := t.Find(g.channel.Driver)
		err := t.Unknown(g.channel.Driver)
		if d != nil {
			err = d.Allow(kind)
		}
		if err != nil {
			errs = append(errs, &project.FieldError{Field: g.place + "driver", Err: err})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	_, err := t.Compile(ch, models)
	return project.Unjoined(err)
}

// Joiner is a Channel that can share its links with channels of other drivers: whose frames can be told apart, and
// that ask one question at a time between them.
type Joiner interface {
	// Join returns a channel that does the work of all. Devices and tags are numbered in the order of the channels, its
	// own first. The error says which of the others cannot be joined, and why.
	Join(others []Channel) (Channel, error)
}

// Compile turns one channel of the project into what all its links share: of one driver, or of several joined where
// devices name their own. Errors are as those of Driver.Compile.
func (t Table) Compile(ch *project.Channel, models []*project.Model) (Channel, error) {
	parts := groups(ch)
	compiled := make([]Channel, len(parts))
	var errs []error
	for i, g := range parts {
		d := t.Find(g.channel.Driver)
		if d == nil {
			return nil, t.Unknown(g.channel.Driver)
		}
		c, err := d.Compile(g.channel, models)
		for _, fault := range project.Unjoined(err) {
			errs = append(errs, g.placed(fault))
		}
		compiled[i] = c
	}
	if err := errors.Join(errs...); err != nil || len(parts) == 1 {
		return compiled[0], err
	}
	for i, c := range compiled {
		if _, ok := c.(Joiner); !ok {
			return nil, &project.FieldError{Field: parts[i].place + "driver", Err: fmt.Errorf("driver %s cannot share a link "+
				"with another; give all devices of the channel one driver", parts[i].channel.Driver)}
		}
	}
	c, err := compiled[0].(Joiner).Join(compiled[1:])
	if err != nil {
		return nil, &project.FieldError{Field: "devices", Err: err}
	}
	return c, nil
}

// Of returns the drivers that a channel needs, its own first. All must be in the table.
func (t Table) Of(ch *project.Channel) (list []*Driver) {
	for _, g := range groups(ch) {
		list = append(list, t.Find(g.channel.Driver))
	}
	return list
}

// group is the devices of a channel that have one driver with the same options, as a channel of their own.
type group struct {
	channel *project.Channel
	place   string // where their driver stands in the project file: a prefix of fields
}

// groups takes a channel apart by driver. The channel's own driver comes first, unless no device has it.
func groups(ch *project.Channel) []group {
	list := []group{{channel: ch}}
	for _, d := range ch.Devices {
		if d.Driver != "" && d.Driver != ch.Driver || d.Options != nil {
			own := *ch
			own.Devices = nil
			list[0].channel = &own
			break
		}
	}
	if list[0].channel == ch {
		return list
	}
	for _, d := range ch.Devices {
		driver, options := ch.Driver, ch.Options
		if d.Driver != "" && (d.Driver != ch.Driver || d.Options != nil) {
			driver, options = d.Driver, d.Options
		}
		i := slices.IndexFunc(list, func(g group) bool {
			return g.channel.Driver == driver && reflect.DeepEqual(g.channel.Options, options)
		})
		if i < 0 {
			own := *ch
			own.Driver, own.Options, own.Devices = driver, options, nil
			i = len(list)
			list = append(list, group{channel: &own, place: "devices." + d.Name + "."})
		}
		list[i].channel.Devices = append(list[i].channel.Devices, d)
	}
	if len(list[0].channel.Devices) == 0 {
		list = list[1:]
	}
	return list
}

// placed says where in the project file a fault of the group stands.
func (g group) placed(err error) error {
	fe := (*project.FieldError)(nil)
	if g.place != "" && errors.As(err, &fe) && strings.HasPrefix(fe.Field, "options") {
		return &project.FieldError{Field: g.place + fe.Field, Err: fe.Err}
	}
	return err
}
