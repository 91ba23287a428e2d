// Command gnet is a bare gnet server that does linkd's job and no more: it accepts links, reads who each device is, finds
// it in a map, binds the link to what it found, and echoes all that follows. It is what linkd's cost is measured against.
//
// It has no limits, no timers, no takeover and no events: on an open network it would not do.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
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

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
)

// idBytes is the length of every id: c0000001, c0000002, …
const idBytes = 8

// device is what the server knows of one configured device. The counter is the device's own, so that loops do not
// share it.
type device struct {
	bytesIn atomic.Uint64
	online  atomic.Bool
}

type server struct {
	gnet.BuiltinEventEngine
	devices map[string]*device // written before the server starts, read only then
	booted  chan gnet.Engine
}

func (s *server) OnBoot(e gnet.Engine) gnet.Action {
	s.booted <- e
	return gnet.None
}

// OnTraffic implements gnet.EventHandler.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	d, bound := c.Context().(*device)
	if !bound {
		if c.InboundBuffered() < idBytes {
			return gnet.None // gnet keeps it until more has come
		}
		id, err := c.Next(idBytes)
		if err != nil {
			return gnet.Close
		}
		if d = s.devices[string(id)]; d == nil {
			return gnet.Close
		}
		c.SetContext(d)
		d.online.Store(true)
		if c.InboundBuffered() == 0 { // Next(-1) of nothing would be an error
			return gnet.None
		}
	}
	b, err := c.Next(-1)
	if err != nil {
		return gnet.Close
	}
	d.bytesIn.Add(uint64(len(b)))
	if _, err := c.Write(b); err != nil {
		return gnet.Close
	}
	return gnet.None
}

// OnClose implements gnet.EventHandler.
func (s *server) OnClose(c gnet.Conn, _ error) gnet.Action {
	if d, ok := c.Context().(*device); ok {
		d.online.Store(false)
	}
	return gnet.None
}

// stats answers how many devices are bound, and how many bytes came after the ids.
func (s *server) stats(w http.ResponseWriter, _ *http.Request) {
	var sum struct {
		Bound   int    `json:"bound"`
		BytesIn uint64 `json:"bytes_in"`
	}
	for _, d := range s.devices {
		if d.online.Load() {
			sum.Bound++
		}
		sum.BytesIn += d.bytesIn.Load()
	}
	_ = json.NewEncoder(w).Encode(sum)
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

// freePort is a port of loopback that nobody listens on. With SO_REUSEPORT each loop binds the port anew, so that it
// must be known before.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func run() error {
	devices := flag.Int("devices", 50_000, "ids c0000001 and so on that are known")
	loops := flag.Int("loops", runtime.NumCPU(), "event loops")
	flag.Parse()
	s := &server{devices: make(map[string]*device, *devices), booted: make(chan gnet.Engine, 1)}
	for n := 1; n <= *devices; n++ {
		s.devices[fmt.Sprintf("c%07d", n)] = new(device)
	}
	addr, err := freePort()
	if err != nil {
		return err
	}
	control, err := s.control()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(s, "tcp://"+addr, gnet.WithNumEventLoop(*loops), gnet.WithReusePort(true),
			gnet.WithReuseAddr(true), gnet.WithTCPKeepAlive(time.Minute), gnet.WithTCPKeepInterval(10*time.Second),
			gnet.WithTCPKeepCount(3), gnet.WithLogLevel(logging.ErrorLevel))
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("gnet ended: %w", err)
	case e := <-s.booted:
		debug.FreeOSMemory()
		fmt.Printf("listening=%s control=%s\n", addr, control)
		select {
		case err := <-ended:
			return fmt.Errorf("gnet ended by itself: %v", err)
		case <-signals:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return e.Stop(ctx)
	}
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
