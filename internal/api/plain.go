package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

// page is the whole site until there is a console. It loads nothing.
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>linkd</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
</style>
<h1>linkd</h1>
<p>The cloud end of a fleet of devices that dial in.</p>
<ul>
  <li><a href="/api/v1/providers">Providers</a></li>
  <li><a href="/api/v1/connections">Connections</a></li>
  <li><a href="/api/v1/strangers">Strangers</a></li>
  <li><a href="/api/openapi.json">The API (OpenAPI 3.1)</a></li>
  <li><a href="/metrics">Metrics</a></li>
</ul>
</html>
`

// plainRoutes are the paths outside the description: for people, probes and scrapers, and the description itself.
func (a *API) plainRoutes(spec *huma.OpenAPI) {
	a.handle(doors.Viewer, "GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = io.WriteString(w, page)
	}))
	a.handleOpen("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok")
	})
	a.handleOpen("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.core.Ready(); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		plain(w, http.StatusOK, a.ready())
	})
	if a.cfg.Metrics != nil {
		a.handle(doors.Viewer, "GET /metrics", a.cfg.Metrics)
	}
	described, err := json.Marshal(spec)
	if err != nil {
		panic(fmt.Sprintf("api: the description cannot be written: %v", err)) // the routes are fixed: a test sees it
	}
	a.handle(doors.Viewer, "GET /api/openapi.json", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(described)
	}))
}

func plain(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n")
}
