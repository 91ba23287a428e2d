package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const greenhouseModbus = `
project: greenhouse
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    connections:
      - {name: c1, socket_conn_id: c0001}
models:
  - name: th_sensor
    tags:
      - {name: temperature, address: "input:0", type: int16, scale: 0.1, unit: "°C"}
      - {name: humidity, address: "input:1", type: uint16, scale: 0.1, unit: "%"}
      - {name: setpoint, address: "holding:0", type: int16, scale: 0.1, unit: "°C", writable: true, clamp: [5, 40]}
      - {name: missing, address: "holding:100", type: int16}
channels:
  - name: ch_dev1
    connection: s1/c1
    driver: modbus-rtu
    poll: 200ms
    options: {timeout_min: 100ms, timeout_max: 1s, late_window: 1s}
    devices: [{name: d1, unit: 1, model: th_sensor}]
`

// reading is what the tests read of a tag.
type reading struct {
	Value           any
	Quality, Reason string
}

func (in *instance) tag(t *testing.T, path string) (r reading) {
	t.Helper()
	in.read(t, "/tags/"+path, &r)
	return r
}

// becomes waits until a tag has this quality, and returns it.
func (in *instance) becomes(t *testing.T, path, quality, reason string) (r reading) {
	t.Helper()
	eventually(t, path+" is "+quality, func() error {
		if r = in.tag(t, path); r.Quality != quality || r.Reason != reason {
			return fmt.Errorf("it is %+v", r)
		}
		return nil
	})
	return r
}

// cli runs a client command against the instance.
func (in *instance) cli(args ...string) (out string, status int) {
	cmd := exec.Command(binary, append(args, "--url", in.url)...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error(), -1
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// slave is a libmodbus RTU slave on a pseudo-terminal, behind a socat that dials in to s1 and sends its id first.
type slave struct{ line, program *process }

func startSlave(t *testing.T, in *instance, id string) *slave {
	t.Helper()
	socat, gcc := peer(t, "socat"), peer(t, "gcc")
	dir := t.TempDir()
	program, line := filepath.Join(dir, "slave"), filepath.Join(dir, "line")
	build := exec.Command(gcc, "-Wall", "-Werror", "-o", program, "testdata/slave.c", "-I/usr/include/modbus", "-lmodbus")
	if out, err := build.CombinedOutput(); err != nil {
		peer(t, "libmodbus") // never there: says how to install what is missing
		t.Fatalf("build the slave: %v\n%s", err, out)
	}
	dtu := fmt.Sprintf(`SYSTEM:(printf %s; cat) | "%s" - TCP\:127.0.0.1\:%s`, id, socat, in.port(t, "s1"))
	s := &slave{line: start(t, exec.Command(socat, "PTY,link="+line+",rawer", dtu))}
	eventually(t, "the line is there", func() error {
		_, err := filepath.EvalSymlinks(line)
		return err
	})
	s.program = start(t, exec.Command(program, line))
	eventually(t, "the slave listens", func() error {
		if !strings.Contains(s.program.log.String(), "ready") {
			return errors.New("it does not yet")
		}
		return nil
	})
	return s
}

// TestLibmodbus is the greenhouse with a real slave: polled, read, written, refused, unplugged.
func TestLibmodbus(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouseModbus)
	s := startSlave(t, in, "c0001")
	if r := in.becomes(t, "ch_dev1/d1/temperature", "good", ""); r.Value != 21.5 {
		t.Errorf("temperature is %v, want 21.5", r.Value)
	}
	if r := in.becomes(t, "ch_dev1/d1/humidity", "good", ""); r.Value != 45.6 {
		t.Errorf("humidity is %v, want 45.6", r.Value)
	}
	in.becomes(t, "ch_dev1/d1/missing", "bad", "illegal data address") // and the others of its table are still read
	in.becomes(t, "ch_dev1/d1/setpoint", "good", "")
	out, status := in.cli("read", "ch_dev1/d1/temperature")
	if status != 0 || !strings.Contains(out, "21.5 °C") || !strings.Contains(out, "good") {
		t.Errorf("linkd read: status %d, %q", status, out)
	}
	out, status = in.cli("write", "--readback", "ch_dev1/d1/setpoint", "22.5")
	if status != 0 || !strings.Contains(out, "confirmed") {
		t.Errorf("linkd write: status %d, %q", status, out)
	}
	if !strings.Contains(s.program.log.String(), "holding 0 = 225") {
		t.Errorf("confirmed, and the slave has %q", s.program.log)
	}
	if r := in.tag(t, "ch_dev1/d1/setpoint"); r.Value != 22.5 {
		t.Errorf("setpoint was read back as %v, want 22.5", r.Value)
	}
	for tag, value := range map[string]string{"setpoint": "90", "temperature": "20"} {
		if out, status := in.cli("write", "ch_dev1/d1/"+tag, value); status != 1 || !strings.Contains(out, "rejected") {
			t.Errorf("write %s %s: status %d, %q; want it rejected", tag, value, status, out)
		}
	}
	s.program.end(syscall.SIGKILL) // the slave is unplugged; the DTU's link stays
	in.becomes(t, "ch_dev1/d1/temperature", "bad", "timeout")
	if out, status := in.cli("write", "ch_dev1/d1/setpoint", "20"); status != 1 || !strings.Contains(out, "timeout") {
		t.Errorf("write to an unplugged slave: status %d, %q; want a timeout", status, out)
	}
	s.line.end(syscall.SIGTERM)
	in.offline(t, "s1/c1")
	in.becomes(t, "ch_dev1/d1/temperature", "bad", "offline")
	if _, err := in.request("PUT", "/api/v1/tags/ch_dev1/d1/setpoint", `{"value": 20}`); err == nil ||
		!strings.Contains(err.Error(), "409") {
		t.Errorf("write while offline: %v, want 409", err)
	}
	b, err := in.request("PUT", "/api/v1/tags/ch_dev1/d1/setpoint", `{"value": 30, "ttl": "1m"}`)
	var res struct{ Result string }
	if err != nil || json.Unmarshal(b, &res) != nil || res.Result != "queued" {
		t.Fatalf("write with a ttl while offline: %s, %v; want queued", b, err)
	}
	s = startSlave(t, in, "c0001")
	eventually(t, "the write that waited has reached the slave", func() error {
		if !strings.Contains(s.program.log.String(), "holding 0 = 300") {
			return errors.New(s.program.log.String())
		}
		return nil
	})
}

// TestMbpoll lets mbpoll, a Modbus master of others, read the slave through linkd tunnel and a line of its own.
func TestMbpoll(t *testing.T) {
	t.Parallel()
	mbpoll, socat := peer(t, "mbpoll"), peer(t, "socat")
	in := serve(t, greenhouse) // its driver is raw: mbpoll is the master
	startSlave(t, in, "c0001")
	in.online(t, "s1/c1", 0)
	tunnel := in.tunnel(t, "s1/c1")
	line := filepath.Join(t.TempDir(), "line")
	start(t, exec.Command(socat, "PTY,link="+line+",rawer", "TCP:"+tunnel))
	eventually(t, "the line is there", func() error {
		_, err := filepath.EvalSymlinks(line)
		return err
	})
	args := []string{"-m", "rtu", "-a", "1", "-t", "3", "-r", "1", "-c", "2", "-1", "-q", line}
	out, err := exec.Command(mbpoll, args...).CombinedOutput()
	for _, want := range []string{"[1]:", "215", "[2]:", "456"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("mbpoll: %v, want %q in:\n%s", err, want, out)
		}
	}
}

// warmer raises its temperature by a degree.
func (s *slave) warmer(t *testing.T) {
	t.Helper()
	if err := s.program.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}
