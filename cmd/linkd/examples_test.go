package main_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// call is a device of an example: where it dials from, what it sends, which connection point it then is, and the
// driver that serves it.
type call struct {
	from, sends, online, driver string
}

// exampleCalls are the devices that dial in to each example.
var exampleCalls = map[string][]call{
	"greenhouse.yaml": {
		{"127.0.0.1", "c0001", "s1/c1", "modbus-rtu"},
		{"127.0.0.1", "c0002\r\n", "s1/c2", "raw"},
		{"127.0.0.1", "c0003hello", "s1/c3", "raw"},
	},
	"binary.yaml": {{"127.0.0.1", "c0001", "s1/c1", "binary"}},
	"meters.yaml": {{"127.0.0.1", "c0001\r\n", "s1/c1", "dlt645"}},
	"fixed-ip.yaml": {
		{"127.0.0.2", "", "plant/boiler", "raw"},
		{"127.0.0.3", "hello", "plant/press", "raw"},
		{"127.0.1.200", "", "plant/pumps", "raw"},
		{"::1", "", "plant/gate", "raw"},
	},
	"text-and-json.yaml": {
		{"127.0.0.1", "t0001\nWX T=21.5 H=45\n", "s1/station", "text"},
		{"127.0.0.1", "j0001\n{\"id\":\"A1\",\"values\":{\"temperature\":21.5}}", "s1/gateway", "json"},
	},
	"fleet.yaml": {
		{"127.0.0.1", "c0000001", "s1/f1", "raw"},
		{"127.0.0.1", "c0025000", "s1/f25000", "raw"},
		{"127.0.0.1", "c0050000", "s1/f50000", "raw"},
	},
}

// exampleTags are tags that examples compute without a device.
var exampleTags = map[string][]string{
	"simulated.yaml": {"weather/d1/temperature", "weather/d1/power"},
}

var localPort = regexp.MustCompile(`local_port: *\d+`)

// TestExamples serves every example, on other ports, and dials in.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("examples: %q, %v", files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls, tags := exampleCalls[name], exampleTags[name]
			if len(calls) == 0 && len(tags) == 0 {
				t.Fatal("no device dials in to this example, and no tag is read; add to exampleCalls or exampleTags")
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := serve(t, localPort.ReplaceAllString(string(content), "local_port: 0"))
			for _, tag := range tags {
				in.becomes(t, tag, "good", "")
			}
			for _, c := range calls {
				t.Run(c.online, func(t *testing.T) {
					c.run(t, in)
				})
			}
		})
	}
}

func (c call) run(t *testing.T, in *instance) {
	from := net.ParseIP(c.from)
	to := "127.0.0.1"
	if from.To4() == nil {
		l, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Skipf("this machine has no IPv6: %v", err)
		}
		l.Close()
		to = "::1"
	}
	provider, _ := filepath.Split(c.online)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	device, err := d.Dial("tcp", net.JoinHostPort(to, in.port(t, filepath.Clean(provider))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close() })
	if _, err := io.WriteString(device, c.sends); err != nil {
		t.Fatal(err)
	}
	if got := in.online(t, c.online, 0); got.RemoteAddr != device.LocalAddr().String() || got.Driver != c.driver {
		t.Errorf("%s is online from %s with driver %q, want %s with %s",
			c.online, got.RemoteAddr, got.Driver, device.LocalAddr(), c.driver)
	}
}
