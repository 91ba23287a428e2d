// Package catalog is the one table of the drivers that linkd has. A new driver is one line here.
package catalog

import (
	"linkd/drivers"
	"linkd/drivers/dlt645"
	"linkd/drivers/modbus"
	"linkd/drivers/raw"
	"linkd/drivers/sim"
)

// New returns the table.
func New() drivers.Table {
	return drivers.Table{
		raw.Driver(),
		modbus.RTU(), modbus.TCP(), modbus.ASCII(),
		dlt645.Driver(),
		sim.Driver(),
	}
}
