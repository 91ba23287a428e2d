package nats

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/project"
	"linkd/server"
)

// peer is a NATS server in this process, which can be stopped and started again on its port and its disk.
type peer struct {
	t    testing.TB
	conf string
	*natsd.Server
	port int

	mu  sync.Mutex
	got []*natsgo.Msg
}

// newPeer starts a server with lines of configuration.
func newPeer(t testing.TB, lines ...string) *peer {
	t.Helper()
	p := &peer{t: t, conf: filepath.Join(t.TempDir(), "nats.conf"), port: -1}
	p.must(os.WriteFile(p.conf, []byte(strings.Join(lines, "\n")), 0o600))
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

func withStore(t testing.TB) string { return `jetstream: {store_dir: "` + t.TempDir() + `"}` }

func (p *peer) must(err error) {
	if err != nil {
		p.t.Helper()
		p.t.Fatal(err)
	}
}

func (p *peer) start() {
	p.t.Helper()
	o, err := natsd.ProcessConfigFile(p.conf)
	p.must(err)
	o.Host, o.Port, o.NoSigs, o.NoLog = "127.0.0.1", p.port, true, true
	p.Server, err = natsd.NewServer(o)
	p.must(err)
	p.Start()
	if !p.ReadyForConnections(20 * time.Second) {
		p.t.Fatal("the NATS server does not start")
	}
	at, ok := p.Addr().(*net.TCPAddr)
	if !ok {
		p.t.Fatalf("the NATS server listens on %v", p.Addr())
	}
	p.port = at.Port
}

func (p *peer) stop() {
	p.Shutdown()
	p.WaitForShutdown()
}

func (p *peer) address() string { return p.Addr().String() }

func (p *peer) options() map[string]any {
	return map[string]any{"server": "nats://" + p.address(), "retry": "10ms", "retry_max": "50ms"}
}

// join connects within the process.
func (p *peer) join(more ...natsgo.Option) *natsgo.Conn {
	p.t.Helper()
	nc, err := natsgo.Connect("", append(more, natsgo.InProcessServer(p))...)
	p.must(err)
	p.t.Cleanup(nc.Close)
	return nc
}

func (p *peer) keep(m *natsgo.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
}

func (p *peer) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = nil
}

// listen keeps what is published.
func (p *peer) listen(subject string) {
	nc := p.join()
	_, err := nc.Subscribe(subject, p.keep)
	p.must(err)
	p.must(nc.Flush())
}

// stream makes a stream.
func (p *peer) stream(conf natsgo.StreamConfig) natsgo.JetStreamContext {
	p.t.Helper()
	js, err := p.join().JetStream()
	p.must(err)
	_, err = js.AddStream(&conf)
	p.must(err)
	return js
}

// values are those of the messages of a stream, in their order.
func (p *peer) values(js natsgo.JetStreamContext, format string) (got []int) {
	p.t.Helper()
	info, err := js.StreamInfo("plant")
	p.must(err)
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := js.GetMsg("plant", seq)
		p.must(err)
		got = append(got, outputtest.Values(&testing.T{}, format, m.Data)...)
	}
	return got
}

func (p *peer) messages(prefix string) (list []*natsgo.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if strings.HasPrefix(m.Subject, prefix) {
			list = append(list, m)
		}
	}
	return list
}

// gate is a server behind a door: down, it refuses linkd while the server and its subscriber go on.
type gate struct {
	*peer
	jetstream bool
	door      net.Listener
	at        string
	ctx       context.Context
	cancel    context.CancelFunc
	copies    sync.WaitGroup
}

func newGate(t *testing.T, jetstream bool) *gate {
	g := &gate{jetstream: jetstream, at: "127.0.0.1:0"}
	if jetstream {
		g.peer = newPeer(t, withStore(t))
		js := g.stream(natsgo.StreamConfig{Name: "plant", Subjects: []string{"linkd.p.>"}})
		_, err := js.Subscribe("linkd.p.tags.>", g.keep, natsgo.OrderedConsumer())
		g.must(err)
	} else {
		g.peer = newPeer(t)
		g.listen("linkd.p.tags.>")
	}
	g.Up()
	t.Cleanup(g.Down)
	return g
}

func (g *gate) Options() map[string]any {
	o := g.options()
	o["server"], o["jetstream"] = "nats://"+g.at, g.jetstream
	return o
}

func (g *gate) Payloads() (list [][]byte) {
	for _, m := range g.messages("linkd.p.tags.ch.d1") {
		list = append(list, m.Data)
	}
	return list
}

func (g *gate) Down() {
	g.cancel()
	g.door.Close()
	g.copies.Wait()
}

func (g *gate) Up() {
	outputtest.Eventually(g.t, func() (err error) {
		g.door, err = net.Listen("tcp", g.at)
		return err
	})
	g.at = g.door.Addr().String()
	g.ctx, g.cancel = context.WithCancel(context.Background())
	ctx, door, to := g.ctx, g.door, g.address()
	g.copies.Go(func() {
		for {
			a, err := door.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				continue
			}
			shut := func() { a.Close(); b.Close() }
			context.AfterFunc(ctx, shut)
			g.copies.Go(func() { _, _ = io.Copy(a, b); shut() })
			g.copies.Go(func() { _, _ = io.Copy(b, a); shut() })
		}
	})
}

// begin makes an output; it is closed with the test.
func begin(t testing.TB, format string, options map[string]any) outputs.Sink {
	t.Helper()
	m, err := outputs.Table{Kind()}.Compile(&project.Output{Name: "o", Type: "nats", Format: format, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m(outputs.Env{Project: "p", Log: outputtest.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	return s
}

// put reports values from and up to, but not with, an end.
func put(s outputs.Sink, from, end int) {
	for i := from; i < end; i++ {
		s.Reports([]server.Report{outputtest.Report("d1", i)})
	}
}
