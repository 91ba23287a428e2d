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

// Names of the servers that can be measured.
const (
	Linkd = "linkd"
	Gnet  = "gnet" // a bare gnet server, built from bench/peers/gnet; ratios are to it
)

// Peers lists the servers that can be measured.
func Peers() []string { return []string{Linkd, Gnet} }

// configured is how many devices every server knows, however few of them dial in.
const configured = 50_000

// fleetProject is what linkd serves: the same devices, ids and job as those of bench/peers/gnet.
const fleetProject = `project: bench
providers:
  - name: s1
    type: tcp-server
    local_ip: 127.0.0.1
    local_port: 0
    conn_identity: common
    fleets:
      - {name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: %d}
channels:
  - {name: "ch_{connection}", connection: "s1/f*", driver: raw, options: {echo: true}}
`

// server is a server that runs.
type server struct {
	process
	addr    string // for devices
	freeURL string // POST gives free memory back to the system
	stats   func(context.Context) (stats, error)
}

// stats is what a server says of itself.
type stats struct {
	Bound   int    `json:"bound"`    // devices bound to their connection points
	BytesIn uint64 `json:"bytes_in"` // from devices
}

// startLinkd serves the fleet project. dir takes its project file.
func startLinkd(ctx context.Context, binary, dir string, loops int) (*server, error) {
	file := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, fleetProject, configured), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	p, err := launch(ctx, nil, binary, "serve", "-f", file, "--http", "127.0.0.1:0", "--debug", "127.0.0.1:0",
		"--loops", strconv.Itoa(loops), "--drain", "5s", "--log-level", "info")
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	found, err := p.output.await(ctx, debugListens, httpListens)
	if err == nil {
		s.freeURL = "http://" + found[0] + "/debug/free"
		s.stats = func(ctx context.Context) (stats, error) { return linkdStats(ctx, found[1]) }
		s.addr, err = linkdAddr(ctx, found[1])
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startGnet starts the bare gnet server.
func startGnet(ctx context.Context, binary string, loops int) (*server, error) {
	p, err := launch(ctx, nil, binary, "-loops", strconv.Itoa(loops), "-devices", strconv.Itoa(configured))
	if err != nil {
		return nil, err
	}
	found, err := p.output.await(ctx, gnetListens, gnetControl)
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
	gnetListens  = regexp.MustCompile(`listening=(\S+)\s`)
	gnetControl  = regexp.MustCompile(`control=(\S+)\s`)
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

func linkdStats(ctx context.Context, api string) (s stats, err error) {
	body, err := request(ctx, http.MethodGet, "http://"+api+"/metrics")
	if err != nil {
		return s, err
	}
	bound, err := metric(string(body), `linkd_connections{provider="s1",state="online"}`)
	if err != nil {
		return s, err
	}
	in, err := metric(string(body), `linkd_bytes_total{direction="in",provider="s1"}`)
	return stats{Bound: int(bound), BytesIn: uint64(in)}, err
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
