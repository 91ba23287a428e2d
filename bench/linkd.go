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
)

var (
	debugListens = regexp.MustCompile(`msg="debug listening" addr=(\S+)\s`)
	httpListens  = regexp.MustCompile(`msg="http listening" addr=(\S+)\s`)
)

// startLinkd serves the project of a job.
func (b *bench) startLinkd(ctx context.Context, peer string, c cores, j job) (*server, error) {
	file := filepath.Join(b.dir, fmt.Sprintf("bench-%d.yaml", b.started.Add(1)))
	if err := os.WriteFile(file, []byte(j.project()), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	dir := strings.TrimSuffix(file, ".yaml") + ".data"
	args := []string{"serve", "-f", file, "--data", dir, "--http", "127.0.0.1:0", "--debug", "127.0.0.1:0",
		"--loops", strconv.Itoa(b.Loops), "--drain", "5s", "--log-level", "info", "--bus-listen", ""}
	if peer != WithBus {
		args = append(args, "--no-bus")
	}
	name, args := b.on(c.server, b.Linkd, args)
	p, err := launch(ctx, nil, name, args...)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	found, err := p.output.await(ctx, debugListens, httpListens)
	if err == nil {
		s.token, err = adminToken(dir)
	}
	if err == nil {
		api := linkdAPI{url: "http://" + found[1], token: s.token}
		s.freeURL = "http://" + found[0] + "/debug/free"
		s.ask = func(ctx context.Context) (stats, error) { return api.stats(ctx, j) }
		s.command, s.closes = api.command, api.closes
		if j.kind == commands {
			s.firstPolls = 1
		}
		s.addr, err = api.addr(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// adminToken reads the token that linkd's first start made.
func adminToken(dataDir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dataDir, "admin.token"))
	if err != nil {
		return "", fmt.Errorf("bench: linkd made no token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// linkdAPI is the HTTP interface of a linkd.
type linkdAPI struct{ url, token string }

func authorize(r *http.Request, token string) {
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

// addr is where its provider listens.
func (l linkdAPI) addr(ctx context.Context) (string, error) {
	body, err := requestAs(ctx, l.token, http.MethodGet, l.url+"/api/v1/providers")
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

func (l linkdAPI) stats(ctx context.Context, j job) (s stats, err error) {
	body, err := requestAs(ctx, l.token, http.MethodGet, l.url+"/metrics")
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
	if j.kind == polls || j.kind == commands {
		err = s.polls(string(body))
	}
	return s, err
}

var closesSeries = regexp.MustCompile(`(?m)^linkd_closes_total\{provider="s1",reason="(\w+)"\} ([1-9]\S*)$`)

// closes lists for which reasons linkd has closed links.
func (l linkdAPI) closes(ctx context.Context) (string, error) {
	body, err := requestAs(ctx, l.token, http.MethodGet, l.url+"/metrics")
	if err != nil {
		return "", err
	}
	var list []string
	for _, m := range closesSeries.FindAllStringSubmatch(string(body), -1) {
		list = append(list, m[1]+" "+m[2])
	}
	if len(list) == 0 {
		return "none", nil
	}
	return strings.Join(list, ", "), nil
}

// put asks linkd for a change, on connections that are kept.
func (l linkdAPI) put(ctx context.Context, client *http.Client, path, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, l.url+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	authorize(r, l.token)
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("PUT %s: %s: %s", path, answer.Status, text)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}
