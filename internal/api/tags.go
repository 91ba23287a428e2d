package api

import (
	"context"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/payload"
	"linkd/server"
)

// TagValue is a tag with its value. TS and Changed are absent when they have not happened.
type TagValue struct {
	Channel    string     `json:"channel"`
	Device     string     `json:"device"`
	Tag        string     `json:"tag"`
	Connection string     `json:"connection" doc:"PROVIDER/NAME; empty when the channel has none."`
	Title      string     `json:"title"`
	Unit       string     `json:"unit"`
	Address    string     `json:"address" doc:"As the driver has it."`
	Type       string     `json:"type"`
	Writable   bool       `json:"writable"`
	Value      any        `json:"value" doc:"A boolean, a number or a string; null when it was never read."`
	Quality    string     `json:"quality" enum:"good,bad,stale"`
	Reason     string     `json:"reason" doc:"Why it is not good."`
	TS         *time.Time `json:"ts,omitempty" doc:"When the value was last read."`
	Changed    *time.Time `json:"changed,omitempty" doc:"When it last became another."`
}

// TagPath is the part of a path that names a tag. It is exported because huma fills embedded parameters only of
// exported types.
type TagPath struct {
	DevicePath
	Tag string `path:"tag"`
}

// DevicePath is the part of a path that names a device.
type DevicePath struct {
	Channel string `path:"channel" doc:"Name of the channel, with the connection's name in it."`
	Device  string `path:"device"`
}

// String is how errors name the device.
func (p DevicePath) String() string { return "device " + p.Channel + "/" + p.Device }

// String is how errors name the tag.
func (p TagPath) String() string { return "tag " + p.Channel + "/" + p.Device + "/" + p.Tag }

// place is a connection as PROVIDER/NAME, empty for none.
func place(provider, connection string) string {
	if connection == "" {
		return ""
	}
	return provider + "/" + connection
}

type tagsInput struct {
	Channel    string `query:"channel" maxLength:"1024" doc:"Only those of this channel."`
	Device     string `query:"device" maxLength:"1024" doc:"Only those of the devices with this name."`
	Connection string `query:"connection" maxLength:"1024" doc:"PROVIDER/NAME: only those of this connection."`
	Limit      int    `query:"limit" minimum:"0" doc:"Most items; 0 means 100, more than 1000 means 1000."`
	Cursor     string `query:"cursor" maxLength:"1024" doc:"Next of the page before."`
}

type tagOutput struct{ Body TagValue }

func (a *API) tagRoutes(h huma.API) {
	get(h, "/api/v1/tags", "Tags with their values, page by page", a.tags)
	one := operation(doors.Viewer, "GET", "/api/v1/tags/{channel}/{device}/{tag}", "One tag with its value")
	one.OperationID = "get-tag"
	huma.Register(h, one, a.tag)
	a.writeRoutes(h)
}

func (a *API) tags(_ context.Context, in *tagsInput) (*listOutput[TagValue], error) {
	at, err := queryPoint(in.Connection)
	if err != nil {
		return nil, err
	}
	items, next, err := a.core.Tags(server.TagQuery{
		Channel: in.Channel, Device: in.Device, Provider: at.Provider, Connection: at.Name,
		Limit: min(in.Limit, mostItems), Cursor: in.Cursor,
	})
	if err != nil {
		return nil, refusal("tags", err)
	}
	return &listOutput[TagValue]{Body: List[TagValue]{Items: views(items, tagValueView), Next: next}}, nil
}

func (a *API) tag(_ context.Context, in *TagPath) (*tagOutput, error) {
	v, err := a.core.Tag(in.Channel, in.Device, in.Tag)
	if err != nil {
		return nil, refusal(in.String(), err)
	}
	return &tagOutput{Body: tagValueView(v)}, nil
}

// queryPoint reads the query parameter connection; empty names none.
func queryPoint(s string) (ConnectionPath, error) {
	provider, name, ok := strings.Cut(s, "/")
	if s != "" && (!ok || provider == "" || name == "") {
		return ConnectionPath{}, huma.Error422UnprocessableEntity(
			"query.connection: expected PROVIDER/NAME, such as s1/c1, not " + quote(s))
	}
	return ConnectionPath{Provider: provider, Name: name}, nil
}

func tagValueView(v server.TagView) TagValue {
	return TagValue{
		Channel: v.Channel, Device: v.Device, Tag: v.Tag, Connection: place(v.Provider, v.Connection),
		Title: v.Title, Unit: v.Unit, Address: v.Address, Type: v.Type, Writable: v.Writable,
		Value: payload.Plain(v.Value), Quality: v.Quality, Reason: v.Reason, TS: instant(v.TS), Changed: instant(v.Changed),
	}
}

// instant is t as JSON has it, to the millisecond; nil when it has not happened.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}
