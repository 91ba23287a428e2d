package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// entry is what the tests read of a report or an event.
type entry struct {
	Event, Connection, Channel string
	Tags                       map[string]struct {
		V any
		Q string
	}
}

// receiver is a web server that takes what a webhook posts.
type receiver struct {
	mu     sync.Mutex
	posts  int
	got    []entry
	faults []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	var list []entry
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || q.Header.Get("Idempotency-Key") == "" || q.Header.Get("Linkd-Signature") == "" {
		r.faults = append(r.faults, fmt.Sprintf("%v: %v: %s", q.Header, err, b))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.posts++
	r.got = append(r.got, list...)
}

func (r *receiver) entries() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]entry(nil), r.got...)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

// whole says what is missing among entries: a good temperature, and a link that came online.
func whole(list []entry) error {
	tags, online := 0, 0
	for _, e := range list {
		if e.Channel == "ch_dev1" && e.Tags["temperature"].Q == "good" {
			tags++
		}
		if e.Event == "online" && e.Connection == "c1" {
			online++
		}
	}
	if tags == 0 || online == 0 {
		return fmt.Errorf("%d entries: %d with a temperature, %d of c1 that came online", len(list), tags, online)
	}
	return nil
}

// lines are the entries of a file.
func lines(file string) (list []entry, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		list = append(list, e)
	}
	return list, nil
}

// outputState is how an output is.
type outputState struct {
	Name, Type, State, Error string
	Sent, Dropped            uint64
}

// output is the state of an output; the zero outputState when there is none.
func (in *instance) output(t *testing.T, name string) outputState {
	t.Helper()
	var list struct{ Items []outputState }
	in.read(t, "/bus/outputs", &list)
	for _, o := range list.Items {
		if o.Name == name {
			return o
		}
	}
	return outputState{}
}

// TestOutputs: a file and a webhook get reports and events; outputs come and go while linkd runs; one whose far end is
// not there harms nothing.
func TestOutputs(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouseModbus+`outputs:
  - {name: archive, type: file, options: {path: values.ndjson}}
  - {name: lost, type: mqtt, options: {server: "tcp://127.0.0.1:1", retry: 100ms}}
`, anyPorts...)
	hook := &receiver{}
	web := httptest.NewServer(hook)
	t.Cleanup(web.Close)
	body := `{"type": "webhook", "options": {"url": "` + web.URL + `", "linger": "50ms", "secret": "` +
		strings.Repeat("s", 32) + `"}}`
	if res, b := in.exchange(t, http.MethodPut, "/outputs/hook", body, "", ""); res.StatusCode != http.StatusCreated {
		t.Fatalf("a new output: %s: %s", res.Status, b)
	}
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "outputs", "archive", "values.ndjson")
	eventually(t, "the file has all", func() error {
		list, err := lines(file)
		if err != nil {
			return err
		}
		return whole(list)
	})
	eventually(t, "the webhook has all", func() error { return whole(hook.entries()) })
	for _, name := range []string{"archive", "hook"} {
		if o := in.output(t, name); o.State != "ok" || o.Sent == 0 || o.Dropped > 0 {
			t.Errorf("%s is %+v", name, o)
		}
	}
	in.lostOutput(t)
	in.endsOutput(t, hook, file)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	if len(hook.faults) > 0 {
		t.Errorf("the webhook has posted this: %s", hook.faults)
	}
}

// lostOutput checks that the output to a broker that is not there says so, and that all else is well.
func (in *instance) lostOutput(t *testing.T) {
	t.Helper()
	eventually(t, "the lost output is failing", func() error {
		if o := in.output(t, "lost"); o.State != "failing" || !strings.Contains(o.Error, "connection refused") {
			return fmt.Errorf("it is %+v", o)
		}
		return nil
	})
	if b, err := in.request(http.MethodGet, "/readyz", ""); err != nil || strings.TrimSpace(string(b)) != "ok" {
		t.Errorf("with a lost output /readyz says %s, %v", b, err)
	}
	in.becomes(t, "ch_dev1/d1/temperature", "good", "")
}

// endsOutput removes the webhook: nothing is posted any more while the file goes on.
func (in *instance) endsOutput(t *testing.T, hook *receiver, file string) {
	t.Helper()
	if res, b := in.exchange(t, http.MethodDelete, "/outputs/hook", "", "", ""); res.StatusCode != http.StatusNoContent {
		t.Fatalf("an output removed: %s: %s", res.Status, b)
	}
	posts := hook.count()
	before, err := lines(file)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file goes on", func() error {
		list, err := lines(file)
		if err == nil && len(list) < len(before)+10 {
			err = fmt.Errorf("it has %d lines, had %d", len(list), len(before))
		}
		return err
	})
	if n := hook.count(); n != posts {
		t.Errorf("removed, the webhook has posted %d times more", n-posts)
	}
	if o := in.output(t, "hook"); o.Name != "" {
		t.Errorf("removed, it is %+v", o)
	}
}
