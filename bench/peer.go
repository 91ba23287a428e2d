package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names of the servers that can be measured. All but linkd are built from bench/peers.
const (
	Linkd = "linkd"
	Gnet  = "gnet"  // a bare gnet server
	Epoll = "epoll" // a poller in C
	Net   = "net"   // a poller in Go, a goroutine for each link
)

// Peers lists the servers that can be measured.
func Peers() []string { return []string{Linkd, Gnet, Epoll, Net} }

// configured is how many devices every server knows, however few of them dial in.
const configured = 50_000

// job is what a server is to do with its links: echo, or poll them.
type job struct {
	poll time.Duration // 0: echo
}

// fleetProject is what linkd serves: the same devices and ids as those of bench/peers.
const fleetProject = `project: bench
providers:
  - name: s1
    type: tcp-server
    local_ip: 127.0.0.1
    local_port: 0
    conn_identity: common
    fleets:
      - {name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: %d}
`

const echoChannel = `channels:
  - {name: "ch_{connection}", connection: "s1/f*", driver: raw, options: {echo: true}}
`

// registers is how many input registers each poll reads, and how many tags it so renews.
const registers = 10

// project is the project file for a job.
func (j job) project() string {
	var b strings.Builder
	fmt.Fprintf(&b, fleetProject, configured)
	if j.poll == 0 {
		b.WriteString(echoChannel)
		return b.String()
	}
	b.WriteString("models:\n  - name: m\n    tags:\n")
	for i := range registers {
		fmt.Fprintf(&b, "      - {name: t%d, address: \"input:%d\", type: int16, scale: 0.1}\n", i, i)
	}
	fmt.Fprintf(&b, "channels:\n  - {name: \"ch_{connection}\", connection: \"s1/f*\", driver: modbus-rtu, poll: %s, "+
		"devices: [{name: d, unit: 1, model: m}]}\n", j.poll)
	return b.String()
}

// server is a server that runs.
type server struct {
	process
	addr    string // for devices
	freeURL string // POST gives free memory back to the system
	cores   cores
	stats   func(context.Context) (stats, error)
}

// start starts a server for a job. Where it polls it has one event loop, on a core of its own where there are two.
func (b *bench) start(ctx context.Context, peer string, j job) (*server, error) {
	var c cores
	loops := b.Loops
	if j.poll > 0 {
		c, loops = splitCores(), 1
	}
	var s *server
	var err error
	switch peer {
	case Linkd:
		s, err = b.startLinkd(ctx, c, j, loops)
	case Gnet:
		s, err = b.startPeer(ctx, peer, c, "-loops", strconv.Itoa(loops), "-devices", strconv.Itoa(configured))
	default:
		s, err = b.startPeer(ctx, peer, c, "-n", strconv.Itoa(configured), "-p", strconv.FormatInt(j.poll.Milliseconds(), 10))
	}
	if err != nil {
		return nil, err
	}
	s.cores = c
	return s, nil
}

// stats is what a server says of itself.
type stats struct {
	Bound   int    `json:"bound"`    // devices bound to their connection points
	BytesIn uint64 `json:"bytes_in"` // from devices
	// Of servers that poll:
	Polls uint64   `json:"polls"` // answered
	Lost  uint64   `json:"lost"`  // unanswered, missed, refused
	Lag   []uint64 `json:"lag"`   // polls by how late they were started: per bound of lagBounds, then the others
}

// startLinkd serves the project of a job.
func (b *bench) startLinkd(ctx context.Context, c cores, j job, loops int) (*server, error) {
	file := filepath.Join(b.dir, "bench.yaml")
	if err := os.WriteFile(file, []byte(j.project()), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	name, args := b.on(c.server, b.Linkd, []string{"serve", "-f", file, "--http", "127.0.0.1:0", "--debug",
		"127.0.0.1:0", "--loops", strconv.Itoa(loops), "--drain", "5s", "--log-level", "info"})
	p, err := launch(ctx, nil, name, args...)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	found, err := p.output.await(ctx, debugListens, httpListens)
	if err == nil {
		s.freeURL = "http://" + found[0] + "/debug/free"
		s.stats = func(ctx context.Context) (stats, error) { return linkdStats(ctx, found[1], j) }
		s.addr, err = linkdAddr(ctx, found[1])
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startPeer starts a server of bench/peers.
func (b *bench) startPeer(ctx context.Context, peer string, c cores, args ...string) (*server, error) {
	name, args := b.on(c.server, filepath.Join(b.dir, peer), args)
	p, err := launch(ctx, nil, name, args...)
	if err != nil {
		return nil, err
	}
	found, err := p.output.await(ctx, peerListens, peerControl)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &server{process: p, addr: found[0], freeURL: "http://" + found[1] + "/free",
		stats: func(ctx context.Context) (s stats, err error) {
			body, err := request(ctx, http.MethodGet, "http://"+found[1]+"/stats")
			if err == nil {
				err = json.Unmarshal(body, &s)
			}
			return s, err
		}}, nil
}

var (
	debugListens = regexp.MustCompile(`msg="debug listening" addr=(\S+)\s`)
	httpListens  = regexp.MustCompile(`msg="http listening" addr=(\S+)\s`)
	peerListens  = regexp.MustCompile(`listening=(\S+)\s`)
	peerControl  = regexp.MustCompile(`control=(\S+)\s`)
)

func linkdAddr(ctx context.Context, api string) (string, error) {
	body, err := request(ctx, http.MethodGet, "http://"+api+"/api/v1/providers")
	if err != nil {
		return "", err
	}
	var list struct {
		Items []struct {
			LocalAddr string `json:"local_addr"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Items) != 1 {
		return "", fmt.Errorf("bench: linkd lists %d providers (%w), want 1", len(list.Items), err)
	}
	return list.Items[0].LocalAddr, nil
}

func linkdStats(ctx context.Context, api string, j job) (s stats, err error) {
	body, err := request(ctx, http.MethodGet, "http://"+api+"/metrics")
	if err != nil {
		return s, err
	}
	bound, err := metric(string(body), `linkd_connections{provider="s1",state="online"}`)
	if err != nil {
		return s, err
	}
	in, err := metric(string(body), `linkd_bytes_total{direction="in",provider="s1"}`)
	if err != nil {
		return s, err
	}
	s.Bound, s.BytesIn = int(bound), uint64(in)
	if j.poll > 0 {
		err = s.polls(string(body))
	}
	return s, err
}

// metric finds one value in the Prometheus text format.
func metric(text, series string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				return 0, fmt.Errorf("bench: metric %s is %q, want a number", series, strings.TrimSpace(value))
			}
			return v, nil
		}
	}
	return 0, fmt.Errorf("bench: no metric %s", series)
}

// request asks a server for something; each time on a connection of its own, so that none stays in its memory.
func request(ctx context.Context, method, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", method, url, answer.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return body, nil
}
