package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"linkd/loadgen"
)

// plainEvery is how often progress is reported where standard error is no terminal.
const plainEvery = 3 * time.Second

// loadgenCommand is `linkd loadgen`: a simulated fleet of devices that dials a server, linkd or another.
func loadgenCommand() *cli.Command {
	return &cli.Command{
		Name:      "loadgen",
		Usage:     "dial a server with a simulated fleet of devices, and report what came of it",
		ArgsUsage: " ",
		Flags: slices.Concat(fleetFlags(), identityFlags(), runFlags(), slaveFlags(), faultFlags(), reportFlags(),
			hostFlags()),
		Action: runLoadgen,
	}
}

func fleetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "target", Usage: "server to dial, `HOST:PORT`"},
		&cli.IntFlag{Name: "devices", Value: 50, Usage: "how many devices dial in"},
		&cli.StringFlag{Name: "id", Value: "c{n:04}", Usage: "`PATTERN` of the ids; {n} or {n:0W} is the number"},
		&cli.IntFlag{Name: "from", Value: 1, Usage: "number of the first device"},
		&cli.Float64Flag{Name: "ramp", Usage: "connects a second over all devices; 0: all at once"},
		&cli.IntFlag{Name: "inflight", Value: 1024, Usage: "connects at once that are not yet up or failed"},
		&cli.StringFlag{Name: "sources", Usage: "source addresses, used in turn, as `CIDR` (127.0.1.0/24)"},
		&cli.BoolFlag{Name: "reconnect", Usage: "dial again, with back-off, what could not connect or was dropped"},
		&cli.IntFlag{Name: "processes", Usage: "share the devices among so many processes; 0: as many as it takes"},
		&cli.IntFlag{Name: "workers", Value: 1, Usage: "event loops in each process"},
	}
}

func identityFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "preset", Value: "auto",
			Usage: "how a device says who it is: " + strings.Join(loadgen.Presets(), ", ")},
		&cli.StringFlag{Name: "prefix", Usage: "fixed `BYTES` before the id; text, or hex:00 01 (so for all BYTES)"},
		&cli.StringFlag{Name: "suffix", Usage: "fixed `BYTES` after the id"},
		&cli.IntFlag{Name: "length", Usage: "length-prefixed: bytes of the length field; fixed, hex: bytes of the id"},
		&cli.StringFlag{Name: "endian", Value: "big", Usage: "length-prefixed: big or little"},
		&cli.BoolFlag{Name: "packet-prefix", Usage: "usr: the id before every data packet as well"},
		&cli.BoolFlag{Name: "silent-connect", Usage: "usr with --packet-prefix: send no id on connecting"},
		&cli.StringFlag{Name: "ack", Usage: "`BYTES` that the server answers an identity with"},
		&cli.DurationFlag{Name: "heartbeat", Usage: "send a heartbeat after so long without sending; 0: never"},
		&cli.StringFlag{Name: "heartbeat-send", Usage: "`BYTES` of the heartbeat, if not the preset's own"},
		&cli.StringFlag{Name: "confirm", Value: loadgen.ConfirmSent,
			Usage: "up when the identity is sent (and acknowledged), or when one frame came back too: sent, echo"},
	}
}

func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "mode", Value: loadgen.Idle, Usage: strings.Join(loadgen.Modes(), ", ")},
		&cli.Float64Flag{Name: "rate", Usage: "messages a second over all devices; echo: 0 is as fast as answers come"},
		&cli.IntFlag{Name: "size", Value: 64, Usage: "bytes of a message, 16 or more"},
		&cli.IntFlag{Name: "burst", Usage: "idle: bytes that each device sends once, when all are up"},
		&cli.DurationFlag{Name: "duration", Usage: "of the traffic, counted from when all are up; 0: leave then"},
		&cli.DurationFlag{Name: "hold", Usage: "stay connected for so long after the traffic"},
		&cli.DurationFlag{Name: "drain", Value: 2 * time.Second, Usage: "longest wait for the last answers"},
		&cli.DurationFlag{Name: "timeout", Usage: "for all devices to come up (default 1m + devices/ramp)"},
		&cli.DurationFlag{Name: "connect-timeout", Value: 20 * time.Second, Usage: "of one connect"},
		&cli.DurationFlag{Name: "ack-timeout", Value: 10 * time.Second, Usage: "of an answer to an identity"},
		&cli.DurationFlag{Name: "tick", Value: time.Millisecond, Usage: "paced messages leave together this often"},
		&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of the jitter, and of which devices suffer faults"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "text", Usage: "text or json"},
		&cli.BoolFlag{Name: "worker", Hidden: true},
	}
}

// runLoadgen ends early, and still reports, when the context is done: main ends it at the first signal.
func runLoadgen(c *cli.Context) error {
	// One processor for each event loop and one for the rest, also where there is a single CPU: a loop that waits for
	// a moment keeps its own, which costs less than having it taken away and given back.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), c.Int("workers")+1))
	if c.Bool("worker") {
		// Signals often go to the whole process group; the parent tells us when to stop.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		return loadgen.ServeWorker(c.Context, os.Stdin, os.Stdout)
	}
	m, err := meeting(c)
	if err == nil && m != nil && c.String("join") != "" {
		return joinRun(c, m)
	}
	var cfg loadgen.Config
	if err == nil {
		cfg, err = loadgenConfig(c)
	}
	if err != nil {
		return usagef("%v; see %s --help", err, c.Command.HelpName)
	}
	if c.Bool("print-project") {
		text, err := loadgen.ProjectFile(cfg)
		if err != nil {
			return usagef("%v", err)
		}
		_, err = io.WriteString(c.App.Writer, text)
		return err
	}
	return runFleet(c, cfg, m)
}

// runFleet runs a fleet from this process, or with the hosts of a meeting, and reports what came of it.
func runFleet(c *cli.Context, cfg loadgen.Config, m *loadgen.Meeting) error {
	if err := cfg.Validate(); err != nil {
		return usagef("%v", err)
	}
	files, err := openReports(c)
	if err != nil {
		return err
	}
	defer files.close()
	var show func(loadgen.Progress)
	done := func() {}
	cfg.Progress = func(p loadgen.Progress) {
		if show == nil { // not before the hosts have met, which is told line by line
			show, done = loadgenProgress(os.Stderr, cfg.Devices)
		}
		show(p)
	}
	var result *loadgen.Result
	if m != nil {
		result, err = loadgen.Coordinate(c.Context, cfg, *m)
	} else {
		result, err = loadgen.Run(c.Context, cfg)
	}
	done()
	if result != nil {
		if werr := printResult(c.App.Writer, result, c.String("output")); werr != nil {
			return fmt.Errorf("loadgen: writing the result: %w", werr)
		}
		if err == nil {
			err = result.Err()
		}
		err = errors.Join(files.write(result), err)
	}
	return loadgenError(err)
}

// loadgenError has an error in one line, and as wrong usage where the configuration is at fault.
func loadgenError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, loadgen.ErrConfig):
		return usagef("%v", err)
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func printResult(w io.Writer, r *loadgen.Result, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.Print(w)
}

// loadgenConfig reads the flags. Run checks the values; what is wrong with the flags themselves is said here.
func loadgenConfig(c *cli.Context) (loadgen.Config, error) {
	cfg := loadgen.Config{
		Target: c.String("target"), Devices: c.Int("devices"), ID: c.String("id"), From: c.Int("from"),
		Preset: c.String("preset"), Length: c.Int("length"), Endian: c.String("endian"),
		PacketPrefix: c.Bool("packet-prefix"), SilentConnect: c.Bool("silent-connect"),
		Heartbeat: c.Duration("heartbeat"), Confirm: c.String("confirm"),
		Mode: c.String("mode"), Rate: c.Float64("rate"), Size: c.Int("size"), Burst: c.Int("burst"),
		Ramp: c.Float64("ramp"), Inflight: c.Int("inflight"),
		Duration: c.Duration("duration"), Hold: c.Duration("hold"), Drain: c.Duration("drain"),
		Timeout: c.Duration("timeout"), ConnectTimeout: c.Duration("connect-timeout"),
		AckTimeout: c.Duration("ack-timeout"), Tick: c.Duration("tick"), Seed: c.Uint64("seed"),
		Reconnect: c.Bool("reconnect"), Sources: c.String("sources"),
		Processes: c.Int("processes"), Workers: c.Int("workers"),
		Verify: c.String("verify"), Ledger: c.String("ledger"), Token: c.String("token"), MaxAge: c.Duration("max-age"),
	}
	tokenOfFollowed(&cfg)
	if c.NArg() > 0 {
		return cfg, fmt.Errorf("argument %q; this command takes flags only", c.Args().First())
	}
	if o := c.String("output"); o != "text" && o != "json" {
		return cfg, fmt.Errorf("--output %q; give text or json", o)
	}
	for name, to := range map[string]*[]byte{"prefix": &cfg.Prefix, "suffix": &cfg.Suffix, "ack": &cfg.Ack,
		"heartbeat-send": &cfg.HeartbeatSend} {
		b, err := byteString(c.String(name))
		if err != nil {
			return cfg, fmt.Errorf("--%s: %w", name, err)
		}
		*to = b
	}
	if err := readLimits(c, &cfg); err != nil {
		return cfg, err
	}
	var err error
	if cfg.Slave, err = slaveConfig(c); err != nil {
		return cfg, err
	}
	cfg.Faults, err = faultConfig(c)
	return cfg, err
}

// byteString reads text, or hex after "hex:", in which spaces do not count. Empty text is nil.
func byteString(s string) ([]byte, error) {
	digits, isHex := strings.CutPrefix(s, "hex:")
	switch {
	case s == "":
		return nil, nil
	case !isHex:
		return []byte(s), nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%q; give hex digits in pairs, such as hex:00 01 02", s)
	}
	return b, nil
}

// loadgenProgress shows how far a run is: as a bar on a terminal, otherwise as a line now and then. done ends it.
func loadgenProgress(err *os.File, devices int) (show func(loadgen.Progress), done func()) {
	if st, e := err.Stat(); e != nil || st.Mode()&os.ModeCharDevice == 0 {
		next := plainEvery
		return func(p loadgen.Progress) {
			if p.Elapsed >= next {
				next = p.Elapsed + plainEvery
				fmt.Fprintf(err, "%4.0fs %s\n", p.Elapsed.Seconds(), progressLine(p))
			}
		}, func() {}
	}
	lines := make(chan string, 1) // the newest line, for the goroutine that draws
	line := ""
	bars := mpb.New(mpb.WithOutput(err), mpb.WithAutoRefresh())
	bar := bars.AddBar(int64(devices), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		select {
		case line = <-lines:
		default:
		}
		return " " + line
	})))
	return func(p loadgen.Progress) {
			select {
			case <-lines:
			default:
			}
			lines <- progressLine(p)
			bar.SetCurrent(min(p.Up+p.Failed, int64(devices)-1)) // a full bar would end
		}, func() {
			bar.Abort(false)
			bars.Wait()
		}
}

func progressLine(p loadgen.Progress) string {
	return fmt.Sprintf("%s: %d of %d up, %d failed, %d dropped; %d sent, %d back", p.Phase, p.Up, p.Devices, p.Failed,
		p.Dropped, p.Sent, p.Received)
}
