package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	row1 = `{"provider":"s1","name":"c1","socket_conn_id":"c0001","state":"online","remote_addr":"10.0.0.9:4000",` +
		`"since":"2026-03-01T11:00:00.5Z","session":3,"bytes_in":10,"bytes_out":20,"channel":"ch"}`
	row2 = `{"provider":"s1","name":"c2","remote_ip":"10.1.0.0/16","state":"offline","since":null}`
	row3 = `{"provider":"s1","name":"c3","socket_conn_id":"a\u001b[31m","state":"offline","since":null}`
)

func TestPS(t *testing.T) {
	s := answers(t, map[string]string{
		"GET /api/v1/connections?limit=1000":                         `{"items":[` + row1 + `,` + row2 + `],"next":"n/2"}`,
		"GET /api/v1/connections?cursor=n%2F2&limit=1000":            `{"items":[` + row3 + `],"next":""}`,
		"GET /api/v1/connections?limit=1000&state=online":            `{"items":[` + row1 + `],"next":"n2"}`,
		"GET /api/v1/connections?cursor=n2&limit=1000&state=online":  `503 connections: linkd is stopping`,
		"GET /api/v1/connections?limit=1000&state=offline":           `{"items":[],"next":""}`,
		"GET /api/v1/connections?limit=1000&state=disabled":          `{"items":[],"next":"x"}`,
		"GET /api/v1/connections?cursor=x&limit=1000&state=disabled": `{"items":[],"next":"x"}`,
	})
	head := "PROVIDER/NAME  STATE"
	t.Run("table", func(t *testing.T) {
		status, out, errs := runIn(t.Context(), "ps", "--url", s.URL)
		want := "" +
			"PROVIDER/NAME  STATE    ID           REMOTE         SINCE                 SESSION  IN  OUT  CHANNEL\n" +
			"s1/c1          online   c0001        10.0.0.9:4000  2026-03-01T11:00:00Z  3        10  20   ch\n" +
			"s1/c2          offline  10.1.0.0/16  -              -                     0        0   0    -\n" +
			"s1/c3  offline  \"a\\x1b[31m\"  -  -  0  0  0  -\n" // its page has columns of its own
		if status != 0 || out != want || errs != "" {
			t.Errorf("exit status %d, stderr %q, stdout\n%s\nwant\n%s", status, errs, out, want)
		}
	})
	t.Run("json", func(t *testing.T) {
		wantRun(t, []string{"ps", "-o", "json", "--url", s.URL}, 0,
			"{\"items\":[\n"+row1+",\n"+row2+",\n"+row3+"\n]}\n", "")
	})
	t.Run("none", func(t *testing.T) {
		wantRun(t, []string{"ps", "--state", "offline", "-o", "json", "--url", s.URL}, 0, "{\"items\":[]}\n", "")
	})
	t.Run("refused on the way", func(t *testing.T) {
		status, out, errs := runIn(t.Context(), "ps", "--state", "online", "--url", s.URL)
		if want := "linkd: connections: linkd is stopping\n"; status != 1 || errs != want || !strings.HasPrefix(out, head) {
			t.Errorf("exit status %d, stderr %q, stdout %q", status, errs, out)
		}
	})
	t.Run("a cursor that does not move on", func(t *testing.T) {
		status, _, errs := runIn(t.Context(), "ps", "--state", "disabled", "--url", s.URL)
		if want := "linkd: " + s.URL + " gives the same page again and again (cursor \"x\")\n"; status != 1 || errs != want {
			t.Errorf("exit status %d, stderr %q, want %q", status, errs, want)
		}
	})
}

func TestDrivers(t *testing.T) {
	s := answers(t, map[string]string{
		"GET /api/v1/drivers?connection=s1%2Fc1": `{"items":[` +
			`{"name":"raw","title":"Raw bytes","links":["tcp-server","tcp-client"],"selectable":true,"reason":""},` +
			`{"name":"sim","title":"","links":["none"],"selectable":false,"reason":"not on tcp-server"}],"next":""}`,
		"GET /api/v1/drivers?": `{"items":[` +
			`{"name":"raw","title":"Raw bytes","links":["none"],"selectable":true,"options":[]},` +
			`{"name":"text","title":"Lines","links":["tcp-server","tcp-client"],"selectable":true,"options":[` +
			`{"key":"max_line","kind":"number","default":"1024","choices":[]},` +
			`{"key":"mode","kind":"choice","default":"a","choices":["a","b"],"about":"how it reads"},` +
			`{"key":"patterns","kind":"texts","default":"","choices":[]}]}],"next":""}`,
		"GET /api/v1/drivers?connection=s1%2Fc9": `404 provider s1 has no connection "c9"`,
	})
	wantRun(t, []string{"drivers", "--connection", "s1/c1", "--url", s.URL}, 0, ""+
		"NAME  LINKS                  SELECTABLE  TITLE      REASON\n"+
		"raw   tcp-server,tcp-client  yes         Raw bytes  -\n"+
		"sim   none                   no          -          not on tcp-server\n", "")
	wantRun(t, []string{"drivers", "text", "--url", s.URL}, 0, ""+
		"text: Lines\nlinks: tcp-server, tcp-client\n"+
		"OPTION    KIND    DEFAULT  CHOICES  FOR\n"+
		"max_line  number  1024     -        -\n"+
		"mode      choice  a        a,b      how it reads\n"+
		"patterns  texts   -        -        -\n", "")
	wantRun(t, []string{"drivers", "raw", "--url", s.URL}, 0, "raw: Raw bytes\nlinks: none\nIt has no options.\n", "")
	wantRun(t, []string{"drivers", "sim", "--connection", "s1/c1", "--url", s.URL}, 0, ""+
		"sim: -\nlinks: none\nnot selectable: not on tcp-server\nIt has no options.\n", "")
	wantRun(t, []string{"drivers", "row", "--url", s.URL}, 1, "",
		"linkd: driver \"row\" is not known; choose one of: raw, text\n")
	status, _, errs := runIn(t.Context(), "drivers", "--connection", "s1/c9", "--url", s.URL)
	if want := "linkd: provider s1 has no connection \"c9\"\n"; status != 1 || errs != want {
		t.Errorf("exit status %d, stderr %q, want %q", status, errs, want)
	}
}

func TestSend(t *testing.T) {
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = string(b)
		if !strings.HasSuffix(r.URL.Path, "/s1/c1/send") {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"detail":"connection s1/c2: offline;\nit must be online for this"}`)
			return
		}
		var body struct{ Hex string }
		_ = json.Unmarshal(b, &body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"sent":%d,"received_hex":%q}`, len(body.Hex)/2, strings.TrimPrefix(body.Hex, "ff"))
	}))
	defer s.Close()
	wantRun(t, []string{"send", "s1/c1", "--text", `0123456789abcdef\r\n`, "--url", s.URL}, 0, ""+
		"sent 18 bytes\n"+
		"received 18 bytes\n"+
		"<- 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|\n"+
		"   0d 0a                                            |..|\n", "")
	if want := `{"hex":"303132333435363738396162636465660d0a","wait_ms":2000}`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	wantRun(t, []string{"send", "s1/c1", "--hex", "ff", "--wait", "1.5s", "--url", s.URL}, 0,
		"sent 1 byte\nreceived nothing within 1.5s\n", "")
	wantRun(t, []string{"send", "s1/c2", "--hex", "ff", "--url", s.URL}, 1, "",
		"linkd: connection s1/c2: offline; it must be online for this\n")
}

// lockedBuffer is a writer that a test may read while a command writes.
type lockedBuffer struct {
	mu  sync.Mutex
	b   strings.Builder
	has chan struct{} // has an element after each write
}

func newLockedBuffer() *lockedBuffer { return &lockedBuffer{has: make(chan struct{}, 1)} }

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.has <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await returns what is written once ok likes it.
func (l *lockedBuffer) await(t *testing.T, ok func(string) bool) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if s := l.String(); ok(s) {
			return s
		}
		select {
		case <-l.has:
		case <-deadline:
			t.Fatalf("only this was written: %q", l.String())
		}
	}
}

const tapStream = ": linkd\n\n" +
	"event: frame\ndata: {\"ts\":\"2026-03-01T11:00:00.5Z\",\"dir\":\"in\",\"hex\":\"410d0a\",\"lost\":0}\n\n" +
	"event: other\ndata: {}\n\n: still here\n\n" +
	"event: frame\ndata: {\"ts\":\"2026-03-01T11:00:01Z\",\"dir\":\"out\",\"hex\":\"ff\",\"lost\":3}\n\n"

func TestTap(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, tapStream)
		if r.URL.Path == "/api/v1/connections/s1/c1/tap" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	first := time.Date(2026, 3, 1, 11, 0, 0, 500e6, time.UTC).Local().Format("15:04:05.000")
	second := time.Date(2026, 3, 1, 11, 0, 1, 0, time.UTC).Local().Format("15:04:05.000")

	t.Run("until Ctrl-C", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		out, errs := newLockedBuffer(), newLockedBuffer()
		status := make(chan int)
		go func() { status <- run(ctx, []string{"linkd", "tap", "s1/c1", "--url", s.URL}, out, errs) }()
		want := first + " <- 41 0d 0a                                         |A..|\n" +
			"-- 3 frames lost here\n" +
			second + " -> ff                                               |.|\n"
		out.await(t, func(got string) bool { return got == want })
		interrupt()
		if got := <-status; got != 0 || errs.String() != "" {
			t.Errorf("exit status %d, stderr %q", got, errs)
		}
	})
	t.Run("hex, until the server ends it", func(t *testing.T) {
		wantRun(t, []string{"tap", "s1/c2", "--hex", "--url", s.URL}, 1,
			first+" <- 41 0d 0a\n-- 3 frames lost here\n"+second+" -> ff\n", "linkd: "+s.URL+" ended the tap\n")
	})
}

func TestReadEvents(t *testing.T) {
	var got []string
	on := func(event, data string) error {
		got = append(got, event+"="+data)
		return nil
	}
	const stream = "data: a\ndata:b\nid: 1\n\nevent: e\n\nevent: f\ndata: c\n\ndata: unfinished"
	if err := readEvents(strings.NewReader(stream), on); err != nil {
		t.Fatal(err)
	}
	if want := "=a\nb|f=c"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
	for name, endless := range map[string]string{
		"line":  "data: " + strings.Repeat("x", mostEvent+1),
		"event": strings.Repeat("data: "+strings.Repeat("x", mostEvent/4)+"\n", 5),
	} {
		if err := readEvents(strings.NewReader(endless), on); err == nil {
			t.Errorf("an endless %s is taken", name)
		}
	}
}
