package api

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"linkd/internal/logtail"
	"linkd/server"
)

// TestSystem: what linkd is, and the limits judged for the configured fleet or another one.
func TestSystem(t *testing.T) {
	_, base := start(t, newFakeCore())
	read := func(query string) (s System) {
		t.Helper()
		resp, got := ask(t, "GET", base+"/api/v1/system"+query, "", "Authorization: Bearer viewer")
		if err := json.Unmarshal([]byte(got), &s); resp.StatusCode != 200 || err != nil {
			t.Fatalf("status %d, %v: %s", resp.StatusCode, err, got)
		}
		return s
	}
	capacity := func(s System) Limit {
		t.Helper()
		at := slices.IndexFunc(s.Limits, func(l Limit) bool { return l.Name == "capacity" })
		if at < 0 {
			t.Fatalf("no capacity among %+v", s.Limits)
		}
		return s.Limits[at]
	}
	s := read("")
	if s.Version != "dev" || s.Started.After(time.Now()) || s.Capacity != 1000 || s.Connections != 2 || s.Sessions != 5 ||
		s.Fleet != 2 || s.Goroutines == 0 || s.HeapBytes == 0 || s.Descriptors == 0 || s.Processors == 0 {
		t.Errorf("got %+v", s)
	}
	if !slices.Contains(s.Addresses, "127.0.0.1") {
		t.Errorf("addresses %q", s.Addresses)
	}
	if l := capacity(s); !l.Enough || l.Value != "1000" || l.Needed != "2" || l.Change != "" || l.Why == "" {
		t.Errorf("for the fleet: %+v", l)
	}
	s = read("?connections=5000")
	if l := capacity(s); s.Fleet != 5000 || l.Enough || l.Needed != "5000" || l.Change == "" {
		t.Errorf("for a larger one: %+v", l)
	}
	resp, got := ask(t, "GET", base+"/api/v1/system?connections=-1", "")
	wantProblem(t, resp, got, 422, "query.connections: expected number >= 0, not -1")
}

// logged is a log with one record of each level, kept.
func logged() *logtail.Tail {
	tail := &logtail.Tail{}
	l := slog.New(tail.Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Debug("quiet")
	l.Info("listening", "addr", "127.0.0.1:1\x1b[31m")
	l.Warn("odd")
	l.Error("failed \xff")
	return tail
}

func TestLog(t *testing.T) {
	_, base := start(t, newFakeCore(), func(a *API) { a.cfg.Tail = logged() })
	for _, x := range []struct{ query, want string }{
		{"", "[2 3 4]"}, {"?level=debug", "[1 2 3 4]"}, {"?level=warn", "[3 4]"}, {"?level=error", "[4]"},
		{"?limit=1", "[4]"}, {"?after=3", "[4]"}, {"?after=4", "[]"},
	} {
		resp, got := ask(t, "GET", base+"/api/v1/system/log"+x.query, "", "Authorization: Bearer operator")
		var list List[LogRecord]
		if err := json.Unmarshal([]byte(got), &list); resp.StatusCode != 200 || err != nil {
			t.Fatalf("%s: status %d, %v: %s", x.query, resp.StatusCode, err, got)
		}
		numbers := []uint64{}
		for _, r := range list.Items {
			numbers = append(numbers, r.Number)
		}
		if got := fmt.Sprint(numbers); got != x.want {
			t.Errorf("%s: %s, want %s", x.query, got, x.want)
		}
	}
	resp, got := ask(t, "GET", base+"/api/v1/system/log?level=loud", "")
	wantProblem(t, resp, got, 422, `query.level: expected value to be one of "debug, info, warn, error", not "loud"`)
	_, got = ask(t, "GET", base+"/api/v1/system/log?limit=1", "")
	if !strings.Contains(got, `"level":"error","message":"failed `+"\uFFFD"+`","attrs":""}`) {
		t.Errorf("a record is %s", got)
	}
}

// unzipped is the files of a zip, by what stands behind the folder.
func unzipped(t *testing.T, b []byte) map[string]string {
	t.Helper()
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
		_, name, _ := strings.Cut(f.Name, "/")
		files[name] = string(text)
	}
	return files
}

// TestBundle: what is in it, and that two are not made at once.
func TestBundle(t *testing.T) {
	f := newFakeCore()
	var api *API
	_, base := start(t, f, func(a *API) { a.cfg.Tail, api = logged(), a })
	for i := range mostRecent + 3 {
		f.follow(server.Event{Kind: "online", Session: uint64(i), Time: moment})
	}
	resp, got := ask(t, "GET", base+"/api/v1/system/bundle", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/zip" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="linkd-support-2`) {
		t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	files := unzipped(t, []byte(got))
	for name, want := range map[string]string{
		"about.txt": "Look through it", "system.json": `"version": "dev"`, "providers.json": `"name": "s1"`,
		"strangers.json": `"key": "s1:x"`, "log.txt": "INFO  listening addr=", "goroutines.txt": "goroutine profile: total",
		"heap.pprof": "\x1f\x8b", "metrics.txt": "metrics", "project.yaml": "socket_conn_id: c0001",
		"revisions.json": `"revision": 1`, "stranger-rules.json": "[]",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q: %.200q", name, want, files[name])
		}
	}
	events := strings.Split(strings.TrimSpace(files["events.ndjson"]), "\n")
	if len(events) != mostRecent || !strings.Contains(events[0], `"session":3,`) {
		t.Errorf("%d events, the first %s", len(events), events[0])
	}
	api.bundling.Lock()
	resp, got = ask(t, "GET", base+"/api/v1/system/bundle", "")
	wantProblem(t, resp, got, 503, "a support bundle is being made already; try again when it is done")
	api.bundling.Unlock()
	if resp, _ = ask(t, "GET", base+"/api/v1/system/bundle", ""); resp.StatusCode != 200 {
		t.Errorf("after that: status %d", resp.StatusCode)
	}
}

// TestBundleIsBounded: a part that is too long or fails says so, the others follow; who has gone ends it.
func TestBundleIsBounded(t *testing.T) {
	var b bytes.Buffer
	long := func(w io.Writer) error {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range mostOfPart>>20 + 1 {
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	}
	broken := func(io.Writer) error { return errors.New("it broke") }
	last := func(w io.Writer) error { return second(io.WriteString(w, "whole")) }
	parts := []part{{"long", long}, {"broken", broken}, {"last", last}}
	if err := writeBundle(&b, "d", moment, parts); err != nil {
		t.Fatal(err)
	}
	files := unzipped(t, b.Bytes())
	if n := len(files["long"]); n < mostOfPart || n > mostOfPart+100 || !strings.HasSuffix(files["long"],
		"(this is not all: more than 64 MiB)\n") {
		t.Errorf("the long one has %d bytes", n)
	}
	if files["broken"] != "\n(this is not all: it broke)\n" || files["last"] != "whole" {
		t.Errorf("the others: %q, %q", files["broken"], files["last"])
	}
	gone := errors.New("gone")
	if err := writeBundle(failing{gone}, "d", moment, parts); !errors.Is(err, gone) {
		t.Errorf("to nobody: %v", err)
	}
}

// failing takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
