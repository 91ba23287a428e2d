package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
)

const (
	accountName = "linkd"
	accounts    = `accounts: {linkd: {jetstream: enabled}, system: {}}, system_account: system`

	startWithin  = 60 * time.Second      // a large history takes a while to be looked through
	lookEvery    = 50 * time.Millisecond // whether it has started
	mostMemory   = 64 << 20              // bytes of streams that clients have in memory
	roomForOther = 256 << 20             // bytes on disk for MQTT sessions, consumers, and streams of admins
	mostStore    = 1 << 60               // bytes on disk that the server thinks it has; allow sets the bound
	mostClients  = 4096
	mostPending  = 8 << 20 // bytes that wait for one client; a slower one is closed
)

// embedded is the NATS server in this process. It can be started again, on the same addresses.
type embedded struct {
	cfg    *Config
	gate   *gate
	listen place // where clients were taken, once started
	mqtt   place
	srv    atomic.Pointer[nats.Server]
	linkd  atomic.Pointer[nats.Account] // of the server that runs, or ran last
}

// place is where to listen.
type place struct {
	host string
	port int // -1: any; 0: do not listen
}

func (p place) String() string {
	if p.port <= 0 {
		return ""
	}
	return net.JoinHostPort(p.host, fmt.Sprint(p.port))
}

func newEmbedded(cfg *Config) (*embedded, error) {
	e := &embedded{cfg: cfg, gate: newGate(cfg.Project, cfg.Access)}
	for _, l := range []struct {
		what, addr string
		to         *place
	}{{"NATS", cfg.Listen, &e.listen}, {"MQTT", cfg.MQTT, &e.mqtt}} {
		if l.addr == "" {
			continue
		}
		var err error
		if l.to.host, l.to.port, err = address(l.what, l.addr); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// pipe makes a connection to the server that runs.
func (e *embedded) pipe() (net.Conn, error) {
	if s := e.srv.Load(); s != nil {
		return s.InProcessConn()
	}
	return nil, errors.New("bus: the server does not run")
}

func (e *embedded) streams() string {
	return filepath.Join(e.cfg.Dir, "jetstream", accountName, "streams")
}

// start starts the server, and returns when it takes clients and its streams are there.
func (e *embedded) start() error {
	o, err := e.options()
	if err != nil {
		return err
	}
	s, err := nats.NewServer(o)
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	said := &voice{log: e.cfg.Log}
	s.SetLoggerV2(said, false, false, false)
	e.gate.server.Store(s)
	e.srv.Store(s)
	s.Start()
	if !said.awaitReady(s) || !s.JetStreamEnabled() {
		e.stop()
		return said.failure()
	}
	account, err := s.LookupAccount(accountName)
	if err != nil {
		e.stop()
		return fmt.Errorf("bus: %w", err)
	}
	e.linkd.Store(account)
	if at, ok := s.Addr().(*net.TCPAddr); ok && e.listen.port < 0 {
		e.listen.port = at.Port
	}
	if e.mqtt.port < 0 {
		e.mqtt.port = o.MQTT.Port
	}
	return nil
}

// hears reports whether a subject has subscribers: clients, MQTT's among them, and streams.
func (e *embedded) hears(subject string) bool {
	return e.linkd.Load().SubscriptionInterest(subject)
}

// stop stops the server and returns when all is written.
func (e *embedded) stop() {
	if s := e.srv.Swap(nil); s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// works reports whether the server runs and stores; it stops storing for good when the disk refuses.
func (e *embedded) works() bool {
	s := e.srv.Load()
	return s != nil && s.Running() && s.JetStreamEnabled()
}

// allow bounds what all streams may have on disk, in bytes: linkd's own, and roomForOther.
func (e *embedded) allow(own int64) error {
	if e.srv.Load() == nil {
		return nil // it is bounded when it runs
	}
	err := e.linkd.Load().UpdateJetStreamLimits(map[string]nats.JetStreamAccountLimits{"": {
		MaxMemory: -1, // the server has a bound
		MaxStore:  own + roomForOther, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1, MemoryMaxStreamBytes: -1,
		StoreMaxStreamBytes: -1}})
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

func (e *embedded) options() (*nats.Options, error) {
	o := &nats.Options{}
	if err := o.ProcessConfigString(accounts); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	o.ServerName = "linkd-" + e.cfg.Project
	o.NoSigs, o.NoLog = true, true
	o.DontListen = e.listen.port == 0
	o.Host, o.Port = e.listen.host, e.listen.port
	o.MaxConn, o.MaxPending = mostClients, mostPending
	// A cache of 1024 subjects only costs where 10,000 devices take turns.
	o.NoSublistCache = true
	o.CustomClientAuthentication = e.gate
	o.JetStream, o.StoreDir = true, e.cfg.Dir
	o.SyncInterval = e.cfg.Sync
	o.JetStreamMaxMemory = mostMemory
	o.JetStreamMaxStore = mostStore
	o.DisableJetStreamBanner = true
	if e.mqtt.port != 0 {
		o.MQTT.Host, o.MQTT.Port = e.mqtt.host, e.mqtt.port
	}
	return o, nil
}

// voice is what nats-server says, in linkd's log.
type voice struct {
	log   *slog.Logger
	worst atomic.Pointer[string] // the newest error
	fatal atomic.Bool            // the server has given up
}

// ErrInUse says that another listens where the embedded server was to.
var ErrInUse = errors.New("bus: the address is in use")

// awaitReady reports whether the server takes clients, once that is decided.
func (v *voice) awaitReady(s *nats.Server) bool {
	for end := time.Now().Add(startWithin); !s.ReadyForConnections(lookEvery); {
		if v.fatal.Load() || time.Now().After(end) {
			return false
		}
	}
	return true
}

// failure is why the server does not start.
func (v *voice) failure() error {
	const what = "bus: the embedded server does not start"
	why := v.worst.Load()
	switch {
	case why == nil:
		return errors.New(what)
	case strings.Contains(*why, syscall.EADDRINUSE.Error()):
		return fmt.Errorf("%w: %s", ErrInUse, *why)
	}
	return fmt.Errorf("%s: %s", what, *why)
}

// Noticef implements nats.Logger, as do those below.
func (v *voice) Noticef(format string, a ...any) { v.log.Debug("nats: " + fmt.Sprintf(format, a...)) }

// Warnf logs a warning.
func (v *voice) Warnf(format string, a ...any) { v.log.Warn("nats: " + fmt.Sprintf(format, a...)) }

// Fatalf logs an error, after which the server does not start.
func (v *voice) Fatalf(format string, a ...any) {
	v.Errorf(format, a...)
	v.fatal.Store(true)
}

// Errorf logs an error.
func (v *voice) Errorf(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	if strings.Contains(text, " - cid:") || strings.Contains(text, " - mid:") {
		v.log.Debug("nats: " + text) // what a client does wrong; it can do so as often as it likes
		return
	}
	v.worst.Store(&text)
	v.log.Error("nats: " + text)
}

// Debugf is silent.
func (v *voice) Debugf(string, ...any) {}

// Tracef is silent.
func (v *voice) Tracef(string, ...any) {}
