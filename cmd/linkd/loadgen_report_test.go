package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadgenReports: a run of an idle fleet writes its files; a threshold and the generator's own stall fail it.
func TestLoadgenReports(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel completes connects; nobody need accept them
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   []string // on standard output or error
	}{
		{"met", []string{"--own-lag-limit", "1m", "--fail", "failed > 0", "--fail", "connect_p99 > 1h", "--junit",
			in("junit.xml"), "--bench-out", in("bench.txt"), "--hgrm", in("hgrm")}, 0,
			[]string{"failed > 0", "met: it is 0", "generator", "valid"}},
		{"failed", []string{"--own-lag-limit", "1m", "--fail", "failed < 1"}, 1,
			[]string{"FAILED: it is 0", "linkd: loadgen: a threshold has failed: failed < 1 (it is 0)\n"}},
		{"invalid", []string{"--mode", "push", "--rate", "1000", "--duration", "300ms", "--stall-self", "300ms"}, 1,
			[]string{"INVALID: it was ", "linkd: loadgen: the run is invalid: the generator was "}},
		{"no such metric", []string{"--fail", "speed > 1", "--junit", in("never.xml")}, 2,
			[]string{"no metric speed; there are rtt_p50, "}},
		{"no such folder", []string{"--junit", in("none/junit.xml")}, 1, []string{"no such file or directory"}},
		{"no limit", []string{"--own-lag-limit", "0s"}, 2,
			[]string{"--own-lag-limit 0s, --own-cpu-limit 95%; give more than 0"}},
	} {
		args := append([]string{"loadgen", "--target", l.Addr().String(), "--devices", "5"}, tt.args...)
		cmd := exec.Command(binary, args...)
		out, _ := cmd.CombinedOutput() // the status tells
		if got := cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%s: exit status %d, want %d", tt.name, got, tt.status)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in\n%s", tt.name, want, out)
			}
		}
	}
	for name, want := range map[string]string{
		"junit.xml": `tests="7" failures="0"`, "bench.txt": "\nBenchmarkLoadgen/mode=idle/preset=auto/devices=5-",
		"hgrm/connect.hgrm": "#[Max",
	} {
		if b, err := os.ReadFile(in(name)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v: no %s in\n%s", name, err, want, b)
		}
	}
	if _, err := os.Stat(in("never.xml")); err == nil {
		t.Error("a file was made although the command line was wrong")
	}
}
