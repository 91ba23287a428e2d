// Package catalog is the one table of the drivers that linkd has. A new driver is one line here.
package catalog

import (
	"linkd/drivers"
	"linkd/drivers/binary"
	"linkd/drivers/dlt645"
	"linkd/drivers/json"
	"linkd/drivers/modbus"
	"linkd/drivers/raw"
	"linkd/drivers/sim"
	"linkd/drivers/text"
)

// New returns the table.
func New() drivers.Table {
	return drivers.Table{
		raw.Driver(),
		modbus.RTU(), modbus.TCP(), modbus.ASCII(),
		dlt645.Driver(), binary.Driver(), text.Driver(), json.Driver(), sim.Driver(),
	}
}
