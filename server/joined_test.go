package server

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/modbus"
	"linkd/drivers/raw"
	"linkd/project"
)

const twoProtocols = `
project: p
providers: [{name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}]
channels:
  - name: ch1
    connection: s1/c1
    driver: modbus-rtu
    poll: 1s
    devices:
      - {name: old, unit: 1, driver: modbus-ascii, tags: [
          {name: a, address: "input:0"}, {name: s, address: "holding:1", writable: true}]}
      - {name: new, unit: 1, tags: [{name: b, address: "input:0", scale: 0.1}, {name: c, address: "input:40"}]}
`

// TestTwoProtocols: two drivers share a link and ask one question at a time between them; each device is read and
// written in its own protocol.
func TestTwoProtocols(t *testing.T) {
	w := newSim(t, twoProtocols, modbus.RTU(), modbus.ASCII())
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	asked := map[bool]int{}
	serve := func(d time.Duration) {
		for range d / (5 * time.Millisecond) {
			w.pass(5 * time.Millisecond)
			q := l.sent
			if len(q) == 0 {
				continue
			}
			l.sent = nil
			isASCII := q[0] == ':'
			asked[isASCII]++
			if !isASCII {
				l.send(rtuAnswer(q))
				continue
			}
			if strings.Count(string(q), ":") != 1 {
				t.Fatalf("two questions at once: %q", q)
			}
			l.send(asciiAnswer(t, string(q)))
		}
	}
	serve(3 * time.Second)
	w.wantTag("ch1/old/a", "77 good")
	w.wantTag("ch1/new/b", "21.5 good")
	w.wantTag("ch1/new/c", "215 good")
	if asked[true] == 0 || asked[false] == 0 {
		t.Errorf("questions: %v", asked)
	}
	done := make(chan WriteResult, 1)
	go func() {
		r, _ := w.srv.Write(t.Context(), WriteRequest{Channel: "ch1", Device: "old", Values: []TagValue{{"s", 5}}})
		done <- r
	}()
	for range 400 {
		time.Sleep(time.Millisecond)
		w.drain()
		serve(10 * time.Millisecond)
		select {
		case r := <-done:
			if r.Result != confirmed {
				t.Errorf("write: %+v", r)
			}
			return
		default:
		}
	}
	t.Error("the write is not answered")
}

// asciiAnswer answers one request of an ASCII master: each register is 77, writes are echoed.
func asciiAnswer(t *testing.T, q string) string {
	b, err := hex.DecodeString(strings.TrimSpace(q[1:]))
	if err != nil {
		t.Fatal(err)
	}
	if b[1] > 4 {
		return q
	}
	out := []byte{b[0], b[1], 2 * b[5]}
	for range b[5] {
		out = append(out, 0, 77)
	}
	sum := byte(0)
	for _, x := range out {
		sum -= x
	}
	return ":" + strings.ToUpper(hex.EncodeToString(append(out, sum))) + "\r\n"
}

// TestDeviceDriverRefused: what is wrong with a device's driver is told at the device.
func TestDeviceDriverRefused(t *testing.T) {
	for more, want := range map[string]string{
		"driver: modbus":                           `x.yaml:4:100: driver "modbus" is not known`,
		"driver: raw":                              `raw knows no devices`,
		"driver: modbus-ascii, options: {a: 1}":    `x.yaml:4:127: a is no option of this driver`,
		"driver: modbus-ascii, options: {gap: 1s}": `times and retries are the link's`,
		"options: {gap: 1s}":                       `device d has options without a driver of its own`,
	} {
		src := "project: p\n" +
			"providers: [{name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: x}]}]\n" +
			"channels:\n- {name: ch, connection: s1/c1, driver: modbus-rtu, poll: 1s, devices: [{name: d, unit: 1, " + more +
			", tags: [{name: a, address: \"input:0\"}]}, {name: e, unit: 2, tags: [{name: a, address: \"input:0\"}]}]}\n"
		_, err := project.Parse("x.yaml", []byte(src), drivers.Table{raw.Driver(), modbus.RTU(), modbus.ASCII()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", more, err, want)
		}
	}
}
