package tags

import (
	"fmt"

	"linkd/project"
)

// ID is what a device calls itself where it does not go by a number: its address, or its name where it has none.
func (d *Device) ID() string {
	if d.Address != "" {
		return d.Address
	}
	return d.Name
}

// ByUnit returns the device with a unit number, -1 when there is none.
func (s *Set) ByUnit(unit int) int {
	for i := range s.Devices {
		if s.Devices[i].Unit == unit {
			return i
		}
	}
	return -1
}

// ByID returns the device with an ID, -1 when there is none.
func (s *Set) ByID(id []byte) int {
	for i := range s.Devices {
		if string(id) == s.Devices[i].ID() {
			return i
		}
	}
	return -1
}

// Distinct says which devices could not be told apart by their units, or their IDs; nil when all can be.
func (s *Set) Distinct(byUnit bool) error {
	for i := range s.Devices {
		d := &s.Devices[i]
		field, what, first := "address", "id "+d.ID(), s.ByID([]byte(d.ID()))
		if byUnit {
			field, what, first = "unit", fmt.Sprintf("unit %d", d.Unit), s.ByUnit(d.Unit)
		}
		if first != i {
			return &project.FieldError{Field: "devices." + d.Name + "." + field,
				Err: fmt.Errorf("devices %s and %s both have %s, and what they say is told apart by it; write another %s",
					s.Devices[first].Name, d.Name, what, field)}
		}
	}
	return nil
}
