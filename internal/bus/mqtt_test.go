package bus

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"linkd/internal/doors"
)

// mqttClient is sub or pub, of Debian's MQTT clients, with the address and token of b.
func mqttClient(t *testing.T, b *Bus, name, token string, args ...string) *exec.Cmd {
	t.Helper()
	name = "mosquitto_" + name
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("LINKD_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed; scripts/install-packages installs it on Debian", name)
		}
		t.Skipf("%s is not installed", name)
	}
	host, port, err := net.SplitHostPort(b.MQTTAddr())
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, append([]string{"-h", host, "-p", port, "-u", "any", "-P", token}, args...)...)
}

// clients are those of the embedded server, linkd itself included.
func clients(t *testing.T, b *Bus) int {
	t.Helper()
	a, err := b.own.srv.Load().LookupAccount(accountName)
	if err != nil {
		t.Fatal(err)
	}
	return a.NumLocalConnections()
}

// first takes reports until a subscriber prints one, and returns that line: it does not say when it has subscribed.
func first(b *Bus, out io.Reader) string {
	got := make(chan string)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		got <- lines.Text()
	}()
	for {
		take(b, "d1", 0, 1)
		select {
		case line := <-got:
			return line
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestMQTT(t *testing.T) {
	b, f := served(t, roles)
	for _, qos := range []string{"0", "1"} {
		cmd := mqttClient(t, b, "sub", "viewer", "-v", "-C", "1", "-q", qos, "-t", "linkd/p/tags/ch/#")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line := first(b, out); !strings.HasPrefix(line, `linkd/p/tags/ch/d1 {"ts":"`) {
			t.Fatalf("quality %s: got %q", qos, line)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	for i, qos := range []string{"0", "1", "2"} {
		cmd := mqttClient(t, b, "pub", "operator", "-q", qos, "-t", "linkd/p/cmd/ch/d1/set", "-m", "28")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		eventually(t, "the command is done", func() bool { n, _ := f.done(); return n == i+1 })
	}
}

func TestMQTTRights(t *testing.T) {
	b, f := served(t, roles)
	for _, token := range []string{"wrong", ""} {
		out, err := mqttClient(t, b, "pub", token, "-t", "linkd/p/cmd/ch/d1/set", "-m", "1").CombinedOutput()
		if err == nil {
			t.Errorf("%q came in: %s", token, out)
		}
	}
	// MQTT 3.1.1 has no word for it: the server closes the client, which would try for ever.
	cmd := mqttClient(t, b, "pub", "viewer", "-t", "linkd/p/cmd/ch/d1/set", "-m", "1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("a viewer who writes: %v: %s", err, out)
	}
	cmd = mqttClient(t, b, "pub", "operator", "-q", "1", "-t", "linkd/p/cmd/ch/d1/set", "-m", "2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, "the operator's is done", func() bool { n, _ := f.done(); return n > 0 })
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.writes) != 1 || f.writes[0].Values[0].Value != json.Number("2") {
		t.Errorf("a viewer has written: %+v", f.writes)
	}
}

func TestMQTTRecheck(t *testing.T) {
	left := make(chan struct{})
	b, _ := served(t, func(token string) (doors.Role, bool) {
		select {
		case <-left:
			return doors.None, false
		default:
			return roles(token)
		}
	})
	cmd := mqttClient(t, b, "sub", "viewer", "-t", "linkd/p/#")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if first(b, out) == "" {
		t.Error("the client is not there")
	}
	during := clients(t, b)
	close(left)
	b.Recheck()
	eventually(t, "it is closed", func() bool { return clients(t, b) < during })
	cmd.Process.Kill()
	cmd.Wait()
}
