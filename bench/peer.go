package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names of the servers that can be measured. All but linkd are built from bench/peers, whose README says what each is.
const (
	Linkd   = "linkd"     // without its bus, as the bare servers have none
	WithBus = "linkd-bus" // as it is started by default: all values and lives go into streams on disk
	CEpoll  = "c-epoll"   // C, one thread, epoll: the limit
	CPaced  = "c-paced"   // the same, which sleeps between ticks
	Gnet    = "gnet"
	Net     = "net" // a goroutine for each link
	NBIO    = "nbio"
	Netpoll = "netpoll"
	Java    = "java-threads" // a thread for each link
)

// ours reports whether a server is linkd.
func ours(peer string) bool { return peer == Linkd || peer == WithBus }

// External is a server that runs already, wherever it is.
const External = "external"

// Peers lists the servers that can be measured.
func Peers() []string {
	return []string{Linkd, WithBus, CEpoll, CPaced, Gnet, Net, NBIO, Netpoll, Java}
}

// configured is how many devices every server knows, however few of them dial in.
const configured = 50_000

// server is a server that runs.
type server struct {
	process
	addr    string // for devices
	freeURL string // POST gives free memory back to the system
	token   string // that it asks for; empty: none
	// POST with ?ms=200 holds up all links for so long; of bare servers.
	stallURL string
	bare     bool // it is of bench/peers
	cores    cores
	ask      func(context.Context) (stats, error)
	// command has the server send something to the devices 1 to n, and returns when all have answered.
	command func(ctx context.Context, n int) error
	// closes says for which reasons it has closed links, and how many for each; nil where it does not count them.
	closes func(ctx context.Context) (string, error)
	// firstPolls is how often it polls a device before it is told anything, where its job is to send commands.
	firstPolls int
}

// external reports whether the server is none of ours: nothing is known of it but its address.
func (s *server) external() bool { return s.ask == nil }

func (s *server) stats(ctx context.Context) (stats, error) { return s.ask(ctx) }

// closed explains a run that failed by the links that the server has closed. It asks even when the run was cut short.
func (s *server) closed() string {
	if s.closes == nil {
		return ""
	}
	list, err := s.closes(context.Background())
	if err != nil {
		return fmt.Sprintf("; why the server closed links is not known: %v", err)
	}
	return "; the server has closed links: " + list
}

// start starts a server for a job.
func (b *bench) start(ctx context.Context, peer string, j job) (*server, error) {
	return b.startOn(ctx, peer, j, splitCores(b.Loops, b.Pin))
}

// startOn starts it on some cores.
func (b *bench) startOn(ctx context.Context, peer string, j job, c cores) (*server, error) {
	start := b.startPeer
	if ours(peer) {
		start = b.startLinkd
	}
	s, err := start(ctx, peer, c, j.withDefaults())
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
	// Of bare servers that send commands:
	Commands uint64 `json:"commands"` // answered
}

// startPeer starts a server of bench/peers.
func (b *bench) startPeer(ctx context.Context, peer string, c cores, j job) (*server, error) {
	program := recipeOf(peer, b.dir).start
	name, args := b.on(c.server, program[0], append(program[1:], j.args(b.Loops)...))
	p, err := launch(ctx, nil, name, args...)
	if err != nil {
		return nil, err
	}
	found, err := p.output.await(ctx, peerListens, peerControl)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	control := "http://" + found[1]
	s := &server{process: p, addr: found[0], freeURL: control + "/free", stallURL: control + "/stall", bare: true,
		ask: func(ctx context.Context) (s stats, err error) {
			body, err := request(ctx, http.MethodGet, control+"/stats")
			if err == nil {
				err = json.Unmarshal(body, &s)
			}
			return s, err
		}}
	s.command = func(ctx context.Context, n int) error { return commandPeer(ctx, s, control+"/command", n) }
	return s, nil
}

var (
	peerListens = regexp.MustCompile(`listening=(\S+)\s`)
	peerControl = regexp.MustCompile(`control=(\S+)\s`)
)

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

// request asks a server that wants no token for something.
func request(ctx context.Context, method, url string) ([]byte, error) {
	return requestAs(ctx, "", method, url)
}

// requestAs asks a server for something; each time on a connection of its own, so that none stays in its memory.
func requestAs(ctx context.Context, token, method, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r.Close = true
	authorize(r, token)
	r.Header.Set("Accept-Encoding", "identity") // to compress would cost the server more than the answer
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
