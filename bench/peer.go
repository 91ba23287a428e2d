package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

const (
	startTime = 20 * time.Second // longest start of a server
	stopTime  = 10 * time.Second // from SIGTERM to SIGKILL
)

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

// process is a program that we started.
type process struct {
	cmd    *exec.Cmd
	output *transcript
}

// launch starts a program and collects what it prints. When ctx is done it gets SIGTERM, and SIGKILL if it stays.
func launch(ctx context.Context, name string, args ...string) (process, error) {
	p := process{cmd: exec.CommandContext(ctx, name, args...), output: newTranscript()}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTime
	if err := p.cmd.Start(); err != nil {
		return p, fmt.Errorf("bench: start %s: %w", filepath.Base(name), err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the program and waits for it. It may be called once.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.AfterFunc(stopTime, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("bench: %s: %w: %s", filepath.Base(p.cmd.Path), err, p.output.last())
	}
	return nil
}

// startLinkd serves the fleet project. dir takes its project file.
func startLinkd(ctx context.Context, binary, dir string, loops int) (*server, error) {
	file := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, fleetProject, configured), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	p, err := launch(ctx, binary, "serve", "-f", file, "--http", "127.0.0.1:0", "--debug", "127.0.0.1:0",
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
	p, err := launch(ctx, binary, "-loops", strconv.Itoa(loops), "-devices", strconv.Itoa(configured))
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
	debugListens = regexp.MustCompile(`msg="debug listening" addr=(\S+)`)
	httpListens  = regexp.MustCompile(`msg="http listening" addr=(\S+)`)
	gnetListens  = regexp.MustCompile(`listening=(\S+)`)
	gnetControl  = regexp.MustCompile(`control=(\S+)`)
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

// transcript keeps the first bytes that a process prints, and lets others wait for them.
type transcript struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

const transcriptBytes = 1 << 20 // of output kept; what follows is dropped

func newTranscript() *transcript { return &transcript{changed: make(chan struct{}, 1)} }

// Write implements io.Writer.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(b[:min(len(b), transcriptBytes-t.b.Len())])
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (t *transcript) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.b.Bytes())
}

// last is the last line printed.
func (t *transcript) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.bytes())), "\n")
	return lines[len(lines)-1]
}

// await waits until every pattern was printed, and returns the first group of each.
func (t *transcript) await(ctx context.Context, patterns ...*regexp.Regexp) ([]string, error) {
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	for {
		text, found := t.bytes(), []string(nil)
		for _, p := range patterns {
			if m := p.FindSubmatch(text); m != nil {
				found = append(found, string(m[1]))
			}
		}
		if len(found) == len(patterns) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-limit.C:
			return nil, fmt.Errorf("bench: the server did not start within %v; its last line: %s", startTime, t.last())
		case <-t.changed:
		}
	}
}
