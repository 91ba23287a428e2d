package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	counts := make([]uint64, len(lagBounds)+1)
	if got := quantile(counts, 0.5); got != 0 {
		t.Errorf("of nothing: %v, want 0", got)
	}
	counts[0], counts[2], counts[15] = 10, 80, 10 // 0 to 0.25 ms, 0.5 to 1 ms, above 1 s
	for q, want := range map[float64]float64{0.05: 0.125, 0.1: 0.25, 0.5: 0.75, 0.9: 1, 0.99: 1000} {
		if got := quantile(counts, q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v ms, want %v", q, got, want)
		}
	}
}

// metrics is what linkd says of ten polls: eight answered, of which five were up to 1 ms late and three up to 1.5 ms.
func metrics() string {
	var b strings.Builder
	for _, line := range []string{`polls_total{driver="modbus-rtu",result="ok"} 8`,
		`polls_total{driver="modbus-rtu",result="timeout"} 1`, `polls_total{driver="modbus-rtu",result="missed"} 1`,
		`polls_total{driver="raw",result="missed"} 7`} {
		b.WriteString("linkd_" + line + "\n")
	}
	counts := []string{"0", "0", "5"}
	bounds := strings.Fields("0.00025 0.0005 0.001 0.0015 0.002 0.003 0.004 0.006 0.01 0.02 0.05 0.1 0.2 0.5 1 +Inf")
	for i, bound := range bounds {
		n := "8"
		if i < len(counts) {
			n = counts[i]
		}
		b.WriteString(`linkd_poll_lag_seconds_bucket{driver="modbus-rtu",le="` + bound + `"} ` + n + "\n")
	}
	return b.String()
}

func TestPollMetrics(t *testing.T) {
	var s stats
	want := make([]uint64, len(lagBounds)+1)
	want[2], want[3] = 5, 3
	if err := s.polls(metrics()); err != nil || s.Polls != 8 || s.Lost != 2 || !slices.Equal(s.Lag, want) {
		t.Errorf("%+v, %v; want 8 polls, 2 lost, lags %v", s, err, want)
	}
	for was, becomes := range map[string]string{`le="0.0015"`: `le="0.0016"`, `"ok"} 8`: `"ok"} x`} {
		if err := new(stats).polls(strings.Replace(metrics(), was, becomes, 1)); err == nil {
			t.Errorf("metrics with %s in place of %s are taken", becomes, was)
		}
	}
}

func TestPollTargets(t *testing.T) {
	r := &Report{Config: Config{Rounds: 1, Peers: Peers()}}
	add := func(peer, name string, figures ...Figure) {
		r.Samples = append(r.Samples, Sample{Scenario: "poll", Peer: peer, Case: name, Iterations: 1, Figures: figures})
	}
	add(Linkd, "every=500ms/links=9", Figure{pollUnit, 12}, Figure{lagP50Unit, 1.6}, Figure{lagP99Unit, 4})
	add(CEpoll, "every=500ms/links=9", Figure{pollUnit, 10}, Figure{lagP50Unit, 1}, Figure{lagP99Unit, 3})
	add(Net, "every=500ms/links=9", Figure{pollUnit, 20}, Figure{lagP50Unit, 1}, Figure{lagP99Unit, 3})
	add(Linkd, "every=1s/links=9", Figure{lagP99Unit, 19}, Figure{polledUnit, 1000})
	r.summarise()
	var got []string
	for _, row := range r.Rows {
		got = append(got, row.verdict())
	}
	want := []string{"<= 1 x c-epoll: NOT MET, <= 0.6 x net: met", "<= 1.5: NOT MET", "<= 4: met", "<= 20: met",
		"<= 900: NOT MET"}
	if !slices.Equal(got, want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
}
