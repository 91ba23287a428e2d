package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"linkd/internal/trend"
	"linkd/server"
)

// fakeTrends says the same at all times.
type fakeTrends struct{}

func (fakeTrends) Series(span trend.Span) trend.Series {
	s := trend.Series{Since: moment, Step: 10 * time.Second, Times: []time.Time{moment, moment.Add(10 * time.Second)},
		Lines:  map[string][]float64{"online": {1, 2}, "poll_p50": {math.NaN(), 0.12345678}},
		Closes: map[string][]float64{"peer": {0, 1e-9}}}
	if span == trend.Day {
		s.Step, s.Times, s.Lines, s.Closes = 5*time.Minute, nil, nil, nil
	}
	return s
}

func (fakeTrends) Worst() ([]trend.Comer, time.Time) {
	return []trend.Comer{{Provider: "s1", Connection: "c9", Comes: 9, Reason: "peer"}, // it has been removed
		{Provider: "s1", Connection: "c1", Comes: 5, Reason: "takeover"}}, moment
}

func (fakeTrends) Quietest(context.Context) ([]server.QuietView, time.Time, error) {
	c2 := server.ConnView{Provider: "s1", Name: "c2", RemoteIP: "10.1.0.0/16", State: server.Offline}
	return []server.QuietView{{ConnView: c2, Quiet: 90 * time.Second}}, moment, nil
}

// TestFleet pins what is said of the time that has passed.
func TestFleet(t *testing.T) {
	_, base := start(t, newFakeCore())
	const now = `"2026-03-01T11:00:00.5Z"`
	some := `{"since":` + now + `,"step_s":10,"times":[1772362800,1772362810],` +
		`"lines":{"online":[1,2],"poll_p50":[null,0.123457]},"closes":{"peer":[0,1e-09]}}`
	for path, want := range map[string]string{
		"series":          some,
		"series?span=15m": some,
		"series?span=24h": `{"since":` + now + `,"step_s":300,"times":[],"lines":{},"closes":{}}`,
		"trouble": `{"worst":[` + strings.TrimSuffix(c1JSON, "}") + `,"comes":5,"reason":"takeover"}],"worst_since":` + now +
			`,"quietest":[` + strings.TrimSuffix(c2JSON, "}") + `,"quiet_s":90}],"quietest_at":` + now + `}`,
	} {
		resp, got := ask(t, "GET", base+"/api/v1/fleet/"+path, "", "Authorization: Bearer viewer")
		if got = strings.TrimSpace(got); resp.StatusCode != 200 || got != want {
			t.Errorf("%s: %d\n got %s\nwant %s", path, resp.StatusCode, got, want)
		}
	}
	resp, got := ask(t, "GET", base+"/api/v1/fleet/series?span=7d", "")
	wantProblem(t, resp, got, 422, `query.span: expected value to be one of "15m, 1h, 24h", not "7d"`)
}

// bulk asks for an act, and returns the answer with its ETag; header may be empty.
func bulk(t *testing.T, base, act, body, header string) (status int, got, tag string, v Act) {
	t.Helper()
	h := []string{}
	if header != "" {
		h = append(h, header)
	}
	resp, got := ask(t, "POST", base+"/connections/actions/"+act, body, h...)
	if resp.StatusCode == 200 {
		if err := json.Unmarshal([]byte(got), &v); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, got, resp.Header.Get("ETag"), v
}

// states is the states of the greenhouse's connections, as in "c1 offline".
func states(t *testing.T, srv *server.Server) string {
	t.Helper()
	items, _, err := srv.Connections(server.ConnQuery{})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, c := range items {
		out = append(out, c.Name+" "+string(c.State))
	}
	return strings.Join(out, ", ")
}

// TestBulk: a preview does nothing, the act is what was previewed, in one revision that is undone as any other.
func TestBulk(t *testing.T) {
	d := &fakeDoors{}
	base, srv := configuredWith(t, d)
	const choice = `{"query":{"provider":"s1","q":"C000"}}`
	before := states(t, srv)
	status, got, tag, v := bulk(t, base, "disable?dry_run=true", choice, "")
	if status != 200 || v.Matching != 1 || v.Count != 1 || fmt.Sprint(v.Sample) != "[s1/c1]" || v.Undo != 0 ||
		fmt.Sprint(v.Plan.Changes) != "[~ connection s1/c1 (its session ends)]" || states(t, srv) != before {
		t.Fatalf("preview: %d %s", status, got)
	}
	if status, got, _, _ := bulk(t, base, "disable", choice, ""); status != 428 || !strings.Contains(got, "dry_run=true") {
		t.Errorf("without a preview: %d %s", status, got)
	}
	if status, got, _, _ := bulk(t, base, "enable", choice, "If-Match: "+tag); status != 412 {
		t.Errorf("another act than was previewed: %d %s", status, got)
	}
	status, got, _, v = bulk(t, base, "disable", choice, "If-Match: "+tag)
	if status != 200 || v.Count != 1 || v.Plan.Revision != 2 || v.Undo != 1 ||
		!strings.Contains(states(t, srv), "c1 disabled") {
		t.Fatalf("done: %d %s; %s", status, got, states(t, srv))
	}
	if status, got, _, _ := bulk(t, base, "disable", choice, "If-Match: "+tag); status != 412 ||
		!strings.Contains(got, "it would be done to 0") {
		t.Errorf("twice: %d %s", status, got)
	}
	ask(t, "POST", base+fmt.Sprintf("/revisions/%d/undo", v.Undo), "")
	if now := states(t, srv); now != before {
		t.Errorf("undone: %s, was %s", now, before)
	}
	status, got, _, v = bulk(t, base, "enable?dry_run=true", `{"query":{}}`, "")
	if status != 200 || v.Matching != 4 || v.Count != 0 || len(v.Sample) != 0 || v.Plan.Total != 0 {
		t.Errorf("nothing to enable: %d %s", status, got)
	}
	want := `the-admin: disable 1 of connections with provider "s1", q "C000": <nil>`
	if got := strings.Join(d.deeds, "\n"); got != want {
		t.Errorf("the audit has\n%s\nwant\n%s", got, want)
	}
}

// TestBulkChanged: an act whose connections are others by now, or whose configuration is, is not done.
func TestBulkChanged(t *testing.T) {
	base, srv := configuredAPI(t)
	const choice = `{"query":{"q":"c0"}}`
	_, _, tag, _ := bulk(t, base, "disable?dry_run=true", choice, "")
	if resp, got := ask(t, "PUT", base+"/connections/s1/c2", `{"socket_conn_id":"c0002"}`); resp.StatusCode != 201 {
		t.Fatal(got)
	}
	before := states(t, srv)
	status, got, _, _ := bulk(t, base, "disable", choice, "If-Match: "+tag)
	if status != 412 || !strings.Contains(got, "it would be done to 2") || states(t, srv) != before {
		t.Errorf("%d %s; %s", status, got, states(t, srv))
	}
	_, _, tag, _ = bulk(t, base, "disable?dry_run=true", choice, "")
	if status, got, _, v := bulk(t, base, "disable", choice, "If-Match: "+tag); status != 200 || v.Count != 2 {
		t.Errorf("looked at again: %d %s", status, got)
	}
}

// TestBulkMove gives connections a channel, and refuses what cannot be.
func TestBulkMove(t *testing.T) {
	base, srv := configuredAPI(t)
	body := func(q, channel string) string { return `{"query":{"q":"` + q + `"},"channel":"` + channel + `"}` }
	_, _, tag, v := bulk(t, base, "move?dry_run=true", body("f", "ch1"), "")
	if v.Count != 3 || fmt.Sprint(v.Plan.Changes) != "[+ channel ch1_f1 + channel ch1_f2 + channel ch1_f3]" {
		t.Fatalf("the plan is %+v", v)
	}
	if status, got, _, _ := bulk(t, base, "move", body("f", "ch1"), "If-Match: "+tag); status != 200 {
		t.Fatal(got)
	}
	if c, err := srv.Connection("s1", "f2"); err != nil || c.Channel != "ch1_f2" || c.Driver != "modbus-rtu" {
		t.Errorf("f2 is served by %+v, %v", c, err)
	}
	for _, c := range []struct {
		act, body string
		status    int
		says      string
	}{
		{"move", body("f", "none"), 404, `no channel \"none\"`},
		{"move", body("f", ""), 422, "body.channel"},
		{"move", `{"query":{}}`, 422, "channel"},
		{"disable", `{"query":{}}`, 409, "cannot disable 3 of these: s1/f1 is one of fleet f{n}"},
		{"disable", `{"query":{"provider":"s9"}}`, 404, `no provider \"s9\"`},
		{"disable", `{"query":{"state":"up"}}`, 422, "online, offline, disabled"},
		{"disable", `{"query":{"limit":5}}`, 422, "limit"},
		{"disable", `{}`, 422, "query"},
		{"melt", `{"query":{}}`, 405, "use DELETE, GET, HEAD, PUT"},
	} {
		status, got, _, _ := bulk(t, base, c.act+"?dry_run=true", c.body, "")
		if status != c.status || !strings.Contains(got, c.says) {
			t.Errorf("%s %s: %d %s; want %d …%s…", c.act, c.body, status, got, c.status, c.says)
		}
	}
}

// TestBulkKick: links may have come and gone since the preview; connections may not.
func TestBulkKick(t *testing.T) {
	d := &fakeDoors{}
	f := newFakeCore()
	_, base := startWith(t, f, d)
	base += "/api/v1"
	operator := "Authorization: Bearer operator"
	_, got, tag, v := bulk(t, base, "kick?dry_run=true", `{"query":{"state":"online"}}`, operator)
	if v.Count != 1 || v.Matching != 1 || v.Plan != nil || f.query.State != "" {
		t.Errorf("preview: %s", got)
	}
	status, got, _, v := bulk(t, base, "kick", `{"query":{"state":"online"}}`, "If-Match: "+tag)
	if status != 200 || v.Count != 1 || v.Undo != 0 || v.Plan != nil {
		t.Errorf("done: %d %s", status, got)
	}
	f.fail = fmt.Errorf("%w: provider s9", server.ErrNotFound)
	resp, got := ask(t, "POST", base+"/connections/actions/kick?dry_run=true", `{"query":{}}`)
	wantProblem(t, resp, got, 404, "provider s9")
	if got := strings.Join(d.deeds, "\n"); got != `the-admin: kick 1 of connections with state "online": <nil>` {
		t.Errorf("the audit has %s", got)
	}
}
