package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/internal/doors"
	"linkd/server"
)

const (
	batch      = 32 << 10 // bytes that are written at once when many events are ready
	typeEvents = "text/event-stream"
)

type eventsInput struct {
	Provider   string `query:"provider" doc:"Only events of this provider."`
	Values     bool   `query:"values" doc:"Also the values of tags, as events named value."`
	Channel    string `query:"channel" maxLength:"1024" doc:"Only values of this channel."`
	Connection string `query:"connection" maxLength:"1024" doc:"PROVIDER/NAME: only values of this connection."`
}

func (a *API) streamRoutes(h huma.API) {
	events := operation(doors.Viewer, http.MethodGet, "/api/v1/events", "What happens, as it happens (server-sent events)")
	events.Description = "The event's name is its kind: online, offline, stranger, flapping, provider; or lost, when " +
		"this reader was too slow for some, and its reason says how many. No event is sent twice. With values=true " +
		"there are also events named value, whose data is an item of /api/v1/tags: a tag as it is read, or goes bad " +
		"or stale."
	events.Responses = streamOf[Event](h)
	huma.Register(h, events, a.events)

	tunnel := operation(doors.Operator, http.MethodGet, "/api/v1/connections/{provider}/{name}/tunnel",
		"Raw bytes both ways, after Upgrade: "+tunnelProtocol)
	tunnel.Responses = map[string]*huma.Response{"101": {Description: "Raw bytes follow, both ways."}}
	huma.Register(h, tunnel, a.tunnel)
}

// streamOf describes a stream whose every event holds a T.
func streamOf[T any](h huma.API) map[string]*huma.Response {
	schema := huma.SchemaFromType(h.OpenAPI().Components.Schemas, typeOf[T]())
	return map[string]*huma.Response{"200": {
		Description: "Each event's data is one of these as JSON.",
		Content:     map[string]*huma.MediaType{typeEvents: {Schema: schema}},
	}}
}

func (a *API) events(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	if in.Provider != "" && !a.hasProvider(in.Provider) {
		return nil, refusal("provider "+in.Provider, server.ErrNotFound)
	}
	at, err := in.valuesOf()
	if err != nil {
		return nil, err
	}
	if err := a.enter(); err != nil {
		return nil, err
	}
	// Subscribed before the first byte goes out: whoever has the header misses nothing.
	var values <-chan server.TagView
	stopValues := func() {}
	if in.Values {
		if values, stopValues, err = a.core.SubscribeValues(at); err != nil {
			a.leave()
			return nil, refusal("values", err)
		}
	}
	events, stop := a.core.Subscribe()
	return a.stream(typeEvents, func(s *stream) {
		defer stop()
		defer stopValues()
		pumpBoth(s, events, func(e server.Event) error {
			if in.Provider != "" && e.Provider != in.Provider && e.Kind != "lost" {
				return nil
			}
			return s.send(e.Kind, eventView(e))
		}, values, func(v server.TagView) error { return s.send("value", tagValueView(v)) })
	}), nil
}

// valuesOf is whose values are asked for.
func (in *eventsInput) valuesOf() (server.TagQuery, error) {
	if !in.Values && in.Channel+in.Connection != "" {
		return server.TagQuery{}, huma.Error422UnprocessableEntity(
			"query: channel and connection choose values; add values=true")
	}
	at, err := queryPoint(in.Connection)
	if err != nil {
		return server.TagQuery{}, err
	}
	if in.Connection != "" && in.Provider != "" && at.Provider != in.Provider {
		return server.TagQuery{}, huma.Error422UnprocessableEntity(
			"query.connection: " + quote(in.Connection) + " is not of provider " + quote(in.Provider))
	}
	if in.Channel == "" && in.Connection == "" {
		at.Provider = in.Provider
	}
	return server.TagQuery{Channel: in.Channel, Provider: at.Provider, Connection: at.Name}, nil
}

func (a *API) hasProvider(name string) bool {
	for _, p := range a.core.Providers() {
		if p.Name == name {
			return true
		}
	}
	return false
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

// stream answers with a stream of a type, which run fills until it returns. The caller has entered.
func (a *API) stream(kind string, run func(*stream)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer a.leave()
		r, w := humago.Unwrap(ctx)
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a reverse proxy must not hold events back
		s := &stream{api: a, events: kind == typeEvents, w: w, rc: http.NewResponseController(w), gone: r.Context().Done()}
		if r.Method == http.MethodHead || s.comment("linkd") != nil {
			s.gone = closedChan()
		}
		run(s)
		_ = s.rc.SetWriteDeadline(time.Time{}) // the connection may serve another request
	}}
}

// stream writes server-sent events, or bytes of another kind. One goroutine uses it.
type stream struct {
	api    *API
	events bool
	w      http.ResponseWriter
	rc     *http.ResponseController
	still  func() error    // writes into silence what its readers pass over, where that is no event; nil: nothing
	buf    []byte          // what has not been written yet
	gone   <-chan struct{} // the client
}

// Write adds bytes to what the next flush writes.
func (s *stream) Write(b []byte) (int, error) {
	s.buf = append(s.buf, b...)
	return len(b), nil
}

// send adds an event to what the next flush writes.
func (s *stream) send(event string, data any) error {
	b, err := json.Marshal(data) // has no line ends: JSON escapes them
	if err != nil {
		return err
	}
	s.buf = append(s.buf, "event: "...)
	s.buf = append(s.buf, event...)
	s.buf = append(s.buf, "\ndata: "...)
	s.buf = append(s.buf, b...)
	s.buf = append(s.buf, "\n\n"...)
	return nil
}

// comment is there so that something comes.
func (s *stream) comment(text string) error {
	if s.events {
		s.buf = append(s.buf, ": "+text+"\n\n"...)
	} else if s.still != nil {
		if err := s.still(); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *stream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.buf); err != nil {
		return err
	}
	s.buf = s.buf[:0]
	return s.rc.Flush()
}

// pump sends what comes until the source ends, the client goes, or the API closes. Silence is filled with comments.
func pump[T any](s *stream, from <-chan T, send func(T) error) {
	pumpBoth[T, struct{}](s, from, send, nil, nil)
}

// pumpBoth is pump with a second source, which may be nil. What both have ready goes out in one write, up to batch.
func pumpBoth[T, U any](s *stream, from <-chan T, send func(T) error, also <-chan U, sendAlso func(U) error) {
	beat := time.NewTicker(s.api.heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case v, ok := <-from:
			if !ok {
				_ = s.flush()
				return
			}
			err = send(v)
		case v, ok := <-also:
			if !ok {
				_ = s.flush()
				return
			}
			err = sendAlso(v)
		case <-beat.C:
			err = s.comment("still here")
		case <-s.gone:
			return
		case <-s.api.ctx.Done():
			return
		}
		if err == nil && (len(s.buf) >= batch || len(from)+len(also) == 0) {
			err = s.flush()
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
