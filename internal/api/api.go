// Package api owns linkd's HTTP interface: the REST paths under /api/v1, their OpenAPI description, the live streams
// (server-sent events), the raw tunnels, the health paths, and the listener that they are served on.
//
// It keeps no state of devices and decides nothing about them: it reads a core, asks it to act, and says what came of
// it. It must never import gnet or touch a device's socket.
package api

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/internal/logtail"
	"linkd/internal/trend"
	"linkd/project"
	"linkd/server"
)

const (
	maxHeaderBytes    = 32 << 10         // of one request; ours need a few hundred bytes
	readHeaderTimeout = 10 * time.Second // a client that is slower than this is not one of ours
	idleTimeout       = 2 * time.Minute  // of a kept connection between two requests
	maxConns          = 256              // HTTP connections at once: descriptors belong to the devices first
	maxStreams        = 128              // event streams, taps and tunnels at once
	writeTimeout      = 10 * time.Second // of one write on a stream or a tunnel
	heartbeatEvery    = 15 * time.Second // comment on a silent stream, so that both ends learn of a dead path
	lingerFor         = 2 * time.Second  // how long a half-closed tunnel may still carry the device's answer
)

// core is what the API needs of the server. Its methods are safe for concurrent use. Errors wrap the sentinels of
// package server.
type core interface {
	Project() *project.Project
	Providers() []server.ProviderView
	Connections(q server.ConnQuery) (items []server.ConnView, next string, err error)
	Connection(provider, name string) (server.ConnView, error)
	Kick(provider, name string) error
	Select(q server.ConnQuery, do func(provider string, name []byte, state server.State)) error
	KickAll(ctx context.Context, q server.ConnQuery) (closed int, err error)
	Send(ctx context.Context, provider, name string, data []byte, wait time.Duration) (server.SendResult, error)
	Frames(ctx context.Context, provider, name string) ([]server.Frame, error)
	// Tap's channel may close when the server stops; stop ends it early and may be called more than once.
	Tap(ctx context.Context, provider, name string) (kept []server.Frame, live <-chan server.Frame, stop func(), err error)
	// Tunnel's Read returns io.EOF when the session ends; Close unblocks Read and may be called more than once, from
	// any goroutine.
	Tunnel(provider, name string) (io.ReadWriteCloser, error)
	Strangers() []server.Stranger
	TryIdentity(q server.Trial) (server.Tried, error)
	Drivers(provider, name string) ([]server.DriverView, error)
	// Subscribe's channel closes when the server stops. Events that a slow reader missed are told by an event of
	// kind "lost", whose reason says how many.
	Subscribe() (events <-chan server.Event, stop func())
	Tags(q server.TagQuery) (items []server.TagView, next string, err error)
	Tag(channel, device, tag string) (server.TagView, error)
	// Write's error is for what cannot be asked at all; what came of it otherwise is in the result.
	Write(ctx context.Context, req server.WriteRequest) (server.WriteResult, error)
	// SubscribeValues' channel may stay open when the server stops; stop must be called.
	SubscribeValues(q server.TagQuery) (values <-chan server.TagView, stop func(), err error)
	Ready() error
	// Limits is what the process may use, and Capacity how many links it admits, both as of its start.
	Limits() server.Limits
	Capacity() int
	// FollowEvents has take called with every event; take must not block.
	FollowEvents(take func(server.Event)) (stop func())
}

// console is the files of the web console.
type console interface {
	// Paths are where they are served, such as / and /app.js.
	Paths() []string
	http.Handler
}

// trends is what the fleet was like lately.
type trends interface {
	Series(span trend.Span) trend.Series
	Worst() (worst []trend.Comer, since time.Time)
	Quietest(ctx context.Context) (quiet []server.QuietView, at time.Time, err error)
}

// Config is what an API is made of. Core and Doors are required.
type Config struct {
	Core     core
	Doors    doorkeeper      // who may come in
	Sessions *doors.Sessions // of browsers; nil: they end with the API
	Editor   *config.Editor  // changes the configuration; nil: it can only be read
	Bus      bus             // history, and how the bus is; nil: there is none
	Trends   trends          // how the fleet was lately; nil: the paths do not exist
	Metrics  http.Handler    // GET /metrics; nil: the path does not exist
	Console  console         // the files of the web console, open to all; nil: there is none
	Deploy   fs.FS           // GET /deploy/…: for those who watch linkd by other means; nil: there is none
	Version  string          // of linkd, for the OpenAPI description; empty means "dev"
	Log      *slog.Logger    // what the HTTP server itself complains of; nil: nothing is logged

	Revision string        // commit that was built; may be empty
	Tail     *logtail.Tail // the last of linkd's log; nil: nothing is kept

	OutputTypes []OutputType // that this linkd can make
}

// API serves linkd over HTTP. Make one with New; end it with Close.
type API struct {
	cfg     Config
	core    core
	mux     *http.ServeMux
	needs   map[string]doors.Role // by pattern of mux: the least role that is served
	open    map[string]bool       // patterns that need no token
	origin  *http.CrossOriginProtection
	handler http.Handler
	srv     *http.Server

	sessions *doors.Sessions        // of browsers
	bound    atomic.Pointer[string] // host that a loopback listener is bound to; nil: any Host is served

	streams   chan struct{} // one element for each stream that is open
	tunnels   sync.WaitGroup
	ctx       context.Context // done when Close begins: streams and tunnels end
	cancel    context.CancelFunc
	heartbeat time.Duration
	linger    time.Duration

	started  time.Time
	recent   recent     // events, for a support bundle
	unfollow func()     // ends recent
	bundling sync.Mutex // held while a support bundle is made
}

// New returns an API that does not listen yet.
func New(cfg Config) *API {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	if cfg.Sessions == nil {
		cfg.Sessions = doors.NewSessions()
	}
	a := &API{
		cfg: cfg, core: cfg.Core, mux: http.NewServeMux(),
		needs: map[string]doors.Role{}, open: map[string]bool{},
		origin: http.NewCrossOriginProtection(), sessions: cfg.Sessions,
		streams: make(chan struct{}, maxStreams), heartbeat: heartbeatEvery, linger: lingerFor, started: time.Now(),
	}
	a.unfollow = a.core.FollowEvents(a.recent.take)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.routes()
	a.handler = a.guard(http.HandlerFunc(a.enterDoor))
	a.srv = &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	return a
}

// Handler returns what the API serves, for a caller with a listener of its own. Close still ends its streams.
func (a *API) Handler() http.Handler { return a.handler }

func (a *API) routes() {
	h := humago.New(a.mux, humaConfig(a.cfg.Version))
	a.describeDoors(h.OpenAPI())
	a.readRoutes(h)
	a.configureRoutes(h)
	a.actionRoutes(h)
	a.strangerRoutes(h)
	a.identityRoutes(h)
	a.bulkRoutes(h)
	a.fleetRoutes(h)
	a.tagRoutes(h)
	a.streamRoutes(h)
	a.frameRoutes(h)
	a.tokenRoutes(h)
	a.sessionRoutes(h)
	a.northRoutes(h)
	a.outputTypeRoutes(h)
	a.systemRoutes(h)
	a.plainRoutes(h.OpenAPI())
}

// humaConfig leaves out what huma adds by default and linkd does not want: a page that loads from elsewhere, the
// "$schema" member in every answer, and a description that is built in the first request, by each at once.
func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("linkd", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{explain}
	c.Info.Description = "The cloud end of a fleet of devices that dial in: connection points, their sessions, " +
		"drivers, tags and strangers. Lists are {items, next}; next is the cursor of the next page, empty at the end. " +
		"Errors are problem details (RFC 9457)."
	return c
}
