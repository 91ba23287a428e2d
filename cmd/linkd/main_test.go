package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linkd/project"
)

// runIn runs one command line in this process.
func runIn(ctx context.Context, line ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(ctx, append([]string{"linkd"}, line...), &out, &errs)
	return status, out.String(), errs.String()
}

// answers is a linkd that has these answers: "METHOD /path?query" to a body. A body that starts with a number is an
// error of that status, with the rest as detail.
func answers(t *testing.T, has map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := has[r.Method+" "+r.URL.RequestURI()]
		if !ok {
			t.Errorf("asked for %s %s", r.Method, r.URL.RequestURI())
		}
		var status int
		if n, _ := fmt.Sscanf(body, "%d", &status); n == 1 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"status":%d,"detail":%q}`, status, strings.TrimSpace(body[3:]))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func wantRun(t *testing.T, line []string, status int, stdout, stderr string) {
	t.Helper()
	gotStatus, gotOut, gotErr := runIn(t.Context(), line...)
	if gotStatus != status {
		t.Errorf("%q: exit status %d, want %d", line, gotStatus, status)
	}
	if gotOut != stdout {
		t.Errorf("%q: stdout\n got %q\nwant %q", line, gotOut, stdout)
	}
	if gotErr != stderr {
		t.Errorf("%q: stderr\n got %q\nwant %q", line, gotErr, stderr)
	}
}

// TestWrongUsage pins the line and the status 2 of command lines that cannot be meant. None of them asks a server.
func TestWrongUsage(t *testing.T) {
	onePoint := "linkd: 0 arguments; give one connection as PROVIDER/NAME, such as s1/c1\n"
	for _, c := range []struct {
		line   string
		stderr string
	}{
		{"", "linkd: no command given; linkd --help lists them\n"},
		{"pss", "linkd: no command \"pss\"; linkd --help lists them\n"},
		{"--bogus", "linkd: flag provided but not defined: -bogus; see linkd --help\n"},
		{"ps --bogus", "linkd: flag provided but not defined: -bogus; see linkd ps --help\n"},
		{"ps s1", "linkd: \"s1\": ps takes no argument; choose with --state\n"},
		{"ps --state up", "linkd: --state \"up\": no such state; use online, offline or disabled\n"},
		{"ps -o yaml", "linkd: -o \"yaml\": no such format; use json or table\n"},
		{"ps --url ftp://x", "linkd: --url \"ftp://x\": not an address of linkd; write one such as http://127.0.0.1:8080\n"},
		{"drivers --connection c1", "linkd: \"c1\": not a connection; write PROVIDER/NAME, such as s1/c1\n"},
		{"drivers raw sim", "linkd: 2 arguments; give one driver, or none for all\n"},
		{"tap", onePoint},
		{"tap s1/c1 -o yaml", "linkd: -o \"yaml\": no such format; use json or pcapng, or leave it out\n"},
		{"tap s1/c1 -o pcapng --hex", "linkd: -o and --hex: give one of them\n"},
		{"tap s1/c1 -o json --hex", "linkd: -o and --hex: give one of them\n"},
		{"tap s1/c1 --last -1", "linkd: --last -1: out of range; give 0 or more\n"},
		{"tap s1/c1 --since -1m", "linkd: --since -1m0s: give how long ago, such as 10m\n"},
		{"tap s1/", "linkd: \"s1/\": not a connection; write PROVIDER/NAME, such as s1/c1\n"},
		{"send --hex 00", onePoint},
		{"send s1/c1", "linkd: give exactly one of --hex \"01 03\" and --text \"…\"\n"},
		{"send s1/c1 --hex 00 --text x", "linkd: give exactly one of --hex \"01 03\" and --text \"…\"\n"},
		{"send s1/c1 --hex 0", "linkd: --hex: not hex: \"0\"; write two digits 0-9, a-f for each byte, such as 01 03\n"},
		{"send s1/c1 --hex :", "linkd: --hex: nothing to send; give at least one byte\n"},
		{`send s1/c1 --text \q`, "linkd: --text: \\q: no such escape; use \\r \\n \\t \\0 \\\\ or \\xNN\n"},
		{`send s1/c1 --text \xg0`, "linkd: --text: \\xg0: not a byte; write \\x and two hex digits\n"},
		{"send s1/c1 --hex 00 --wait 2m", "linkd: --wait 2m0s: out of range; give 0 to 1m0s\n"},
		{"tunnel s1/c1", "linkd: --listen \"\": not an address; write HOST:PORT, such as 127.0.0.1:5020\n"},
		{"check", "linkd: 0 arguments; give one project file\n"},
	} {
		wantRun(t, strings.Fields(c.line), 2, "", c.stderr)
	}
	status, _, stderr := runIn(t.Context(), "apply") // the parser also writes its help
	if want := "linkd: Required flag \"file\" not set\n"; status != 2 || stderr != want {
		t.Errorf("apply: exit status %d, stderr %q", status, stderr)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, line := range []string{"--help", "ps --help", "send s1/c1 -h", "--version"} {
		status, stdout, stderr := runIn(t.Context(), strings.Fields(line)...)
		if status != 0 || !strings.Contains(stdout, "linkd") || stderr != "" {
			t.Errorf("%s: exit status %d, stdout %q, stderr %q", line, status, stdout, stderr)
		}
	}
}

func TestServerNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // and closed again: nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	want := "linkd: no linkd at " + url + " (connection refused); start one with: linkd serve -f FILE, " +
		"or name another with --url\n"
	for _, line := range []string{
		"ps", "drivers", "tap s1/c1", "send s1/c1 --hex 00", "tunnel s1/c1 --listen 127.0.0.1:0",
	} {
		wantRun(t, append(strings.Fields(line), "--url", url), 1, "", want)
	}
}

func TestServerIsAnother(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/connections/s1/c1/send" {
			http.Error(w, "\x1b[31mno", http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, "<!doctype html>")
	}))
	defer s.Close()
	const tail = "; is --url right?\n"
	html := "linkd: " + s.URL + " does not answer as linkd does (status 200 OK, text/html; charset=utf-8)" + tail
	wantRun(t, []string{"ps", "-o", "json", "--url", s.URL}, 1, "", html)
	wantRun(t, []string{"tap", "s1/c1", "--url", s.URL}, 1, "", html)
	wantRun(t, []string{"send", "--url", s.URL, "s1/c1", "--hex", "00"}, 1, "",
		"linkd: "+s.URL+" does not answer as linkd does (status 502 Bad Gateway, text/plain; charset=utf-8)"+tail)
}

func TestFlagsOnBothSides(t *testing.T) {
	s := answers(t, map[string]string{"POST /api/v1/connections/s1/c1/send": `{"sent":1}`})
	for _, line := range []string{
		"send s1/c1 --hex 00 --wait 0 --url " + s.URL,
		"send --hex 00 --wait 0 --url " + s.URL + " s1/c1",
		"send --hex=00 s1/c1 --url=" + s.URL + " --wait=0s",
		"send --hex 00 --wait 0 --url " + s.URL + " -- s1/c1",
	} {
		wantRun(t, strings.Fields(line), 0, "sent 1 byte\n", "")
	}
}

func TestURLAndToken(t *testing.T) {
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items":[],"next":""}`)
	}))
	defer s.Close()
	t.Setenv("LINKD_URL", s.URL+"/")
	t.Setenv("LINKD_TOKEN", "secret")
	const empty = "{\"items\":[]}\n"
	wantRun(t, []string{"ps", "-o", "json"}, 0, empty, "")
	if got != "Bearer secret" {
		t.Errorf("Authorization %q", got)
	}
	wantRun(t, []string{"ps", "-o", "json", "--token", "other"}, 0, empty, "")
	if got != "Bearer other" {
		t.Errorf("Authorization %q", got)
	}
	t.Setenv("LINKD_TOKEN", "")
	wantRun(t, []string{"ps", "-o", "json"}, 0, empty, "")
	if got != "" {
		t.Errorf("Authorization %q without a token", got)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "p.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 30000
    conn_identity: common
    connections:
      - {name: c1, socket_conn_id: a1}
    fleets:
      - {name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: 1000}
`)
	wantRun(t, []string{"check", file}, 0,
		file+": good: project p, 1 provider, 1001 connections, 0 models, 0 channels\n", "")

	write("project: p\nproviders:\n  - name: 1s\n    type: tcp-server\n    local_port: 99999\n    colour: red\n")
	_, err := project.Load(file, nil)
	if err == nil {
		t.Fatal("the faulty project loads")
	}
	wantRun(t, []string{"check", file}, 1, "", err.Error()+"\n")
	if lines := strings.Split(err.Error(), "\n"); len(lines) < 3 || !strings.HasPrefix(lines[0], file+":3:") {
		t.Errorf("faults %q", lines)
	}

	gone := filepath.Join(dir, "gone.yaml")
	wantRun(t, []string{"check", gone}, 1, "", "linkd: project: open "+gone+": no such file or directory\n")
}

func TestUnescape(t *testing.T) {
	got, err := unescape(`AT\r\n\t\0\\\x7F\xffé`)
	if want := "AT\r\n\t\x00\\\x7f\xffé"; err != nil || string(got) != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
	for _, bad := range []string{`\`, `\x`, `\x1`, `\xzz`, `a\b`} {
		if got, err := unescape(bad); err == nil {
			t.Errorf("%s gives %q", bad, got)
		}
	}
}
