package api

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/pprof"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/internal/doors"
	"linkd/internal/logtail"
	"linkd/server"
)

const (
	mostOfPart = 64 << 20 // bytes of one file of a bundle; what is more is cut
	aboutText  = `What linkd knows of itself, for whoever helps with it.

project.yaml has *** for secrets: of connections, of options by their name (password, token, secret, headers, ...), and
what a URL says beside its host. Names, ids, addresses and titles are there as they are; so is what was written into the
commands of text drivers. Look through it before you hand it on.
`
)

// part is one file of a bundle.
type part struct {
	name  string
	write func(io.Writer) error
}

func (a *API) bundleRoute(h huma.API, path string) {
	op := operation(doors.Admin, http.MethodGet, path, "What helps to help: a zip file, without secrets")
	op.Description = "Version, limits, metrics, the project, its changes, providers, the bus, strangers, the last " +
		"events and log records, goroutines and the heap. Secrets of connections and options are left out."
	op.Responses = map[string]*huma.Response{"200": {Description: "A zip file.",
		Content: map[string]*huma.MediaType{
			"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
	huma.Register(h, op, a.bundle)
}

// bundle streams a zip file. One is made at a time: a profile of the heap is not for free.
func (a *API) bundle(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if !a.bundling.TryLock() {
		return nil, huma.Error503ServiceUnavailable("a support bundle is being made already; try again when it is done")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer a.bundling.Unlock()
		r, w := humago.Unwrap(c)
		now := time.Now().UTC()
		name := "linkd-support-" + now.Format("20060102-150405")
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.zip"`)
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodHead {
			return
		}
		rc := http.NewResponseController(w)
		err := writeBundle(patientWriter{w, rc}, name, now, a.parts(ctx))
		_ = rc.SetWriteDeadline(time.Time{}) // the connection may serve another request
		a.audit(ctx, "download", "a support bundle", err)
	}}, nil
}

// patientWriter gives each write its own time.
type patientWriter struct {
	w  io.Writer
	rc *http.ResponseController
}

func (p patientWriter) Write(b []byte) (int, error) {
	if err := p.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}

// writeBundle writes the parts as they are made. A part that fails says so at its end; who reads no more ends it all.
func writeBundle(to io.Writer, dir string, now time.Time, parts []part) error {
	z := zip.NewWriter(to)
	for _, p := range parts {
		f, err := z.CreateHeader(&zip.FileHeader{Name: dir + "/" + p.name, Method: zip.Deflate, Modified: now})
		if err != nil {
			return err
		}
		left := &limitedWriter{w: f, left: mostOfPart}
		if err := p.write(left); err != nil {
			if left.broken != nil {
				return left.broken
			}
			if _, err := fmt.Fprintf(f, "\n(this is not all: %v)\n", err); err != nil {
				return err
			}
		}
	}
	return z.Close()
}

var errPartFull = fmt.Errorf("more than %d MiB", mostOfPart>>20)

// limitedWriter takes so many bytes and then fails.
type limitedWriter struct {
	w      io.Writer
	left   int
	broken error // of w
}

func (l *limitedWriter) Write(b []byte) (int, error) {
	var full error
	if len(b) > l.left {
		b, full = b[:l.left], errPartFull
	}
	n, err := l.w.Write(b)
	l.left -= n
	if err != nil {
		l.broken = err
		return n, err
	}
	return n, full
}

// parts is what a bundle has.
func (a *API) parts(ctx context.Context) []part {
	list := []part{
		{"about.txt", func(w io.Writer) error { return second(io.WriteString(w, aboutText)) }},
		{"system.json", asJSON(func() (any, error) { return a.systemView(0), nil })},
		{"providers.json", asJSON(func() (any, error) { return views(a.core.Providers(), providerView), nil })},
		{"strangers.json", asJSON(func() (any, error) { return views(a.core.Strangers(), strangerWithoutSecret), nil })},
		{"events.ndjson", a.writeEvents},
		{"log.txt", a.writeLog},
		{"goroutines.txt", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) }},
		{"heap.pprof", func(w io.Writer) error { return pprof.Lookup("heap").WriteTo(w, 0) }},
	}
	if a.cfg.Metrics != nil {
		list = append(list, part{"metrics.txt", func(w io.Writer) error { return a.writeMetrics(ctx, w) }})
	}
	if e := a.cfg.Editor; e != nil {
		list = append(list,
			part{"project.yaml", func(w io.Writer) error {
				p := e.Project()
				if p == nil {
					return nil
				}
				return second(w.Write(p.Redacted().YAML()))
			}},
			part{"revisions.json", asJSON(func() (any, error) {
				list, err := e.Revisions(0, mostItems)
				return views(list, revisionView), err
			})},
			part{"stranger-rules.json", asJSON(func() (any, error) { return views(e.Reactor.Rules(), ruleView), nil })})
	}
	if b := a.cfg.Bus; b != nil {
		list = append(list,
			part{"bus.json", asJSON(func() (any, error) { return b.State(), nil })},
			part{"outputs.json", asJSON(func() (any, error) { return b.Outputs(), nil })})
	}
	return list
}

// strangerWithoutSecret leaves out what was sent by who knows an id: the secret that goes with it may be there.
func strangerWithoutSecret(s server.Stranger) Stranger {
	if s.Reason == server.ReasonSecret.String() || s.Reason == server.ReasonDisabled.String() {
		s.FirstBytes = nil
	}
	return strangerView(s)
}

func second(_ int, err error) error { return err }

// asJSON writes what make returns.
func asJSON(make func() (any, error)) func(io.Writer) error {
	return func(w io.Writer) error {
		v, err := make()
		if err != nil {
			return err
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
}

func (a *API) writeEvents(w io.Writer) error {
	enc := json.NewEncoder(w)
	for _, e := range a.recent.all() {
		if err := enc.Encode(eventView(e)); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) writeLog(w io.Writer) error {
	for _, r := range a.tail().Since(0, slog.LevelDebug, logtail.MaxRecords) {
		_, err := fmt.Fprintf(w, "%s %-5s %s %s\n", r.Time.UTC().Format(time.RFC3339Nano), r.Level, r.Message, r.Attrs)
		if err != nil {
			return err
		}
	}
	return nil
}

// writeMetrics writes what a scraper would get.
func (a *API) writeMetrics(ctx context.Context, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	a.cfg.Metrics.ServeHTTP(&answerTo{Writer: w, header: http.Header{}}, req)
	return nil
}

// answerTo takes an answer's body.
type answerTo struct {
	io.Writer
	header http.Header
}

func (t *answerTo) Header() http.Header { return t.header }
func (t *answerTo) WriteHeader(int)     {}
