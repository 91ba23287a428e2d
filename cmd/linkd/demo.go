package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/bus"
	"linkd/loadgen"
	"linkd/server"
)

const (
	mostDemo  = 1000                      // devices; a larger fleet is loadgen's
	demoRamp  = 25                        // devices that dial in a second: one sees them come
	demoShown = 5 * time.Second           // between two lines of values
	demoEnds  = 10 * 365 * 24 * time.Hour // of the fleet: never
	demoHTTP  = "127.0.0.1:8080"          // where the client commands look
)

// demoProject is the project that the demo serves; %d is how many greenhouses there are.
const demoProject = `project: greenhouse
providers:
  - name: s1
    title: Greenhouses
    type: tcp-server
    local_ip: 127.0.0.1
    local_port: 0                # a free one
    fleets:
      - {name: "g{n}", title: "Greenhouse {n}", socket_conn_id: "g{n:04}", from: 1, to: %d}
models:
  - name: climate
    tags:
      - {name: temperature, address: "input:0", type: int16, scale: 0.1, unit: "°C"}
      - {name: humidity, address: "input:1", type: uint16, scale: 0.1, unit: "%%"}
      - {name: heating, address: "input:2", type: uint16, scale: 0.1, unit: "%%"}
      - {name: setpoint, address: "holding:0", type: int16, scale: 0.1, unit: "°C", writable: true, clamp: [5, 40]}
channels:
  - name: "ch_{connection}"
    connection: "s1/g*"
    driver: modbus-rtu
    poll: 2s
    devices: [{name: d1, unit: 1, model: climate}]
`

// demoCommand is `linkd demo`: serve, with simulated greenhouses that dial in.
func demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "serve a simulated fleet of greenhouses that dial in: no hardware is needed",
		ArgsUsage: " ",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "devices", Value: 50, Usage: "how many greenhouses dial in"},
			&cli.StringFlag{Name: "http", Usage: "`ADDR` of the HTTP API", Value: demoHTTP},
			&cli.StringFlag{Name: "bus-listen", Usage: "`ADDR` of NATS; empty: none", Value: defaultBus},
			&cli.StringFlag{Name: "mqtt-listen", Usage: "`ADDR` of MQTT; empty: none", Value: "127.0.0.1:1883"},
			busFormatFlag(),
			&cli.StringFlag{Name: "log-level", Usage: "debug, info, warn or error", Value: "warn"},
		},
		Action: func(c *cli.Context) error {
			d := &demo{devices: c.Int("devices"), out: c.App.Writer}
			opt := serving{http: c.String("http"), drain: 10 * time.Second, ready: d.ready,
				anyBus: !c.IsSet("bus-listen"), anyMQTT: true, frames: server.DefaultFrames,
				bus: bus.Config{Listen: c.String("bus-listen"), MQTT: c.String("mqtt-listen"), Format: c.String("bus-format")}}
			switch {
			case c.NArg() > 0:
				return usagef("argument %q; this command takes flags only", c.Args().First())
			case d.devices < 1 || d.devices > mostDemo:
				return usagef("--devices %d; give 1 to %d", d.devices, mostDemo)
			case opt.level.UnmarshalText([]byte(c.String("log-level"))) != nil:
				return usagef("--log-level %q; give debug, info, warn or error", c.String("log-level"))
			case checkFormat(c) != nil:
				return checkFormat(c)
			}
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
			defer signal.Stop(signals)
			return d.run(opt, signals, c.App.ErrWriter)
		},
	}
}

// demo is a server and the fleet that dials it.
type demo struct {
	devices int
	out     io.Writer
}

// run serves as `linkd serve` does, a project file of its own.
func (d *demo) run(opt serving, signals <-chan os.Signal, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "linkd-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	opt.file, opt.data = filepath.Join(dir, "greenhouse.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(opt.file, fmt.Appendf(nil, demoProject, d.devices), 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	// One processor more than serve wants: the fleet's event loop, too, keeps its own while it waits.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), runtime.NumCPU()+2))
	return serve(opt, signals, stderr)
}

// ready has the fleet dial in, and says what can be done now.
func (d *demo) ready(srv *server.Server, http net.Addr) (ended func()) {
	target := srv.Providers()[0].LocalAddr
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := loadgen.Run(ctx, loadgen.Config{
			Target: target, Devices: d.devices, ID: "g{n:04}", From: 1, Ramp: demoRamp, Reconnect: true,
			Mode: loadgen.ModbusRTU, Duration: demoEnds, Processes: 1, Drain: 1,
			Slave: loadgen.Slave{Registers: loadgen.Greenhouse,
				Latency: loadgen.Spread{Kind: "lognormal", A: float64(60 * time.Millisecond), B: 0.4}},
		})
		if err != nil {
			slog.Error("the simulated fleet has ended", "error", err)
		}
	})
	d.greet(target, http.String())
	all.Go(func() { d.show(ctx, srv) })
	return func() {
		cancel()
		all.Wait()
	}
}

// greet says what runs, and what to try.
func (d *demo) greet(target, http string) {
	self, url := os.Args[0], ""
	if http != demoHTTP {
		url = " --url http://" + http
	}
	fmt.Fprintf(d.out, "%d simulated greenhouses dial in to %s and are polled every 2 s. HTTP: http://%s\n\n"+
		"Try, in another terminal:\n\n", d.devices, target, http)
	for _, line := range [][2]string{
		{"ps --state online", "who is there"},
		{"read ch_g1", "what greenhouse 1 measures"},
		{"write ch_g1/d1/setpoint 28", "make it warmer, and read again"},
		{"tap s1/g1", "the bytes as they pass, and what they mean"},
	} {
		fmt.Fprintf(d.out, "  %-60s  # %s\n", self+" "+line[0]+url, line[1])
	}
	fmt.Fprint(d.out, "\nCtrl-C ends it.\n\n")
}

// show prints a line of values now and then.
func (d *demo) show(ctx context.Context, srv *server.Server) {
	ticker := time.NewTicker(demoShown)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			fmt.Fprintf(d.out, "%s  %d online", now.Format(time.TimeOnly), srv.Providers()[0].Online)
			for n := 1; n <= min(2, d.devices); n++ {
				fmt.Fprintf(d.out, "   g%d", n)
				for _, name := range []string{"temperature", "humidity", "setpoint"} {
					v, err := srv.Tag(fmt.Sprintf("ch_g%d", n), "d1", name)
					if err == nil && v.Value != nil {
						fmt.Fprintf(d.out, "  %s %v %s", name, v.Value, v.Unit)
					}
				}
			}
			fmt.Fprintln(d.out)
		}
	}
}
