package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/project"
)

const mostNounBody = 4 << 20 // a channel with some ten thousand tags

// Conditions are what must hold for a change to be made.
type Conditions struct {
	IfMatch     string `header:"If-Match" doc:"ETag of what is to be changed, so that nobody's change in between is lost."`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"*: it must not be there yet."`
}

func (c Conditions) conditions() config.Match {
	return config.Match{Version: strings.Trim(c.IfMatch, `"`), Absent: c.IfNoneMatch == "*"}
}

// NamePath is the part of a path that names something of the project.
type NamePath struct {
	Name string `path:"name"`
}

// target is what a path names; provider is empty for what is in none.
type target struct{ provider, name string }

func (p NamePath) target() target       { return target{name: p.Name} }
func (p ConnectionPath) target() target { return target{p.Provider, p.Name} }

// NamePut and PairPut are a body for what one name, or a provider's and a name, stand for.
type NamePut[S any] struct {
	NamePath
	Conditions
	Body    S
	RawBody []byte
}

// PairPut is NamePut for what is in a provider.
type PairPut[S any] struct {
	ConnectionPath
	Conditions
	Body    S
	RawBody []byte
}

func (p NamePut[S]) raw() []byte { return p.RawBody }
func (p PairPut[S]) raw() []byte { return p.RawBody }

type nameDelete struct {
	NamePath
	Conditions
}

type pairDelete struct {
	ConnectionPath
	Conditions
}

// The inputs of the operations on a noun, by name or by provider and name.
type (
	readable  interface{ target() target }
	deletable interface {
		readable
		conditions() config.Match
	}
	puttable interface {
		deletable
		raw() []byte
	}
)

type nounOutput[V any] struct {
	Status int
	ETag   string `header:"ETag" doc:"For If-Match."`
	Body   V
}

// noun is how HTTP reads and changes one kind of thing, which it shows as V.
type noun[V any] struct {
	kind  string // as errors name it, such as "channel"
	path  string
	needs doors.Role // to see it; None: a viewer's
	// show returns it and its document; an error wraps server.ErrNotFound or config.ErrNotFound.
	show func(target) (V, []byte, error)
	// hide takes out of it what a role is not to see; nil: nothing is.
	hide func(v *V, from doors.Role)
	// put makes it what the document says; added: it was not there.
	put  func(who string, at target, document []byte, m config.Match) (added bool, err error)
	drop func(who string, at target, m config.Match) error
}

// nounRoutes registers GET and, where the configuration can be changed, PUT and DELETE.
func nounRoutes[R readable, D deletable, P puttable, V any](a *API, h huma.API, n noun[V]) {
	read := operation(max(n.needs, doors.Viewer), http.MethodGet, n.path, "One "+n.kind)
	read.OperationID = "get-" + n.kind
	huma.Register(h, read, func(ctx context.Context, in *R) (*nounOutput[V], error) {
		return n.shown(ctx, (*in).target(), http.StatusOK)
	})
	if a.cfg.Editor == nil {
		return
	}
	put := operation(doors.Admin, http.MethodPut, n.path, "Configure a "+n.kind)
	put.OperationID, put.MaxBodyBytes = "put-"+n.kind, mostNounBody
	huma.Register(h, put, func(ctx context.Context, in *P) (*nounOutput[V], error) {
		at := (*in).target()
		doc, err := document((*in).raw(), at.name)
		if err != nil {
			return nil, err
		}
		added, err := n.put(caller(ctx).Name, at, doc, (*in).conditions())
		if err != nil {
			return nil, refusal(n.named(at), n.ownFields(at, err))
		}
		if added {
			return n.shown(ctx, at, http.StatusCreated)
		}
		return n.shown(ctx, at, http.StatusOK)
	})
	drop := operation(doors.Admin, http.MethodDelete, n.path, "Remove a "+n.kind)
	drop.OperationID, drop.DefaultStatus = "delete-"+n.kind, http.StatusNoContent
	huma.Register(h, drop, func(ctx context.Context, in *D) (*struct{}, error) {
		at := (*in).target()
		if err := n.drop(caller(ctx).Name, at, (*in).conditions()); err != nil {
			return nil, refusal(n.named(at), err)
		}
		return nil, nil
	})
}

// ownFields has the faults of the body name its fields, and those elsewhere in the project theirs.
func (n noun[V]) ownFields(at target, err error) error {
	var faults project.Errors
	if !errors.As(err, &faults) {
		return err
	}
	own := n.kind + "s." + at.name
	if at.provider != "" {
		own = "providers." + at.provider + "." + own
	}
	return faultsOf(faults, func(f *project.Error) string {
		if rest, ok := strings.CutPrefix(f.Field, own); ok && (rest == "" || rest[0] == '.') {
			return "body" + rest
		} else if f.Line > 0 { // the body alone was read
			return "body." + f.Field
		}
		return f.Field
	})
}

// faultsOf has faults name their fields, and no place in a file: a body has none.
func faultsOf(faults project.Errors, field func(*project.Error) string) project.Errors {
	out := make(project.Errors, len(faults))
	for i, f := range faults {
		out[i] = &project.Error{Field: strings.TrimSuffix(field(f), "."), Msg: f.Msg}
	}
	return out
}

func (n noun[V]) named(at target) string {
	if at.provider != "" {
		return n.kind + " " + at.provider + "/" + at.name
	}
	return n.kind + " " + at.name
}

func (n noun[V]) shown(ctx context.Context, at target, status int) (*nounOutput[V], error) {
	v, doc, err := n.show(at)
	if err != nil {
		return nil, refusal(n.named(at), err)
	}
	if n.hide != nil {
		n.hide(&v, caller(ctx).Role)
	}
	return &nounOutput[V]{Status: status, ETag: `"` + config.Version(doc) + `"`, Body: v}, nil
}

// document is a body as the loader of the project file reads it, with the name that the path has.
func document(body []byte, name string) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, huma.Error400BadRequest("body: " + err.Error())
	}
	own, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	var said string
	if given, ok := members["name"]; ok && (json.Unmarshal(given, &said) != nil || said != name) {
		return nil, huma.Error422UnprocessableEntity("body.name: " + quote(said) + ": the path says " + quote(name) +
			"; leave it out, or put what is wanted under its own path")
	}
	members["name"] = own
	return json.Marshal(members)
}
