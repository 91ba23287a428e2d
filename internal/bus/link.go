package bus

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/internal/natsdial"
)

const (
	writeBuffer = 64 << 10 // bytes; half of it goes to the server at once
	mostBlocked = 5 * time.Second
	redial      = 200 * time.Millisecond
	dialFor     = 5 * time.Second // until a server has said who it is; and again until it has let linkd in
	self        = "linkd"         // the user that linkd is at its own server

	// mostMessage bounds what a server of the user's own may send at once, in bytes: what NATS says that it should take
	// at most, so that nobody who may send a command cuts linkd off by a large one.
	mostMessage = 8 << 20
	// leastMessage is what a server must take at least, in bytes, or linkd would drop nearly everything as too large.
	leastMessage = 4 << 10

	complainEvery = 10 * time.Second
)

// link is linkd's connection to the server, which comes back by itself. Its generation changes with each cut.
type link struct {
	nc      *nats.Conn
	end     context.CancelFunc // closes the connection to a server of the user's own
	cuts    atomic.Uint64
	rejoins atomic.Uint64
	up      atomic.Bool
	why     atomic.Pointer[error] // it is not up, as far as that is known
}

func (l *link) generation() uint64 { return l.cuts.Load() }

// fault is why the link is not up; nil: it is, or nothing has failed yet.
func (l *link) fault() error {
	err, why := l.nc.LastError(), l.why.Load() // the first is of a connection that was made, such as a refused login
	if err == nil && why != nil {
		err = *why
	}
	if l.up.Load() || err == nil {
		return nil
	}
	return fmt.Errorf("bus: not connected: %w", err)
}

// pipes makes connections within the process.
type pipes func() (net.Conn, error)

func (p pipes) InProcessConn() (net.Conn, error) { return p() }

// dial makes the link; it need not be up when dial returns. pipe is nil for a server of the user's own. moved is called
// whenever the link comes up or is cut; it must not block.
func dial(cfg *Config, pipe pipes, secret string, moved func()) (*link, error) {
	l := &link{}
	set := func(up bool) {
		l.up.Store(up)
		moved()
	}
	opts := []nats.Option{
		nats.Name("linkd " + cfg.Project),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(redial),
		nats.ReconnectJitter(redial, redial),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(), // a login that is refused now may be right later
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			l.why.Store(&err)
			moved()
		}),
		nats.ReconnectBufSize(-1), // what waits, waits in the spool
		nats.WriteBufferSize(writeBuffer),
		nats.FlusherTimeout(mostBlocked),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(dialFor),
		nats.SkipSubjectValidation(),                    // subjects are made of tokens by payload.AppendToken
		nats.CustomInboxPrefix("_linkd_" + rand.Text()), // clients may read _INBOX.>, not this
		nats.ConnectHandler(func(*nats.Conn) { set(true) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			l.rejoins.Add(1)
			set(true)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			l.cuts.Add(1)
			if err != nil {
				l.why.Store(&err)
				cfg.Log.Debug("the bus is cut off", "error", err)
			}
			set(false)
		}),
		nats.ErrorHandler((&complaints{log: cfg.Log}).hear),
	}
	url := cfg.URL
	switch {
	case pipe != nil:
		url = nats.DefaultURL // not dialled
		opts = append(opts, nats.InProcessServer(pipe), nats.UserInfo(self, secret))
	default:
		guard, err := l.guard(cfg)
		if err != nil {
			return nil, fmt.Errorf("bus: %w", err)
		}
		opts = append(opts, guard...)
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	l.nc = nc
	return l, nil
}

// guard is how the client comes to a server of the user's own, which may say what it likes.
func (l *link) guard(cfg *Config) ([]nats.Option, error) {
	if _, err := cfg.TLS.load(); err != nil {
		return nil, err
	}
	d := &natsdial.Dialer{Timeout: dialFor, Security: natsdial.AsServer, TLS: cfg.TLS.load, Most: mostMessage}
	if (cfg.TLS != TLS{}) || strings.Contains(cfg.URL, "tls://") {
		d.Security = natsdial.Always
	}
	d.Context, l.end = context.WithCancel(context.Background())
	// The client never forgets an address that a server has named: there would be no bound.
	opts := []nats.Option{nats.SetCustomDialer(d), nats.SkipHostLookup(), nats.IgnoreDiscoveredServers()}
	if cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(cfg.Creds))
	}
	return opts, nil
}

// load reads the files, which may have others in them the next time.
func (t TLS) load() (conf *tls.Config, err error) {
	conf = &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		conf.Certificates = make([]tls.Certificate, 1)
		if conf.Certificates[0], err = tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

// close ends the connection, and all that it runs.
func (l *link) close() {
	l.nc.Close()
	if l.end != nil {
		l.end()
	}
}

// complaints are what the client has against a server, in the log: a server can give as much cause as it likes.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time
	more int // since
}

func (c *complaints) hear(_ *nats.Conn, sub *nats.Subscription, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < complainEvery {
		c.more++
		return
	}
	about := []any{"error", err}
	if sub != nil {
		about = append(about, "subject", sub.Subject)
	}
	if c.more > 0 {
		about = append(about, "more", c.more)
	}
	c.log.Warn("bus", about...)
	c.last, c.more = time.Now(), 0
}
