package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watched has something of all that is counted: a device that is polled and written, one that comes and goes, an
// output.
var watched = strings.NewReplacer(
	"connections:\n", "connections:\n      - {name: c2, socket_conn_id: c0002}\n",
	"channels:\n", "outputs: [{name: out, type: file, options: {path: OUT}}]\nchannels:\n").Replace(greenhouseModbus)

// prometheus is a server of Prometheus that scrapes and evaluates twice a second.
type prometheus struct {
	*process
	url string
}

// startPrometheus has one scrape linkd as deploy/README.md says, and follow the rules there.
func startPrometheus(t *testing.T, in *instance) *prometheus {
	t.Helper()
	dir := t.TempDir()
	token, _ := in.newToken(t, "prometheus", "viewer")
	guide, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(guide), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	rules := in.handsOut(t, "prometheus/rules.yml")
	for name, content := range map[string]string{
		"token":     token + "\n",
		"rules.yml": strings.ReplaceAll(rules, "interval: 15s", "interval: 500ms"),
		"prometheus.yml": "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\n" +
			strings.NewReplacer("/etc/prometheus/linkd.token", filepath.Join(dir, "token"),
				"127.0.0.1:8080", strings.TrimPrefix(in.url, "http://")).Replace(block),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheus{process: start(t, exec.Command(peer(t, "prometheus"), "--web.listen-address", "127.0.0.1:0",
		"--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data")))}
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	eventually(t, "Prometheus listens", func() error {
		found := listening.FindStringSubmatch(p.log.String())
		if found == nil {
			return errors.New("it does not yet")
		}
		p.url = "http://" + found[1]
		return nil
	})
	return p
}

// asks gets the data of an answer of its API into v.
func (p *prometheus) asks(path string, v any) error {
	res, err := http.Get(p.url + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return fmt.Errorf("%s: %s: %w", path, res.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s: %s", path, res.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, v)
}

// finds reports an error unless a query has a number as its answer.
func (p *prometheus) finds(query string) error {
	var data struct{ Result []struct{ Value [2]any } }
	if err := p.asks("query?query="+url.QueryEscape(query), &data); err != nil {
		return err
	}
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) {
			return nil
		}
	}
	return fmt.Errorf("%s: no number in %v", query, data.Result)
}

// handsOut is a file of deploy, as linkd's console links it.
func (in *instance) handsOut(t *testing.T, file string) string {
	t.Helper()
	b, err := in.request(http.MethodGet, "/deploy/"+file, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// deployed are the queries of the dashboard and the names of the recorded series, by where they stand.
func (in *instance) deployed(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(in.handsOut(t, "grafana/linkd.json")), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		for i, target := range panel.Targets {
			queries[fmt.Sprintf("dashboard: %s %d", panel.Title, i+1)] = strings.ReplaceAll(target.Expr, "$instance", ".*")
		}
	}
	rules := in.handsOut(t, "prometheus/rules.yml")
	for _, found := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(rules, -1) {
		queries["rule: "+found[1]] = found[1]
	}
	return queries
}

// TestPrometheus has Debian's Prometheus scrape a linkd where all happens that is counted: every query of the dashboard
// and every recorded series has data, and no rule fails.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	in := serve(t, strings.Replace(watched, "OUT", filepath.Join(t.TempDir(), "out"), 1), anyPorts...)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
	p := startPrometheus(t, in)
	missing := in.deployed(t)
	if len(missing) < 30 {
		t.Errorf("there are %d queries in deploy", len(missing))
	}
	eventually(t, "all queries have data", func() error {
		for _, id := range []string{"c0002", "stranger"} { // one comes, and both go
			in.dial(t, "s1", id+"\n").Close()
		}
		if _, err := in.request("PUT", "/api/v1/tags/ch_dev1/d1/setpoint", `{"value": 20}`); err != nil {
			return err
		}
		var errs []error
		for where, query := range missing {
			if err := p.finds(query); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", where, err))
				continue
			}
			delete(missing, where)
		}
		if len(errs) > 0 {
			time.Sleep(500 * time.Millisecond) // Prometheus's own pace; and what fails too often is not let in any more
		}
		return errors.Join(errs...)
	})
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	eventually(t, "all rules were evaluated", func() error {
		if err := p.asks("rules", &rules); err != nil {
			return err
		}
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
				}
			}
		}
		return nil
	})
}
