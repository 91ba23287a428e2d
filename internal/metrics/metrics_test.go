package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"linkd/server"
)

type fixed server.Stats

func (f fixed) Stats() server.Stats { return server.Stats(f) }

func counts(n int) []uint64 {
	c := make([]uint64, n)
	for i := range c {
		c[i] = uint64(i)
	}
	return c
}

func sample() fixed {
	return fixed{
		Providers: []server.ProviderStats{{
			Provider: "s1", Online: 3, Offline: 2, Disabled: 1, Identifying: 4,
			Sessions:  map[string]uint64{"identified": 7, "stranger": 2},
			Closes:    map[string]uint64{"peer": 4},
			Strangers: map[string]uint64{"unknown": 2},
			BytesIn:   1000, BytesOut: 500,
			Identify: counts(len(server.IdentifyBounds) + 1), IdentifySum: 1.5,
		}},
		Drivers: []server.DriverStats{{
			Driver: "modbus-rtu", Polls: map[string]uint64{"ok": 9, "missed": 1},
			TagValues: map[string]uint64{"good": 90}, Writes: map[string]uint64{"confirmed": 5},
			Poll: counts(len(server.PollBounds) + 1), PollSum: 2.5, PollLag: counts(len(server.LagBounds) + 1), PollLagSum: 3.5,
		}},
		LoopLag: counts(len(server.LagBounds) + 1), LoopLagSum: 0.25,
		Flaps: 1, Panics: 2, Restarts: 3, EventsLost: 4, Capacity: 1000000, Sessions: 7,
	}
}

func sampleNorth() North {
	return North{Up: true, Kinds: []NorthKind{{Kind: "tags", Sent: 11, Dropped: 12, SpooledBytes: 13}},
		Outputs: []NorthGiven{
			{Output: "cloud", Type: "mqtt", NorthKind: NorthKind{Kind: "tags", Sent: 14, Dropped: 15, SpooledBytes: 16}},
			{Output: "cloud", Type: "mqtt", NorthKind: NorthKind{Kind: "conn", Sent: 17}},
		}}
}

func scrape(t *testing.T, src source) string {
	t.Helper()
	w := httptest.NewRecorder()
	h := NewHandler(src, sampleNorth, Build{Version: "1.2.3", Revision: "abc"})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") {
		t.Errorf("Content-Type %q, want text/plain: OpenMetrics would merge two families", ct)
	}
	return w.Body.String()
}

func TestScrape(t *testing.T) {
	got := scrape(t, sample())
	for _, want := range []string{
		"# TYPE linkd_connections gauge\n",
		`linkd_connections{provider="s1",state="online"} 3` + "\n",
		`linkd_connections{provider="s1",state="offline"} 2` + "\n",
		`linkd_connections{provider="s1",state="disabled"} 1` + "\n",
		`linkd_connections{provider="s1",state="identifying"} 4` + "\n",
		"# TYPE linkd_sessions_total counter\n",
		`linkd_sessions_total{provider="s1",result="identified"} 7` + "\n",
		`linkd_sessions_total{provider="s1",result="stranger"} 2` + "\n",
		"# TYPE linkd_identify_seconds histogram\n",
		`linkd_polls_total{driver="modbus-rtu",result="ok"} 9` + "\n",
		`linkd_polls_total{driver="modbus-rtu",result="missed"} 1` + "\n",
		`linkd_tag_values_total{driver="modbus-rtu",quality="good"} 90` + "\n",
		`linkd_writes_total{driver="modbus-rtu",result="confirmed"} 5` + "\n",
		"linkd_bus_up 1\n",
		`linkd_bus_sent_total{kind="tags"} 11` + "\n",
		`linkd_bus_dropped_total{kind="tags"} 12` + "\n",
		`linkd_bus_spooled_bytes{kind="tags"} 13` + "\n",
		`linkd_output_up{output="cloud",type="mqtt"} 0` + "\n",
		`linkd_output_sent_total{kind="conn",output="cloud",type="mqtt"} 17` + "\n",
		`linkd_output_dropped_total{kind="tags",output="cloud",type="mqtt"} 15` + "\n",
		`linkd_output_spooled_bytes{output="cloud",type="mqtt"} 16` + "\n",
		`linkd_poll_seconds_sum{driver="modbus-rtu"} 2.5` + "\n",
		`linkd_poll_lag_seconds_sum{driver="modbus-rtu"} 3.5` + "\n",
		`linkd_identify_seconds_bucket{provider="s1",le="0.001"} 0` + "\n",
		`linkd_identify_seconds_bucket{provider="s1",le="30"} 10` + "\n",
		`linkd_identify_seconds_bucket{provider="s1",le="+Inf"} 11` + "\n",
		`linkd_identify_seconds_sum{provider="s1"} 1.5` + "\n",
		`linkd_identify_seconds_count{provider="s1"} 11` + "\n",
		"# TYPE linkd_closes_total counter\n",
		`linkd_closes_total{provider="s1",reason="peer"} 4` + "\n",
		"# TYPE linkd_strangers_total counter\n",
		`linkd_strangers_total{provider="s1",reason="unknown"} 2` + "\n",
		"# TYPE linkd_bytes_total counter\n",
		`linkd_bytes_total{direction="in",provider="s1"} 1000` + "\n",
		`linkd_bytes_total{direction="out",provider="s1"} 500` + "\n",
		"# TYPE linkd_loop_lag_seconds histogram\n",
		`linkd_loop_lag_seconds_bucket{le="1"} 14` + "\n",
		"linkd_loop_lag_seconds_sum 0.25\n",
		"linkd_loop_lag_seconds_count 15\n",
		"# TYPE linkd_flaps_total counter\nlinkd_flaps_total 1\n",
		"# TYPE linkd_panics_total counter\nlinkd_panics_total 2\n",
		"# TYPE linkd_provider_restarts_total counter\nlinkd_provider_restarts_total 3\n",
		"# TYPE linkd_events_lost_total counter\nlinkd_events_lost_total 4\n",
		"# TYPE linkd_capacity gauge\nlinkd_capacity 1e+06\n",
		"# TYPE linkd_sessions gauge\nlinkd_sessions 7\n",
		"# TYPE linkd_build_info gauge\n",
		`revision="abc",version="1.2.3"} 1` + "\n",
		"\ngo_goroutines ", "\nprocess_open_fds ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in the scrape", want)
		}
	}
	for line := range strings.Lines(got) {
		if name, isType := strings.CutPrefix(line, "# TYPE linkd_"); isType {
			name, _, _ = strings.Cut(name, " ")
			if !strings.Contains(got, "# HELP linkd_"+name+" ") {
				t.Errorf("linkd_%s has no HELP", name)
			}
		}
	}
}

func TestLint(t *testing.T) {
	reg := prometheus.NewPedanticRegistry() // also checks what Collect sends against what Describe says
	reg.MustRegister(newCollector(sample(), sampleNorth, Build{Version: "1"}))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestAbsentAndBad(t *testing.T) {
	t.Run("no histogram without counts", func(t *testing.T) {
		s := sample()
		s.Providers[0].Identify, s.LoopLag = nil, counts(3)
		got := scrape(t, s)
		for _, name := range []string{"linkd_identify_seconds", "linkd_loop_lag_seconds"} {
			if strings.Contains(got, name) {
				t.Errorf("%s is there without counts", name)
			}
		}
	})
	t.Run("a bad label fails the scrape, not the process", func(t *testing.T) {
		s := sample()
		s.Providers[0].Closes = map[string]uint64{"\xff": 1}
		w := httptest.NewRecorder()
		NewHandler(s, nil, Build{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusInternalServerError {
			t.Errorf("status %d, want 500", w.Code)
		}
	})
}
