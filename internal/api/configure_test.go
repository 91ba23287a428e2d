package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"linkd/drivers/catalog"
	"linkd/internal/config"
	"linkd/internal/store"
	"linkd/server"
)

const greenhouse = `project: greenhouse
providers:
  - name: s1
    type: tcp-server
    local_ip: 127.0.0.1
    local_port: 0
    connections: [{name: c1, title: "1# dev", socket_conn_id: c0001}]
    fleets: [{name: "f{n}", socket_conn_id: "d{n:03}", from: 1, to: 3}]
models: [{name: th, tags: [{name: temperature, address: "input:0", type: int16, scale: 0.1}]}]
channels:
  - {name: ch1, connection: s1/c1, driver: modbus-rtu, poll: 10s, devices: [{name: d1, unit: 1, model: th}]}
`

// configured serves the greenhouse from a real reactor and a real store.
func configuredAPI(t *testing.T) (base string, srv *server.Server) {
	t.Helper()
	return configuredWith(t, &fakeDoors{})
}

func configuredWith(t *testing.T, d doorkeeper) (base string, srv *server.Server) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.TempDir(), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	drivers := catalog.New()
	srv = server.New(server.Config{Drivers: drivers, Log: quiet, Capacity: 100})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Drain(ctx); err != nil {
			t.Error(err)
		}
	})
	m := config.New(config.Config{Store: s, Reactor: srv, Catalog: drivers, Log: quiet})
	if _, err := m.Apply("test", config.File{Text: []byte(greenhouse)}, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Start("none"); err != nil {
		t.Fatal(err)
	}
	a := New(Config{Core: srv, Doors: d, Editor: m})
	addr, err := a.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAPI(t, a) })
	return "http://" + addr.String() + "/api/v1", srv
}

// TestConfigure walks through changes one after the other: each line builds on those before it.
func TestConfigure(t *testing.T) {
	base, _ := configuredAPI(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string // part of the answer
	}{
		{"PUT", "/connections/s1/c1", `{"title":"new","socket_conn_id":"c0001"}`, 200, `"title":"new"`},
		{"PUT", "/connections/s1/c2", `{"socket_conn_id":"c0002"}`, 201, `"name":"c2"`},
		{"PUT", "/connections/s1/c2", `{"name":"c2","socket_conn_id":"c0002"}`, 200, `"name":"c2"`},
		{"PUT", "/connections/s1/c2", `{"name":"c3","socket_conn_id":"c0002"}`,
			422, `body.name: \"c3\": the path says \"c2\"`},
		{"PUT", "/connections/s1/c3", `{"socket_conn_id":"c0002"}`, 422, `"location":"body.socket_conn_id"`},
		{"PUT", "/connections/s1/c3", `{"socket_conn_id":7}`, 422, `"location":"body.socket_conn_id"`},
		{"PUT", "/connections/s1/c3", `{"socket_conn_id":"x","colour":"red"}`, 422, `"location":"body.colour"`},
		{"PUT", "/connections/s1/c3", `{"socket_conn_id":"x","enabled":false}`, 201, `"state":"disabled"`},
		{"PUT", "/connections/s1/9", `{"socket_conn_id":"y"}`, 422, `start with a letter`},
		{"PUT", "/connections/s9/c1", `{"socket_conn_id":"y"}`, 404, `no provider \"s9\"`},
		{"PUT", "/connections/s1/f1", `{"socket_conn_id":"y"}`, 422, `f1`},
		{"DELETE", "/connections/s1/c3", "", 204, ""},
		{"DELETE", "/connections/s1/c3", "", 404, `no connection \"c3\"`},
		{"DELETE", "/connections/s1/f1", "", 409, `is one of fleet f{n}; change the fleet`},
		{"GET", "/connections/s1/f1", "", 200, `"socket_conn_id":"d001"`},
		{"PUT", "/fleets/s1/g%7Bn%7D", `{"socket_conn_id":"g{n:02}","from":1,"to":50}`, 201, `"to":50`},
		{"GET", "/connections/s1/g50", "", 200, `"socket_conn_id":"g50"`},
		{"DELETE", "/fleets/s1/g%7Bn%7D", "", 204, ""},
		{"GET", "/connections/s1/g50", "", 404, ""},
		{"GET", "/fleets", "", 200, `"items":[{"provider":"s1","name":"f{n}"`},
		{"PUT", "/models/m2", `{"tags":[{"name":"t","address":"holding:1","writable":true}]}`, 201, `"writable":true`},
		{"PUT", "/models/m2", `{"tags":[{"name":"t","address":"holding:1","scale":"x"}]}`,
			422, `"location":"body.tags[0].scale"`},
		{"PUT", "/channels/ch2", `{"connection":"s1/c2","driver":"sim"}`, 422, `"location":"body.driver"`},
		{"PUT", "/channels/ch2", `{"connection":"s1/c2","driver":"modbus-rtu","poll":"1s",` +
			`"devices":[{"name":"d1","unit":1,"model":"m2"}]}`, 201, `"driver":"modbus-rtu"`},
		{"PUT", "/channels/ch3", `{"connection":"s1/c2","driver":"raw"}`, 422, `ch2`},
		{"PUT", "/channels/ch2", `{"connection":"s1/c2","driver":"modbus-rtu","poll":"soon"}`,
			422, `"location":"body.poll"`},
		{"PUT", "/channels/ch2", `{"connection":"s1/c2","driver":"modbus-rtu",` +
			`"devices":[{"name":"d1","unit":1,"model":"none"}]}`, 422, `"location":"body.devices.d1.model"`},
		{"DELETE", "/models/m2", "", 422, `channels.ch2.devices.d1.model`},
		{"DELETE", "/channels/ch2", "", 204, ""},
		{"DELETE", "/models/m2", "", 204, ""},
		{"PUT", "/providers/s2", `{"type":"tcp-server","local_ip":"127.0.0.1","local_port":0,"title":"S2"}`,
			201, `"title":"S2"`},
		{"GET", "/providers/s2", "", 200, `"config":{"name":"s2"`},
		{"PUT", "/providers/s3", `{"type":"tcp-server","local_ip":"192.0.2.1","local_port":1}`,
			409, `no address of this machine`},
		{"DELETE", "/providers/s2", "", 204, ""},
		{"DELETE", "/providers/s1", "", 422, `channels.ch1.connection`},
		{"PUT", "/connections/s1/c1", `[`, 400, ""},
		{"PUT", "/connections/s1/c1", `[]`, 422, ""},
	} {
		resp, got := ask(t, c.method, base+c.path, c.body)
		if resp.StatusCode != c.status || !strings.Contains(got, c.says) {
			t.Errorf("%s %s %s\n got %d %s\nwant %d …%s…", c.method, c.path, c.body, resp.StatusCode, got, c.status, c.says)
		}
		if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != problemType {
			t.Errorf("%s %s: %s", c.method, c.path, resp.Header.Get("Content-Type"))
		}
	}
}

// TestConditions: a change from something that is another by now is refused, and does nothing.
func TestConditions(t *testing.T) {
	base, _ := configuredAPI(t)
	at := base + "/connections/s1/c1"
	resp, _ := ask(t, "GET", at, "")
	tag := resp.Header.Get("ETag")
	body := func(title string) string { return `{"title":"` + title + `","socket_conn_id":"c0001"}` }
	resp, got := ask(t, "PUT", at, body("one"), "If-Match: "+tag)
	if resp.StatusCode != 200 || resp.Header.Get("ETag") == tag {
		t.Fatalf("%d %s, ETag %s", resp.StatusCode, got, resp.Header.Get("ETag"))
	}
	for _, c := range []struct{ method, path, header string }{
		{"PUT", at, "If-Match: " + tag}, {"DELETE", at, "If-Match: " + tag}, {"PUT", at, "If-None-Match: *"},
		{"PUT", base + "/connections/s1/c9", "If-Match: " + tag},
	} {
		resp, got := ask(t, c.method, c.path, body("two"), c.header)
		if resp.StatusCode != 412 {
			t.Errorf("%s %s with %s: %d %s, want 412", c.method, c.path, c.header, resp.StatusCode, got)
		}
	}
	if _, got := ask(t, "GET", at, ""); !strings.Contains(got, `"title":"one"`) {
		t.Errorf("after refused changes: %s", got)
	}
}

// TestProjectOverHTTP: what is exported applies to nothing, a plan does nothing, prune removes, undo goes back.
func TestProjectOverHTTP(t *testing.T) {
	base, _ := configuredAPI(t)
	yaml := "Content-Type: application/yaml"
	plan := func(method, path, body string) (p Plan) {
		t.Helper()
		resp, got := ask(t, method, base+path, body, yaml)
		if err := json.Unmarshal([]byte(got), &p); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, got)
		}
		return p
	}
	_, exported := ask(t, "GET", base+"/project", "")
	for _, query := range []string{"", "?prune=true"} {
		if p := plan("PUT", "/project"+query, exported); len(p.Changes) != 0 {
			t.Errorf("applying the export%s: %q", query, p.Changes)
		}
	}
	less := strings.Replace(exported, "c0001", "c0007", 1)
	less, _, _ = strings.Cut(less, "models:")
	want := "~ connection s1/c1 (its session ends)"
	if p := plan("PUT", "/project?dry_run=true", less); strings.Join(p.Changes, "; ") != want {
		t.Errorf("plan %q, want %s", p.Changes, want)
	}
	if p := plan("PUT", "/project?dry_run=true&prune=true", less); strings.Join(p.Changes, "; ") != want+
		"; - model th; - channel ch1" {
		t.Errorf("plan with prune %q", p.Changes)
	}
	if _, after := ask(t, "GET", base+"/project", ""); after != exported {
		t.Errorf("a plan has changed something:\n%s", after)
	}
	if p := plan("PUT", "/project?prune=true", less); p.Revision != 2 {
		t.Errorf("revision %d, want 2", p.Revision)
	}
	if resp, got := ask(t, "PUT", base+"/project", "project: other\nproviders: []\n", yaml); resp.StatusCode != 409 ||
		!strings.Contains(got, "a data directory of its own") {
		t.Errorf("another project: %d %s", resp.StatusCode, got)
	}
	if resp, got := ask(t, "PUT", base+"/project", "project: greenhouse\nproviders: 7\n", yaml); resp.StatusCode != 422 ||
		!strings.Contains(got, "2:12") {
		t.Errorf("a bad file: %d %s", resp.StatusCode, got)
	}
	if p := plan("POST", "/revisions/1/undo", ""); p.Revision != 3 || len(p.Changes) != 3 {
		t.Errorf("undo: %+v", p)
	}
	if _, after := ask(t, "GET", base+"/project", ""); after != exported {
		t.Errorf("after undo:\n%s\nwant\n%s", after, exported)
	}
	var list List[Revision]
	_, got := ask(t, "GET", base+"/revisions?limit=2", "")
	if err := json.Unmarshal([]byte(got), &list); err != nil || len(list.Items) != 2 || list.Next != "2" ||
		list.Items[0].Undoes != 1 || list.Items[0].Who != "the-admin" {
		t.Errorf("revisions: %s", got)
	}
	if resp, _ := ask(t, "POST", base+"/revisions/99/undo", ""); resp.StatusCode != 404 {
		t.Errorf("undo of nothing: %d", resp.StatusCode)
	}
}

// TestAdoptForGood: a stranger that dials in becomes a connection, and is in the export.
func TestAdoptForGood(t *testing.T) {
	base, srv := configuredAPI(t)
	call := func() {
		c, err := net.Dial("tcp", srv.Providers()[0].LocalAddr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte("newcomer\n")); err != nil {
			t.Fatal(err)
		}
	}
	call()
	var list []server.Stranger
	for end := time.Now().Add(patience); len(list) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		list = srv.Strangers()
	}
	if len(list) != 1 {
		t.Fatalf("%d strangers", len(list))
	}
	adopt := base + "/strangers/" + list[0].Key + "/adopt"
	if resp, got := ask(t, "POST", adopt, `{"name":"c1"}`); resp.StatusCode != 409 || !strings.Contains(got, "c1") {
		t.Errorf("a taken name: %d %s", resp.StatusCode, got)
	}
	if resp, got := ask(t, "POST", adopt, `{"name":"1 2"}`); resp.StatusCode != 422 {
		t.Errorf("a bad name: %d %s", resp.StatusCode, got)
	}
	if resp, got := ask(t, "POST", adopt, `{"title":"from afar"}`); resp.StatusCode != 201 ||
		!strings.Contains(got, `"name":"newcomer","title":"from afar"`) {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	if _, got := ask(t, "GET", base+"/project", ""); !strings.Contains(got, "socket_conn_id: newcomer") {
		t.Errorf("the export has not got it:\n%s", got)
	}
	call()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if v, err := srv.Connection("s1", "newcomer"); err == nil && v.State == server.Online {
			break
		}
		if time.Now().After(end) {
			t.Fatal("adopted, and not bound")
		}
	}
}
