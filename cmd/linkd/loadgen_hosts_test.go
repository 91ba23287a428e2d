package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadgenUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const help = "; see linkd loadgen --help\n"
	for _, c := range []struct{ flags, want string }{
		{"--half-open 1%", `--half-open: "1%"; give a share in a time, such as 1%/min, 2%/s or 10%/h`},
		{"--slow-reader 1%/min", `--slow-reader: "1%/min"; give a share such as 1% or 0.01, at most 100%`},
		{"--half-open-for 5", `--half-open-for: "5": "5" is no value; ` +
			"give 20ms, fixed(20ms), uniform(5ms,50ms) or lognormal(150ms,0.5)"},
		{"--backoff 5s", `--backoff: "5s"; ` +
			"give fixed:5s for a redial exactly so long after each drop, or jitter, at most 1h0m0s"},
		{"--hosts 2", "--hosts or --lease without --coordinate; give the address at which they join"},
		{"--join 127.0.0.1:1 --coordinate 127.0.0.1:1", "--coordinate and --join; give one of them"},
		{"--join 127.0.0.1:1 --rate 5", "--rate with --join; the coordinator gives that"},
		{"--join 127.0.0.1:1 --secret x --secret-file " + empty, "--secret and --secret-file; give one of them"},
		{"--coordinate 127.0.0.1:1 --secret-file " + empty,
			"--secret-file " + empty + ": it is empty; give the secret in one line"},
		{"--coordinate 127.0.0.1:1 --secret-file " + empty + ".x",
			"--secret-file: open " + empty + ".x: no such file or directory"},
	} {
		wantRun(t, append([]string{"loadgen"}, strings.Fields(c.flags)...), 2, "", "linkd: "+c.want+help)
	}
}
