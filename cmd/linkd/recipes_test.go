package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBusRecipes runs the MQTT commands of docs/bus.md as they stand there, against the demo.
func TestBusRecipes(t *testing.T) {
	t.Parallel()
	peer(t, "mosquitto_sub")
	peer(t, "mosquitto_pub")
	port := freePort(t)
	demo := start(t, exec.Command(binary, "demo", "--devices", "2", "--http", "127.0.0.1:0", "--log-level", "info",
		"--mqtt-listen", "127.0.0.1:"+port))
	in := &instance{process: demo}
	eventually(t, "the demo listens", func() error {
		found := httpListening.FindStringSubmatch(demo.log.String())
		if found == nil {
			return fmt.Errorf("it does not: %s", demo.log)
		}
		in.url = "http://" + found[1]
		return nil
	})
	token, err := exec.Command(binary, "token", "show", "--url", in.url).Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("commands", func(t *testing.T) {
		for _, recipe := range recipes(t, "mosquitto_") {
			line := strings.Replace(recipe, "-p 1883", "-p "+port, 1)
			if strings.HasPrefix(line, "mosquitto_sub") {
				line += " -C 3 -W 30"
			}
			cmd := exec.Command("sh", "-c", line)
			cmd.Env = append(os.Environ(), "LINKD_TOKEN="+strings.TrimSpace(string(token)))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v: %s", recipe, err, out)
			}
			if strings.HasPrefix(line, "mosquitto_sub") && !strings.Contains(string(out), `"temperature":{"v":`) {
				t.Errorf("%s says %s", recipe, out)
			}
		}
	})
	eventually(t, "the setpoint that was published is the device's", func() error {
		out, err := exec.Command(binary, "read", "ch_g1/d1/setpoint", "-o", "json", "--url", in.url).CombinedOutput()
		var tag struct{ Value float64 }
		if err == nil {
			err = json.Unmarshal(out, &tag)
		}
		if err == nil && tag.Value != 28 {
			err = fmt.Errorf("it is %v", tag.Value)
		}
		return err
	})
}

// recipes are the commands of docs/bus.md that begin with a word.
func recipes(t *testing.T, word string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/bus.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^`+word+`.*$`).FindAllString(string(text), -1)
	if len(found) < 2 {
		t.Fatalf("docs/bus.md has %d commands with %s", len(found), word)
	}
	return found
}

// freePort is a port of loopback that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
