package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/server"
)

const mostItems = 1000 // of a page; a larger limit gets this many

type listOutput[T any] struct{ Body List[T] }

// ConnectionPath is the part of a path that names a connection point. It is exported because huma fills embedded
// parameters only of exported types.
type ConnectionPath struct {
	Provider string `path:"provider" doc:"Name of the provider."`
	Name     string `path:"name" doc:"Name of the connection point."`
}

// String is how errors name the connection point.
func (p ConnectionPath) String() string { return "connection " + p.Provider + "/" + p.Name }

type connectionsInput struct {
	Provider string `query:"provider" doc:"Only those of this provider."`
	State    string `query:"state" enum:"online,offline,disabled"`
	Q        string `query:"q" maxLength:"256" doc:"Part of a name, title or id; case does not matter."`
	Sort     string `query:"sort" enum:"trouble" doc:"trouble: worst first; empty: by provider."`
	Limit    int    `query:"limit" minimum:"0" doc:"Most items; 0 means 100, more than 1000 means 1000."`
	Cursor   string `query:"cursor" maxLength:"1024" doc:"Next of the page before."`
}

type driversInput struct {
	Connection string `query:"connection" doc:"PROVIDER/NAME: what this connection may select."`
}

func (a *API) readRoutes(h huma.API) {
	get(h, "/api/v1/providers", "Providers and how they are", a.providers)
	list := operation(doors.Viewer, http.MethodGet, "/api/v1/connections", "Connection points, page by page")
	list.Description = "By trouble: first what flaps, then what is offline, what was never seen, what is online, and " +
		"what is disabled; of each, first what became so last. What does not change while pages are read is on one of them."
	huma.Register(h, list, a.connections)
	get(h, "/api/v1/channels", "Channels of the project", a.channels)
	get(h, "/api/v1/models", "Device models of the project", a.models)
	get(h, "/api/v1/drivers", "Drivers, and which of them a connection may select", a.drivers)
}

func get[I, O any](h huma.API, path, summary string, f func(context.Context, *I) (*O, error)) {
	huma.Register(h, operation(doors.Viewer, http.MethodGet, path, summary), f)
}

// operation describes a path, and states the least role that may ask for it. Its id comes from the method and the fixed
// parts of the path.
func operation(need doors.Role, method, path, summary string) huma.Operation {
	id := strings.ToLower(method)
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/api/v1/"), "/") {
		if name, isParam := strings.CutPrefix(part, "{"); !isParam {
			id += "-" + part
		} else if name == "name}" {
			id += "-one"
		}
	}
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Security: needs(need)}
}

func whole[T any](items []T) *listOutput[T] { return &listOutput[T]{Body: List[T]{Items: items}} }

func (a *API) providers(context.Context, *struct{}) (*listOutput[Provider], error) {
	return whole(views(a.core.Providers(), providerView)), nil
}

func (a *API) connections(_ context.Context, in *connectionsInput) (*listOutput[Connection], error) {
	items, next, err := a.core.Connections(server.ConnQuery{
		Provider: in.Provider, State: server.State(in.State), Search: in.Q, Sort: server.Sort(in.Sort),
		Limit: min(in.Limit, mostItems), Cursor: in.Cursor,
	})
	if err != nil {
		return nil, refusal("connections", err)
	}
	return &listOutput[Connection]{Body: List[Connection]{Items: views(items, connectionView), Next: next}}, nil
}

func (a *API) channels(ctx context.Context, _ *struct{}) (*listOutput[Channel], error) {
	list := views(a.core.Project().Channels, channelView)
	for i := range list {
		list[i].hide(caller(ctx).Role)
	}
	return whole(list), nil
}

func (a *API) models(context.Context, *struct{}) (*listOutput[Model], error) {
	return whole(views(a.core.Project().Models, modelView)), nil
}

func (a *API) drivers(_ context.Context, in *driversInput) (*listOutput[Driver], error) {
	at, err := queryPoint(in.Connection)
	if err != nil {
		return nil, err
	}
	ds, err := a.core.Drivers(at.Provider, at.Name)
	if err != nil {
		return nil, refusal(at.String(), err)
	}
	return whole(views(ds, driverView)), nil
}
