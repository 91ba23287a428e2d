package loadgen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestProcesses(t *testing.T) {
	var ids sync.Map
	target := server(t, func(c *net.TCPConn) {
		b := make([]byte, 5)
		_, _ = io.ReadFull(c, b)
		ids.Store(string(b), c.RemoteAddr().(*net.TCPAddr).IP.String())
		echo(c)
	})
	r := runs(t, Config{Target: target, Devices: 7, Mode: Echo, Rate: 500, Duration: 100 * time.Millisecond,
		Sources: "127.0.2.0/24", Processes: 2, Command: []string{os.Args[0], "loadgen-worker"}})
	if err := r.Err(); err != nil || r.Processes != 2 || r.Up != 7 || r.Connect.Count != 7 {
		t.Errorf("%v, %+v", err, r)
	}
	if r.Received.Messages == 0 || r.RTT.Count != r.Received.Messages {
		t.Errorf("%d round trips timed of %d", r.RTT.Count, r.Received.Messages)
	}
	if g := r.Generator; g.CPU <= 0 || g.DescriptorsLeft <= 0 || len(r.Curves["rtt"]) == 0 {
		t.Errorf("of the generator itself: %v; %d points of round trips", g, len(r.Curves["rtt"]))
	}
	if all := r.Sent.Messages + r.Unsent; all < 49 || all > 51 { // each process rounds its share
		t.Errorf("%d frames due, want about 50", all)
	}
	for n := 1; n <= 7; n++ {
		from, _ := ids.Load(fmt.Sprintf("c%04d", n))
		if want := fmt.Sprintf("127.0.2.%d", n); from != want {
			t.Errorf("device %d came from %v, want %s", n, from, want)
		}
	}
}

func TestProcessDies(t *testing.T) {
	r, err := Run(t.Context(), Config{Target: "127.0.0.1:1", Devices: 4, ID: "c{n}", Processes: 2,
		Command: []string{os.Args[0], "loadgen-death"}})
	if !errors.Is(err, ErrWorkerDied) || !strings.Contains(err.Error(), "devices 1 to 2): exit status 3: out of luck") {
		t.Errorf("error %v", err)
	}
	if r == nil || r.Failed["worker_died"] != 4 {
		t.Errorf("result %+v", r)
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name              string
		devices, forced   int
		limit, open, want int
		refused           string
	}{
		{name: "fits", devices: 800, limit: 1000, open: 100, want: 1},
		{name: "does not fit here", devices: 801, limit: 1000, open: 100, want: 2},
		{name: "many", devices: 45000, limit: 20000, open: 10, want: 3},
		{name: "forced", devices: 10, forced: 4, limit: 1000, open: 10, want: 4},
		{name: "more processes than devices", devices: 2, forced: 4, limit: 1000, open: 10, want: 2},
		{name: "forced too few", devices: 2000, forced: 2, limit: 1000, open: 10,
			refused: "1000 links in each of 2 processes, and a descriptor limit of 1000 leaves room for 900; " +
				"give --processes 3"},
		{name: "no room", devices: 1, limit: 64, refused: "a descriptor limit of 64 leaves no room"},
	} {
		n, err := plan(&Config{Devices: c.devices, Processes: c.forced}, c.limit, c.open)
		if c.refused == "" && (err != nil || n != c.want) {
			t.Errorf("%s: %d processes, %v; want %d", c.name, n, err, c.want)
		}
		if c.refused != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
	}
}

// TestSteadyStateAllocatesNothing counts allocations of a closed loop: messages must not cost any.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	w := soloWorker(t)
	d := &w.devs[0]
	now := w.clock()
	w.phase = traffic
	w.owe(now, d, now)
	if n := testing.AllocsPerRun(100, func() {
		b := append(w.buf[:0], w.frames.put(d.seq, d.frameDue)...)
		w.payload(now, d, b)
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	if w.out.Received < 100 {
		t.Errorf("%d echoes", w.out.Received)
	}
}

// soloWorker returns a worker with one device that is up, on a link of its own.
func soloWorker(t *testing.T) *worker {
	t.Helper()
	cfg := Config{Target: server(t, silent), Devices: 1, ID: "c{n}", Mode: Echo}.withDefaults()
	to, err := resolve(t.Context(), cfg.Target)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCrew(&share{Config: cfg, To: to, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := c.workers[0]
	t.Cleanup(func() {
		w.closeAll()
		w.poll.close()
	})
	d := &w.devs[0]
	w.connect(w.clock(), d)
	for d.state == dialling {
		events, err := w.poll.wait(longWait)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			w.event(w.clock(), &events[i])
		}
	}
	if d.state != up {
		t.Fatalf("the device is not up: %v", w.out.Errors)
	}
	return w
}
