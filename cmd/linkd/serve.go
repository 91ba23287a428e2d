package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/deploy"
	"linkd/internal/api"
	"linkd/internal/bus"
	"linkd/internal/console"
	"linkd/internal/doors"
	"linkd/internal/logtail"
	"linkd/internal/metrics"
	"linkd/server"
)

// serving is what `linkd serve` was asked for.
type serving struct {
	file     string
	data     string // empty: beside the file
	http     string
	debug    string
	loops    int
	capacity int
	frames   int // bytes, of links' last frames; 0: none are kept
	drain    time.Duration
	level    slog.Level
	bus      bus.Config
	anyBus   bool // the bus may do without its NATS listener where another has the address
	anyMQTT  bool // the same of its MQTT listener
	noBus    bool
	// ready, where given, is called once when all listens; what it returns is called when serving has ended.
	ready func(srv *server.Server, http net.Addr) (ended func())
}

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run a project: accept and dial its links, and answer over HTTP",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "project `FILE`, applied at start and at SIGHUP"},
			dataFlag(),
			&cli.StringFlag{Name: "http", Usage: "`ADDR` of the HTTP API", Value: "127.0.0.1:8080"},
			&cli.StringFlag{Name: "debug", Usage: "`ADDR` of profiles (pprof); keep it on loopback; empty: none"},
			&cli.IntFlag{Name: "loops", Usage: "event loops in all; 0: one a core"},
			&cli.IntFlag{Name: "capacity", Usage: "links at once; 0: what memory and descriptors allow"},
			&cli.IntFlag{Name: "frames", Usage: "`BYTES` for the last frames of links, which tap and the console show; 0: none",
				Value: server.DefaultFrames},
			&cli.DurationFlag{Name: "drain", Usage: "how long stopping may take", Value: 10 * time.Second},
			&cli.StringFlag{Name: "log-level", Usage: "debug, info, warn or error", Value: "info"},
		}, busFlags()...),
		Action: func(c *cli.Context) error {
			opt := serving{file: c.String("file"), data: c.String("data"), http: c.String("http"), debug: c.String("debug"),
				loops: c.Int("loops"), capacity: c.Int("capacity"), frames: c.Int("frames"),
				drain: c.Duration("drain"), anyBus: !c.IsSet("bus-listen"), noBus: c.Bool("no-bus")}
			if c.NArg() > 0 {
				return usagef("argument %q; this command takes flags only", c.Args().First())
			}
			var err error
			if opt.bus, err = busOptions(c); err != nil {
				return err
			}
			if opt.frames < 0 || opt.frames > server.MostFrames {
				return usagef("--frames %d: out of range; give 0 to %d", opt.frames, server.MostFrames)
			}
			if err := opt.level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
				return cli.Exit("linkd: --log-level is debug, info, warn or error", 2)
			}
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
			defer signal.Stop(signals)
			return serve(opt, signals, c.App.ErrWriter)
		},
	}
}

// serve runs linkd until a signal ends it: SIGHUP reads the file again, SIGTERM and SIGINT drain, a second one of these
// exits at once with status 1.
func serve(opt serving, signals <-chan os.Signal, stderr io.Writer) (err error) {
	tail := &logtail.Tail{}
	log := slog.New(tail.Handler(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: opt.level})))
	own, err := openData(dataDir(opt.data, opt.file), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	keeper, err := own.keeper(log)
	if err != nil {
		return err
	}
	listener, err := api.Listen(opt.http)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	first, err := keeper.Bootstrap(own.dir)
	if err != nil {
		return err
	}
	n, err := startNode(opt, own, keeper, log)
	if err != nil {
		return err
	}
	sessions := doors.OpenSessions(own.dir, keeper, log)
	defer sessions.Save()
	web, err := newAPI(opt, n, keeper, sessions, tail, log)
	if err != nil {
		return errors.Join(err, n.abandon(opt.drain))
	}
	stopDebug, err := serveDebug(opt.debug, web, log)
	if err != nil {
		return errors.Join(err, n.abandon(opt.drain))
	}
	defer stopDebug()
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	defer announce(listener.Addr().String(), own.dir, log)()
	log.Info("http listening", "addr", listener.Addr().String())
	if first.Role != doors.None {
		welcome(stderr, keeper, first, listener.Addr())
	}
	if opt.ready != nil {
		defer opt.ready(n.srv, listener.Addr())()
	}
	debug.FreeOSMemory() // what loading and expanding the project left behind
	for {
		select {
		case err := <-ended:
			return errors.Join(err, n.abandon(opt.drain))
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				n.reload(opt.file)
				continue
			}
			return drain(opt, n, web, signals, log)
		}
	}
}

// newAPI is what answers over HTTP for a node.
func newAPI(opt serving, n *node, keeper *doors.Keeper, sessions *doors.Sessions, tail *logtail.Tail,
	log *slog.Logger,
) (*api.API, error) {
	files, err := console.New()
	if err != nil {
		return nil, err
	}
	conf := api.Config{Core: n.srv, Doors: keeper, Sessions: sessions, Editor: n.editor, Version: version(), Log: log,
		Console: files, Deploy: deploy.Files, Trends: n.trends, Revision: revision(), Tail: tail,
		OutputTypes: outputTypes(),
		Metrics:     metrics.NewHandler(n.srv, n.north.stats, metrics.Build{Version: version(), Revision: revision()})}
	if !opt.noBus {
		conf.Bus = history{n.north}
	}
	return api.New(conf), nil
}

// drain stops within opt.drain.
func drain(opt serving, n *node, web *api.API, signals <-chan os.Signal, log *slog.Logger) error {
	log.Info("stopping", "deadline", opt.drain)
	ctx, cancel := context.WithTimeout(context.Background(), opt.drain)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- errors.Join(n.stop(ctx), web.Close(ctx)) }()
	for {
		select {
		case err := <-done:
			if err == nil {
				log.Info("stopped")
			}
			return err
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return errors.New("stopped at once by a second signal; links were cut")
			}
		}
	}
}

// serveDebug serves profiles on addr; /debug/free collects garbage and gives free memory back to the system first, so
// that what is measured afterwards is what is kept. A profile shows memory: the door is an admin's.
func serveDebug(addr string, web *api.API, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("debug: cannot listen on %s: %w; choose another with --debug", addr, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("POST /debug/free", func(http.ResponseWriter, *http.Request) {
		runtime.GC()
		debug.FreeOSMemory()
	})
	srv := &http.Server{Handler: web.Require(doors.Admin, mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }()
	log.Info("debug listening", "addr", l.Addr().String())
	return func() { _ = srv.Close() }, nil
}

// version is the module's version, "dev" for a build from a work tree.
func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	return "dev"
}

// revision is the commit that was built, where the build recorded it.
func revision() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
