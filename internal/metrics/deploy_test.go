package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// exported are the names of linkd's metrics, histograms with their suffixes.
func exported() []string {
	ch := make(chan *prometheus.Desc)
	go func() {
		newCollector(sample(), sampleNorth, Build{}).Describe(ch)
		close(ch)
	}()
	var names []string
	for d := range ch {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
		names = append(names, name, name+"_bucket", name+"_sum", name+"_count")
	}
	return names
}

// TestDeployNames: the rules and the dashboard ask for metrics that there are.
func TestDeployNames(t *testing.T) {
	names := exported()
	for _, file := range []string{"prometheus/rules.yml", "prometheus/rules_test.yml", "grafana/linkd.json"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`\blinkd_[a-z_]+`).FindAllString(string(text), -1)
		if len(found) < 5 {
			t.Errorf("%s names %d metrics", file, len(found))
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}

// TestDeployRules has promtool check the rules, run their tests, and parse every query of the dashboard.
func TestDeployRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed; scripts/install-packages installs it on Debian")
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("check", "rules", "--lint-fatal", "../../deploy/prometheus/rules.yml")
	run("test", "rules", "../../deploy/prometheus/rules_test.yml")

	text, err := os.ReadFile("../../deploy/grafana/linkd.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	rules := "groups:\n  - name: dashboard\n    rules:\n"
	queries := 0
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			queries++
			expr, err := json.Marshal(strings.ReplaceAll(q.Expr, "$instance", ".*"))
			if err != nil {
				t.Fatal(err)
			}
			rules += fmt.Sprintf("      - {record: 'a:b', expr: %s, labels: {query: '%d'}}\n", expr, queries)
		}
	}
	file := t.TempDir() + "/dashboard.yml"
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	if run("check", "rules", file); queries < 20 {
		t.Errorf("the dashboard has %d queries", queries)
	}
}
