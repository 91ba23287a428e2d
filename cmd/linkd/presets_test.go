package main_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestPresets has a fleet of each kind dial in, talk both ways and beat its heart. What the devices send and understand
// is written a second time in the load generator, from the vendors' facts, so neither side can be wrong alone.
func TestPresets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, id, identity, flags string }{
		{"auto", "c{n:04}", "preset: auto", "--preset auto"},
		{"auto, c1 and c10", "c{n}", "preset: auto", "--preset auto"},
		{"line", "c{n:04}", "preset: line", "--preset line"},
		{"usr", "LOGIN:{n:04}", "preset: usr", "--preset usr --heartbeat 100ms"},
		{"usr before every packet", "LOGIN:{n:04}", "preset: usr, mode: packet",
			"--preset usr --packet-prefix --silent-connect"},
		{"usr both", "LOGIN:{n:04}", "preset: usr, mode: both", "--preset usr --packet-prefix --heartbeat 100ms"},
		{"template", "3558370895{n:05}", "preset: template", "--preset template --suffix hex:00010203"},
		{"four-faith", "136{n:08}", "preset: four-faith", "--preset four-faith --heartbeat 100ms"},
		{"ddp", "136{n:08}", "preset: ddp", "--preset ddp --heartbeat 100ms"},
		{"inhand", "136{n:08}", "preset: inhand", "--preset inhand"},
		{"imei", "3558370895{n:05}", "preset: imei", "--preset imei"},
		{"fixed", "id{n:06}", "preset: fixed, length: 8, prefix: '<', suffix: '>'",
			"--preset fixed --length 8 --prefix < --suffix >"},
		{"length-prefixed", "a{n}", "preset: length-prefixed, length: 2, endian: little",
			"--preset length-prefixed --length 2 --endian little"},
		{"hex", "A1B2{n:04}", "preset: hex, length: 4", "--preset hex --length 4"},
		{"regex", "r{n:03}", `preset: regex, pattern: '#(?P<id>r\d{3});'`, "--preset template --prefix # --suffix ;"},
		{"acknowledged", "c{n:04}", "preset: line, ack: OK", "--preset line --ack OK"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := serve(t, fmt.Sprintf(`
project: presets
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    identity: {%s}
    fleets: [{name: "f{n}", socket_conn_id: "%s", from: 1, to: 20}]
channels:
  - {name: "ch_{connection}", connection: "s1/f*", driver: raw, options: {echo: true}}
`, tc.identity, tc.id))
			args := append([]string{"loadgen", "--target", "127.0.0.1:" + in.port(t, "s1"), "--id", tc.id, "--devices", "20",
				"--mode", "echo", "--confirm", "echo", "--rate", "400", "--duration", "500ms", "-o", "json",
				"--own-lag-limit", "1m"},
				strings.Fields(tc.flags)...)
			out, err := exec.Command(binary, args...).Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var got struct {
				Up       int
				Lost     int
				Corrupt  int
				Received struct{ Messages int }
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if got.Up != 20 || got.Lost+got.Corrupt > 0 || got.Received.Messages < 100 {
				t.Fatalf("%+v", got)
			}
			if n := in.metric(t, `linkd_sessions_total{provider="s1",result="identified"}`); n != 20 {
				t.Fatalf("%.0f identified", n)
			}
		})
	}
}
