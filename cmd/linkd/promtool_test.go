package main_test

import (
	"bytes"
	"net/http"
	"os/exec"
	"testing"
)

// TestPromtool: Prometheus's own linter finds nothing to say about the metrics of a linkd that has done something.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := peer(t, "promtool")
	in := serve(t, commanded, anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	in.says(t, 0, "confirmed", "write", "ch_dev1/d1/setpoint", "22.5")
	metrics, err := in.request(http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(metrics)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v: %s", err, out)
	}
}
