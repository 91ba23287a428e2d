package bus

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"linkd/outputs/outputtest"
	"linkd/server"
)

// foreign starts a NATS server of the user's own.
func foreign(t *testing.T, dir string, port int, more func(*nats.Options)) *nats.Server {
	t.Helper()
	o := &nats.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true}
	if more != nil {
		more(o)
	}
	s, err := nats.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.SetLoggerV2(&voice{log: slog.New(slog.NewTextHandler(testLog{t}, nil))}, false, false, false)
	s.Start()
	t.Cleanup(func() { halt(s) })
	if o.Cluster.Name == "" && !s.ReadyForConnections(within) {
		t.Fatal("the server does not start")
	}
	return s
}

func halt(s *nats.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// port is where s was told to listen, or has found a place; also after its end.
func port(t *testing.T, s *nats.Server) int {
	t.Helper()
	u, err := url.Parse(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func up(t *testing.T, b *Bus) {
	t.Helper()
	eventually(t, "the bus is up", func() bool { return b.State().Condition == Up })
}

func away(t *testing.T, b *Bus) {
	t.Helper()
	eventually(t, "the bus is away", func() bool { return b.State().Condition == Away })
}

func TestExternalRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := foreign(t, dir, -1, nil)
	cfg := config(t)
	cfg.URL = s.ClientURL()
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	take(b, "d1", 0, 2000)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 2000 })
	halt(s)
	away(t, b)
	take(b, "d1", 2000, 4000)
	foreign(t, dir, port(t, s), nil)
	up(t, b)
	eventually(t, "what waited is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 4000 })
	once(t, numbers(t, b, "d1"), 4000)
	if st := b.Stats(); st.LostStreams != 0 || st.Reconnects == 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestExternalReplacedByAnEmptyOne(t *testing.T) {
	s := foreign(t, t.TempDir(), -1, nil)
	cfg := config(t)
	cfg.URL = s.ClientURL()
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	take(b, "d1", 0, 10)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 10 })
	halt(s)
	away(t, b)
	foreign(t, t.TempDir(), port(t, s), nil)
	up(t, b)
	take(b, "d1", 10, 20)
	eventually(t, "the rest is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 20 })
	if all := numbers(t, b, "d1"); len(all) != 10 || all[0] != 10 {
		t.Errorf("in the new stream: %v", all)
	}
	if n := b.Stats().LostStreams; n != 2 {
		t.Errorf("%d streams were lost, want 2", n)
	}
}

func TestExternalAwayAtStart(t *testing.T) {
	s := foreign(t, t.TempDir(), -1, nil)
	at := port(t, s)
	halt(s)
	cfg := config(t)
	cfg.URL = fmt.Sprint("nats://127.0.0.1:", at)
	b := start(t, cfg)
	defer stop(t, b)
	away(t, b)
	take(b, "d1", 0, 500)
	foreign(t, t.TempDir(), at, nil)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 500 })
	once(t, numbers(t, b, "d1"), 500)
}

// hello is what a NATS server says first.
const hello = `INFO {"server_id":"x","version":"2.15.2","proto":1,"headers":true,"max_payload":1048576}` + "\r\n"

// serveDeaf is a NATS server that takes all and answers pings alone.
func serveDeaf(c net.Conn) {
	fmt.Fprint(c, hello)
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "PING") {
			io.WriteString(c, "PONG\r\n")
		}
	}
}

func TestNeverAcknowledging(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.URL, cfg.Spool = "nats://"+outputtest.Fake(t, serveDeaf), 8<<20
	b := start(t, cfg)
	const n = 100_000
	began := time.Now()
	for i := range n / 100 {
		take(b, "d1", 100*i, 100*i+100)
	}
	if took := time.Since(began); took > within {
		t.Errorf("taking %d reports took %s", n, took)
	}
	for i := range 100 {
		b.Event(server.Event{Kind: "online", Provider: "s1", Connection: "c1", Session: uint64(i), Time: epoch})
	}
	away(t, b)
	k := sentOf(b, KindTags)
	if k.Spooled > cfg.Spool || k.Sent != 0 || k.Dropped == 0 || int(k.Dropped)+k.Waiting != n {
		t.Errorf("%+v", k)
	}
	if c := sentOf(b, KindConn); c.Dropped != 0 || c.Waiting != 100 {
		t.Errorf("%+v", c)
	}
	ctx, cancel := contextFor(100 * time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); err == nil || !strings.Contains(err.Error(), "not acknowledged") {
		t.Errorf("close: %v", err)
	}
	if k := sentOf(b, KindTags); k.Dropped != n {
		t.Errorf("after the close %+v", k)
	}
}

// mute is between a client and a server; while muted, what the server says is kept from the client.
func TestStalledInTheMiddle(t *testing.T) {
	t.Parallel()
	s := foreign(t, t.TempDir(), -1, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stalled, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		first, err := l.Accept()
		if err != nil {
			return
		}
		stall(first, s.Addr().String(), stalled)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stall(c, s.Addr().String(), nil)
		}
	}()
	defer func() {
		l.Close()
		<-done
	}()
	cfg := config(t)
	cfg.URL = "nats://" + l.Addr().String()
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	take(b, "d1", 0, 1000)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 1000 })
	close(stalled)
	take(b, "d1", 1000, 2000)
	away(t, b)
	up(t, b)
	eventually(t, "the rest is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 2000 })
	seen := map[int]bool{}
	for _, n := range numbers(t, b, "d1") {
		seen[n] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d reports are in the stream, want 2000", len(seen))
	}
	h, err := b.History(t.Context(), HistoryQuery{Channel: "ch", Device: "d1", Tag: "n", From: epoch,
		To: epoch.Add(2000 * time.Second), Points: 2})
	if err != nil || len(h) != 2 || h[0].Count != 1000 || h[1].Count != 1000 || h[1].Min != 1000 || h[1].Max != 1999 {
		t.Errorf("history %+v, %v", h, err)
	}
}

// stall carries bytes between c and a server, until stalled is closed: then nothing that the server says gets through.
func stall(c net.Conn, to string, stalled <-chan struct{}) {
	up, err := net.Dial("tcp", to)
	if err != nil {
		c.Close()
		return
	}
	go func() {
		io.Copy(up, c)
		up.Close()
		c.Close()
	}()
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := up.Read(b)
			if err != nil {
				c.Close()
				return
			}
			select {
			case <-stalled:
			default:
				c.Write(b[:n])
			}
		}
	}()
}

func TestClusterLosesOne(t *testing.T) {
	t.Parallel()
	var routes []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, l.Addr().String())
		l.Close()
	}
	var all []*nats.Server
	var urls []string
	for i, at := range routes {
		_, text, _ := net.SplitHostPort(at)
		s := foreign(t, t.TempDir(), -1, func(o *nats.Options) {
			o.ServerName = fmt.Sprint("n", i)
			o.Cluster.Name, o.Cluster.Host = "c", "127.0.0.1"
			fmt.Sscan(text, &o.Cluster.Port)
			o.Routes = nats.RoutesFromStr("nats://" + strings.Join(routes, ",nats://"))
		})
		all = append(all, s)
	}
	for _, s := range all {
		if !s.ReadyForConnections(within) {
			t.Fatal("a server does not start")
		}
		urls = append(urls, s.ClientURL())
	}
	cfg := config(t)
	cfg.URL = strings.Join(urls, ",")
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	const n = 20_000
	for i := range n / 100 {
		take(b, "d1", 100*i, 100*i+100)
		if i == n/200 {
			eventually(t, "half is under way", func() bool { return sentOf(b, KindTags).Sent > n/4 })
			info, err := b.js.Stream(t.Context(), tagStream("p"))
			if err != nil {
				t.Fatal(err)
			}
			if r := info.CachedInfo().Config.Replicas; r != 3 {
				t.Errorf("%d copies, want 3", r)
			}
			for _, s := range all {
				if s.Name() == info.CachedInfo().Cluster.Leader {
					halt(s)
				}
			}
		}
	}
	for end := time.Now().Add(3 * within); sentOf(b, KindTags).Sent < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not all is acknowledged: %+v, %+v", b.Stats(), b.State())
		}
	}
	seen := map[int]bool{}
	for _, v := range numbers(t, b, "d1") {
		seen[v] = true
	}
	if len(seen) != n || b.Stats().LostStreams != 0 {
		t.Errorf("%d reports are in the stream, want %d; %+v", len(seen), n, b.Stats())
	}
}
