package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"linkd/internal/config"
	"linkd/internal/store"
	"linkd/project"
	"linkd/project/options"
	"linkd/server"
)

// fakeCore answers from what the test put into it. s1/c1 is online, s1/c2 offline; there is nothing else.
type fakeCore struct {
	mu        sync.Mutex
	sent      []byte
	wait      time.Duration
	kicked    string
	forgotten string
	query     server.ConnQuery
	follow    func(server.Event)
	known     int           // connections behind every address
	rules     server.Server // has nothing but rules
	fail      error         // of Send, Newcomer and Connections, when not nil
	notReady  error

	frames chan server.Frame
	kept   []server.Frame
	events chan server.Event
	stops  chan string   // what was stopped
	far    chan net.Conn // the device's end of each tunnel
}

func newFakeCore() *fakeCore {
	return &fakeCore{
		frames: make(chan server.Frame, 16), events: make(chan server.Event, 16),
		stops: make(chan string, 64), far: make(chan net.Conn, 16),
	}
}

var moment = time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.FixedZone("", 3600))

func (f *fakeCore) find(provider, name string) (server.ConnView, error) {
	switch provider + "/" + name {
	case "s1/c1":
		return server.ConnView{
			Provider: "s1", Name: "c1", Title: "1# dev", SocketConnID: "c0001", State: server.Online,
			RemoteAddr: "10.0.0.9:4000", Since: moment, Session: 3, BytesIn: 10, BytesOut: 20, Reconnects: 2,
			LastClose: "peer", Channel: "ch", Driver: "raw",
		}, nil
	case "s1/c2":
		return server.ConnView{Provider: "s1", Name: "c2", RemoteIP: "10.1.0.0/16", State: server.Offline}, nil
	}
	return server.ConnView{}, fmt.Errorf("%w: provider %s has no connection %q", server.ErrNotFound, provider, name)
}

func (f *fakeCore) online(provider, name string) error {
	c, err := f.find(provider, name)
	if err == nil && c.State != server.Online {
		err = server.ErrOffline
	}
	return err
}

func (f *fakeCore) Project() *project.Project {
	one := 1
	tags := []*project.Tag{
		{Name: "t", Title: "T", Address: "input:0", Type: "int16", Order: "cdab", Length: 2, Scale: 0.1, Offset: -40,
			Clamp: &[2]float64{5, 40}, Decimals: &one, Unit: "°C", Poll: time.Minute, Deadband: 0.5,
			Expr: "value * 2", Writable: true, Readback: true, OnChange: true},
		{Name: "u", Address: "input:1", Scale: 1},
	}
	return &project.Project{
		Models: []*project.Model{{Name: "m", Title: "M", Tags: tags}},
		Channels: []*project.Channel{{
			Name: "ch", Title: "Ch", Connection: "s1/c1", Driver: "raw", Poll: 10 * time.Second,
			Devices: []*project.Device{{Name: "d1", Title: "D", Unit: 1, Address: "01 02", Model: "m", Poll: time.Second}},
			Options: map[string]any{"mode": "x"},
		}, {Name: "sim"}},
	}
}

func (f *fakeCore) Providers() []server.ProviderView {
	return []server.ProviderView{{
		Name: "s1", Title: "S1", Type: "tcp-server", LocalAddr: ":30000", ConnIdentity: "common", Preset: "auto",
		State: "listening", Connections: 2, Online: 1, Identifying: 4, Accepted: 5, Refused: 6,
	}}
}

func (f *fakeCore) Connections(q server.ConnQuery) ([]server.ConnView, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.query = q
	if f.fail != nil {
		return nil, "", f.fail
	}
	c1, _ := f.find("s1", "c1")
	c2, _ := f.find("s1", "c2")
	if q.Cursor == "two" {
		return []server.ConnView{c2}, "", nil
	}
	return []server.ConnView{c1}, "two", nil
}

func (f *fakeCore) Connection(provider, name string) (server.ConnView, error) {
	return f.find(provider, name)
}

func (f *fakeCore) Kick(provider, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kicked = provider + "/" + name
	return f.online(provider, name)
}

func (f *fakeCore) Select(q server.ConnQuery, do func(string, []byte, server.State)) error {
	f.query = q
	do("s1", []byte("c1"), server.Online)
	return f.fail
}

func (f *fakeCore) KickAll(context.Context, server.ConnQuery) (int, error) { return 1, nil }

func (f *fakeCore) Send(_ context.Context, p, name string, b []byte, wait time.Duration) (server.SendResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.fail, f.online(p, name)); err != nil {
		return server.SendResult{}, err
	}
	f.sent, f.wait = b, wait
	return server.SendResult{Sent: len(b), Received: []byte("ok\xff\r\n")}, nil
}

func (f *fakeCore) Frames(_ context.Context, provider, name string) ([]server.Frame, error) {
	if _, err := f.find(provider, name); err != nil {
		return nil, err
	}
	return f.kept, f.fail
}

func (f *fakeCore) Tap(_ context.Context, provider, name string) ([]server.Frame, <-chan server.Frame, func(), error) {
	if _, err := f.find(provider, name); err != nil {
		return nil, nil, nil, err
	}
	return f.kept, f.frames, func() { f.stops <- "tap" }, nil
}

func (f *fakeCore) Subscribe() (<-chan server.Event, func()) {
	return f.events, func() { f.stops <- "events" }
}

// Tunnel is a TCP connection to itself, whose other end goes to far.
func (f *fakeCore) Tunnel(provider, name string) (io.ReadWriteCloser, error) {
	if err := f.online(provider, name); err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	f.far <- far
	return near, nil
}

func (f *fakeCore) Strangers() []server.Stranger {
	return []server.Stranger{{
		Key: "s1:x", Provider: "s1", ID: "x", RemoteAddr: "10.0.0.7:1", FirstBytes: []byte{0x78, 0x0d}, Count: 2,
		FirstSeen: moment, LastSeen: moment, Reason: "unknown",
	}}
}

// TryIdentity is that of a server without providers.
func (f *fakeCore) TryIdentity(q server.Trial) (server.Tried, error) {
	return new(server.Server).TryIdentity(q)
}

// The stranger becomes s1/c2 when it is adopted under its own name.
func (f *fakeCore) Newcomer(key string) (server.Newcomer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return server.Newcomer{}, f.fail
	}
	if key != "s1:x" {
		return server.Newcomer{}, fmt.Errorf("%w: no stranger %q", server.ErrNotFound, key)
	}
	return server.Newcomer{Provider: "s1", ID: []byte("c2")}, nil
}

func (f *fakeCore) Limits() server.Limits { return server.Limits{Memory: 1 << 30} }
func (f *fakeCore) Capacity() int         { return 1000 }
func (f *fakeCore) FollowEvents(take func(server.Event)) (stop func()) {
	f.follow = take
	return func() {}
}

// The rules are those of a server without strangers.
func (f *fakeCore) RuleAbout(key string, a server.Action, all bool) (server.Rule, error) {
	return f.rules.RuleAbout(key, a, all)
}
func (f *fakeCore) Rules() []server.RuleView { return f.rules.Rules() }
func (f *fakeCore) PutRule(r server.Rule)    { f.rules.PutRule(r) }
func (f *fakeCore) DropRule(key string)      { f.rules.DropRule(key) }
func (f *fakeCore) KnownFrom(netip.Addr) int { return f.known }

func (f *fakeCore) Forget(key string)            { f.forgotten = key }
func (f *fakeCore) Apply(*project.Project) error { return nil }
func (f *fakeCore) Check(*project.Project) error { return nil }

// edited is an Editor of a project with s1/c1, whose reactor is f.
func edited(t *testing.T, f config.Reactor) *config.Editor {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.TempDir(), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m := config.New(config.Config{Store: s, Reactor: f, Log: quiet})
	file := "project: p\nproviders:\n  - {name: s1, type: tcp-server, local_port: 0, " +
		"connections: [{name: c1, socket_conn_id: c0001}]}\n"
	if _, err := m.Apply("test", config.File{Text: []byte(file)}, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Start("p"); err != nil {
		t.Fatal(err)
	}
	return m
}

func (f *fakeCore) Drivers(provider, name string) ([]server.DriverView, error) {
	if provider != "" {
		if _, err := f.find(provider, name); err != nil {
			return nil, err
		}
	}
	return []server.DriverView{
		{Name: "raw", Title: "Raw", Links: []string{"tcp-server"}, Selectable: true, Options: []options.Option{
			{Key: "echo", Kind: options.Choice, Default: "a", Choices: []string{"a", "b"}, About: "which"}}},
		{Name: "none", Reason: "driver none runs on none links, not on tcp-server"},
	}, nil
}

func (f *fakeCore) Ready() error { return f.notReady }

// start serves an API on a free loopback port and closes it with the test. prepare may change it first. Its tokens are
// the names of the roles.
func start(t *testing.T, f *fakeCore, prepare ...func(*API)) (a *API, base string) {
	t.Helper()
	return startWith(t, f, &fakeDoors{}, prepare...)
}

func startWith(t *testing.T, f *fakeCore, d doorkeeper, prepare ...func(*API)) (a *API, base string) {
	t.Helper()
	metrics := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }
	a = New(Config{Core: f, Doors: d, Editor: edited(t, f), Metrics: http.HandlerFunc(metrics), Deploy: deployed,
		Console: fakeConsole{}, Trends: fakeTrends{}})
	for _, p := range prepare {
		p(a)
	}
	addr, err := a.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAPI(t, a) })
	return a, "http://" + addr.String()
}

// fakeConsole has a page and a script.
type fakeConsole struct{}

func (fakeConsole) Paths() []string { return []string{"/", "/app.js"} }

func (fakeConsole) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "console "+r.URL.Path)
}

func closeAPI(t *testing.T, a *API) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// patience ends a test that would hang; nothing here takes more than milliseconds.
const patience = 20 * time.Second

// ask sends one request and returns its answer with the body read. header is "Name: value" lines; the token is the
// admin's unless they say otherwise.
func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer admin")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// stopped waits until something was stopped and says what.
func (f *fakeCore) stopped(t *testing.T) string {
	t.Helper()
	select {
	case s := <-f.stops:
		return s
	case <-time.After(patience):
		t.Fatal("nothing was stopped")
		return ""
	}
}
