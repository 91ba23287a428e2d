package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/server"
)

type eventsInput struct {
	Provider string `query:"provider" doc:"Only events of this provider."`
}

func (a *API) streamRoutes(h huma.API) {
	events := operation(http.MethodGet, "/api/v1/events", "What happens, as it happens (server-sent events)")
	events.Description = "The event's name is its kind: online, offline, stranger, flapping, provider; or lost, when " +
		"this reader was too slow for some, and its reason says how many. No event is sent twice."
	events.Responses = streamOf[Event](h)
	huma.Register(h, events, a.events)

	tap := operation(http.MethodGet, "/api/v1/connections/{provider}/{name}/tap",
		"Its bytes, both ways, as they pass (server-sent events named frame)")
	tap.Responses = streamOf[Frame](h)
	huma.Register(h, tap, a.tap)

	tunnel := operation(http.MethodGet, "/api/v1/connections/{provider}/{name}/tunnel",
		"Raw bytes both ways, after Upgrade: "+tunnelProtocol)
	tunnel.Responses = map[string]*huma.Response{"101": {Description: "Raw bytes follow, both ways."}}
	huma.Register(h, tunnel, a.tunnel)
}

// streamOf describes a stream whose every event holds a T.
func streamOf[T any](h huma.API) map[string]*huma.Response {
	schema := huma.SchemaFromType(h.OpenAPI().Components.Schemas, typeOf[T]())
	return map[string]*huma.Response{"200": {
		Description: "Each event's data is one of these as JSON.",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: schema}},
	}}
}

func (a *API) events(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	if in.Provider != "" && !a.hasProvider(in.Provider) {
		return nil, refusal("provider "+in.Provider, server.ErrNotFound)
	}
	if err := a.enter(); err != nil {
		return nil, err
	}
	// Subscribed before the first byte goes out: whoever has the header misses nothing.
	events, stop := a.core.Subscribe()
	return a.stream(func(s *sse) {
		defer stop()
		pump(s, events, func(e server.Event) error {
			if in.Provider != "" && e.Provider != in.Provider && e.Kind != "lost" {
				return nil
			}
			return s.send(e.Kind, eventView(e))
		})
	}), nil
}

func (a *API) hasProvider(name string) bool {
	for _, p := range a.core.Providers() {
		if p.Name == name {
			return true
		}
	}
	return false
}

func (a *API) tap(_ context.Context, in *ConnectionPath) (*huma.StreamResponse, error) {
	if err := a.enter(); err != nil {
		return nil, err
	}
	frames, stop, err := a.core.Tap(in.Provider, in.Name)
	if err != nil {
		a.leave()
		return nil, refusal(in.String(), err)
	}
	return a.stream(func(s *sse) {
		defer stop()
		pump(s, frames, func(f server.Frame) error { return s.send("frame", frameView(f)) })
	}), nil
}

// enter takes one of the streams that may be open at once; leave gives it back.
func (a *API) enter() error {
	if a.ctx.Err() != nil {
		return huma.Error503ServiceUnavailable("stream: linkd is stopping")
	}
	select {
	case a.streams <- struct{}{}:
		return nil
	default:
		return huma.Error503ServiceUnavailable("too many streams, taps and tunnels at once; close one of them first")
	}
}

func (a *API) leave() { <-a.streams }

// stream answers with an event stream that run fills until it returns. The caller has entered.
func (a *API) stream(run func(*sse)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer a.leave()
		r, w := humago.Unwrap(ctx)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a reverse proxy must not hold events back
		s := &sse{api: a, w: w, rc: http.NewResponseController(w), gone: r.Context().Done()}
		if r.Method == http.MethodHead || s.comment("linkd") != nil {
			s.gone = closedChan()
		}
		run(s)
		_ = s.rc.SetWriteDeadline(time.Time{}) // the connection may serve another request
	}}
}

// sse writes server-sent events. One goroutine uses it.
type sse struct {
	api  *API
	w    http.ResponseWriter
	rc   *http.ResponseController
	gone <-chan struct{} // the client
}

func (s *sse) send(event string, data any) error {
	b, err := json.Marshal(data) // has no line ends: JSON escapes them
	if err != nil {
		return err
	}
	out := make([]byte, 0, len(b)+len(event)+20)
	out = append(out, "event: "...)
	out = append(out, event...)
	out = append(out, "\ndata: "...)
	out = append(out, b...)
	return s.write(append(out, "\n\n"...))
}

func (s *sse) comment(text string) error { return s.write([]byte(": " + text + "\n\n")) }

func (s *sse) write(b []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.rc.Flush()
}

// pump sends what comes until the source ends, the client goes, or the API closes. Silence is filled with comments.
func pump[T any](s *sse, from <-chan T, send func(T) error) {
	beat := time.NewTicker(s.api.heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case v, ok := <-from:
			if !ok {
				return
			}
			err = send(v)
		case <-beat.C:
			err = s.comment("still here")
		case <-s.gone:
			return
		case <-s.api.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func closedChan() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
