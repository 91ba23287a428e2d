package loadgen

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// registry is a server that knows its links by the ids of five bytes that they begin with.
type registry struct {
	mu    sync.Mutex
	links map[string]*net.TCPConn
	froms map[string]string
}

// bind has the id on c, and returns it with the link that had it before, and where that came from.
func (r *registry) bind(c *net.TCPConn) (id string, before *net.TCPConn, from string) {
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil {
		return "", nil, ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links == nil {
		r.links, r.froms = map[string]*net.TCPConn{}, map[string]string{}
	}
	id = string(b)
	before, from = r.links[id], r.froms[id]
	r.links[id], r.froms[id] = c, c.RemoteAddr().(*net.TCPAddr).IP.String()
	return id, before, from
}

// silence says what is wrong with a link whose device should have vanished: it must take what is sent, acknowledge none
// of it, and say nothing.
func silence(c *net.TCPConn) error {
	if _, err := io.WriteString(c, "are you there?"); err != nil {
		return fmt.Errorf("the old link has ended: %w", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, syscall.EAGAIN) && !isTimeout(err) {
		return fmt.Errorf("the old link says %d bytes, %w", n, err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	unacknowledged := 0
	_ = raw.Control(func(fd uintptr) { unacknowledged, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if err == nil && unacknowledged != len("are you there?") {
		err = fmt.Errorf("%d bytes of the old link are not acknowledged", unacknowledged)
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// TestHalfOpenAndMove: a device that vanished is back on another link while the old one still stands and is silent; one
// that moved comes from another address.
func TestHalfOpenAndMove(t *testing.T) {
	soon := Spread{Kind: "fixed", A: float64(20 * time.Millisecond)}
	for _, tt := range []struct {
		name   string
		faults Faults
		counts func(*FaultCounts) int64
	}{
		{"half open", Faults{HalfOpen: 0.1, HalfOpenFor: soon}, func(f *FaultCounts) int64 { return f.HalfOpen }},
		{"move", Faults{Move: 0.1}, func(f *FaultCounts) int64 { return f.Moved }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r registry // of so many devices that hardly one is chosen twice
			found := make(chan error, 100)
			target := server(t, func(c *net.TCPConn) {
				if _, old, from := r.bind(c); old != nil {
					err := silence(old)
					moved := from != c.RemoteAddr().(*net.TCPAddr).IP.String()
					if err == nil && moved != (tt.faults.Move > 0) {
						err = fmt.Errorf("from %s to %v", from, c.RemoteAddr())
					}
					found <- err
					old.Close()
				}
				<-t.Context().Done() // nobody reads: silence looks for what the device says
			})
			got := runs(t, Config{Target: target, Devices: 100, Faults: tt.faults, Sources: "127.0.1.0/24",
				Duration: leastBefore + 300*time.Millisecond})
			want := tt.counts(got.Faults)
			if want < 2 || got.Err() != nil || got.Returned != want || got.UpAtEnd != 100 || len(got.Dropped) != 0 {
				t.Errorf("%v; %v; %d returned, %d up at the end; dropped %v, %v", got.Err(), got.Faults, got.Returned,
					got.UpAtEnd, got.Dropped, got.Errors)
			}
			for range want {
				if err := <-found; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestCut: a link ends with a reset, in the middle of a frame where there are any.
func TestCut(t *testing.T) {
	for _, mode := range []string{Idle, Push, Echo, ModbusRTU} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			resets := make(chan int, 100) // bytes over whole frames or answers before a reset
			target := server(t, func(c *net.TCPConn) {
				whole, b, n := 64, make([]byte, 4096), -5
				ask := modbusRTU().wrap(nil, &request{unit: 1}, []byte{3, 0, 0, 0, 4})
				var err error
				for err == nil {
					var k int
					k, err = c.Read(b)
					n += k
					var answer []byte
					switch mode {
					case Echo:
						answer = b[:k]
					case ModbusRTU:
						if whole = 13; n%whole == 0 {
							answer = ask
						}
					}
					if err == nil && len(answer) > 0 {
						_, err = c.Write(answer) // which may be told of the reset in place of the next read
					}
				}
				if errors.Is(err, syscall.ECONNRESET) {
					resets <- n % whole
				}
			})
			cfg := Config{Target: target, Mode: mode, Faults: Faults{Cut: 1}, Duration: leastBefore + 300*time.Millisecond}
			if mode == Push || mode == Echo {
				cfg.Rate = 50
			}
			r := runs(t, cfg)
			if r.Faults.Cut < 2 || r.Err() != nil || r.UpAtEnd != 10 || r.Returned != r.Faults.Cut {
				t.Errorf("%v; %v; %d returned, %d up at the end", r.Err(), r.Faults, r.Returned, r.UpAtEnd)
			}
			want := map[string]int{Idle: 0, Push: 32, Echo: 32, ModbusRTU: 6}[mode]
			for range r.Faults.Cut {
				if over := <-resets; over != want {
					t.Errorf("%d bytes of a frame came before the reset, want %d", over, want)
				}
			}
		})
	}
}

// TestSlowReaders: of what the server sends to a slow reader, a few bytes a second are read, and little is buffered.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	taken := make(chan int, 10)
	target := server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 5))
		_ = c.SetWriteBuffer(4 << 10)
		_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, _ := c.Write(make([]byte, 1<<20))
		taken <- n
		<-t.Context().Done()
	})
	r := runs(t, Config{Target: target, Faults: Faults{SlowReader: 1}, Duration: time.Duration(slowEvery * 5 / 2)})
	if r.Err() != nil || r.Faults.SlowReaders != 10 || r.Received.Bytes != 10*2*slowBytes {
		t.Errorf("%v; %v; %d bytes received", r.Err(), r.Faults, r.Received.Bytes)
	}
	for range 10 {
		if n := <-taken; n > 64<<10 {
			t.Errorf("%d bytes are buffered", n)
		}
	}
}

// TestClones: each clone has the id of another device, and both see how the server gives its place to the other.
func TestClones(t *testing.T) {
	t.Parallel()
	var r registry
	target := server(t, func(c *net.TCPConn) {
		if _, old, _ := r.bind(c); old != nil {
			old.Close()
		}
		silent(c)
	})
	got := runs(t, Config{Target: target, Faults: Faults{Clone: 0.5}, Duration: 500 * time.Millisecond, Workers: 3})
	r.mu.Lock()
	defer r.mu.Unlock()
	f := got.Faults
	if got.Err() != nil || f.Clones != 5 || f.Takeovers < 5 || got.Up != 10 || len(r.links) != 5 {
		t.Errorf("%v; %v; %d up; ids %d", got.Err(), f, got.Up, len(r.links))
	}
}

// TestFixedBackoff: after a drop every device dials again exactly one back-off later, and no sooner.
func TestFixedBackoff(t *testing.T) {
	t.Parallel()
	const pause = 300 * time.Millisecond
	var mu sync.Mutex
	var dropped time.Time
	pauses, all := make(chan time.Duration, 10), make(chan struct{})
	came := 0
	target := server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 5))
		mu.Lock()
		came++
		first := came <= 10
		if came == 10 {
			dropped = time.Now()
			close(all)
		}
		mu.Unlock()
		<-all
		if !first {
			pauses <- time.Since(dropped)
			silent(c)
		}
	})
	r := runs(t, Config{Target: target, Reconnect: true, Faults: Faults{Backoff: pause}, Duration: 2 * pause})
	if r.Err() != nil || r.Faults.InStep != 10 || r.Returned != 10 {
		t.Errorf("%v; %v; %d returned", r.Err(), r.Faults, r.Returned)
	}
	for range 10 {
		if d := <-pauses; d < pause {
			t.Errorf("a device was back after %v", d)
		}
	}
}

func TestParseBackoff(t *testing.T) {
	for s, want := range map[string]time.Duration{"": 0, "jitter": 0, "fixed:5s": 5 * time.Second, "fixed:1h": time.Hour} {
		if d, err := ParseBackoff(s); err != nil || d != want {
			t.Errorf("%q is %v, %v", s, d, err)
		}
	}
	for _, s := range []string{"5s", "fixed", "fixed:", "fixed:0s", "fixed:-1s", "fixed:61m", "linear:5s"} {
		if _, err := ParseBackoff(s); err == nil || !strings.Contains(err.Error(), "give fixed:5s") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestFaultsRefused(t *testing.T) {
	base := Config{Target: "127.0.0.1:1", Devices: 4, ID: "c{n}", Duration: time.Minute}
	for _, tt := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"too much", "half open 2; give 0 to 1", func(c *Config) { c.Faults.HalfOpen = 2 }},
		{"no number", "cut NaN; give 0 to 1", func(c *Config) { c.Faults.Cut = math.NaN() }},
		{"too many clones", "clone 0.6; give 0 to 0.5", func(c *Config) { c.Faults.Clone = 0.6 }},
		{"nothing to copy", "no id to copy", func(c *Config) { c.Faults.Clone, c.Preset = 0.1, "none" }},
		{"verdict over clones", "clone with verify", func(c *Config) { c.Faults.Clone, c.Verify = 0.1, "http://x" }},
		{"too short", "with a duration of 2s; give more than 2s",
			func(c *Config) { c.Faults.Cut, c.Duration = 0.1, 2*time.Second }},
		{"too short for the back-off", "give more than 6s", func(c *Config) {
			c.Faults.Cut, c.Faults.Backoff, c.Duration = 0.1, 5*time.Second, 6*time.Second
		}},
		{"nowhere to go", `move with sources "127.0.0.9"; give a CIDR of two`, func(c *Config) {
			c.Faults.Move, c.Sources = 0.1, "127.0.0.9"
		}},
		{"no way back", "backoff without reconnect", func(c *Config) { c.Faults.Backoff = time.Second }},
	} {
		cfg := base
		tt.change(&cfg)
		if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestLots: the choice of devices depends on the seed and is spread over the fleet.
func TestLots(t *testing.T) {
	const devices = 100_000
	chosen := func(seed uint64, from, to int) (n int) {
		c := Config{Seed: seed, From: 1, Devices: devices, Faults: Faults{Clone: 0.1}}
		for i := from; i < to; i++ {
			if c.isClone(i) {
				n++
				if !c.hasClone(i-1) || c.hasClone(i) || c.isClone(i-1) {
					t.Fatalf("device %d is not one of a pair", i)
				}
			}
		}
		return n
	}
	for part := range 10 {
		if n := chosen(7, part*devices/10, (part+1)*devices/10); n < 900 || n > 1100 {
			t.Errorf("%d clones in tenth %d, want about 1000", n, part)
		}
	}
	if chosen(7, 0, devices) == chosen(8, 0, devices) {
		t.Error("two seeds choose the same number")
	}
}

// TestGhostsAreBounded: half-open links never hold more sockets than were planned for.
func TestGhostsAreBounded(t *testing.T) {
	c := Config{Duration: time.Minute, Faults: Faults{HalfOpen: 0.01 / 60, Move: 0.02 / 60}}
	if n := c.descriptors(1000); n != 1030 {
		t.Errorf("%d descriptors, want 1030", n)
	}
	c.Faults.Move = 1
	if n := c.descriptors(1000); n != 2000 {
		t.Errorf("%d descriptors, want 2000", n)
	}
	w := soloWorker(t)
	unix.Close(int(w.devs[0].fd))
	w.mishaps.ghosts = make([]int32, 0, 2)
	for range 5 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.devs[0].fd, w.upNow = int32(fd), 1
		if !w.haunt(0, &w.devs[0]) || w.devs[0].fd != -1 {
			t.Fatal(w.out.Errors)
		}
	}
	if len(w.mishaps.ghosts) != 2 {
		t.Errorf("%d half-open links", len(w.mishaps.ghosts))
	}
}
