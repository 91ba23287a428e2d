package main_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOfflineWrite: a write for a device that is away outlives a kill and reaches it once; one whose time has passed
// meanwhile never does.
func TestOfflineWrite(t *testing.T) {
	t.Parallel()
	file := write(t, strings.Replace(greenhouseModbus, "      - {name: missing", "      - {name: level, "+
		"address: \"holding:9\", type: uint16, writable: true}\n      - {name: missing", 1))
	device := &registers{}
	modbus := serveModbus(t, device)

	in := launch(t, file, anyPorts...)
	in.says(t, 1, "queued", "write", "ch_dev1/d1/setpoint", "22.5", "--ttl", "10m")
	asked := time.Now()
	const short = 2 * time.Second
	in.says(t, 1, "queued", "write", "ch_dev1/d1/level", "7", "--ttl", short.String())
	in.end(syscall.SIGKILL)

	time.Sleep(time.Until(asked.Add(short + time.Second))) // it is not of use any more
	in = launch(t, file, anyPorts...)
	in.deliversOnce(t, device, modbus)
	in.end(syscall.SIGKILL) // what was delivered is not delivered again
	in = launch(t, file, anyPorts...)
	in.deliversOnce(t, device, modbus)
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Errorf("linkd ended with status %d, want 0", code)
	}
}

// deliversOnce has the device dial in, and checks that it was written to once in its life.
func (in *instance) deliversOnce(t *testing.T, device *registers, modbus string) {
	t.Helper()
	defer in.dialIn(t, modbus)()
	eventually(t, "the setpoint is read", func() error {
		if r := in.tag(t, "ch_dev1/d1/setpoint"); r.Quality != "good" || r.Value != 22.5 {
			return fmt.Errorf("it is %+v", r)
		}
		return nil
	})
	in.becomes(t, "ch_dev1/d1/level", "good", "")
	device.mu.Lock()
	defer device.mu.Unlock()
	if want := []string{"holding 0 [225]"}; !slices.Equal(device.seen, want) {
		t.Errorf("the device was asked to write %q, want %q", device.seen, want)
	}
}

// dialIn is a modem that dials in as c0001 and hands on what passes to a Modbus TCP server, until it hangs up.
func (in *instance) dialIn(t *testing.T, modbus string) (hangUp func()) {
	t.Helper()
	device, err := net.DialTimeout("tcp", modbus, patience)
	if err != nil {
		t.Fatal(err)
	}
	cloud := in.dial(t, "s1", "c0001")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = gateway(cloud, device) // what is not handed on is missed by the test
	}()
	return func() {
		cloud.Close()
		device.Close()
		<-ended
	}
}
