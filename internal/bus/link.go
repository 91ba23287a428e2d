package bus

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	writeBuffer = 64 << 10 // bytes; half of it goes to the server at once
	mostBlocked = 5 * time.Second
	redial      = 200 * time.Millisecond
	self        = "linkd" // the user that linkd is at its own server
)

// link is linkd's connection to the server, which comes back by itself. Its generation changes with each cut.
type link struct {
	nc      *nats.Conn
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
		nats.Timeout(5 * time.Second),
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
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) { complain(cfg.Log, sub, err) }),
	}
	url := cfg.URL
	switch {
	case pipe != nil:
		url = nats.DefaultURL // not dialled
		opts = append(opts, nats.InProcessServer(pipe), nats.UserInfo(self, secret))
	default:
		opts = append(opts, credentials(cfg)...)
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	l.nc = nc
	return l, nil
}

func credentials(cfg *Config) (opts []nats.Option) {
	if cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(cfg.Creds))
	}
	if cfg.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(cfg.TLS.CA))
	}
	if cfg.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(cfg.TLS.Cert, cfg.TLS.Key))
	}
	return opts
}

func complain(log *slog.Logger, sub *nats.Subscription, err error) {
	if sub == nil {
		log.Warn("bus", "error", err)
		return
	}
	log.Warn("bus", "subject", sub.Subject, "error", err)
}
