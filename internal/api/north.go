package api

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/payload"
)

// bus is what the API reads of the bus. Its methods are safe for concurrent use. Errors wrap the sentinels of package
// server.
type bus interface {
	// History returns what a tag was, in at most points pieces of time.
	History(ctx context.Context, channel, device, tag string, from, to time.Time, points int) ([]Bucket, error)
	// Lives returns what happened to a connection before a moment (zero: now), newest first.
	Lives(ctx context.Context, provider, name string, before time.Time, limit int) ([]Life, error)
	State() BusState
	Outputs() []OutputState
}

// Bucket is what a tag was in one piece of time.
type Bucket struct {
	TS    time.Time `json:"ts" doc:"Where it begins."`
	Min   *float64  `json:"min" doc:"Null for text."`
	Max   *float64  `json:"max"`
	Mean  *float64  `json:"mean"`
	Count int       `json:"count" doc:"Good values."`
	Last  any       `json:"last" doc:"The last value."`
}

// Life is one thing that happened to a connection.
type Life struct {
	TS         time.Time `json:"ts"`
	Event      string    `json:"event" enum:"online,offline"`
	ID         string    `json:"id"`
	Session    uint64    `json:"session"`
	RemoteAddr string    `json:"remote_addr"`
	Reason     string    `json:"reason" doc:"Of an end."`
	DurationMS *int64    `json:"duration_ms" doc:"How long the session was, at its end; null where it is not known."`
}

// BusState is how the bus is.
type BusState struct {
	State    string    `json:"state" enum:"starting,up,away,full"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason" doc:"Why it is not up."`
	External bool      `json:"external" doc:"It is a server of your own."`
	Format   string    `json:"format" enum:"json,influx,protobuf" doc:"Of live reports."`
	Listen   string    `json:"listen" doc:"Where the embedded server takes NATS clients; empty: nowhere."`
	MQTT     string    `json:"mqtt" doc:"Where it takes MQTT clients; empty: nowhere."`
	Kinds    []BusKind `json:"kinds" nullable:"false"`
}

// BusKind are the messages of one kind since linkd was started.
type BusKind struct {
	Kind    string `json:"kind" enum:"tags,conn,rx"`
	Sent    uint64 `json:"sent" doc:"Acknowledged; of rx: published."`
	Dropped uint64 `json:"dropped" doc:"For want of room."`
	Waiting int    `json:"waiting"`
}

// OutputState is how an output is.
type OutputState struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	State       string    `json:"state"`
	Error       string    `json:"error" doc:"Of the last failure."`
	Since       time.Time `json:"since"`
	Sent        uint64    `json:"sent"`
	Dropped     uint64    `json:"dropped"`
	Queued      int       `json:"queued"`
	QueuedBytes int64     `json:"queued_bytes"`
}

// NewBucket is a Bucket of numbers that may be none.
func NewBucket(ts time.Time, least, most, mean float64, count int, last any) Bucket {
	number := func(f float64) *float64 {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		return &f
	}
	return Bucket{TS: ts.UTC(), Min: number(least), Max: number(most), Mean: number(mean), Count: count,
		Last: payload.Plain(last)}
}

type historyInput struct {
	Tag    string    `query:"tag" required:"true" maxLength:"1024" doc:"CHANNEL/DEVICE/TAG."`
	From   time.Time `query:"from" doc:"RFC 3339; an hour ago unless it is said."`
	To     time.Time `query:"to" doc:"RFC 3339; now unless it is said."`
	Points int       `query:"points" minimum:"0" maximum:"5000" doc:"Most buckets; 0 means 500."`
}

type livesInput struct {
	ConnectionPath
	Before time.Time `query:"before" doc:"RFC 3339; now unless it is said."`
	Limit  int       `query:"limit" minimum:"0" doc:"Most items; 0 means 100, more than 1000 means 1000."`
	Cursor string    `query:"cursor" maxLength:"64" doc:"Next of the page before."`
}

type busOutput struct{ Body BusState }

func (a *API) northRoutes(h huma.API) {
	if a.cfg.Bus == nil {
		return
	}
	get(h, "/api/v1/history", "What a tag was, in pieces of time fit for a plot", a.history)
	lives := operation(doors.Viewer, http.MethodGet, "/api/v1/connections/{provider}/{name}/history",
		"What happened to a connection, newest first")
	lives.OperationID = "get-connection-history"
	huma.Register(h, lives, a.lives)
	get(h, "/api/v1/bus", "How the bus is", func(context.Context, *struct{}) (*busOutput, error) {
		return &busOutput{Body: a.cfg.Bus.State()}, nil
	})
	outputs := func(context.Context, *struct{}) (*listOutput[OutputState], error) {
		return whole(a.cfg.Bus.Outputs()), nil
	}
	get(h, "/api/v1/bus/outputs", "How the outputs are", outputs)
}

func (a *API) history(ctx context.Context, in *historyInput) (*listOutput[Bucket], error) {
	at := strings.Split(in.Tag, "/")
	if len(at) != 3 || at[0] == "" || at[1] == "" || at[2] == "" {
		return nil, huma.Error422UnprocessableEntity(
			"query.tag: expected CHANNEL/DEVICE/TAG, such as ch_dev1/d1/temperature, not " + quote(in.Tag))
	}
	if in.To.IsZero() {
		in.To = time.Now()
	}
	if in.From.IsZero() {
		in.From = in.To.Add(-time.Hour)
	}
	if !in.From.Before(in.To) {
		return nil, huma.Error422UnprocessableEntity("query.from: " + in.From.Format(time.RFC3339) + " is not before to, " +
			in.To.Format(time.RFC3339))
	}
	buckets, err := a.cfg.Bus.History(ctx, at[0], at[1], at[2], in.From, in.To, in.Points)
	if err != nil {
		return nil, refusal("history of "+in.Tag, err)
	}
	return whole(buckets), nil
}

func (a *API) lives(ctx context.Context, in *livesInput) (*listOutput[Life], error) {
	if _, err := a.core.Connection(in.Provider, in.Name); err != nil {
		return nil, refusal(in.String(), err)
	}
	limit := min(in.Limit, mostItems)
	if limit == 0 {
		limit = 100
	}
	if in.Cursor != "" {
		before, err := time.Parse(time.RFC3339Nano, in.Cursor)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("query.cursor: " + quote(in.Cursor) +
				": use the one that the page before gave as next")
		}
		in.Before = before
	}
	lives, err := a.cfg.Bus.Lives(ctx, in.Provider, in.Name, in.Before, limit)
	if err != nil {
		return nil, refusal("history of "+in.String(), err)
	}
	out := whole(lives)
	if len(lives) == limit {
		out.Body.Next = lives[limit-1].TS.UTC().Format(time.RFC3339Nano)
	}
	return out, nil
}

// ready is what /readyz says while links are served: the bus may be away, which stops no link.
func (a *API) ready() string {
	if a.cfg.Bus == nil {
		return "ok"
	}
	if s := a.cfg.Bus.State(); s.State != "up" {
		return "ok, and the bus is " + s.State + " since " + s.Since.UTC().Format(time.RFC3339) + ": " + s.Reason
	}
	return "ok"
}
