package main_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// closed waits until linkd has closed the link.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the link was not closed: %v", err)
	}
}

// refused runs linkd, which must end with the given status, and returns what it says on standard error.
func refused(t *testing.T, status int, args ...string) string {
	t.Helper()
	p := start(t, exec.Command(binary, args...))
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("linkd %s goes on; it should be refused", strings.Join(args, " "))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != status {
		t.Errorf("linkd %s: exit status %d, want %d:\n%s", strings.Join(args, " "), code, status, p.log)
	}
	return p.log.String()
}

// TestPortInUse: a port that somebody has is refused with an error that names it, whoever has it.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, other, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, port := range map[string]string{"another linkd": in.port(t, "s1"), "another program": other} {
		t.Run(name, func(t *testing.T) {
			file := write(t, strings.Replace(greenhouse, "local_port: 0", "local_port: "+port, 1))
			said := refused(t, 1, "serve", "-f", file, "--http", "127.0.0.1:0")
			if !strings.Contains(said, port) || !strings.Contains(said, "in use") {
				t.Errorf("it does not say that port %s is in use:\n%s", port, said)
			}
		})
	}
	in.dial(t, "s1", "c0001")
	in.online(t, "s1/c1", 0) // the first one goes on
}

// TestHTTPInUse: the HTTP address likewise.
func TestHTTPInUse(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	addr := strings.TrimPrefix(in.url, "http://")
	said := refused(t, 1, "serve", "-f", write(t, greenhouse), "--http", addr)
	if !strings.Contains(said, addr) || !strings.Contains(said, "in use") {
		t.Errorf("it does not say that %s is in use:\n%s", addr, said)
	}
}

// TestTerm: SIGTERM closes the links, says why, and ends with status 0.
func TestTerm(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			in := serve(t, greenhouse)
			events := in.events(t)
			device := in.dial(t, "s1", "c0001")
			in.online(t, "s1/c1", 0)
			if code := in.end(sig); code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
			closed(t, device)
			holds(t, events, "online s1/c1 \noffline s1/c1 drain\n")
		})
	}
}

// TestReload: SIGHUP adds and removes a connection point and leaves the others alone; a bad file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	port := in.port(t, "s1")
	stays := in.dial(t, "s1", "c0001")
	goes := in.dial(t, "s1", "c0002")
	session := in.online(t, "s1/c1", 0).Session
	in.online(t, "s1/c2", 0)

	in.reload(t, strings.NewReplacer("c2, socket_conn_id: c0002", "c3, socket_conn_id: c0003",
		"connection: s1/c2", "connection: s1/c3").Replace(greenhouse))
	closed(t, goes)
	eventually(t, "c3 is there", func() error {
		_, err := in.request("GET", "/api/v1/connections/s1/c3", "")
		return err
	})
	if _, err := in.request("GET", "/api/v1/connections/s1/c2", ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("c2 is still there: %v", err)
	}
	in.dial(t, "s1", "c0003")
	in.online(t, "s1/c3", 0)

	in.reload(t, "project: greenhouse\nproviders: 7\n")
	eventually(t, "the bad file is reported", func() error {
		if !strings.Contains(in.log.String(), in.file+":2:") {
			return errors.New("the log does not show its place")
		}
		return nil
	})
	if c := in.online(t, "s1/c1", 0); c.Session != session {
		t.Errorf("c1 is in session %d, was in %d", c.Session, session)
	}
	if now := in.port(t, "s1"); now != port {
		t.Errorf("the port is %s, was %s", now, port)
	}
	alive(t, in, stays, "s1/c1")
}

// reload writes the project file anew and tells linkd.
func (in *instance) reload(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(in.file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := in.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// alive checks that bytes still reach the device over the link that it has.
func alive(t *testing.T, in *instance, device net.Conn, path string) {
	t.Helper()
	if _, err := in.request("POST", "/api/v1/connections/"+path+"/send", `{"text": "ping"}`); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if err := device.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(device, got); err != nil || string(got) != "ping" {
		t.Errorf("the device received %q, %v; want ping", got, err)
	}
}

// tenFaults is a project file with a fault in each of ten lines, none of which hides another.
const tenFaults = `project: greenhouse
providers:
  - name: 1s
    type: tcp-sever
    local_port: 30002
  - name: s2
    type: tcp-server
    local_port: 70000
    identity: {timeout: soon}
    colour: green
    connections:
      - {name: c1, socket_conn_id: c0001}
      - {name: c1, socket_conn_id: c0002}
      - {name: c2, socket_conn_id: c0001}
  - name: plant
    type: tcp-server
    local_port: 30001
    conn_identity: fix-ip
    connections:
      - {name: boiler, remote_ip: 10.1.2.300}
channels:
  - {name: ch1, connection: plant/nobody, driver: raw}
  - {name: ch2, connection: plant/boiler, driver: rawest}
`

// TestFaults: all faults of a file at once, each with its place, from check and serve alike.
func TestFaults(t *testing.T) {
	t.Parallel()
	file := write(t, tenFaults)
	place := regexp.MustCompile(`(?m)` + regexp.QuoteMeta(file) + `:(\d+):\d+: .`)
	for _, args := range [][]string{{"check", file}, {"serve", "-f", file, "--http", "127.0.0.1:0"}} {
		t.Run(args[0], func(t *testing.T) {
			said := refused(t, 1, args...)
			got := map[string]bool{}
			for _, found := range place.FindAllStringSubmatch(said, -1) {
				got[found[1]] = true
			}
			for _, line := range []int{3, 4, 8, 9, 10, 13, 14, 20, 22, 23} {
				if !got[fmt.Sprint(line)] {
					t.Errorf("no fault reported in line %d", line)
				}
			}
			if t.Failed() {
				t.Logf("it said:\n%s", said)
			}
		})
	}
}

// TestTakeover: the newest link that states an id has the connection point.
func TestTakeover(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	older := in.dial(t, "s1", "c0001")
	first := in.online(t, "s1/c1", 0)
	newer := in.dial(t, "s1", "c0001")
	second := in.online(t, "s1/c1", first.Session)
	closed(t, older)
	if second.RemoteAddr != newer.LocalAddr().String() {
		t.Errorf("online from %s, want %s", second.RemoteAddr, newer.LocalAddr())
	}
	eventually(t, "the reason is takeover", func() error {
		if c := in.connection(t, "s1/c1"); c.State != "online" || c.LastCloseReason != "takeover" {
			return fmt.Errorf("it is %+v", c)
		}
		return nil
	})
	alive(t, in, newer, "s1/c1")
}

// TestStranger: an unknown id is closed and listed, online on its next call once it was adopted, and stays so when the
// file, which does not have it, is read again.
func TestStranger(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	closed(t, in.dial(t, "s1", "c0099\r\n"))
	var list struct {
		Items []struct{ Key, Provider, ID, Reason string }
	}
	eventually(t, "the stranger is listed", func() error {
		if in.read(t, "/strangers", &list); len(list.Items) != 1 {
			return fmt.Errorf("strangers: %+v", list)
		}
		return nil
	})
	s := list.Items[0]
	if s.Provider != "s1" || s.ID != "c0099" || s.Reason != "unknown_id" {
		t.Errorf("the stranger is %+v, want c0099 at s1, unknown_id", s)
	}
	if _, err := in.request("POST", "/api/v1/strangers/"+s.Key+"/adopt", `{"name": "c99"}`); err != nil {
		t.Fatal(err)
	}
	in.dial(t, "s1", "c0099\r\n")
	session := in.online(t, "s1/c99", 0).Session
	in.reload(t, greenhouse)
	eventually(t, "the file is read again", func() error {
		if !strings.Contains(in.log.String(), "the project was reloaded") {
			return errors.New("the log does not say so")
		}
		return nil
	})
	if c := in.connection(t, "s1/c99"); c.State != "online" || c.Session != session {
		t.Errorf("adopted, and after a reload it is %+v; was in session %d", c, session)
	}
	if in.read(t, "/strangers", &list); len(list.Items) != 0 {
		t.Errorf("adopted and still a stranger: %+v", list)
	}
}

// TestSilence: a link that says nothing is closed when its time is over, and listed.
func TestSilence(t *testing.T) {
	t.Parallel()
	in := serve(t, strings.Replace(greenhouse, "conn_identity", "identity: {timeout: 1s}\n    conn_identity", 1))
	closed(t, in.dial(t, "s1", ""))
	in.dial(t, "s1", "c0001")
	in.online(t, "s1/c1", 0)
}
