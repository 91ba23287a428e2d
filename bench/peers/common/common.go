// Package common is what the Go peers share: everything but their way of doing I/O. README.md says what a peer does.
package common

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// What a peer does with its links.
const (
	Echo = "echo"
	Sink = "sink"
	Poll = "poll"
)

// Options are the command line.
type Options struct {
	Devices int
	Job     string
	Period  time.Duration
	Share   int // one device in so many is polled
	Loops   int
	Addr    string // IP to listen on
}

func parse(args []string) (Options, error) {
	var o Options
	set := flag.NewFlagSet("peer", flag.ContinueOnError)
	set.IntVar(&o.Devices, "n", 50_000, "ids c0000001 and so on that are known")
	set.StringVar(&o.Job, "job", Echo, "echo, sink or poll")
	period := set.Int("p", 1000, "period of the polls in milliseconds")
	set.IntVar(&o.Share, "share", 1, "devices whose number this divides are polled")
	set.IntVar(&o.Loops, "loops", runtime.NumCPU(), "event loops")
	set.StringVar(&o.Addr, "addr", "127.0.0.1", "IP to listen on")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.Period = (time.Duration(*period) * time.Millisecond).Truncate(Tick)
	switch {
	case set.NArg() > 0:
		return o, fmt.Errorf("argument %q; there are flags only", set.Arg(0))
	case o.Job != Echo && o.Job != Sink && o.Job != Poll:
		return o, fmt.Errorf("job %q; give echo, sink or poll", o.Job)
	case o.Devices < 1 || o.Devices > 10_000_000 || o.Share < 1 || o.Loops < 1:
		return o, errors.New("give 1 to 10000000 devices, and 1 or more for share and loops")
	case o.Period < Tick || o.Period > time.Minute:
		return o, errors.New("give a period of 2 to 60000 ms")
	case net.ParseIP(o.Addr) == nil:
		return o, fmt.Errorf("address %q; give an IP address", o.Addr)
	}
	return o, nil
}

// Server is what all links share.
type Server struct {
	Options
	devices map[string]*device // written before any link comes, read only then
	list    []*device

	question [frameBytes]byte
	order    atomic.Uint32 // number of the last command

	started    time.Time
	lost, ok   atomic.Uint64
	commands   atomic.Uint64
	lag        [len(lagBounds) + 1]atomic.Uint64
	stallUntil atomic.Int64 // nanoseconds since started
}

// device is what the server knows of one configured device. The counter is the device's own, so that loops do not share
// it; so are the values.
type device struct {
	number  int
	link    atomic.Pointer[Link]
	bytesIn atomic.Uint64
	values  [registers]float64
}

// IO is how a peer does what only it can.
type IO struct {
	// Serve listens on the address and returns once it ends, or ctx does; it calls ready first.
	Serve func(ctx context.Context, addr string, ready func()) error
	// Stall holds up all links for a time; nil: Wait does.
	Stall func(time.Duration)
}

// Main runs a peer.
func Main(use func(*Server) IO) {
	if err := run(use); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(use func(*Server) IO) error {
	o, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	s := New(o)
	io := use(s)
	addr, err := freePort(o.Addr)
	if err != nil {
		return err
	}
	control, err := s.control(io.Stall)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return io.Serve(ctx, addr, func() {
		debug.FreeOSMemory()
		fmt.Printf("listening=%s control=%s\n", addr, control)
	})
}

// New knows the devices.
func New(o Options) *Server {
	s := &Server{Options: o, devices: make(map[string]*device, o.Devices), started: time.Now()}
	s.question = seal([frameBytes]byte{1, 4, 0, 0, 0, registers})
	for n := 1; n <= o.Devices; n++ {
		d := &device{number: n}
		s.devices[fmt.Sprintf("c%07d", n)] = d
		s.list = append(s.list, d)
	}
	return s
}

// now is the server's clock.
func (s *Server) now() time.Duration { return time.Since(s.started) }

// freePort is a port that nobody listens on. With SO_REUSEPORT each loop binds the port anew, so that it must be known
// before.
func freePort(ip string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// Wait is called before a link's data is handled by peers that have no loop to hold up.
func (s *Server) Wait() {
	if until := s.stallUntil.Load(); until > 0 {
		time.Sleep(time.Duration(until) - s.now())
	}
}

const longestStall = 5000 // milliseconds

// control serves what the harness asks for.
func (s *Server) control(stall func(time.Duration)) (net.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if stall == nil {
		stall = func(d time.Duration) { s.stallUntil.Store(int64(s.now() + d)) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", s.stats)
	mux.HandleFunc("POST /free", func(http.ResponseWriter, *http.Request) {
		runtime.GC()
		debug.FreeOSMemory()
	})
	mux.HandleFunc("POST /stall", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil || ms < 1 || ms > longestStall {
			http.Error(w, "give ms=1 to 5000", http.StatusBadRequest)
			return
		}
		stall(time.Duration(ms) * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /command", func(w http.ResponseWriter, _ *http.Request) {
		s.orderAll()
		w.WriteHeader(http.StatusNoContent)
	})
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}).Serve(l) }()
	return l.Addr(), nil
}

func (s *Server) stats(w http.ResponseWriter, _ *http.Request) {
	var sum struct {
		Bound    int      `json:"bound"`
		BytesIn  uint64   `json:"bytes_in"`
		Polls    uint64   `json:"polls"`
		Lost     uint64   `json:"lost"`
		Lag      []uint64 `json:"lag"`
		Commands uint64   `json:"commands"`
	}
	for _, d := range s.list {
		if d.link.Load() != nil {
			sum.Bound++
		}
		sum.BytesIn += d.bytesIn.Load()
	}
	sum.Polls, sum.Lost, sum.Commands = s.ok.Load(), s.lost.Load(), s.commands.Load()
	for i := range s.lag {
		sum.Lag = append(sum.Lag, s.lag[i].Load())
	}
	_ = json.NewEncoder(w).Encode(sum)
}
