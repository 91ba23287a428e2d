package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peer is the path of a program that the tests talk to linkd with. Without it the test is skipped, or fails where the
// peers must be there: in CI, or with LINKD_REQUIRE_PEERS=1.
func peer(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	missing(t, "%s is not installed; scripts/install-packages installs it on Debian", name)
	return ""
}

// missing ends a test that lacks what it needs of the machine.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("LINKD_REQUIRE_PEERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

const greenhouse = `
project: greenhouse
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    conn_identity: common
    connections:
      - {name: c1, socket_conn_id: c0001}
      - {name: c2, socket_conn_id: c0002}
channels:
  - {name: ch_dev1, connection: s1/c1, driver: raw}
  - {name: ch_dev2, connection: s1/c2, driver: raw}
`

// TestSocat dials in with socat and sends the id in the ways that devices do.
func TestSocat(t *testing.T) {
	t.Parallel()
	socat := peer(t, "socat")
	in := serve(t, greenhouse)
	tests := []struct {
		name  string
		sends []string // one write each, with a pause between
		rest  string   // what the driver is given
	}{
		{"line", []string{"c0001\n"}, ""},
		{"CR LF", []string{"c0001\r\n"}, ""},
		{"NUL", []string{"c0001\x00"}, ""},
		{"bare", []string{"c0001"}, ""},
		{"glued", []string{"c0001hello"}, "hello"},
		{"line and data", []string{"c0001\r\nhello"}, "hello"},
		{"byte by byte", []string{"c", "0", "0", "0", "1"}, ""},
		{"split and glued", []string{"c0", "001he", "llo"}, "hello"},
	}
	var before uint64
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rx := in.tap(t, "s1/c1")
			p, device := pipeline(t, socat, "-", "TCP:127.0.0.1:"+in.port(t, "s1"))
			for i, s := range tt.sends {
				if i > 0 {
					time.Sleep(50 * time.Millisecond) // the device's own pace
				}
				if _, err := io.WriteString(device, s); err != nil {
					t.Fatal(err)
				}
			}
			sent := time.Now()
			before = in.online(t, "s1/c1", before).Session
			if took := time.Since(sent); took > 5*time.Second {
				t.Errorf("bound after %v; the id needs no wait", took)
			}
			holds(t, rx, tt.rest)
			if _, err := io.WriteString(device, " more"); err != nil {
				t.Fatal(err)
			}
			holds(t, rx, tt.rest+" more")
			if _, err := in.request("POST", "/api/v1/connections/s1/c1/send", `{"text": "ack"}`); err != nil {
				t.Fatal(err)
			}
			holds(t, p.out, "ack")
			device.Close() // socat ends at end of file, and with it the link
			if c := in.offline(t, "s1/c1"); c.LastCloseReason != "peer" {
				t.Errorf("last_close_reason is %q, want peer", c.LastCloseReason)
			}
		})
	}
}

// TestNetcat is the README's device.
func TestNetcat(t *testing.T) {
	t.Parallel()
	nc := peer(t, "nc")
	in := serve(t, greenhouse)
	_, device := pipeline(t, nc, "127.0.0.1", in.port(t, "s1"))
	if _, err := io.WriteString(device, "c0002"); err != nil {
		t.Fatal(err)
	}
	in.online(t, "s1/c2", 0)
	if c := in.connection(t, "s1/c1"); c.State != "offline" {
		t.Errorf("c1 is %s, want offline", c.State)
	}
}

// TestSer2net lets a serial server dial in when its serial line speaks, as a DTU does, with a pseudo-terminal as line.
func TestSer2net(t *testing.T) {
	t.Parallel()
	ser2net := peer(t, "ser2net")
	in := serve(t, greenhouse)
	rx := in.tap(t, "s1/c1")
	line, name := pty(t)
	dir := t.TempDir()
	config := fmt.Sprintf(`connection: &dtu
  accepter: tcp,127.0.0.1,0
  connector: serialdev,%s,9600n81,local
  options:
    connback: tcp,127.0.0.1,%s
`, name, in.port(t, "s1"))
	file := filepath.Join(dir, "ser2net.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, exec.Command(ser2net, "-n", "-d", "-u", "-c", file, "-P", filepath.Join(dir, "pid")))
	eventually(t, "ser2net has opened the line", func() error { return holdsOpen(p.cmd.Process.Pid, name) })
	if _, err := line.WriteString("c0001"); err != nil {
		t.Fatal(err)
	}
	in.online(t, "s1/c1", 0)
	if _, err := line.WriteString("\x01\x03\x02\x00\xd7"); err != nil {
		t.Fatal(err)
	}
	holds(t, rx, "\x01\x03\x02\x00\xd7")
	if _, err := in.request("POST", "/api/v1/connections/s1/c1/send", `{"hex": "01 03 00 00 00 01"}`); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if err := line.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(line, got); err != nil || string(got) != "\x01\x03\x00\x00\x00\x01" {
		t.Errorf("the line received %x, %v", got, err)
	}
}

// TestHaproxy puts a balancer in front: without PROXY header the balancer is the source, with it the device.
func TestHaproxy(t *testing.T) {
	t.Parallel()
	haproxy := peer(t, "haproxy")
	trusting := strings.Replace(greenhouse, "conn_identity", "proxy_from: [127.0.0.0/8]\n    conn_identity", 1)
	tests := []struct {
		name    string
		project string
		option  string // of haproxy's server line
		source  bool   // remote_addr is the device's own
	}{
		{"plain", greenhouse, "", false},
		{"PROXY v1", trusting, "send-proxy", true},
		{"PROXY v2", trusting, "send-proxy-v2", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := serve(t, tt.project)
			front := balance(t, haproxy, "127.0.0.1:"+in.port(t, "s1"), tt.option)
			rx := in.tap(t, "s1/c1")
			from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}
			device, err := net.DialTCP("tcp", from, front)
			if err != nil {
				t.Fatal(err)
			}
			defer device.Close()
			if _, err := io.WriteString(device, "c0001hello"); err != nil {
				t.Fatal(err)
			}
			c := in.online(t, "s1/c1", 0)
			if own := c.RemoteAddr == device.LocalAddr().String(); own != tt.source {
				t.Errorf("remote_addr is %s; the device is %s", c.RemoteAddr, device.LocalAddr())
			}
			holds(t, rx, "hello")
		})
	}
}

// TestProxyRequired: where a balancer is named, its header is required and nobody else may send one.
func TestProxyRequired(t *testing.T) {
	t.Parallel()
	in := serve(t, strings.Replace(greenhouse, "conn_identity", "proxy_from: [127.0.0.0/8]\n    conn_identity", 1))
	device := in.dial(t, "s1", "c0001\n")
	closed(t, device)
	if c := in.connection(t, "s1/c1"); c.Session != 0 {
		t.Errorf("a link without PROXY header was bound: %+v", c)
	}
}

// balance runs haproxy in TCP mode before target and returns where it listens. It is handed an open listener, so that
// no port has to be guessed.
func balance(t *testing.T, haproxy, target, option string) *net.TCPAddr {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	config := fmt.Sprintf(`global
  maxconn 100
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen devices
  bind fd@3
  server linkd %s %s
`, target, option)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxy, "-db", "-f", file)
	cmd.ExtraFiles = []*os.File{socket} // descriptor 3
	start(t, cmd)
	return l.Addr().(*net.TCPAddr)
}

// piped is a process with its standard output.
type piped struct {
	*process
	out *transcript
}

// pipeline starts a program and returns it with its standard input.
func pipeline(t *testing.T, name string, args ...string) (piped, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &transcript{}
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	return piped{start(t, cmd), out}, stdin
}

// pty opens a pseudo-terminal: our end, and the name of the other.
func pty(t *testing.T) (*os.File, string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "/dev/ptmx") // non-blocking, so that reads have deadlines
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return f, fmt.Sprintf("/dev/pts/%d", n)
}

// holdsOpen returns nil when a process has the file open.
func holdsOpen(pid int, file string) error {
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return err
	}
	for _, d := range descriptors {
		if to, err := os.Readlink(d); err == nil && to == file {
			return nil
		}
	}
	return fmt.Errorf("process %d does not have %s open", pid, file)
}
