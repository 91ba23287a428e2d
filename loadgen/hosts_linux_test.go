package loadgen

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const sesame = "open sesame, all of you"

// meets runs a Coordinate on a port of its own, which it returns, and hands what comes of it to the second.
func meets(t *testing.T, cfg Config, m Meeting) (addr string, wait func() (*Result, error)) {
	t.Helper()
	var r *Result
	var err error
	ctx, cancel := context.WithCancel(t.Context())
	listening, done := make(chan string, 1), make(chan struct{})
	m.Addr, m.Secret = "127.0.0.1:0", []byte(sesame)
	m.Told = func(line string) {
		if _, at, found := strings.Cut(line, "hosts at "); found {
			listening <- at
		}
	}
	go func() {
		defer close(done)
		r, err = Coordinate(ctx, cfg, m)
	}()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case addr = <-listening:
	case <-done:
		t.Fatal(err)
	}
	return addr, func() (*Result, error) { <-done; return r, err }
}

// joins starts a process that joins, and ends it with the test.
func joins(t *testing.T, addr string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "loadgen-join", addr, sesame)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// TestHosts: two hosts run one fleet, and one result comes of it.
func TestHosts(t *testing.T) {
	t.Parallel()
	var ids sync.Map
	target := server(t, func(c *net.TCPConn) {
		b := make([]byte, 5)
		_, _ = io.ReadFull(c, b)
		ids.Store(string(b), true)
		echo(c)
	})
	addr, wait := meets(t, Config{Target: target, Devices: 11, ID: "c{n:04}", From: 1, Mode: Echo, Rate: 500,
		Duration: 200 * time.Millisecond, OwnLagLimit: time.Hour}, Meeting{Hosts: 2}) // other tests run beside this one
	joins(t, addr)
	joins(t, addr)
	r, err := wait()
	if err != nil || r.Err() != nil || r.Hosts != 2 || r.Processes != 2 || r.Up != 11 || r.Connect.Count != 11 {
		t.Fatalf("%v, %+v", err, r)
	}
	// Each share is rounded.
	if all := r.Sent.Messages + r.Unsent; all < 99 || all > 101 || r.RTT.Count != r.Received.Messages {
		t.Errorf("%d frames due, want about 100; %d of %d timed", all, r.RTT.Count, r.Received.Messages)
	}
	for n := 1; n <= 11; n++ {
		if _, came := ids.Load(fmt.Sprintf("c%04d", n)); !came {
			t.Errorf("device %d did not come", n)
		}
	}
}

// TestHostOfProcesses: a host divides its share among processes of its own, of addresses of its own.
func TestHostOfProcesses(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	target := server(t, func(c *net.TCPConn) {
		if !strings.HasPrefix(c.RemoteAddr().String(), "127.0.3.") {
			elsewhere.Add(1)
		}
		echo(c)
	})
	addr, wait := meets(t, Config{Target: target, Devices: 8, ID: "c{n}", Processes: 2, Sources: "127.0.9.0/24",
		Command: []string{"/bin/false"}}, Meeting{Hosts: 1})
	joined := make(chan error, 1)
	go func() {
		joined <- Join(t.Context(), Meeting{Addr: addr, Secret: []byte(sesame), Sources: "127.0.3.0/24",
			Command: []string{os.Args[0], "loadgen-worker"}})
	}()
	r, err := wait()
	if jerr := <-joined; err != nil || jerr != nil || r.Err() != nil || r.Processes != 2 || r.Up != 8 {
		t.Errorf("%v, %v, %+v", err, jerr, r)
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d devices came from other addresses", n)
	}
}

// TestHostDies: the death and the silence of one host fail the run by its name and range, and end it on the other.
func TestHostDies(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		do         func(*os.Process) error
	}{
		{"killed", "): ", (*os.Process).Kill},
		{"silent", "): no word for 1s", func(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := make(chan struct{})
			var once sync.Once
			addr, wait := meets(t, Config{Target: server(t, silent), Devices: 10, ID: "c{n}", Duration: time.Hour,
				Progress: func(p Progress) {
					if p.Phase == "traffic" && p.Up == 10 {
						once.Do(func() { close(up) })
					}
				}}, Meeting{Hosts: 2, Lease: time.Second})
			victim := joins(t, addr)
			joins(t, addr)
			<-up
			if err := tt.do(victim.Process); err != nil {
				t.Fatal(err)
			}
			r, err := wait()
			if !errors.Is(err, ErrHostLost) || r.Failed["worker_died"] != 5 || r.Up != 5 {
				t.Fatalf("%v, %+v", err, r)
			}
			whole := strings.Contains(err.Error(), "(devices 1 to 5)") || strings.Contains(err.Error(), "(devices 6 to 10)")
			if !whole || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "of 2, ") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestCoordinatorDies: a host whose coordinator is gone stops its devices.
func TestCoordinatorDies(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	target := server(t, func(c *net.TCPConn) {
		open.Add(1)
		silent(c)
		open.Add(-1)
	})
	addr, wait := meets(t, Config{Target: target, Devices: 5, ID: "c{n}", Duration: time.Hour}, Meeting{Hosts: 1})
	cut := make(chan func(), 1)
	between := server(t, func(c *net.TCPConn) {
		there, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		cut <- func() { c.Close(); there.Close() }
		go func() { _, _ = io.Copy(c, there) }()
		_, _ = io.Copy(there, c)
	})
	joined := make(chan error, 1)
	go func() { joined <- Join(t.Context(), Meeting{Addr: between, Secret: []byte(sesame)}) }()
	within := time.Now().Add(30 * time.Second)
	for open.Load() < 5 && time.Now().Before(within) {
		time.Sleep(time.Millisecond)
	}
	(<-cut)()
	if err := <-joined; !errors.Is(err, ErrCoordinatorLost) {
		t.Errorf("the host ends with %v", err)
	}
	for open.Load() > 0 && time.Now().Before(within) {
		time.Sleep(time.Millisecond)
	}
	if n := open.Load(); n != 0 {
		t.Errorf("%d devices are still there", n)
	}
	if _, err := wait(); !errors.Is(err, ErrHostLost) {
		t.Errorf("the coordinator ends with %v", err)
	}
}

// TestStrangers: whoever does not know the secret, or sends rubbish, is sent away, and the run takes place.
func TestStrangers(t *testing.T) {
	t.Parallel()
	addr, wait := meets(t, Config{Target: server(t, silent), Devices: 2, ID: "c{n}"}, Meeting{Hosts: 1})
	err := Join(t.Context(), Meeting{Addr: addr, Secret: []byte("open barley, all of you")})
	if !errors.Is(err, ErrMeeting) || !strings.Contains(err.Error(), "wrong secret; give the same --secret") {
		t.Errorf("wrong secret: %v", err)
	}
	for name, says := range map[string]string{
		"rubbish":         "\x16\x03\x01\x02\x00\x01\n",
		"JSON":            "[1]\n",
		"no end":          strings.Repeat("x", 2*maxHello),
		"nothing":         "",
		"another version": `{"linkd_loadgen":"0-0","Nonce":"AAAA"}` + "\n",
		"no room":         `{"linkd_loadgen":"` + version() + `","Nonce":"AAAA","Cores":1,"Room":-1}` + "\n",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, says)
		_ = c.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(c)
		if c.Close(); strings.Contains(string(got), "Lease") {
			t.Errorf("%s is welcome: %s", name, got)
		}
		if want := "another version of linkd"; name == "another version" && !strings.Contains(string(got), want) {
			t.Errorf("%s is told %s", name, got)
		}
	}
	joins(t, addr)
	if r, err := wait(); err != nil || r.Err() != nil || r.Up != 2 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestFalseGuests: what a host says once it has joined is checked as well.
func TestFalseGuests(t *testing.T) {
	for name, tt := range map[string]struct{ says, want string }{
		"rubbish":    {"rubbish\n", "it sent what is no report"},
		"no end":     {strings.Repeat("x", maxReport+1), "token too long"},
		"histograms": {`{"Outcome":{"Up":2}}` + "\n", "its outcome lacks a histogram"},
		"goodbye":    {"", "it ended without a result"},
		"refusal":    {`{"Error":"no space here"}` + "\n", "no space here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, wait := meets(t, Config{Target: "127.0.0.1:1", Devices: 2, ID: "c{n}"}, Meeting{Hosts: 1})
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			link := &leased{Conn: conn, lease: 10 * time.Second}
			in := bufio.NewReaderSize(link, maxShare)
			m := Meeting{Addr: addr, Secret: []byte(sesame)}
			if err := m.greet(link, in, 100, 1); err != nil {
				t.Fatal(err)
			}
			if line, err := in.ReadSlice('\n'); err != nil || !strings.Contains(string(line), `"Devices":2`) {
				t.Errorf("the share is %s, %v", line, err)
			}
			_, _ = io.WriteString(conn, tt.says)
			_ = conn.(*net.TCPConn).CloseWrite()
			if _, err := wait(); !errors.Is(err, ErrHostLost) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestFalseCoordinators: nobody runs devices for a coordinator that does not know the secret or is of another version.
func TestFalseCoordinators(t *testing.T) {
	nonce := `"Nonce":"` + strings.Repeat("A", 43) + `="`
	for name, tt := range map[string]struct{ hello, welcome, want string }{
		"another program": {"SSH-2.0\r\n", "", "which may be no coordinator"},
		"another version": {`{"linkd_loadgen":"0-0",` + nonce + "}\n", "", "the coordinator is another version of linkd"},
		"no secret": {`{"linkd_loadgen":"` + version() + `",` + nonce + "}\n", `{"Proof":"AAAA","Lease":1000000000}` + "\n",
			"the coordinator has a wrong secret"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := server(t, func(c *net.TCPConn) {
				_, _ = io.WriteString(c, tt.hello)
				if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
					_, _ = io.WriteString(c, tt.welcome)
				}
			})
			err := Join(t.Context(), Meeting{Addr: addr, Secret: []byte(sesame)})
			if !errors.Is(err, ErrMeeting) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = Join(t.Context(), Meeting{Addr: l.Addr().String(), Wait: time.Millisecond})
	if !errors.Is(err, ErrMeeting) || !strings.Contains(err.Error(), "no coordinator within 1ms") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestHostsDoNotCome(t *testing.T) {
	_, wait := meets(t, Config{Target: "127.0.0.1:1", Devices: 2, ID: "c{n}"}, Meeting{Hosts: 2, Wait: time.Millisecond})
	if _, err := wait(); !errors.Is(err, ErrMeeting) || !strings.Contains(err.Error(), "0 of 2 joined within 1ms") {
		t.Errorf("error %v", err)
	}
}

func TestDivide(t *testing.T) {
	for _, tt := range []struct {
		name        string
		devices     int
		cores, room []int
		want        []int
	}{
		{"alike", 10, []int{2, 2}, []int{100, 100}, []int{5, 5}},
		{"by cores", 100, []int{1, 4}, []int{1000, 1000}, []int{20, 80}},
		{"within the room", 100, []int{1, 4}, []int{1000, 30}, []int{70, 30}},
		{"one each at least", 3, []int{1, 64, 1}, []int{10, 10, 10}, []int{1, 1, 1}},
		{"all the room", 60, []int{1, 2, 3}, []int{10, 20, 30}, []int{10, 20, 30}},
		{"too many", 61, []int{1, 2, 3}, []int{10, 20, 30}, nil},
	} {
		var guests []*guest
		for i := range tt.cores {
			guests = append(guests, &guest{hello: hello{Cores: tt.cores[i], Room: tt.room[i]}})
		}
		got, err := divide(&Config{Devices: tt.devices}, guests)
		near := len(got) == len(tt.want)
		sum := 0
		for i := range got {
			sum += got[i]
			near = near && got[i] <= tt.room[i] && max(got[i]-tt.want[i], tt.want[i]-got[i]) <= 1
		}
		if (err != nil) != (tt.want == nil) || !near || err == nil && sum != tt.devices {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestMeetingRefused(t *testing.T) {
	long := []byte(sesame)
	for want, m := range map[string]Meeting{
		`coordinator ":"; give host:port`:                        {Addr: ":"},
		`coordinator "here"; give host:port`:                     {Addr: "here"},
		"a secret of 0 bytes for :7000, which strangers":         {Addr: ":7000"},
		"a secret of 5 bytes for 10.0.0.1:7000, which strangers": {Addr: "10.0.0.1:7000", Secret: long[:5]},
		"lease 1ms; give 1s to 1h":                               {Addr: "127.0.0.1:0", Lease: time.Millisecond},
		"wait -1s; give up to 24h":                               {Addr: "127.0.0.1:0", Wait: -time.Second},
		"hosts 0; give 1 to 256":                                 {Addr: "127.0.0.1:0"},
		"1 devices for 2 hosts":                                  {Addr: "[::1]:0", Hosts: 2},
	} {
		_, err := Coordinate(t.Context(), Config{Target: "127.0.0.1:1", Devices: 1, ID: "c{n}"}, m)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestSharesAreChecked: a host checks what it is to do.
func TestSharesAreChecked(t *testing.T) {
	cfg := Config{Target: "127.0.0.1:1", Devices: 10, ID: "c{n}"}.withDefaults()
	to, err := resolve(t.Context(), cfg.Target)
	if err != nil {
		t.Fatal(err)
	}
	good := share{Config: cfg, To: to, First: 2, Count: 8}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*share){
		"no devices": func(s *share) { s.Count = 0 },
		"too many":   func(s *share) { s.Count = 9 },
		"before":     func(s *share) { s.First = -1 },
		"nowhere":    func(s *share) { s.To = share{}.To },
		"no config":  func(s *share) { s.Config.Mode = "dance" },
		"a verdict":  func(s *share) { s.Config.Mode, s.Config.Verify = ModbusRTU, "http://x" },
		"sources":    func(s *share) { s.Config.Sources = "fd00::/64" },
	} {
		s := good
		if change(&s); !errors.Is(s.check(), ErrConfig) {
			t.Errorf("%s: %v", name, s.check())
		}
	}
	if _, err := readShare([]byte(`{"Confog":{}}`)); err == nil {
		t.Error("a share with unknown keys is read")
	}
	line, err := json.Marshal(share{Config: Config{Command: []string{"a program"}, Token: "a token"}})
	if err != nil || strings.Contains(string(line), "a program") || strings.Contains(string(line), "a token") {
		t.Errorf("%v; a command or a token travels: %s", err, line)
	}
}
