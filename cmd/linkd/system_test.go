package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// secretive is a project with a secret in every place that takes one. The outputs call where nobody is, so that they
// fail and say why.
const secretive = `
project: greenhouse
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    identity: {preset: regex, pattern: '(?P<id>\w+),(?P<secret>\w+);'}
    connections:
      - {name: c1, socket_conn_id: c0001, secret: PLANTEDa}
      - {name: m1, socket_conn_id: c0002}
channels:
  - name: meters
    connection: s1/m1
    driver: dlt645
    poll: 10s
    options: {password: "471147", level: 2, operator: "00000001"}
    devices: [{name: d1, address: "000000000001", tags: [{name: energy, address: "00010000", type: bcd, scale: 0.01}]}]
  - name: mixed
    connection: s1/c1
    driver: raw
    poll: 10s
    devices:
      - {name: d1, driver: dlt645, options: {password: "471148", level: 2, operator: "00000001"},
         address: "000000000002", tags: [{name: energy, address: "00010000"}]}
outputs:
  - name: hook
    type: webhook
    options: {url: "http://127.0.0.1:9/services/PLANTEDb?key=PLANTEDc", secret: PLANTEDd, token: PLANTEDe,
      headers: {X-Api-Key: PLANTEDf}}
  - {name: broker, type: mqtt, options: {server: "tcp://127.0.0.1:9", user: somebody, password: PLANTEDg}}
  - {name: cluster, type: nats, options: {server: "nats://127.0.0.1:9", user: somebody, password: PLANTEDh}}
  - {name: other, type: nats, options: {server: "nats://127.0.0.1:9", token: PLANTEDi}}
`

// planted is what must be nowhere.
var planted = []string{"PLANTED", "471147", "471148"}

// none fails where one of the secrets is in a text.
func none(t *testing.T, secrets []string, where, text string) {
	t.Helper()
	for _, s := range secrets {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("%s has %s: …%s…", where, s, text[max(0, i-60):min(len(text), i+60)])
		}
	}
}

// TestSupportBundle: what helps to help is there, and no secret: neither one of the project, wherever it stands, nor a
// token; not in the log either, though everything that has a secret fails and is changed.
func TestSupportBundle(t *testing.T) {
	t.Parallel()
	in := serve(t, secretive, anyPorts...)
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := append([]string{strings.TrimSpace(string(admin))}, planted...)
	closed(t, in.dial(t, "s1", "c0001,PLANTEDwrong;"))
	in.dial(t, "s1", "c0001,PLANTEDa;")
	in.online(t, "s1/c1", 0)
	in.must(t, "PUT", "/connections/s1/c1", `{"socket_conn_id": "c0001", "title": "new", "secret": "PLANTEDj"}`)
	for _, name := range []string{"hook", "broker", "cluster", "other"} {
		eventually(t, name+" fails", func() error {
			if o := in.output(t, name); o.State != "failing" || o.Error == "" {
				return fmt.Errorf("it is %+v", o)
			}
			return nil
		})
	}
	files := in.bundle(t)
	for name, want := range map[string]string{
		"system.json": `"net.core.somaxconn"`, "metrics.txt": "linkd_connections{", "log.txt": "http listening",
		"project.yaml": "name: meters", "revisions.json": `"~ connection s1/c1`, "events.ndjson": `"kind":"online"`,
		"goroutines.txt": "goroutine profile: total", "bus.json": `"state": "up"`, "outputs.json": `"name": "hook"`,
		"strangers.json": `"reason": "bad_secret"`, "providers.json": `"name": "s1"`,
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %s: %.300s", name, want, files[name])
		}
	}
	for name, text := range files {
		none(t, secrets, name, text)
		none(t, []string{hex.EncodeToString([]byte("PLANTED"))}, name, text)
	}
	none(t, secrets, "the log", in.log.String())
}

// bundle is the files of a support bundle.
func (in *instance) bundle(t *testing.T) map[string]string {
	t.Helper()
	b, err := in.request(http.MethodGet, "/api/v1/system/bundle", "")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(f.Name)] = string(text)
	}
	return files
}
