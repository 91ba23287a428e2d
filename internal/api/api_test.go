package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"linkd/server"
)

const (
	c1JSON = `{"provider":"s1","name":"c1","title":"1# dev","socket_conn_id":"c0001","remote_ip":"","state":"online",` +
		`"flapping":false,"remote_addr":"10.0.0.9:4000","since":"2026-03-01T11:00:00.5Z","session":3,"bytes_in":10,` +
		`"bytes_out":20,"reconnects":2,"last_close_reason":"peer","channel":"ch","driver":"raw"}`
	c2JSON = `{"provider":"s1","name":"c2","title":"","socket_conn_id":"","remote_ip":"10.1.0.0/16",` +
		`"state":"offline","flapping":false,"remote_addr":"","since":null,"session":0,"bytes_in":0,"bytes_out":0,` +
		`"reconnects":0,"last_close_reason":"","channel":"","driver":""}`
)

// detailed is a connection as it is shown alone, where the project does not have it.
func detailed(c string) string {
	return strings.TrimSuffix(c, "}") + `,"config":null,"has_secret":false,"fleet":""}`
}

// TestGolden pins every answer, member by member: they are contracts.
func TestGolden(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/providers", "", 200, `{"items":[{"name":"s1","title":"S1","type":"tcp-server",` +
			`"local_addr":":30000","conn_identity":"common","preset":"auto","state":"listening","error":"",` +
			`"connections":2,"online":1,"identifying":4,"accepted":5,"refused":6,"disabled":0}],"next":""}`},
		{"GET", "/api/v1/connections", "", 200, `{"items":[` + c1JSON + `],"next":"two"}`},
		{"GET", "/api/v1/connections?provider=&state=&q=&limit=&cursor=two", "", 200, `{"items":[` + c2JSON + `],"next":""}`},
		{"GET", "/api/v1/connections/s1/c1", "", 200, detailed(c1JSON)},
		{"GET", "/api/v1/connections/s1/c2", "", 200, detailed(c2JSON)},
		{"GET", "/api/v1/strangers", "", 200, `{"items":[{"key":"s1:x","provider":"s1","id":"x",` +
			`"remote_addr":"10.0.0.7:1","first_bytes":"780d","count":2,"first_seen":"2026-03-01T11:00:00.5Z",` +
			`"last_seen":"2026-03-01T11:00:00.5Z","reason":"unknown"}],"next":""}`},
		{"GET", "/api/v1/channels", "", 200, `{"items":[{"name":"ch","title":"Ch","connection":"s1/c1",` +
			`"driver":"raw","poll":"10s","devices":[{"name":"d1","title":"D","unit":1,"address":"01 02","model":"m",` +
			`"driver":"","options":{},"poll":"1s","tags":[]}],"options":{"mode":"x"}},` +
			`{"name":"sim","title":"","connection":"","driver":"",` +
			`"poll":"0s","devices":[],"options":{}}],"next":""}`},
		{"GET", "/api/v1/models", "", 200, `{"items":[{"name":"m","title":"M","tags":[{"name":"t","title":"T",` +
			`"address":"input:0","type":"int16","order":"CDAB","length":2,"scale":0.1,"offset":-40,"clamp":[5,40],` +
			`"decimals":1,"unit":"°C","poll":"1m0s","deadband":0.5,"expr":"value * 2","writable":true,"readback":true,` +
			`"on_change":true},{"name":"u","title":"","address":"input:1","type":"","order":"ABCD","length":0,` +
			`"scale":1,"offset":0,"clamp":null,"decimals":null,"unit":"","poll":"0s","deadband":0,"expr":"",` +
			`"writable":false,"readback":false,"on_change":false}]}],"next":""}`},
		{"GET", "/api/v1/drivers?connection=s1/c1", "", 200, `{"items":[{"name":"raw","title":"Raw",` +
			`"links":["tcp-server"],"selectable":true,"reason":"","options":[{"key":"echo","kind":"choice",` +
			`"default":"a","choices":["a","b"],"about":"which"}]},{"name":"none","title":"","links":[],"selectable":false,` +
			`"reason":"driver none runs on none links, not on tcp-server","options":[]}],"next":""}`},
		{"POST", "/api/v1/connections/s1/c1/send", `{"text":"hi","wait_ms":5}`, 200,
			`{"sent":2,"received_hex":"6f6bff0d0a","received_text":"ok` + "\uFFFD" + `\r\n"}`},
		{"DELETE", "/api/v1/connections/s1/c1/session", "", 204, ""},
		{"POST", "/api/v1/strangers/s1:x/adopt", `{"name":"c2","title":"N"}`, 201, c2JSON},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			resp, got := ask(t, c.method, base+c.path, c.body)
			if got = strings.TrimSpace(got); resp.StatusCode != c.status || got != c.want {
				t.Errorf("status %d, want %d\n got %s\nwant %s", resp.StatusCode, c.status, got, c.want)
			}
		})
	}
}

func TestActions(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	t.Run("send", func(t *testing.T) {
		for body, want := range map[string]string{
			`{"hex":"01 03"}`:                                    "\x01\x03",
			`{"hex":"01:03\tfF\n0a"}`:                            "\x01\x03\xff\x0a",
			`{"hex":"0103ff"}`:                                   "\x01\x03\xff",
			`{"text":"AT\r\n°","wait_ms":60000}`:                 "AT\r\n°",
			`{"text":"` + strings.Repeat(`\u0000`, 65536) + `"}`: strings.Repeat("\x00", 65536),
		} {
			resp, got := ask(t, "POST", base+"/api/v1/connections/s1/c1/send", body)
			if resp.StatusCode != 200 || string(f.sent) != want {
				t.Errorf("%.60s: status %d, sent %.40q: %s", body, resp.StatusCode, f.sent, got)
			}
		}
	})
	t.Run("send waits", func(t *testing.T) {
		ask(t, "POST", base+"/api/v1/connections/s1/c1/send", `{"hex":"00","wait_ms":1500}`)
		if f.wait != 1500*time.Millisecond {
			t.Errorf("wait %v", f.wait)
		}
	})
	t.Run("kick", func(t *testing.T) {
		ask(t, "DELETE", base+"/api/v1/connections/s1/c1/session", "")
		if f.kicked != "s1/c1" {
			t.Errorf("kicked %q", f.kicked)
		}
	})
	t.Run("adopt without a body", func(t *testing.T) {
		resp, got := ask(t, "POST", base+"/api/v1/strangers/s1%3Ax/adopt", "")
		if resp.StatusCode != 201 || f.forgotten != "s1:x" {
			t.Errorf("status %d, forgotten %q: %s", resp.StatusCode, f.forgotten, got)
		}
		if at := resp.Header.Get("Location"); at != "/api/v1/connections/s1/c2" {
			t.Errorf("Location %q", at)
		}
	})
	t.Run("query", func(t *testing.T) {
		ask(t, "GET", base+"/api/v1/connections?provider=s1&state=offline&q=dev&sort=trouble&limit=5000&cursor=two", "")
		want := server.ConnQuery{Provider: "s1", State: server.Offline, Search: "dev", Sort: server.ByTrouble, Limit: 1000,
			Cursor: "two"}
		if f.query != want {
			t.Errorf("query %+v, want %+v", f.query, want)
		}
	})
}

// TestProblems pins what is said of wrong requests, and that it is always a problem.
func TestProblems(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	const send = "/api/v1/connections/s1/c1/send"
	noC9 := `provider s1 has no connection "c9"`
	for _, c := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"GET", "/nothing", "", 404, "/nothing: no such path; GET /api/openapi.json lists all"},
		{"GET", "/api/v1/connections/s1", "", 404, "/api/v1/connections/s1: no such path; GET /api/openapi.json lists all"},
		{"PUT", "/api/v1/providers", "", 405, "PUT: not a method of /api/v1/providers; use GET, HEAD"},
		{"POST", "/", "", 405, "POST: not a method of /; use GET, HEAD"},
		{"GET", "/api/v1/connections/s1/c9", "", 404, noC9},
		{"GET", "/api/v1/connections/s1/c9/tap", "", 404, noC9},
		{"GET", "/api/v1/drivers?connection=s1/c9", "", 404, noC9},
		{"DELETE", "/api/v1/connections/s1/c9/session", "", 404, noC9},
		{"POST", "/api/v1/connections/s1/c9/send", `{"hex":"00"}`, 404, noC9},
		{"POST", "/api/v1/strangers/zz/adopt", "", 404, `no stranger "zz"`},
		{"GET", "/api/v1/events?provider=zz", "", 404, "provider zz: not found"},
		{"DELETE", "/api/v1/connections/s1/c2/session", "", 409, "connection s1/c2: offline; it must be online for this"},
		{"POST", "/api/v1/connections/s1/c2/send", `{"hex":"00"}`, 409,
			"connection s1/c2: offline; it must be online for this"},
		{"GET", "/api/v1/connections?state=up", "", 422,
			`query.state: expected value to be one of "online, offline, disabled", not "up"`},
		{"GET", "/api/v1/connections?sort=name", "", 422,
			`query.sort: expected value to be one of "trouble", not "name"`},
		{"GET", "/api/v1/connections?limit=x", "", 422, `query.limit: invalid integer, not "x"`},
		{"GET", "/api/v1/connections?limit=-1", "", 422, `query.limit: expected number >= 0, not -1`},
		{"GET", "/api/v1/connections?sate=online", "", 422, `query.sate: unknown query parameter`},
		{"GET", "/api/v1/drivers?connection=s1", "", 422,
			`query.connection: expected PROVIDER/NAME, such as s1/c1, not "s1"`},
		{"POST", send, `{}`, 422, `body: neither hex nor text; give exactly one, such as {"hex": "01 03"}`},
		{"POST", send, `{"hex":"00","text":"x"}`, 422, "body: hex and text are both there; give exactly one"},
		{"POST", send, `{"hex":"01 3"}`, 422,
			`body.hex: not hex: "3"; write two digits 0-9, a-f for each byte, such as 01 03`},
		{"POST", send, `{"hex":"0x01"}`, 422,
			`body.hex: not hex: "0x01"; write two digits 0-9, a-f for each byte, such as 01 03`},
		{"POST", send, `{"hex":" "}`, 422, "body.hex: 0 bytes; give 1 to 65536"},
		{"POST", send, `{"text":"` + strings.Repeat("x", 65537) + `"}`, 422, "body.text: 65537 bytes; give 1 to 65536"},
		{"POST", send, `{"hex":"00","wait_ms":60001}`, 422, "body.wait_ms: expected number <= 60000, not 60001"},
		{"POST", send, `{"hex":"00","wait":1}`, 422, "body.wait: unexpected property"},
		{"POST", send, "", 400, "request body is required"},
		{"POST", send, `{"hex":"` + strings.Repeat("0", 600<<10) + `"}`, 413, "request body is too large limit=524288 bytes"},
		{"POST", "/api/v1/strangers/s1:x/adopt", `{"name":"` + strings.Repeat("n", 300) + `"}`, 422,
			"body.name: expected length <= 256"},
	} {
		t.Run(c.method+c.path+fmt.Sprintf("%.20s", c.body), func(t *testing.T) {
			resp, got := ask(t, c.method, base+c.path, c.body)
			wantProblem(t, resp, got, c.status, c.detail)
		})
	}
	t.Run("broken JSON names the body", func(t *testing.T) {
		resp, got := ask(t, "POST", base+send, `{"hex":`)
		if resp.StatusCode != 400 || !strings.Contains(got, "body: unexpected end of JSON input") {
			t.Errorf("status %d: %s", resp.StatusCode, got)
		}
	})
	t.Run("another content type", func(t *testing.T) {
		resp, got := ask(t, "POST", base+send, `{"hex":"00"}`, "Content-Type: text/plain")
		if resp.StatusCode != 415 || !strings.Contains(got, "text/plain") {
			t.Errorf("status %d: %s", resp.StatusCode, got)
		}
	})
}

func wantProblem(t *testing.T, resp *http.Response, body string, status int, detail string) {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("no problem: %v: %s", err, body)
	}
	if resp.StatusCode != status || p.Status != status || p.Title != http.StatusText(status) {
		t.Errorf("status %d, in the problem %d %q, want %d", resp.StatusCode, p.Status, p.Title, status)
	}
	if p.Detail != detail {
		t.Errorf("detail\n got %s\nwant %s", p.Detail, detail)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestCoreErrors(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	for _, c := range []struct {
		err    error
		status int
		detail string
	}{
		{fmt.Errorf("%w: name %q: start with a letter", server.ErrInvalid, "1"), 422,
			`stranger s1:x: invalid: name "1": start with a letter`},
		{fmt.Errorf("%w: s1 has a connection c1 already", server.ErrConflict), 409,
			"stranger s1:x: conflict: s1 has a connection c1 already"},
		{server.ErrSlow, 503, "stranger s1:x: the device takes its bytes too slowly"},
		{server.ErrClosed, 503, "stranger s1:x: linkd is stopping"},
		{errors.New("disk full"), 500, "stranger s1:x: disk full"},
	} {
		f.fail = c.err
		resp, got := ask(t, "POST", base+"/api/v1/strangers/s1:x/adopt", "")
		wantProblem(t, resp, got, c.status, c.detail)
	}
	f.fail = fmt.Errorf("%w: cursor %q", server.ErrInvalid, "zz")
	resp, got := ask(t, "GET", base+"/api/v1/connections?cursor=zz", "")
	wantProblem(t, resp, got, 422, `connections: invalid: cursor "zz"`)
}

func TestPlain(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	if resp, got := ask(t, "GET", base+"/healthz", ""); resp.StatusCode != 200 || got != "ok\n" {
		t.Errorf("healthz: %d %q", resp.StatusCode, got)
	}
	if resp, got := ask(t, "GET", base+"/readyz", ""); resp.StatusCode != 200 || got != "ok\n" {
		t.Errorf("readyz: %d %q", resp.StatusCode, got)
	}
	f.notReady = errors.New("provider s1 is restarting")
	if resp, got := ask(t, "GET", base+"/readyz", ""); resp.StatusCode != 503 || got != "provider s1 is restarting\n" {
		t.Errorf("readyz: %d %q", resp.StatusCode, got)
	}
	if resp, got := ask(t, "GET", base+"/metrics", ""); resp.StatusCode != 200 || got != "metrics" {
		t.Errorf("metrics: %d %q", resp.StatusCode, got)
	}
	if resp, got := ask(t, "GET", base+"/deploy/rules.yml", ""); resp.StatusCode != 200 || got != "groups: []" {
		t.Errorf("a file: %d %q", resp.StatusCode, got)
	}
	if resp, _ := ask(t, "GET", base+"/deploy/", ""); resp.StatusCode != 404 {
		t.Errorf("the list of files: %d", resp.StatusCode)
	}
	if resp, got := ask(t, "GET", base+"/", ""); resp.StatusCode != 200 || got != "console /" {
		t.Errorf("page: %d %s", resp.StatusCode, got)
	}
	resp, got := ask(t, "GET", base+"/api/openapi.json", "")
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(got), &spec); err != nil || resp.StatusCode != 200 {
		t.Fatalf("description: %d %v", resp.StatusCode, err)
	}
	send := spec.Paths["/api/v1/connections/{provider}/{name}/send"]["post"]
	if !strings.HasPrefix(spec.OpenAPI, "3.1.") || send == nil {
		t.Errorf("description: openapi %q, paths %v", spec.OpenAPI, spec.Paths)
	}
}

func TestForeignRequests(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	port := base[strings.LastIndex(base, ":"):]
	const send, kick = "/api/v1/connections/s1/c1/send", "/api/v1/connections/s1/c1/session"
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"own page", "DELETE", kick, []string{"Sec-Fetch-Site: same-origin"}, 204},
		{"no browser", "DELETE", kick, nil, 204},
		{"other site", "DELETE", kick, []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"other origin", "POST", send, []string{"Origin: http://evil.example"}, 403},
		{"other origin tunnels", "GET", "/api/v1/connections/s1/c1/tunnel",
			[]string{"Origin: http://evil.example", "Connection: Upgrade", "Upgrade: linkd-tunnel"}, 403},
		{"link from elsewhere", "GET", "/", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"localhost", "GET", "/healthz", []string{"Host: localhost" + port}, 200},
		{"localhost, another port", "GET", "/healthz", []string{"Host: LOCALHOST:1"}, 200},
		{"ipv6 loopback", "GET", "/healthz", []string{"Host: [::1]" + port}, 200},
		{"re-pointed name", "GET", "/healthz", []string{"Host: evil.example" + port}, 403},
		{"re-pointed name like ours", "GET", "/healthz", []string{"Host: localhost.evil.example"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if resp, got := ask(t, c.method, base+c.path, "", c.header...); resp.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, c.status, got)
			}
		})
	}
	t.Run("any name where not on loopback", func(t *testing.T) {
		a := New(Config{Core: f, Doors: &fakeDoors{}})
		if !a.hostAllowed("linkd.example:8080") {
			t.Error("refused")
		}
	})
}

func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	_, err = New(Config{Core: newFakeCore(), Doors: &fakeDoors{}}).Start(addr)
	want := "http: cannot listen on " + addr + ": address already in use; choose another with --http"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
