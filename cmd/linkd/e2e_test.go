package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. What is waited for takes milliseconds; a loaded machine may take longer.
const patience = 20 * time.Second

// binary is the linkd that all tests here run.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if os.Getenv(inside) != "" { // only TestReadme, which builds what it runs
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "linkd-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "linkd")
	args := []string{"build", "-o", binary}
	if raced() {
		args = append(args, "-race") // the binary too, and its exit status tells
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build linkd: %v\n%s", err, out)
		return 1
	}
	ownIndex(dir) // not before the build, whose cache is below XDG_CACHE_HOME too
	return m.Run()
}

// raced reports whether the tests run with the race detector.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// transcript collects what a process prints.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// process is a program that runs beside the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *transcript // its standard error
	gone chan struct{}
}

// start runs a program until the test ends.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, log: &transcript{}, gone: make(chan struct{})}
	cmd.Stderr = p.log
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Args[0], err)
	}
	go func() {
		_ = cmd.Wait() // the state tells
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(cmd.Args, " "), p.log)
		}
	})
	return p
}

// end sends the signal, unless the process has ended, and returns the exit status; -1 after a kill.
func (p *process) end(sig syscall.Signal) int {
	p.t.Helper()
	select {
	case <-p.gone:
	default:
		_ = p.cmd.Process.Signal(sig) // it may have ended just now
	}
	select {
	case <-p.gone:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // as above
		<-p.gone
		p.t.Errorf("%s did not end within %v of %v", p.cmd.Args[0], patience, sig)
	}
	return p.cmd.ProcessState.ExitCode()
}

// instance is a linkd that serves a project.
type instance struct {
	*process
	url  string
	file string
	args []string // of serve, besides --http
}

var httpListening = regexp.MustCompile(`msg="http listening".* addr=(\S+)`)

// serve starts linkd with the content of a project file, and flags, and waits until it is ready. The test fails unless
// it ends with status 0 when the test is over.
func serve(t *testing.T, content string, flags ...string) *instance {
	t.Helper()
	in := launch(t, write(t, content), flags...)
	t.Cleanup(func() {
		if code := in.end(syscall.SIGTERM); code != 0 {
			t.Errorf("linkd ended with status %d, want 0", code)
		}
	})
	return in
}

// launch is serve with a file that is there, or "" for none, of a linkd that may end in any way.
func launch(t *testing.T, file string, flags ...string) *instance {
	t.Helper()
	in := &instance{file: file, args: flags}
	if file != "" {
		in.args = append([]string{"-f", file}, flags...)
	}
	in.at(t, "127.0.0.1:0")
	return in
}

// at starts linkd with its API at an address, unless its flags name another.
func (in *instance) at(t *testing.T, addr string) {
	t.Helper()
	in.process = start(t, exec.Command(binary, append([]string{"serve", "--http", addr}, in.args...)...))
	eventually(t, "linkd is ready", func() error {
		select {
		case <-in.gone:
			t.Fatalf("linkd ended at once:\n%s", in.log)
		default:
		}
		found := httpListening.FindStringSubmatch(in.log.String())
		if found == nil {
			return errors.New("it does not listen for HTTP")
		}
		in.url = "http://" + found[1]
		_, err := in.request(http.MethodGet, "/readyz", "")
		return err
	})
}

// write makes a project file.
func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "project.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// eventually calls check until it returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for this: %s: %v", patience, what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// request does one HTTP call; an answer that is no success is an error.
func (in *instance) request(method, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, in.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := in.authorize(req); err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return b, err
}

// read gets a path of the API into v.
func (in *instance) read(t *testing.T, path string, v any) {
	t.Helper()
	b, err := in.request(http.MethodGet, "/api/v1"+path, "")
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}

// connection is what the tests read of a connection point.
type connection struct {
	Provider, Name, State string
	RemoteAddr            string `json:"remote_addr"`
	Session               uint64
	BytesIn               uint64 `json:"bytes_in"`
	LastCloseReason       string `json:"last_close_reason"`
	Driver                string
}

func (in *instance) connection(t *testing.T, path string) (c connection) {
	t.Helper()
	in.read(t, "/connections/"+path, &c)
	return c
}

// online waits until PROVIDER/NAME is online, in another session than the one numbered before, and returns it.
func (in *instance) online(t *testing.T, path string, before uint64) (c connection) {
	t.Helper()
	eventually(t, path+" is online", func() error {
		if c = in.connection(t, path); c.State != "online" || c.Session == before {
			return fmt.Errorf("it is %+v", c)
		}
		return nil
	})
	return c
}

// offline waits until PROVIDER/NAME is offline and returns it.
func (in *instance) offline(t *testing.T, path string) (c connection) {
	t.Helper()
	eventually(t, path+" is offline", func() error {
		if c = in.connection(t, path); c.State != "offline" {
			return fmt.Errorf("it is %+v", c)
		}
		return nil
	})
	return c
}

// port is where a provider listens.
func (in *instance) port(t *testing.T, provider string) string {
	t.Helper()
	var list struct {
		Items []struct {
			Name      string
			LocalAddr string `json:"local_addr"`
		}
	}
	in.read(t, "/providers", &list)
	for _, p := range list.Items {
		if p.Name == provider {
			_, port, err := net.SplitHostPort(p.LocalAddr)
			if err != nil {
				t.Fatalf("local_addr of %s: %v", provider, err)
			}
			return port
		}
	}
	t.Fatalf("no provider %s in %+v", provider, list)
	return ""
}

// dial connects to a provider as a device that sends id; the link closes with the test.
func (in *instance) dial(t *testing.T, provider, id string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+in.port(t, provider), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, id); err != nil {
		t.Fatal(err)
	}
	return c
}

// stream hands the data of every server-sent event of a path of the API to each, from now on.
func (in *instance) stream(t *testing.T, path string, each func(data []byte)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, in.url+"/api/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.authorize(req); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	go func() {
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				each([]byte(data))
			}
		}
	}()
}

// tap collects what the device of PROVIDER/NAME sends from now on, as the driver sees it.
func (in *instance) tap(t *testing.T, path string) *transcript {
	t.Helper()
	got := &transcript{}
	in.stream(t, "/connections/"+path+"/tap?last=0", func(data []byte) {
		var frame struct {
			Dir, Hex string
			Identity bool
		}
		if json.Unmarshal(data, &frame) == nil && frame.Dir == "in" && !frame.Identity {
			b, _ := hex.DecodeString(frame.Hex) // bad hex leaves the wait unfulfilled
			_, _ = got.Write(b)                 // never fails
		}
	})
	return got
}

// events collects what happens to connection points from now on, a line each: kind, connection point, reason.
func (in *instance) events(t *testing.T) *transcript {
	t.Helper()
	got := &transcript{}
	in.stream(t, "/events", func(data []byte) {
		var e struct{ Kind, Provider, Connection, Reason string }
		if json.Unmarshal(data, &e) == nil && e.Connection != "" {
			fmt.Fprintf(got, "%s %s/%s %s\n", e.Kind, e.Provider, e.Connection, e.Reason)
		}
	})
	return got
}

// holds waits until the transcript is want.
func holds(t *testing.T, got *transcript, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the bytes are %q", want), func() error {
		if s := got.String(); s != want {
			return fmt.Errorf("they are %q", s)
		}
		return nil
	})
}
