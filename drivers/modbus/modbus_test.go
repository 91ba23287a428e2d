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

func FuzzLink(f *testing.F) {
	drivertest.Fuzz(f, modbus.RTU(), `driver: modbus-rtu, poll: 10s, devices: [{name: d1, unit: 1, tags: [{name: t, `+
		`address: "input:0"}, {name: h, address: "input:1"}]}]`, "\x01\x04\x04\x00\xd7\x01\xc8\x4b\xba",
		"LOG\x01\x84\x02\xc2\xc1\x01\x04\x04\x00\xd7\x01\xc8\x4b\xba", "\x01\x04\x04\x00")
}
