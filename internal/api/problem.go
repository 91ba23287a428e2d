package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/internal/store"
	"linkd/project"
	"linkd/server"
)

const problemType = "application/problem+json"

// explain makes a refusal by schema speak in its detail: every field, what it was, and what would be right.
func explain(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok || len(m.Errors) == 0 {
		return v, nil
	}
	const mostValue = 64 // a longer value says nothing that its sender does not know
	parts := make([]string, 0, len(m.Errors))
	for _, e := range m.Errors {
		if e == nil {
			continue
		}
		s := e.Message
		if e.Location != "" {
			s = e.Location + ": " + s
		}
		if t, ok := e.Value.(string); ok && t != "" && len(t) <= mostValue {
			s += fmt.Sprintf(", not %q", t)
		} else if n, ok := e.Value.(float64); ok {
			s += fmt.Sprintf(", not %v", n)
		} else if n, ok := e.Value.(int64); ok {
			s += fmt.Sprintf(", not %d", n)
		}
		e.Value = nil // it may be the whole body
		parts = append(parts, s)
	}
	m.Detail = strings.Join(parts, "; ")
	return m, nil
}

// refusal is the problem that stands for an error of the core or of the doors. what names the thing asked for, such as
// "connection s1/c1".
func refusal(what string, err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "server: "), "doors: ")
	if problem := unchanged(what, err); problem != nil {
		return problem
	}
	switch {
	case errors.Is(err, doors.ErrNotFound):
		return huma.Error404NotFound(what + ": " + text)
	case errors.Is(err, doors.ErrConflict):
		return huma.Error409Conflict(what + ": " + text)
	case errors.Is(err, doors.ErrInvalid):
		return huma.Error422UnprocessableEntity(what + ": " + text)
	case errors.Is(err, server.ErrNotFound):
		if _, more, ok := strings.Cut(err.Error(), server.ErrNotFound.Error()+": "); ok {
			return huma.Error404NotFound(more)
		}
		return huma.Error404NotFound(what + ": not found")
	case errors.Is(err, server.ErrOffline):
		return huma.Error409Conflict(what + ": offline; it must be online for this")
	case errors.Is(err, server.ErrConflict):
		return huma.Error409Conflict(what + ": " + text)
	case errors.Is(err, server.ErrInvalid):
		return huma.Error422UnprocessableEntity(what + ": " + text)
	case errors.Is(err, server.ErrSlow), errors.Is(err, server.ErrBusy):
		return huma.Error503ServiceUnavailable(what + ": " + text)
	case errors.Is(err, server.ErrClosed), errors.Is(err, context.Canceled):
		return huma.Error503ServiceUnavailable(what + ": linkd is stopping")
	}
	return huma.Error500InternalServerError(what + ": " + text)
}

// unchanged is the problem that stands for a change of the configuration that was not made; nil for any other error.
func unchanged(what string, err error) error {
	after := func(sentinel error) string { return strings.TrimPrefix(err.Error(), sentinel.Error()+": ") }
	var faults project.Errors
	switch {
	case errors.As(err, &faults):
		places := make([]error, len(faults))
		for i, f := range faults {
			places[i] = &huma.ErrorDetail{Location: f.Field, Message: f.Error()}
		}
		return huma.Error422UnprocessableEntity(what, places...)
	case errors.Is(err, config.ErrNotFound):
		return huma.Error404NotFound(after(config.ErrNotFound))
	case errors.Is(err, config.ErrStale):
		return huma.Error412PreconditionFailed(after(config.ErrStale))
	case errors.Is(err, config.ErrConflict):
		return huma.Error409Conflict(after(config.ErrConflict))
	case errors.Is(err, store.ErrForgotten), errors.Is(err, store.ErrUnknown):
		return huma.Error404NotFound(what + ": " + strings.TrimPrefix(err.Error(), "store: "))
	case errors.Is(err, store.ErrFull):
		return huma.NewError(http.StatusInsufficientStorage, what+": "+strings.TrimPrefix(err.Error(), "store: "))
	}
	return nil
}

// noSuchPath answers unknown paths and wrong methods with problem details, where the mux, which would have missing
// answer, has plain text.
func noSuchPath(w http.ResponseWriter, r *http.Request, missing http.Handler) {
	said := &heard{header: http.Header{}}
	missing.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeProblem(w, said.status, fmt.Sprintf("%s: not a method of %s; use %s", r.Method, r.URL.Path, allow))
		return
	}
	writeProblem(w, http.StatusNotFound,
		fmt.Sprintf("%s: no such path; GET /api/openapi.json lists all", r.URL.Path))
}

// heard takes an answer's status and header and drops its body.
type heard struct {
	header http.Header
	status int
}

func (h *heard) Header() http.Header         { return h.header }
func (h *heard) WriteHeader(status int)      { h.status = status }
func (h *heard) Write(p []byte) (int, error) { return len(p), nil }

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// The status is out: a client that is gone cannot be told anything more.
	_ = enc.Encode(&huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}
