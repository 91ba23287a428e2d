package drivers

import (
	"fmt"
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
	d := t.Find(ch.Driver)
	if d == nil {
		return []error{&project.FieldError{Field: "driver", Err: t.Unknown(ch.Driver)}}
	}
	if err := d.Allow(kind); err != nil {
		return []error{&project.FieldError{Field: "driver", Err: err}}
	}
	_, err := d.Compile(ch, models)
	return faults(err)
}

// faults returns the errors that err joins, nil for none.
func faults(err error) (list []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, e := range joined.Unwrap() {
		list = append(list, faults(e)...)
	}
	return list
}
