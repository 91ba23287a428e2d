package api

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

// plainRoutes are the paths outside the description: for people, probes and scrapers, and the description itself.
func (a *API) plainRoutes(spec *huma.OpenAPI) {
	if a.cfg.Console != nil {
		for _, path := range a.cfg.Console.Paths() {
			if strings.HasSuffix(path, "/") {
				path += "{$}" // that path alone, not all below it
			}
			a.handleOpen("GET "+path, a.cfg.Console)
		}
	}
	a.handleOpen("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok")
	}))
	a.handleOpen("GET /readyz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := a.core.Ready(); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		plain(w, http.StatusOK, a.ready())
	}))
	if a.cfg.Metrics != nil {
		a.handle(doors.Viewer, "GET /metrics", a.cfg.Metrics)
	}
	if a.cfg.Deploy != nil {
		a.deployRoutes(a.cfg.Deploy)
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

// deployRoutes serve files as they are: what the build has put into linkd, a handful.
func (a *API) deployRoutes(files fs.FS) {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			a.handle(doors.Viewer, "GET /deploy/"+name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.ServeFileFS(w, r, files, name)
			}))
		}
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("api: the files of deploy cannot be listed: %v", err)) // they are in memory: a test sees it
	}
}

func plain(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n")
}
