package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"linkd/internal/doors"
	"linkd/internal/payload"
	"linkd/server"
)

// Config says what bus to use. Project and Dir must be there.
type Config struct {
	Project string // its name; part of every subject
	Dir     string // DATA/bus: the manifest of streams, and the embedded server's files

	URL   string // of the user's own server or cluster, several with commas between; empty: embedded
	Creds string // credentials file for URL
	TLS   TLS    // for URL

	Listen string // ADDR on which the embedded server takes NATS clients; empty: none
	MQTT   string // ADDR on which it takes MQTT clients; empty: none
	Format string // of live reports, one of Formats; empty: the first
	// Access says what the bearer of a token may do, and whether it is a token at all. It may be called from many
	// goroutines. nil: nobody but linkd itself comes in.
	Access func(token string) (doors.Role, bool)

	// Received are connections whose bytes go out on URL's server; the embedded one sees who asks for which.
	Received []server.BytesOf

	History  History
	Spool    int64         // bytes of memory for what waits for the bus, at least 8 MiB; 0: 64 MiB
	Sync     time.Duration // the embedded server writes to disk for good so often; 0: 10 s
	Reserve  uint64        // bytes that stay free on Dir's disk; 0: 64 MiB
	Recreate bool          // begin anew the streams that are lost (ErrStreamLost)
	Log      *slog.Logger  // nil: none

	// Tests have their own.
	free    func(dir string) (bytes uint64, err error) // of the disk
	readFor time.Duration                              // one query
}

// Formats are the names of the formats that live reports can have.
func Formats() []string { return payload.FormatNames() }

// TLS names the files of a connection that is encrypted. All may be empty.
type TLS struct {
	CA   string // certificates that the server's must be signed by; empty: those of the system
	Cert string // our own certificate, with Key
	Key  string
}

// History says how much telemetry is kept: the oldest goes first.
type History struct {
	MaxAge   time.Duration // 0: 30 days
	MaxBytes int64         // of telemetry on disk; 0: 1 GiB. Events of connections get a sixteenth more
}

const (
	defaultAge     = 30 * 24 * time.Hour
	defaultBytes   = 1 << 30
	defaultSpool   = 64 << 20
	defaultSync    = 10 * time.Second
	defaultReserve = 64 << 20
	leastSpool     = 8 << 20
	leastShare     = 2 << 20 // of the spool for events: what can be on its way, and a chunk
	leastHistory   = 1 << 20
	storedAs       = "json" // reports in the stream, whatever Format is
	eventShare     = 16     // one part in so many of MaxBytes is for events, and of Spool
)

// fill checks the configuration and puts the defaults in.
func (c *Config) fill() error {
	if err := checkName(c.Project); err != nil {
		return err
	}
	if c.Dir == "" {
		return errors.New("bus: no directory; give one for the streams")
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if strings.Contains(c.URL, "ws://") || strings.Contains(c.URL, "wss://") {
		return errors.New("bus: NATS over WebSocket is not spoken here; give nats://HOST:PORT or tls://HOST:PORT")
	}
	orElse(&c.Format, storedAs)
	if _, ok := payload.FormatOf(c.Format); !ok {
		return fmt.Errorf("bus: the format is %.40q; write one of: %s", c.Format, strings.Join(Formats(), ", "))
	}
	if c.URL != "" && (c.Listen != "" || c.MQTT != "") {
		return errors.New("bus: a NATS server of your own has its own listeners; give a URL, or addresses to listen on")
	}
	if c.URL == "" && len(c.Received) > 0 {
		return errors.New("bus: the embedded server sees who subscribes; whose bytes go out is for a NATS server of your own")
	}
	if c.URL == "" && (c.Creds != "" || c.TLS != TLS{}) {
		return errors.New("bus: credentials and certificates are for a NATS server of your own; give its URL too")
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return errors.New("bus: a certificate and its key go together; give both files")
	}
	orElse(&c.History.MaxAge, defaultAge)
	orElse(&c.History.MaxBytes, defaultBytes)
	orElse(&c.Spool, defaultSpool)
	orElse(&c.Sync, defaultSync)
	orElse(&c.Reserve, defaultReserve)
	switch {
	case c.History.MaxAge < time.Minute:
		return fmt.Errorf("bus: history is kept for %s; write at least 1m", c.History.MaxAge)
	case c.History.MaxBytes < leastHistory:
		return fmt.Errorf("bus: history has %d bytes; write at least %d", c.History.MaxBytes, leastHistory)
	case c.Spool < leastSpool:
		return fmt.Errorf("bus: the spool has %d bytes; write at least %d", c.Spool, leastSpool)
	case c.Sync < 0:
		return fmt.Errorf("bus: the sync interval is %s; write one such as 10s", c.Sync)
	}
	orElse(&c.readFor, readFor)
	if c.free == nil {
		c.free = freeBytes
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// checkName finds out whether a project's name is one token of a subject.
func checkName(project string) error {
	if project == "" || string(payload.AppendToken(nil, project)) != project {
		return fmt.Errorf("bus: the project's name is %.40q; write letters, digits and _", project)
	}
	return nil
}

func orElse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// address takes an address to listen on apart, in the notation of nats-server, where -1 is any free port.
func address(what, addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("bus: %s listens on %.60q; write HOST:PORT such as 127.0.0.1:4222", what, addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = -1
	}
	return host, port, nil
}
