package loadgen

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"linkd/project"
)

var (
	// ErrConfig is wrapped by every error that says that a Config cannot be run.
	ErrConfig = errors.New("loadgen: wrong configuration")
	// ErrPlatform says that the generator does not run on this operating system.
	ErrPlatform = errors.New("loadgen: simulated fleets run on Linux only")
	// ErrHostLost is wrapped by the error of a Coordinate one of whose hosts died, fell silent or was stopped.
	ErrHostLost = errors.New("loadgen: a host was lost")
	// ErrMeeting is wrapped by the errors of Coordinate and Join when hosts do not find or accept each other.
	ErrMeeting = errors.New("loadgen: the hosts do not meet")
	// ErrCoordinatorLost says that Join stopped its devices because the coordinator died or fell silent.
	ErrCoordinatorLost = errors.New("loadgen: the coordinator is gone")
	// ErrWorkerDied is wrapped by the error of a Run one of whose processes died.
	ErrWorkerDied = errors.New("loadgen: a worker process died")
)

// What the devices do once they are up.
const (
	Idle = "idle" // stay connected; optionally send Burst bytes once
	Echo = "echo" // send a frame, expect it back, one in flight per device
	Push = "push" // send frames and expect nothing
)

// Modes returns all modes.
func Modes() []string { return []string{Idle, Echo, Push, ModbusRTU, ModbusTCP, DLT645} }

// When a device counts as up.
const (
	ConfirmSent = "sent" // identity sent, and acknowledged where the preset has an acknowledgement
	ConfirmEcho = "echo" // and one frame has come back
)

const (
	minSize    = headerSize
	maxSize    = 64 << 10 // one read buffer
	maxDDP     = 1024     // payload of one DDP packet
	maxBurst   = 1 << 20  // the part that the kernel does not take at once is kept in memory, per device
	maxDevices = 10_000_000
	maxID      = 1024 // identity bytes, whatever the preset
)

// Config is one run. The zero value of a field takes the stated default; Target, Devices and ID have none.
type Config struct {
	Target  string // host:port of the server
	Devices int    // how many devices dial in
	ID      string // pattern of the ids, as project.ParsePattern reads it
	From    int    // number of the first device; the CLI's default is 1

	Preset        string // how a device says who it is; see Presets; default auto
	Prefix        []byte // fixed bytes before the id (auto, line, template, fixed, length-prefixed, hex)
	Suffix        []byte // fixed bytes after the id (auto, template, fixed, hex)
	Length        int    // length-prefixed: bytes of the length field, 1, 2 (default) or 4; fixed, hex: bytes of the id
	Endian        string // length-prefixed: big (default) or little
	PacketPrefix  bool   // usr: the id before every data packet as well
	SilentConnect bool   // usr with PacketPrefix: the id only before data packets, nothing on connecting
	Ack           []byte // bytes that the server answers an identity with, for presets without an answer of their own

	Heartbeat     time.Duration // a device that sent nothing for this long sends its heartbeat; 0: never
	HeartbeatSend []byte        // the heartbeat's bytes; default: the preset's own

	Mode    string  // Idle (default), Echo, Push, or one in which the devices answer: see Modes
	Confirm string  // ConfirmSent (default) or ConfirmEcho
	Rate    float64 // messages a second over all devices; echo: 0 is closed loop, as fast as answers come
	Size    int     // bytes of a data frame, 16 to 65536 (ddp: to 1024); default 64
	Burst   int     // idle: bytes that each device sends once, when all are up; at most 1 MiB

	Slave  Slave  // how devices answer, in the modes in which they do
	Faults Faults // what goes wrong with devices and links

	Verify string        // URL of linkd's HTTP: its values are followed and checked; one process alone
	Ledger string        // likewise, in mode push: its values are reconciled with the lines that were sent
	Token  string        `json:"-"` // that it asks for
	MaxAge time.Duration // of a value when the server reads it; default 11 s: linkd's late_window and one more

	Ramp     float64 // connects a second over all devices; 0: all at once
	Inflight int     // connects at once that are not yet up or failed; default 1024

	Duration       time.Duration // of the traffic, from the moment when all devices are up or have failed
	Hold           time.Duration // stay connected for this long after the traffic
	Drain          time.Duration // longest wait for answers after the traffic; default 2 s
	Timeout        time.Duration // for all devices to come up; default 60 s + Devices/Ramp
	ConnectTimeout time.Duration // of one connect; default 20 s
	AckTimeout     time.Duration // from identity to its acknowledgement or confirming echo; default 10 s

	Reconnect bool   // dial again, with back-off and jitter, what could not connect or was dropped
	Sources   string // CIDR of source addresses, used in turn; empty: the kernel chooses

	Processes int           // 0: as many as the descriptor limit demands
	Workers   int           // event loops in each process; default 1
	Tick      time.Duration // paced frames are sent together at most this often; default 1 ms
	Seed      uint64        // of the jitter, and of the choice of devices that suffer faults

	// The run is invalid when the generator's own part in it exceeds these.
	OwnLagLimit time.Duration // how late it may be itself, at p99; default 20 ms
	OwnCPULimit float64       // share of its cores that it may use while the traffic has a pace; default 0.95; 1: any
	// Fail are thresholds, NAME OP VALUE: the run fails when one of them holds at its end, such as "rtt_p99 > 50ms".
	Fail []string
	// StallSelf stops each event loop for so long, once a second of the traffic: the run must be found invalid.
	StallSelf time.Duration

	// Command starts one more process that serves ServeWorker on its standard input and output; default: this
	// executable with "loadgen --worker".
	Command []string `json:"-"` // this process decides what it starts, whoever wrote its share
	// Progress, where given, is called about four times a second and once at the end, from one goroutine.
	Progress func(Progress) `json:"-"`

	// beforeSend is called before each paced send: tests make the generator late with it.
	beforeSend func()
	// clock replaces the clock in tests: nanoseconds since the Unix epoch, never going back.
	clock func() int64
}

// Progress is what a run has come to so far.
type Progress struct {
	Phase     string // connecting, traffic, hold
	Devices   int
	Up        int64 // came up
	Failed    int64 // did not
	Dropped   int64 // links lost after they came up
	Sent      int64 // data frames, or answers
	Received  int64 // echoes, or requests
	Elapsed   time.Duration
	Processes int
}

// withDefaults returns c with every default in its place.
func (c Config) withDefaults() Config {
	c.Preset = or(c.Preset, "auto")
	c.Mode = or(c.Mode, Idle)
	c.Slave.setDefaults()
	c.Faults.setDefaults()
	c.Reconnect = c.Reconnect || c.Slave.Churn > 0 || c.Faults.dialAgain() // whoever hangs up comes back
	c.MaxAge = or(c.MaxAge, 11*time.Second)
	c.Confirm = or(c.Confirm, ConfirmSent)
	c.Endian = or(c.Endian, "big")
	c.Size = or(c.Size, 64)
	c.Inflight = or(c.Inflight, 1024)
	c.Drain = or(c.Drain, 2*time.Second)
	c.ConnectTimeout = or(c.ConnectTimeout, 20*time.Second)
	c.AckTimeout = or(c.AckTimeout, 10*time.Second)
	c.Workers = or(c.Workers, 1)
	c.Tick = or(c.Tick, time.Millisecond)
	c.OwnLagLimit = or(c.OwnLagLimit, defaultOwnLag)
	c.OwnCPULimit = or(c.OwnCPULimit, defaultOwnCPU)
	if c.Preset == "length-prefixed" {
		c.Length = or(c.Length, 2)
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
		if c.Ramp > 0 {
			c.Timeout += time.Duration(float64(c.Devices) / c.Ramp * float64(time.Second))
		}
	}
	return c
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Validate says what is wrong with c before anything runs; the error wraps ErrConfig. Run says it too.
func (c Config) Validate() error {
	c = c.withDefaults()
	return c.validate()
}

// validate says, for a Config with its defaults in place, everything that is wrong with it.
func (c *Config) validate() error {
	var all []string
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	say(c.Target == "", "target is empty; give host:port")
	say(c.Devices < 1 || c.Devices > maxDevices, "devices %d; give 1 to %d", c.Devices, maxDevices)
	say(c.From < 0 || c.From > math.MaxInt-maxDevices, "from %d; give 0 or more", c.From)
	say(!slices.Contains(Modes(), c.Mode), "mode %q; give one of %s", c.Mode, strings.Join(Modes(), ", "))
	c.Slave.validate(c, say)
	c.Faults.validate(c, say)
	say(c.Verify != "" && !c.answers(), "verify with mode %s; it belongs to %s, %s and %s",
		c.Mode, ModbusRTU, ModbusTCP, DLT645)
	c.validateLedger(say)
	say(c.Confirm != ConfirmSent && c.Confirm != ConfirmEcho, "confirm %q; give sent or echo", c.Confirm)
	largest := maxSize
	if c.Preset == "ddp" {
		largest = maxDDP
	}
	say(c.Size < minSize || c.Size > largest, "size %d; give %d to %d bytes", c.Size, minSize, largest)
	say(c.Burst < 0 || c.Burst > maxBurst, "burst %d; give 0 to %d bytes", c.Burst, maxBurst)
	say(c.Burst > 0 && c.Mode != Idle, "burst with mode %s; it belongs to mode idle", c.Mode)
	say(!isRate(c.Rate), "rate %v; give 0 or more messages a second", c.Rate)
	say(c.Mode == Push && c.Rate == 0, "mode push without a rate; give messages a second over all devices")
	say(c.Mode == Idle && c.Rate != 0, "rate %v with mode idle; it belongs to echo and push", c.Rate)
	say(!isRate(c.Ramp), "ramp %v; give 0 or more connects a second", c.Ramp)
	say(c.Inflight < 1, "inflight %d; give 1 or more", c.Inflight)
	say(c.Processes < 0 || c.Processes > 256, "processes %d; give 0 to 256", c.Processes)
	say(c.Workers < 1 || c.Workers > 256, "workers %d; give 1 to 256", c.Workers)
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"duration", c.Duration}, {"hold", c.Hold}, {"drain", c.Drain}, {"timeout", c.Timeout}, {"heartbeat", c.Heartbeat},
		{"connect timeout", c.ConnectTimeout}, {"ack timeout", c.AckTimeout}, {"tick", c.Tick},
		{"max age", c.MaxAge}, {"own lag limit", c.OwnLagLimit}, {"stall self", c.StallSelf}} {
		say(d.d < 0, "%s %v; give 0 or more", d.name, d.d)
	}
	say(c.StallSelf > mostStallSelf, "stall self %v; give at most %v", c.StallSelf, mostStallSelf)
	say(!isShare(c.OwnCPULimit), "own CPU limit %v; give 0 to 1", c.OwnCPULimit)
	if _, err := parseSources(c.Sources); err != nil {
		all = append(all, err.Error())
	}
	if _, err := c.conditions(); err != nil {
		all = append(all, err.Error())
	}
	if len(all) == 0 {
		if _, err := newSpeech(c); err != nil {
			all = append(all, err.Error())
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrConfig, strings.Join(all, "; "))
}

func isRate(r float64) bool { return r >= 0 && r <= 1e9 }

// ids parses the pattern and checks that its ids differ and stay within bounds.
func (c *Config) ids() (project.Pattern, error) {
	p, err := project.ParsePattern(c.ID)
	if err != nil {
		return p, fmt.Errorf("id: %w", err)
	}
	if last := p.Format(c.From + c.Devices - 1); len(last) > maxID {
		return p, fmt.Errorf("id: %d bytes; give at most %d", len(last), maxID)
	}
	return p, nil
}
