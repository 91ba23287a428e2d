package main_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
)

const bigFleet = `
project: storm
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    fleets:
      - {name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: 30000}
channels:
  - {name: "ch_{connection}", connection: "s1/f*", driver: raw}
`

// metric reads one sample of /metrics; the series is written as it stands there.
func (in *instance) metric(t *testing.T, series string) float64 {
	t.Helper()
	b, err := in.request(http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(b)
	if found == nil {
		t.Fatalf("no %s in\n%s", series, b)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fleet sends devices to linkd until the test ends or d, a duration, has passed.
func (in *instance) fleet(t *testing.T, devices int, d string) *process {
	t.Helper()
	return start(t, exec.Command(binary, "loadgen", "--target", "127.0.0.1:"+in.port(t, "s1"), "--id", "c{n:07}",
		"--devices", strconv.Itoa(devices), "--sources", "127.0.2.0/24", "--duration", d, "-o", "json"))
}

const (
	onlineNow = `linkd_connections{provider="s1",state="online"}`
	refusals  = `linkd_sessions_total{provider="s1",result="refused"}`
)

// TestTooMany: 20,001 devices come at once, more than there is room for. Those beyond are refused and counted; linkd
// lives, and serves again when others leave.
func TestTooMany(t *testing.T) {
	const capacity, devices = 19400, 20001
	in := serve(t, bigFleet, "--capacity", strconv.Itoa(capacity))
	if got := in.metric(t, "linkd_capacity"); got != capacity {
		t.Fatalf("capacity %.0f, want %d", got, capacity)
	}
	load := in.fleet(t, devices, "1m")
	eventually(t, "it is full", func() error {
		on, no := in.metric(t, onlineNow), in.metric(t, refusals)
		if on != capacity || no < devices-capacity {
			return fmt.Errorf("%.0f online of %d, %.0f refused", on, capacity, no)
		}
		return nil
	})
	load.end(syscall.SIGTERM)
	eventually(t, "all have left", func() error {
		if on := in.metric(t, onlineNow); on != 0 {
			return fmt.Errorf("%.0f online", on)
		}
		return nil
	})
	in.dial(t, "s1", "c0020001")
	in.online(t, "s1/f20001", 0)
	if n := in.metric(t, "linkd_provider_restarts_total"); n != 0 {
		t.Fatalf("the provider was restarted %.0f times", n)
	}
}

// TestTermInStorm stops linkd while devices are pouring in: it ends in time, with status 0.
func TestTermInStorm(t *testing.T) {
	in := serve(t, bigFleet)
	in.fleet(t, 15000, "1m")
	eventually(t, "the storm is on", func() error {
		if on := in.metric(t, onlineNow); on < 100 {
			return fmt.Errorf("%.0f online", on)
		}
		return nil
	})
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit status %d, want 0", code)
	}
}
