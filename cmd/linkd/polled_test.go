package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"linkd/loadgen"
)

// printed is the project that loadgen prints for a fleet.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, slices.Concat([]string{"loadgen", "--target", "127.0.0.1:0", "--print-project"},
		args)...).Output()
	if err != nil {
		t.Fatalf("print-project %v: %v: %s", args, err, out)
	}
	return string(out)
}

// polled runs a fleet that linkd polls, and has it check linkd's values.
func polled(t *testing.T, in *instance, args ...string) (r loadgen.Result, said string, status int) {
	t.Helper()
	return follow(t, in, "--verify", args...)
}

// follow runs a fleet that follows linkd's values, as the flag says.
func follow(t *testing.T, in *instance, flag string, args ...string) (r loadgen.Result, said string, status int) {
	t.Helper()
	var stderr bytes.Buffer
	own := []string{flag, in.url, "--target", "127.0.0.1:" + in.port(t, "s1"), "-o", "json",
		"--own-lag-limit", "1m", "--own-cpu-limit", "100%"} // other tests run beside this one
	cmd := exec.Command(binary, slices.Concat([]string{"loadgen"}, args, own)...)
	cmd.Stderr = &stderr
	out, _ := cmd.Output() // the status tells
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("loadgen: %v: %s%s", err, out, &stderr)
	}
	return r, stderr.String(), cmd.ProcessState.ExitCode()
}

// TestNoMixUp: 200 links with two units each, whose answers come late, in pieces, among rubbish and heartbeats or not
// at all, and which redial: no value that linkd shows is another's.
func TestNoMixUp(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"modbus-rtu", "modbus-tcp", "dlt645"} {
		t.Run(mode, func(t *testing.T) {
			fleet := []string{"--mode", mode, "--devices", "200", "--units", "1-2", "--preset", "usr",
				"--latency", "lognormal(60ms,0.5)", "--late", "2%", "--drop", "1%", "--fragment",
				"--churn", "20%/min", "--ramp", "400", "--duration", "8s"}
			if mode != "modbus-tcp" { // without a checksum, what falls between the pieces of an answer is part of it
				fleet = append(fleet, "--garbage", "2%", "--heartbeat", "1s", "--heartbeat-inside", "2%")
			}
			in := serve(t, printed(t, fleet...))
			r, said, status := polled(t, in, fleet...)
			if status != 0 || r.Verify.Wrong+r.Verify.Old > 0 {
				t.Errorf("status %d, %v: %s", status, r.Verify, said)
			}
			if r.Verify.Verified < 1000 {
				t.Errorf("%v: too few for a verdict; polls: %v", r.Verify, r.Polls)
			}
			p := r.Polls
			for name, n := range map[string]int64{"late": p.Late, "dropped": p.Dropped, "in pieces": p.Fragmented,
				"with rubbish": p.Garbage, "heartbeats inside": p.BeatInside, "redials": p.Churned} {
				if n == 0 && (mode != "modbus-tcp" || name != "heartbeats inside" && name != "with rubbish") {
					t.Errorf("no %s: %v", name, p)
				}
			}
		})
	}
}

// TestMixUpIsFound: with a window of a millisecond linkd takes late answers for those to other questions of the same
// shape, and the verdict finds them.
func TestMixUpIsFound(t *testing.T) {
	t.Parallel()
	fleet := []string{"--mode", "modbus-rtu", "--devices", "1", "--latency", "5ms", "--late", "40%", "--late-by",
		"uniform(400ms,900ms)", "--period", "200ms", "--duration", "8s"}
	project := strings.Replace(printed(t, fleet...), "    driver: modbus-rtu\n",
		"    driver: modbus-rtu\n    options: {late_window: 1ms, timeout_min: 100ms, timeout_max: 200ms}\n", 1)
	r, said, status := polled(t, serve(t, project), fleet...)
	if status != 1 || r.Verify.Wrong == 0 || !strings.Contains(said, "values are wrong") {
		t.Errorf("status %d, %v: %s", status, r.Verify, said)
	}
}

// TestPrintedProjects: what is printed for each preset is a project, or says why there is none.
func TestPrintedProjects(t *testing.T) {
	t.Parallel()
	extra := map[string][]string{
		"four-faith": {"--id", "1{n:010}"}, "ddp": {"--id", "1{n:010}"}, "inhand": {"--id", "1{n:010}"},
		"imei": {"--id", "3{n:014}"}, "template": {"--id", "3{n:014}", "--length", "15", "--suffix", "hex:00 01"},
		"fixed": {"--length", "5"}, "hex": {"--id", "{n:08}", "--length", "4"}, "line": {"--prefix", "id="},
		"length-prefixed": {"--length", "2", "--endian", "little"}, "usr": {"--packet-prefix"},
	}
	for _, preset := range loadgen.Presets() {
		args := append([]string{"--mode", "modbus-tcp", "--duration", "1s", "--preset", preset}, extra[preset]...)
		if preset == "none" {
			out, err := exec.Command(binary, append([]string{"loadgen", "--target", "127.0.0.1:0", "--print-project"},
				args...)...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "give one with an id") {
				t.Errorf("preset none: %v: %s", err, out)
			}
			continue
		}
		if out, err := exec.Command(binary, "check", write(t, printed(t, args...))).CombinedOutput(); err != nil {
			t.Errorf("preset %s: %v: %s", preset, err, out)
		}
	}
}

// TestPolledUsage: what the flags cannot mean is said.
func TestPolledUsage(t *testing.T) {
	t.Parallel()
	modbus := []string{"--mode", "modbus-rtu", "--duration", "1s"}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{append(modbus, "--units", "3-1"), `--units "3-1"; give one, such as 1, or a range, such as 1-3`},
		{append(modbus, "--units", "1-200"), "units 1-200; give one, or a range of at most 32 from 1 to 247"},
		{append(modbus, "--drop", "1"), ""},
		{append(modbus, "--drop", "2"), `--drop: "2"; give a share such as 1% or 0.01, at most 100%`},
		{append(modbus, "--latency", "slow"), `--latency: "slow": "slow" is no value; give 20ms`},
		{append(modbus, "--churn", "1%"), `--churn: "1%"; give a share in a time, such as 1%/min`},
		{append(modbus, "--registers", "mine"), `registers "mine"; give self or greenhouse`},
		{[]string{"--mode", "dlt645", "--duration", "1s", "--registers", "greenhouse"},
			"registers greenhouse with mode dlt645; a meter has what meters have"},
		{[]string{"--mode", "dlt645", "--duration", "1s", "--devices", "10001"},
			"a project for 10001 devices with meters; give at most 10000"},
		{append(modbus, "--heartbeat-inside", "1%"), "heartbeat inside with preset auto, which has none of its own"},
		{[]string{"--mode", "modbus-rtu"}, "mode modbus-rtu without a duration; give how long the devices answer"},
		{[]string{"--drop", "1%"},
			"units, latency and faults with mode idle; they belong to modbus-rtu, modbus-tcp and dlt645"},
		{[]string{"--verify", "http://127.0.0.1:1"}, "verify with mode idle"},
	} {
		out, err := exec.Command(binary, append([]string{"loadgen", "--target", "127.0.0.1:0", "--print-project"},
			tt.args...)...).CombinedOutput()
		if (err != nil) != (tt.want != "") || !strings.Contains(string(out), tt.want) {
			t.Errorf("%v: %v, %s, want %q", tt.args, err, out, tt.want)
		}
	}
}

// TestDemo: one command shows the main job: values move, a setpoint is written and read back, Ctrl-C ends it all.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, exec.Command(binary, "demo", "--devices", "5", "--http", "127.0.0.1:0"))
	in := &instance{process: p}
	address := regexp.MustCompile(`HTTP: (http://\S+)`)
	eventually(t, "the demo says where it is", func() error {
		found := address.FindStringSubmatch(p.log.String())
		if found == nil {
			return fmt.Errorf("it said %s", p.log)
		}
		in.url = found[1]
		return nil
	})
	in.becomes(t, "ch_g5/d1/temperature", "good", "")
	if out, status := in.cli("write", "ch_g1/d1/setpoint", "28"); status != 0 || !strings.Contains(out, "confirmed") {
		t.Errorf("write: status %d, %s", status, out)
	}
	eventually(t, "the setpoint is read back", func() error {
		if r := in.tag(t, "ch_g1/d1/setpoint"); r.Value != 28.0 {
			return fmt.Errorf("it is %v", r.Value)
		}
		return nil
	})
	warm := in.tag(t, "ch_g1/d1/temperature").Value.(float64)
	eventually(t, "it becomes warmer", func() error {
		if r := in.tag(t, "ch_g1/d1/temperature"); r.Value.(float64) <= warm {
			return fmt.Errorf("%v, after %v", r.Value, warm)
		}
		return nil
	})
	if code := p.end(syscall.SIGINT); code != 0 {
		t.Errorf("the demo ended with status %d after Ctrl-C", code)
	}
}
