package main_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHalfOpen cuts the cable: a device in a network namespace of its own dials in, then its interface goes down
// without a word to anybody. The kernel's probes find out, and the connection is offline for that reason.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	socat, ip := peer(t, "socat"), peer(t, "ip")
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("network namespaces need root")
		}
		t.Skip("network namespaces need root")
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(ip, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	cloud, field := fmt.Sprintf("linkd-cloud-%d", os.Getpid()), fmt.Sprintf("linkd-field-%d", os.Getpid())
	for _, ns := range []string{cloud, field} {
		run("netns", "add", ns)
		t.Cleanup(func() { run("netns", "delete", ns) })
		run("-n", ns, "link", "set", "lo", "up")
	}
	run("-n", cloud, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", field)
	for ns, addr := range map[string]string{cloud: "10.99.0.1/24", field: "10.99.0.2/24"} {
		run("-n", ns, "addr", "add", addr, "dev", "eth0")
		run("-n", ns, "link", "set", "eth0", "up")
	}
	file := write(t, strings.Replace(greenhouse, "local_port: 0",
		"local_port: 30000\n    keepalive: 1s\n    user_timeout: 3s", 1))
	linkd := start(t, exec.Command(ip, "netns", "exec", cloud, binary, "serve", "-f", file))
	show := func() string {
		out, _ := exec.Command(ip, "netns", "exec", cloud, binary, "ps", "-o", "json").CombinedOutput() // the text tells
		return string(out)
	}
	eventually(t, "linkd is ready", func() error {
		if out := show(); !strings.Contains(out, `"name":"c1"`) {
			return fmt.Errorf("%s\n%s", out, linkd.log)
		}
		return nil
	})
	device := exec.Command(ip, "netns", "exec", field, socat, "-", "TCP:10.99.0.1:30000")
	in, err := device.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, device)
	if _, err := io.WriteString(in, "c0001"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c1 is online", func() error {
		if out := show(); !strings.Contains(out, `"remote_addr":"10.99.0.2:`) {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	run("-n", field, "link", "set", "eth0", "down")
	eventually(t, "c1 is offline", func() error {
		if out := show(); !strings.Contains(out, `"last_close_reason":"keepalive"`) {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}
