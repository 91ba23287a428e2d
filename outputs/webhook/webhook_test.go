package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/project"
	"linkd/server"
)

// hub is a far end that keeps what it is sent.
type hub struct {
	*httptest.Server
	mu     sync.Mutex
	down   bool
	bodies [][]byte
}

func newHub(t *testing.T) *hub {
	h := &hub{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Server.Close)
	return h
}

func (h *hub) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down || err != nil {
		http.Error(w, "down", http.StatusInternalServerError)
		return
	}
	h.bodies = append(h.bodies, body)
}

func (h *hub) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *hub) Down() { h.set(true) }
func (h *hub) Up()   { h.set(false) }

func (h *hub) Payloads() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([][]byte(nil), h.bodies...)
}

func (h *hub) Options() map[string]any {
	return map[string]any{"url": h.URL, "linger": "10ms", "retry": "10ms", "retry_max": "50ms"}
}

func TestConformance(t *testing.T) {
	outputtest.Run(t, Kind(), Kind().Formats, func(t *testing.T, _ string) outputtest.Peer { return newHub(t) })
}

// start makes a webhook that talks to a handler without a network, so that time can be simulated.
func start(t *testing.T, format string, more map[string]any, h http.HandlerFunc) *sim {
	t.Helper()
	m := map[string]any{"url": "http://hub.test/in"}
	for k, v := range more {
		m[k] = v
	}
	opt, err := read(m)
	if err != nil {
		t.Fatal(err)
	}
	s := &sim{}
	s.webhook, err = open(opt, format, outputs.Env{Project: "p", Log: outputtest.Log(t)}, roundTrip(
		func(w http.ResponseWriter, req *http.Request) { s.look(func() { h(w, req) }) }))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sim is a webhook whose handler shares variables with the test: both touch them under look.
type sim struct {
	*webhook
	mu sync.Mutex
}

func (s *sim) look(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

type roundTrip http.HandlerFunc

func (h roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, req)
	return w.Result(), req.Context().Err()
}

func report(n int) []server.Report { return []server.Report{outputtest.Report("d1", n)} }

// TestHourOf500: an hour of refusals costs few tries, a bounded spool, and no order: what is left comes when the far
// end is back, and every message is counted.
func TestHourOf500(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries int
		var got []int
		begin, spool := time.Now(), 200<<10
		w := start(t, "json", map[string]any{"spool": spool, "batch": 100}, func(w http.ResponseWriter, req *http.Request) {
			tries++
			if time.Since(begin) < time.Hour {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			body, _ := io.ReadAll(req.Body)
			got = append(got, outputtest.Values(t, "json", body)...)
		})
		for n := range 3600 {
			w.Reports(report(n))
			time.Sleep(time.Second)
			synctest.Wait()
			if st := w.Stats(); st.QueuedBytes > int64(spool) {
				t.Fatalf("%d bytes in a spool of %d", st.QueuedBytes, spool)
			}
		}
		w.mu.Lock()
		if st := w.Stats(); tries < 60 || tries > 140 || st.State != outputs.Failing || st.Retries != uint64(tries) {
			t.Errorf("%d tries in an hour, state %+v; want one each 30 s to 60 s, and failing", tries, st)
		}
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		st := w.Stats()
		if st.Tags.Sent+st.Tags.Dropped != 3600 || st.Queued != 0 || st.Tags.Dropped == 0 || st.State != outputs.Fine {
			t.Errorf("%+v; want all of 3600 sent or dropped", st)
		}
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				t.Fatalf("%d came after %d", got[i], got[i-1])
			}
		}
		if len(got) != int(st.Tags.Sent) || got[len(got)-1] != 3599 {
			t.Errorf("%d came, the last is %d; want %d and 3599", len(got), got[len(got)-1], st.Tags.Sent)
		}
		w.Close(t.Context())
	})
}

// TestAnswers: what each answer does to a batch.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		header  string
		dropped uint64
		wait    time.Duration // before the second try
	}{
		{status: 400, dropped: 1}, {status: 404, dropped: 1}, {status: 413, dropped: 1},
		{status: 408, wait: time.Second}, {status: 429, wait: time.Second}, {status: 503, wait: time.Second},
		{status: 301, wait: time.Second}, {status: 429, header: "30", wait: 30 * time.Second},
		{status: 503, header: "Sat, 01 Jan 2000 00:01:00 GMT", wait: 59 * time.Second},
		{status: 503, header: "999999999", wait: time.Hour}, {status: 503, header: "-5", wait: time.Second},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				var keys []string
				w := start(t, "json", map[string]any{"linger": 0}, func(w http.ResponseWriter, req *http.Request) {
					if at, keys = append(at, time.Now()), append(keys, req.Header.Get("Idempotency-Key")); len(at) > 1 {
						return
					}
					w.Header().Set("Retry-After", c.header)
					w.Header().Set("Location", "http://elsewhere.test/")
					w.WriteHeader(c.status)
				})
				w.Reports(report(0))
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				st := w.Stats()
				w.mu.Lock()
				if st.Tags.Dropped != c.dropped || st.Tags.Sent != 1-c.dropped || len(at) != int(2-c.dropped) {
					t.Fatalf("%d tries, %+v", len(at), st)
				}
				if c.dropped == 0 {
					if wait := at[1].Sub(at[0]); wait < c.wait/2 || wait > c.wait+time.Second {
						t.Errorf("the second try came after %s, want about %s", wait, c.wait)
					}
					if keys[0] == "" || keys[0] != keys[1] {
						t.Errorf("the two tries had the keys %q, want one and the same", keys)
					}
				}
				w.mu.Unlock()
				w.Reports(report(1))
				time.Sleep(time.Minute)
				synctest.Wait()
				if last := keys[len(keys)-1]; last == keys[0] || w.Stats().State != outputs.Fine {
					t.Errorf("the next batch has the key %q after %q, state %+v", last, keys[0], w.Stats())
				}
				w.Close(t.Context())
			})
		})
	}
}

// TestRequest: headers, signature and body, as the receiver sees them.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("HOOK_SECRET", "s3cret")
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		types := map[string]string{"json": "application/json", "ndjson": "application/x-ndjson",
			"influx": "text/plain; charset=utf-8", "protobuf": "application/x-protobuf; messageType=linkd.v1.Batch"}
		for format, contentType := range types {
			var req *http.Request
			var body []byte
			w := start(t, format, map[string]any{"secret": "env:HOOK_SECRET", "token": "file:" + token,
				"headers": map[string]any{"x-plant": "north"}}, func(_ http.ResponseWriter, r *http.Request) {
				req = r
				body, _ = io.ReadAll(r.Body)
			})
			w.Reports(report(1))
			w.Reports(report(2))
			w.Close(t.Context())
			mac := hmac.New(sha256.New, []byte("s3cret"))
			fmt.Fprintf(mac, "%d.%s", time.Now().Unix(), body)
			for name, want := range map[string]string{"Content-Type": contentType, "Authorization": "Bearer t0ken",
				"X-Plant": "north", TimestampHeader: fmt.Sprint(time.Now().Unix()),
				SignatureHeader: "sha256=" + hex.EncodeToString(mac.Sum(nil))} {
				if got := req.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", format, name, got, want)
				}
			}
			if got := outputtest.Values(t, format, body); fmt.Sprint(got) != "[1 2]" {
				t.Errorf("%s: values %v, want 1 and 2", format, got)
			}
			if format == "json" {
				var list []map[string]any
				if err := json.Unmarshal(body, &list); err != nil || len(list) != 2 {
					t.Errorf("%s is no JSON array of two: %v", body, err)
				}
			}
		}
	})
}

// TestBatches: by count, by bytes, by time.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		w := start(t, "ndjson", map[string]any{"batch": 10, "batch_bytes": 1024, "linger": "5s"},
			func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if len(body) > 1024 {
					t.Errorf("a body of %d bytes", len(body))
				}
				sizes = append(sizes, bytes.Count(body, []byte("\n")))
			})
		defer func() { w.Close(context.Background()) }()
		for i := range 20 {
			w.Reports(report(i))
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		w.mu.Lock()
		before := len(sizes)
		w.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		total := 0
		for _, n := range sizes {
			total += n
		}
		if before == len(sizes) || total != 20 {
			t.Errorf("batches of %v, %d of them before the linger ended", sizes, before)
		}
	})
}

// TestTLS: the server's certificate must be signed by ca; a redirect is not followed.
func TestTLS(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	var posts atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		posts.Add(1)
		http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options map[string]any
		want    string
	}{
		"unknown authority": {nil, "certificate signed by unknown authority"},
		"redirect":          {map[string]any{"ca": ca}, "redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			opt := map[string]any{"url": srv.URL, "linger": 0}
			for k, v := range c.options {
				opt[k] = v
			}
			m, err := Kind().Compile(&project.Output{Format: "json", Options: opt})
			if err != nil {
				t.Fatal(err)
			}
			s, err := m(outputs.Env{Log: outputtest.Log(t)})
			if err != nil {
				t.Fatal(err)
			}
			s.Reports(report(1))
			outputtest.Eventually(t, func() error {
				if got := s.Stats().Error; !strings.Contains(got, c.want) {
					return fmt.Errorf("error %q, want %q", got, c.want)
				}
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			s.Close(ctx)
		})
	}
	if followed.Load() || posts.Load() == 0 {
		t.Errorf("the redirect was followed: %v; %d posts came", followed.Load(), posts.Load())
	}
}

func TestOptions(t *testing.T) {
	for want, m := range map[string]map[string]any{
		`url is ""; write http://HOST/PATH`:               {},
		`url is "ftp://h/"; write http://HOST/PATH`:       {"url": "ftp://h/"},
		"batch is 0; write a whole number from 1":         {"url": "http://h/", "batch": 0},
		"timeout is 1; write a time from 100ms to 5m0s":   {"url": "http://h/", "timeout": 1},
		"batch_bytes is 3PB; write bytes from 1KiB":       {"url": "http://h/", "batch_bytes": "3PB"},
		"headers has host, which the output sets":         {"url": "http://h/", "headers": map[string]any{"host": "x"}},
		`headers has "a b", which HTTP cannot carry`:      {"url": "http://h/", "headers": map[string]any{"a b": "x"}},
		"cert needs key, and key needs cert":              {"url": "http://h/", "cert": "x"},
		`send has "all"; write a list of: tags, conn`:     {"url": "http://h/", "send": []any{"all"}},
		`secret is "env:"; write env:NAME or file:PATH`:   {"url": "http://h/", "secret": "env:"},
		`channels has "["; write names of channels, or p`: {"url": "http://h/", "channels": "["},
	} {
		if _, err := read(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %s", m, err, want)
		}
	}
}

// FuzzRetryAfter: whatever it says, the wait is bounded.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "5", "-1", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, time.Unix(1e9, 0)); d < 0 || d > maxWait {
			t.Fatalf("%q: wait %s", s, d)
		}
	})
}
