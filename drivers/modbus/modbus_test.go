package modbus_test

import (
	"testing"

	"linkd/drivers/drivertest"
	"linkd/drivers/modbus"
)

func TestRTU(t *testing.T) { drivertest.Run(t, modbus.RTU()) }

func TestTCP(t *testing.T) {
	t.Chdir("tcp")
	drivertest.Run(t, modbus.TCP())
}

func TestASCII(t *testing.T) {
	t.Chdir("ascii")
	drivertest.Run(t, modbus.ASCII())
}
