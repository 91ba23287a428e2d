package main_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/simonvetter/modbus"
)

// plant is the tags of a server of simonvetter/modbus: numbers of each order, bits, and registers that it refuses.
const plant = `
project: plant
providers:
  - {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}
channels:
  - name: ch
    connection: s1/c1
    driver: DRIVER
    poll: 100ms
    options: {timeout_max: 3s}
    devices:
      - name: d1
        unit: 1
        tags:
          - {name: valve, address: "coil:0", type: bool, writable: true}
          - {name: pump, address: "coil:1", type: bool, writable: true}
          - {name: alarm, address: "discrete:1", type: bool}
          - {name: temperature, address: "input:0", type: int16, scale: 0.1}
          - {name: uABCD, address: "input:2", type: uint32, order: ABCD}
          - {name: uBADC, address: "input:4", type: uint32, order: BADC}
          - {name: uCDAB, address: "input:6", type: uint32, order: CDAB}
          - {name: uDCBA, address: "input:8", type: uint32, order: DCBA}
          - {name: fABCD, address: "input:10", type: float32, order: ABCD}
          - {name: fBADC, address: "input:12", type: float32, order: BADC}
          - {name: fCDAB, address: "input:14", type: float32, order: CDAB}
          - {name: fDCBA, address: "input:16", type: float32, order: DCBA}
          - {name: f64, address: "input:18", type: float64}
          - {name: u64, address: "input:22", type: uint64, order: CDAB}
          - {name: text, address: "input:26", type: string, length: 6}
          - {name: setpoint, address: "holding:0", type: int16, scale: 0.1, writable: true, readback: true}
          - {name: counter, address: "holding:32", type: uint32, order: CDAB, writable: true, readback: true}
          - {name: level, address: "holding:34", type: float32, order: DCBA, writable: true, readback: true}
          - {name: lamp, address: "holding:36.3", type: bool, writable: true}
          - {name: busy, address: "holding:50", writable: true}
          - {name: missing, address: "holding:100"}
`

// orders are what simonvetter/modbus calls linkd's orders of bytes.
var orders = []struct {
	order string
	ends  modbus.Endianness
	words modbus.WordOrder
}{
	{"ABCD", modbus.BIG_ENDIAN, modbus.HIGH_WORD_FIRST},
	{"BADC", modbus.LITTLE_ENDIAN, modbus.HIGH_WORD_FIRST},
	{"CDAB", modbus.BIG_ENDIAN, modbus.LOW_WORD_FIRST},
	{"DCBA", modbus.LITTLE_ENDIAN, modbus.LOW_WORD_FIRST},
}

// startPlant serves the plant with a driver and dials in as its device, whose registers simonvetter/modbus has encoded:
// from the address that it returns.
func startPlant(t *testing.T, driver string) (*instance, *registers, *modbus.ModbusClient, string) {
	t.Helper()
	r := &registers{refuse: map[uint16]error{50: modbus.ErrServerDeviceBusy}}
	server := serveModbus(t, r)
	own := modbusClient(t, "tcp://"+server)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(own.WriteCoils(0, []bool{false, true}))
	do(own.WriteRegister(0, 215))
	for i, o := range orders {
		do(own.SetEncoding(o.ends, o.words))
		do(own.WriteUint32(uint16(2+2*i), 3_000_000_000+uint32(i)))
		do(own.WriteFloat32(uint16(10+2*i), -1234.5-float32(i)))
	}
	do(own.SetEncoding(modbus.BIG_ENDIAN, modbus.HIGH_WORD_FIRST))
	do(own.WriteFloat64(18, 6.62607015e-34))
	do(own.WriteRawBytes(26, []byte("linkd!")))
	do(own.SetEncoding(modbus.BIG_ENDIAN, modbus.LOW_WORD_FIRST))
	do(own.WriteUint64(22, 9_007_199_254_740_991)) // the most that a JSON number of others keeps
	in := serve(t, strings.Replace(plant, "DRIVER", driver, 1))
	return in, r, own, dtu(t, in, server, driver == "modbus-rtu").String()
}

// TestSimonvetterServer polls and writes a server of simonvetter/modbus behind a modem that dials in. The library
// serves Modbus TCP alone; RTU comes to it through the test's own gateway, whose RTU frames TestTshark checks.
func TestSimonvetterServer(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"modbus-tcp", "modbus-rtu"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			in, device, own, _ := startPlant(t, driver)
			for tag, want := range map[string]string{
				"valve": "false", "pump": "true", "alarm": "true", "temperature": "21.5", "setpoint": "21.5",
				"uABCD": "3e+09", "uBADC": "3.000000001e+09", "uCDAB": "3.000000002e+09", "uDCBA": "3.000000003e+09",
				"fABCD": "-1234.5", "fBADC": "-1235.5", "fCDAB": "-1236.5", "fDCBA": "-1237.5",
				"f64": "6.62607015e-34", "u64": "9.007199254740991e+15", "text": "linkd!",
			} {
				if r := in.becomes(t, "ch/d1/"+tag, "good", ""); fmt.Sprint(r.Value) != want {
					t.Errorf("%s is %v, want %s", tag, r.Value, want)
				}
			}
			in.becomes(t, "ch/d1/missing", "bad", "illegal data address")
			in.becomes(t, "ch/d1/busy", "bad", "server device busy")
			writes(t, in, device)
			if v, err := own.ReadUint32(32, modbus.HOLDING_REGISTER); err != nil || v != 4_000_000_001 {
				t.Errorf("the library reads counter as %d (%v), want 4000000001", v, err)
			}
			if err := own.SetEncoding(modbus.LITTLE_ENDIAN, modbus.LOW_WORD_FIRST); err != nil {
				t.Fatal(err)
			}
			if v, err := own.ReadFloat32(34, modbus.HOLDING_REGISTER); err != nil || v != -0.125 {
				t.Errorf("the library reads level as %g (%v), want -0.125", v, err)
			}
		})
	}
}

// writes has linkd write to the plant, and finds each write that is confirmed in the server's handler.
func writes(t *testing.T, in *instance, device *registers) {
	t.Helper()
	for _, w := range []struct{ args, says, seen string }{
		{"ch/d1/valve true", "confirmed", "coil 0 [true]"},
		{"ch/d1 valve=false pump=true", "confirmed", "coil 0 [false true]"},
		{"ch/d1/setpoint -5.5", "confirmed, read back -5.5", "holding 0 [65481]"},
		{"ch/d1/counter 4000000001", "confirmed, read back 4000000001", "holding 32 [10241 61035]"},
		{"ch/d1/level -0.125", "confirmed, read back -0.125", "holding 34 [0 190]"},
		{"ch/d1/busy 1", "rejected: server device busy", ""},
		{"ch/d1/lamp true", "rejected: illegal function", ""}, // the library knows no FC 22
		{"ch/d1/temperature 20", "read-only", ""},
	} {
		out, status := in.cli(append([]string{"write"}, strings.Fields(w.args)...)...)
		if ok := w.seen != ""; !strings.Contains(out, w.says) || (status == 0) != ok {
			t.Errorf("write %s: status %d, %q; want %q", w.args, status, out, w.says)
		}
		device.mu.Lock()
		last := device.seen[len(device.seen)-1]
		device.mu.Unlock()
		if w.seen != "" && last != w.seen {
			t.Errorf("write %s: the last that the server has seen is %s; want %s", w.args, last, w.seen)
		}
	}
}

// TestSimonvetterClient lets the library be the master, through linkd tunnel: of a libmodbus slave in RTU frames, of
// its own server in TCP frames.
func TestSimonvetterClient(t *testing.T) {
	t.Parallel()
	t.Run("rtuovertcp", func(t *testing.T) {
		t.Parallel()
		in := serve(t, greenhouse) // its driver is raw
		s := startSlave(t, in, "c0001")
		in.online(t, "s1/c1", 0)
		c := modbusClient(t, "rtuovertcp://"+in.tunnel(t, "s1/c1"))
		got, err := c.ReadRegisters(0, 2, modbus.INPUT_REGISTER)
		if err != nil || fmt.Sprint(got) != "[215 456]" {
			t.Errorf("input registers are %v (%v), want [215 456]", got, err)
		}
		if err := c.WriteRegister(0, 225); err != nil {
			t.Error(err)
		}
		eventually(t, "the slave has it", func() error {
			if said := s.program.log.String(); !strings.Contains(said, "holding 0 = 225") {
				return fmt.Errorf("it has %q", said)
			}
			return nil
		})
		if _, err := c.ReadRegister(9, modbus.INPUT_REGISTER); !errors.Is(err, modbus.ErrIllegalDataAddress) {
			t.Errorf("a register that is not there: %v, want %v", err, modbus.ErrIllegalDataAddress)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		in := serve(t, greenhouse)
		device := &registers{}
		device.words[0], device.words[1], device.bits[2] = 215, 456, true
		dtu(t, in, serveModbus(t, device), false)
		in.online(t, "s1/c1", 0)
		c := modbusClient(t, "tcp://"+in.tunnel(t, "s1/c1"))
		got, err := c.ReadRegisters(0, 2, modbus.INPUT_REGISTER)
		if err != nil || fmt.Sprint(got) != "[215 456]" {
			t.Errorf("input registers are %v (%v), want [215 456]", got, err)
		}
		if on, err := c.ReadDiscreteInput(2); err != nil || !on {
			t.Errorf("discrete input 2 is %v (%v), want true", on, err)
		}
		if err := c.WriteRegisters(3, []uint16{7, 8}); err != nil || !device.saw("holding 3 [7 8]") {
			t.Errorf("write: %v; the server has seen %q", err, device.seen)
		}
		if _, err := c.ReadRegister(100, modbus.HOLDING_REGISTER); !errors.Is(err, modbus.ErrIllegalDataAddress) {
			t.Errorf("a register that is not there: %v, want %v", err, modbus.ErrIllegalDataAddress)
		}
	})
}
