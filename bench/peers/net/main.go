// Command net is a poller as it is usually written in Go: a goroutine for each link, with a ticker. It accepts links,
// reads who each device is, finds it in a map, and then asks it for ten input registers (Modbus RTU, function 4) once a
// period, on a fixed grid with a phase of its own; it checks the answer and turns the registers into ten floats. It is
// what linkd's cost per poll is measured against.
//
// It has no retries, no limits, no takeover and no values that others could ask for: on an open network it would not do.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	registers = 10
	quiet     = 200 * time.Millisecond // silence that ends an id without a line end
	patience  = 3 * time.Second        // for an answer
	maxID     = 31
)

// device is what the server knows of one configured device. Its values are its goroutine's.
type device struct {
	online atomic.Bool
	values [registers]float64
}

// lagBounds are the upper bounds of the histogram of lags, those of linkd's metrics.
var lagBounds = [...]time.Duration{250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	1500 * time.Microsecond, 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second}

type server struct {
	devices map[string]*device // written before the server starts, read only then
	period  time.Duration

	bound             atomic.Int64
	bytesIn, ok, lost atomic.Uint64
	lag               [len(lagBounds) + 1]atomic.Uint64
}

// serve is the life of one link.
func (s *server) serve(c net.Conn) {
	defer c.Close()
	id, err := s.readID(c)
	if err != nil {
		return
	}
	d := s.devices[id]
	if d == nil || !d.online.CompareAndSwap(false, true) {
		return
	}
	s.bound.Add(1)
	defer func() {
		s.bound.Add(-1)
		d.online.Store(false)
	}()
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	time.Sleep(time.Duration(h.Sum64() % uint64(s.period)))
	due := time.Now() // the ticker's grid
	ticker := time.NewTicker(s.period)
	defer ticker.Stop()
	for {
		s.late(time.Since(due))
		if err := s.poll(c, d); err != nil {
			return
		}
		<-ticker.C
		for due = due.Add(s.period); time.Since(due) >= s.period; due = due.Add(s.period) {
			s.lost.Add(1) // the ticker has dropped a tick
		}
	}
}

// readID reads up to a line end, or until nothing has come for a while.
func (s *server) readID(c net.Conn) (string, error) {
	b := make([]byte, 0, maxID)
	for len(b) < maxID {
		n, err := c.Read(b[len(b):cap(b)])
		s.bytesIn.Add(uint64(n))
		b = b[:len(b)+n]
		if line, _, ended := bytes.Cut(b, []byte("\n")); ended {
			b = bytes.TrimSuffix(line, []byte("\r"))
			break
		}
		if e, ok := err.(net.Error); ok && e.Timeout() && len(b) > 0 {
			break
		}
		if err != nil {
			return "", err
		}
		if err := c.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

// poll asks once and waits for the answer.
func (s *server) poll(c net.Conn, d *device) error {
	question := [8]byte{1, 4, 0, 0, 0, registers}
	binary.LittleEndian.PutUint16(question[6:], crc16(question[:6]))
	if _, err := c.Write(question[:]); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var room [64]byte
	const size = 5 + 2*registers
	have := 0
	for have < size {
		n, err := c.Read(room[have:])
		if err != nil {
			s.lost.Add(1)
			return err
		}
		have += n
	}
	s.bytesIn.Add(uint64(have))
	b := room[:size]
	if have != size || b[0] != question[0] || b[1] != question[1] || b[2] != 2*registers ||
		binary.LittleEndian.Uint16(b[size-2:]) != crc16(b[:size-2]) {
		s.lost.Add(1)
		return nil
	}
	for i := range d.values {
		d.values[i] = float64(int16(binary.BigEndian.Uint16(b[3+2*i:]))) / 10
	}
	s.ok.Add(1)
	return nil
}

func (s *server) late(d time.Duration) {
	i := 0
	for i < len(lagBounds) && d > lagBounds[i] {
		i++
	}
	s.lag[i].Add(1)
}

// crcTable is of CRC-16/MODBUS: polynomial 8005 reflected, initially FFFF.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

func crc16(b []byte) uint16 {
	c := uint16(0xFFFF)
	for _, x := range b {
		c = c>>8 ^ crcTable[byte(c)^x]
	}
	return c
}

// stats answers what there is to count.
func (s *server) stats(w http.ResponseWriter, _ *http.Request) {
	out := struct {
		Bound   int64    `json:"bound"`
		BytesIn uint64   `json:"bytes_in"`
		Polls   uint64   `json:"polls"`
		Lost    uint64   `json:"lost"`
		Lag     []uint64 `json:"lag"`
	}{s.bound.Load(), s.bytesIn.Load(), s.ok.Load(), s.lost.Load(), nil}
	for i := range s.lag {
		out.Lag = append(out.Lag, s.lag[i].Load())
	}
	_ = json.NewEncoder(w).Encode(out)
}

// control serves /stats, and /free, which collects garbage and gives free memory back to the system.
func (s *server) control() (net.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", s.stats)
	mux.HandleFunc("POST /free", func(http.ResponseWriter, *http.Request) {
		runtime.GC()
		debug.FreeOSMemory()
	})
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}).Serve(l) }()
	return l.Addr(), nil
}

func run() error {
	devices := flag.Int("n", 50_000, "ids c0000001 and so on that are known")
	period := flag.Int("p", 1000, "period of the polls in milliseconds")
	flag.Parse()
	s := &server{devices: make(map[string]*device, *devices), period: time.Duration(*period) * time.Millisecond}
	for n := 1; n <= *devices; n++ {
		s.devices[fmt.Sprintf("c%07d", n)] = new(device)
	}
	control, err := s.control()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	debug.FreeOSMemory()
	fmt.Printf("listening=%s control=%s\n", l.Addr(), control)
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go s.serve(c)
	}
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
