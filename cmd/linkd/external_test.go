package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsServer is a server of others in this process, which is stopped and started again with what it has stored.
type natsServer struct {
	t       *testing.T
	options *natsserver.Options
	server  *natsserver.Server
}

func newNATS(t *testing.T) *natsServer {
	t.Helper()
	const host = "127.77.0.2" // on which nobody else takes its port while it is down
	port, err := strconv.Atoi(ownAddr(t, host))
	if err != nil {
		t.Fatal(err)
	}
	n := &natsServer{t: t, options: &natsserver.Options{Host: host, Port: port, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir()}}
	t.Cleanup(n.stop)
	n.start()
	return n
}

func (n *natsServer) addr() string {
	return net.JoinHostPort(n.options.Host, strconv.Itoa(n.options.Port))
}

func (n *natsServer) start() {
	n.t.Helper()
	s, err := natsserver.NewServer(n.options.Clone())
	if err != nil {
		n.t.Fatal(err)
	}
	s.Start()
	n.server = s
	if !s.ReadyForConnections(patience) {
		n.t.Fatal("the NATS server does not start")
	}
}

func (n *natsServer) stop() {
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.server = nil
	}
}

// ready is what /readyz says.
func (in *instance) ready(t *testing.T) string {
	t.Helper()
	b, err := in.request(http.MethodGet, "/readyz", "")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// stamp is when a tag's value was read.
func (in *instance) stamp(t *testing.T, tag string) (at time.Time) {
	t.Helper()
	var r struct{ TS time.Time }
	in.read(t, "/tags/"+tag, &r)
	return r.TS
}

// TestExternalNATS: values go to a NATS server of one's own; while it is away links are polled and what they say waits.
func TestExternalNATS(t *testing.T) {
	t.Parallel()
	bus := newNATS(t)
	in := serve(t, greenhouseModbus, "--nats", "nats://"+bus.addr())
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	client, err := nats.Connect("nats://"+bus.addr(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	values, err := client.SubscribeSync("linkd.greenhouse.tags.ch_dev1.d1")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := values.NextMsg(patience); err != nil || !strings.Contains(string(m.Data), `"connection":"s1/c1"`) {
		t.Fatalf("a value: %v, %v", m, err)
	}
	const tag = "ch_dev1/d1/temperature"
	in.becomes(t, tag, "good", "")

	bus.stop()
	eventually(t, "/readyz says that the bus is away", func() error {
		if said := in.ready(t); !strings.HasPrefix(said, "ok, and the bus is away since 2") {
			return fmt.Errorf("it says %s", said)
		}
		return nil
	})
	from := time.Now()
	eventually(t, "links are polled", func() error {
		if at := in.stamp(t, tag); at.Before(from.Add(2 * time.Second)) {
			return fmt.Errorf("the last value is of %v, the bus went away at %v", at, from)
		}
		return nil
	})
	to := in.stamp(t, tag)
	bus.start()
	eventually(t, "/readyz says that all is well", func() error {
		if said := in.ready(t); said != "ok" {
			return fmt.Errorf("it says %s", said)
		}
		return nil
	})
	eventually(t, "what waited has arrived", func() error {
		// Ten would have been read in two seconds by a machine that has nothing else to do.
		if n := in.counted(t, tag, from, to); n < 3 {
			return fmt.Errorf("the history has %d values of the time without a bus", n)
		}
		return nil
	})
	if dropped := in.metric(t, `linkd_bus_dropped_total{kind="tags"}`); dropped != 0 {
		t.Errorf("%v values were dropped", dropped)
	}
}

// TestHostileNATS: a server that claims what it does not send harms nothing but itself: links are polled, HTTP says
// what is wrong, and with a good server in its place all that waited arrives.
func TestHostileNATS(t *testing.T) {
	t.Parallel()
	bus := newNATS(t)
	bus.stop()
	hostile, err := net.Listen("tcp", bus.addr())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := hostile.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, `INFO {"server_id":"x","version":"2.15.2","proto":1,"headers":true,"max_payload":1048576}`+"\r\n")
			in := bufio.NewScanner(c)
			for in.Scan() && in.Text() != "PING" {
			}
			fmt.Fprint(c, "PONG\r\nMSG a 1 1073741824\r\n")
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	in := serve(t, greenhouseModbus, "--nats", "nats://"+bus.addr())
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	const tag = "ch_dev1/d1/temperature"
	in.becomes(t, tag, "good", "")
	from := in.stamp(t, tag)
	eventually(t, "the state of the bus says what is wrong", func() error {
		var s struct{ State, Reason string }
		in.read(t, "/bus", &s)
		if s.State != "away" || !strings.Contains(s.Reason, "a message of 1073741824 bytes, over 8388608") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if said := in.ready(t); !strings.HasPrefix(said, "ok, and the bus is away since 2") {
		t.Errorf("/readyz says %s", said)
	}
	if up := in.metric(t, "linkd_bus_up"); up != 0 {
		t.Errorf("linkd_bus_up is %v", up)
	}
	eventually(t, "links are polled", func() error {
		if at := in.stamp(t, tag); !at.After(from.Add(time.Second)) {
			return fmt.Errorf("the last value is of %v, that before of %v", at, from)
		}
		return nil
	})
	hostile.Close()
	<-done
	bus.start()
	to := in.stamp(t, tag)
	eventually(t, "what waited has arrived", func() error {
		if said := in.ready(t); said != "ok" {
			return fmt.Errorf("/readyz says %s", said)
		}
		if n := in.counted(t, tag, from, to.Add(time.Millisecond)); n < 2 {
			return fmt.Errorf("the history has %d values of the time before", n)
		}
		return nil
	})
}
