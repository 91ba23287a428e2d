package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary serve as a process of the fleet.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "loadgen-worker":
			if err := ServeWorker(context.Background(), os.Stdin, os.Stdout); err != nil {
				os.Exit(1)
			}
			os.Exit(0)
		case "loadgen-death":
			fmt.Fprintln(os.Stderr, "out of luck")
			os.Exit(3)
		}
	}
	if len(os.Args) == 4 && os.Args[1] == "loadgen-join" {
		if err := Join(context.Background(), Meeting{Addr: os.Args[2], Secret: []byte(os.Args[3])}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// server accepts links and has each handled on a goroutine of its own. It ends with the test.
func server(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				handle(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func echo(c *net.TCPConn)   { _, _ = io.Copy(c, c) }
func silent(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// answering reads n bytes and answers them, then hands over.
func answering(n int, answer string, then func(*net.TCPConn)) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		if _, err := io.ReadFull(c, make([]byte, n)); err == nil {
			_, _ = io.WriteString(c, answer)
			then(c)
		}
	}
}

// runs runs a fleet of ten unless cfg says otherwise.
func runs(t *testing.T, cfg Config) *Result {
	t.Helper()
	if cfg.Devices == 0 {
		cfg.Devices = 10
	}
	if cfg.ID == "" {
		cfg.ID, cfg.From = "c{n:04}", 1
	}
	if cfg.StallSelf == 0 { // the machine may be busy with other tests
		cfg.OwnLagLimit, cfg.OwnCPULimit = time.Hour, 1
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if failed := int64(0); r.Up >= 0 {
		for _, n := range r.Failed {
			failed += n
		}
		if r.Up+failed != int64(cfg.Devices) {
			t.Errorf("%d up and %d failed of %d", r.Up, failed, cfg.Devices)
		}
	}
	return r
}

func TestIdleSaysWhoItIs(t *testing.T) {
	got := make(chan string, 10)
	target := server(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c)
		got <- string(b)
	})
	r := runs(t, Config{Target: target, Preset: "line", Burst: 30})
	if err := r.Err(); err != nil || r.Up != 10 || r.UpAtEnd != 10 || r.Connect.Count != 10 {
		t.Errorf("%v, %+v", err, r)
	}
	seen := map[string]bool{}
	for range 10 {
		id, burst, _ := strings.Cut(<-got, "\r\n")
		seen[id] = true
		if burst != "abcdefghijklmnopqrstuvwxyzabcd" {
			t.Errorf("burst %q", burst)
		}
	}
	for n := 1; n <= 10; n++ {
		if id := fmt.Sprintf("c%04d", n); !seen[id] {
			t.Errorf("%s did not come", id)
		}
	}
}

func TestEcho(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"closed loop", Config{Duration: 50 * time.Millisecond}},
		{"paced", Config{Duration: 100 * time.Millisecond, Rate: 2000, Ramp: 5000}},
		{"smallest", Config{Duration: 20 * time.Millisecond, Size: 16}},
		{"frames larger than one read", Config{Duration: 50 * time.Millisecond, Size: 64 << 10}},
		{"escaped", Config{Duration: 50 * time.Millisecond, Preset: "four-faith", ID: "{n:011}", From: 13066668888}},
		{"prefixed packets", Config{Duration: 20 * time.Millisecond, Preset: "usr", PacketPrefix: true}},
		{"two workers", Config{Duration: 50 * time.Millisecond, Rate: 1000, Workers: 2, Sources: "127.0.1.0/24"}},
		{"confirmed, with heartbeats", Config{Confirm: ConfirmEcho, Duration: 30 * time.Millisecond, Heartbeat: 1e6,
			HeartbeatSend: []byte("beat"), Rate: 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Target, c.cfg.Mode = server(t, echo), Echo
			r := runs(t, c.cfg)
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
			if r.Received.Messages == 0 || r.Received.Messages != r.Sent.Messages || r.RTT.Count != r.Received.Messages {
				t.Errorf("sent %d, received %d, timed %d", r.Sent.Messages, r.Received.Messages, r.RTT.Count)
			}
			if want := int64(c.cfg.Rate * c.cfg.Duration.Seconds()); want > 0 && r.Sent.Messages+r.Unsent != want {
				t.Errorf("%d sent and %d unsent, want %d in all", r.Sent.Messages, r.Unsent, want)
			}
			if c.cfg.Confirm == ConfirmEcho && (r.Confirm.Count != 10 || r.Confirmed != 10) {
				t.Errorf("%d confirmed in %d times", r.Confirmed, r.Confirm.Count)
			}
		})
	}
}

func TestPush(t *testing.T) {
	var got atomic.Int64
	arrived := make(chan int64, 10)
	target := server(t, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		got.Add(n)
		arrived <- n
	})
	r := runs(t, Config{Target: target, Mode: Push, Rate: 2000, Size: 100, Duration: 100 * time.Millisecond})
	if err := r.Err(); err != nil || r.Sent.Messages+r.Unsent != 200 || r.Sent.Bytes != r.Sent.Messages*100+50 {
		t.Errorf("%v, sent %+v, unsent %d", err, r.Sent, r.Unsent)
	}
	for range 10 {
		<-arrived
	}
	if got.Load() != r.Sent.Bytes {
		t.Errorf("%d bytes arrived of %d", got.Load(), r.Sent.Bytes)
	}
}

// TestSlowReader pushes more than the kernel holds before the server reads: what is left over is kept, in order, and
// nothing is lost.
func TestSlowReader(t *testing.T) {
	whole, read := make(chan bool, 1), make(chan struct{})
	target := server(t, func(c *net.TCPConn) {
		<-read
		_, _ = io.ReadFull(c, make([]byte, 5))
		want := newFrames(maxSize, false)
		frame := make([]byte, maxSize)
		ok := true
		for seq := uint32(1); ; seq++ {
			if _, err := io.ReadFull(c, frame); err != nil {
				whole <- ok && errors.Is(err, io.EOF)
				return
			}
			ok = ok && bytes.Equal(frame[headerSize:], want.frame[headerSize:]) && frame[7] == byte(seq)
		}
	})
	var once sync.Once
	r := runs(t, Config{Target: target, Devices: 1, Mode: Push, Rate: 500, Size: maxSize, Drain: time.Minute,
		Duration: 400 * time.Millisecond, Progress: func(Progress) { once.Do(func() { close(read) }) }})
	if !<-whole || r.Sent.Bytes != r.Sent.Messages*maxSize+5 || r.Err() != nil {
		t.Errorf("frames damaged, or %v; %+v", r.Err(), r.Sent)
	}
}

func TestAcknowledgements(t *testing.T) {
	const phone = "13066668888"
	imei := Config{Preset: "imei", ID: "{n:015}", From: 355837089512343}
	ddp := Config{Preset: "ddp", ID: "{n:011}", From: 13066668888, AckTimeout: 100 * time.Millisecond}
	for _, c := range []struct {
		name   string
		cfg    Config
		handle func(*net.TCPConn)
		cause  string // "": up
	}{
		{"imei accepted", imei, answering(17, "\x01", silent), ""},
		{"imei refused", imei, answering(17, "\x00", silent), "ack_wrong"},
		{"ddp accepted", ddp, answering(22, "\x7B\x81\x00\x10"+phone+"\x7B", silent), ""},
		{"ddp other answer", ddp, answering(22, "\x7B\x82\x00\x10"+phone+"\x7B", silent), "ack_wrong"},
		{"ddp no answer", ddp, silent, "ack_missing"},
		{"own answer", Config{Ack: []byte("OK")}, answering(5, "OK", silent), ""},
		{"own answer, half", Config{Ack: []byte("OK"), AckTimeout: 100 * time.Millisecond}, answering(5, "O", silent),
			"ack_missing"},
		{"closed instead", Config{Ack: []byte("OK")}, answering(5, "", func(*net.TCPConn) {}), "closed_after_identity"},
		{"no echo to confirm", Config{Confirm: ConfirmEcho, AckTimeout: 100 * time.Millisecond}, silent, "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Target, c.cfg.Devices = server(t, c.handle), 1
			r := runs(t, c.cfg)
			if c.cause == "" {
				if r.Err() != nil || r.Ack.Count != 1 {
					t.Errorf("%v, %+v", r.Err(), r)
				}
				return
			}
			if r.Failed[c.cause] != 1 || r.Err() == nil {
				t.Errorf("failed %v, want %s; %v", r.Failed, c.cause, r.Err())
			}
		})
	}
}

// ddpEcho answers a registration and sends up-data back as down-data.
func ddpEcho(c *net.TCPConn) {
	head := make([]byte, ddpHead)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		rest := make([]byte, int(head[2])<<8+int(head[3])-ddpHead)
		if _, err := io.ReadFull(c, rest); err != nil {
			return
		}
		answer := appendDDP(nil, ddpDown, head[4:], rest[:len(rest)-1])
		if head[1] == ddpRegister {
			answer = appendDDP(nil, ddpRegistered, head[4:], nil)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func TestDDPEcho(t *testing.T) {
	r := runs(t, Config{Target: server(t, ddpEcho), Preset: "ddp", ID: "{n:011}", From: 1, Mode: Echo,
		Duration: 50 * time.Millisecond, Heartbeat: time.Millisecond})
	if err := r.Err(); err != nil || r.Ack.Count != 10 || r.Received.Messages == 0 {
		t.Errorf("%v, %d acks, %+v", err, r.Ack.Count, r.Received)
	}
}

func TestFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	r := runs(t, Config{Target: closed})
	if r.Failed["refused"] != 10 || len(r.Errors) != 1 || r.Errors[0].Count != 10 {
		t.Errorf("failed %v, errors %v", r.Failed, r.Errors)
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "10 of 10 devices did not come up (10 refused)") {
		t.Errorf("verdict %v", err)
	}

	resetting := server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 5))
		_ = c.SetLinger(0)
	})
	r = runs(t, Config{Target: resetting, Duration: time.Minute, Drain: 1, Ack: []byte("OK")})
	if r.Failed["reset"] != 10 {
		t.Errorf("failed %v, want 10 reset", r.Failed)
	}

	r = runs(t, Config{Target: server(t, silent), Sources: "203.0.113.0/24"})
	if r.Failed["unreachable"] != 10 || !strings.Contains(r.Err().Error(), "not one of this machine") {
		t.Errorf("failed %v, %v", r.Failed, r.Err())
	}
}

// TestDropsAreCounted: a fleet whose server drops every link does not wait for anything it cannot get.
func TestDropsAreCounted(t *testing.T) {
	dropping := server(t, answering(5, "", func(*net.TCPConn) {}))
	r := runs(t, Config{Target: dropping, Mode: Echo, Rate: 100, Duration: 300 * time.Millisecond})
	if r.Up != 10 || r.UpAtEnd != 0 || r.Dropped["closed_after_identity"]+r.Dropped["reset"] != 10 {
		t.Errorf("up %d, at end %d, dropped %v", r.Up, r.UpAtEnd, r.Dropped)
	}
	if r.Err() == nil || r.Sent.Messages+r.Unsent != 30 {
		t.Errorf("%v; %d sent and %d unsent, want 30", r.Err(), r.Sent.Messages, r.Unsent)
	}
}

func TestReconnect(t *testing.T) {
	var links atomic.Int64
	target := server(t, func(c *net.TCPConn) {
		if links.Add(1) <= 3 {
			answering(5, "", func(*net.TCPConn) {})(c)
			return
		}
		echo(c)
	})
	r := runs(t, Config{Target: target, Devices: 3, Reconnect: true, Confirm: ConfirmEcho, Mode: Echo,
		Duration: 50 * time.Millisecond})
	if err := r.Err(); err != nil || r.Up != 3 || len(r.Errors) == 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestLostEchoes(t *testing.T) {
	r := runs(t, Config{Target: server(t, silent), Mode: Echo, Rate: 1000, Duration: 50 * time.Millisecond,
		Drain: 20 * time.Millisecond})
	if r.Lost != 10 || r.Sent.Messages != 10 || r.Unsent != 40 || r.Err() == nil {
		t.Errorf("lost %d of %d sent, %d unsent, %v; want 10 of 10, 40", r.Lost, r.Sent.Messages, r.Unsent, r.Err())
	}
}

func TestCorruptEchoes(t *testing.T) {
	target := server(t, func(c *net.TCPConn) {
		b := make([]byte, 69)
		_, _ = io.ReadFull(c, b)
		b[60] ^= 1
		_, _ = c.Write(b)
		silent(c)
	})
	r := runs(t, Config{Target: target, Mode: Echo, Rate: 1000, Duration: 20 * time.Millisecond, Drain: time.Second})
	if r.Corrupt != r.Sent.Messages || r.Lost != r.Sent.Messages || r.Received.Messages != 0 || r.Corrupt == 0 {
		t.Errorf("corrupt %d, lost %d of %d sent", r.Corrupt, r.Lost, r.Sent.Messages)
	}
}

// TestStop ends runs early in each phase; they report what they have.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		name, phase string
		cfg         Config
	}{
		{"connecting", "connecting", Config{Ramp: 0.001}},
		{"traffic", "traffic", Config{Mode: Echo, Rate: 100, Duration: time.Hour}},
		{"hold", "hold", Config{Hold: time.Hour}},
		{"processes", "traffic", Config{Duration: time.Hour, Processes: 2, Command: []string{os.Args[0], "loadgen-worker"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.cfg.Target, c.cfg.Devices, c.cfg.ID = server(t, echo), 4, "c{n}"
			c.cfg.Progress = func(p Progress) {
				if p.Phase == c.phase {
					cancel()
				}
			}
			r, err := Run(ctx, c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "connecting" {
				if !r.Stopped || r.Failed["not_tried"] == 0 || r.Err() == nil {
					t.Errorf("%+v", r)
				}
				return
			}
			if r.Err() != nil || r.UpAtEnd != 4 || r.Stopped != (c.phase == "traffic") {
				t.Errorf("%v, %+v", r.Err(), r)
			}
		})
	}
}

func TestTimeoutEndsConnecting(t *testing.T) {
	r := runs(t, Config{Target: server(t, silent), Ack: []byte("OK"), Inflight: 4, Timeout: 50 * time.Millisecond})
	if r.Failed["timeout"] != 4 || r.Failed["not_tried"] != 6 {
		t.Errorf("failed %v, want 4 timeout and 6 not tried", r.Failed)
	}
}
