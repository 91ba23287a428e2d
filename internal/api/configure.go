package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/project"
)

// configureRoutes are the paths of what the project is made of.
func (a *API) configureRoutes(h huma.API) {
	nounRoutes[NamePath, nameDelete, NamePut[ProviderSpec]](a, h, a.providerNoun())
	nounRoutes[ConnectionPath, pairDelete, PairPut[ConnectionSpec]](a, h, a.connectionNoun())
	nounRoutes[ConnectionPath, pairDelete, PairPut[FleetSpec]](a, h, a.fleetNoun())
	nounRoutes[NamePath, nameDelete, NamePut[ModelSpec]](a, h, a.modelNoun())
	nounRoutes[NamePath, nameDelete, NamePut[ChannelSpec]](a, h, a.channelNoun())
	nounRoutes[NamePath, nameDelete, NamePut[OutputSpec]](a, h, a.outputNoun())
	get(h, "/api/v1/fleets", "Fleets of the project", a.fleets)
	get(h, "/api/v1/outputs", "Outputs of the project", a.outputs)
	if a.cfg.Editor != nil {
		a.projectRoutes(h)
	}
}

func (a *API) fleets(context.Context, *struct{}) (*listOutput[Fleet], error) {
	list := []Fleet{}
	for _, p := range a.core.Project().Providers {
		for _, f := range p.Fleets {
			list = append(list, fleetView(p, f))
		}
	}
	return whole(list), nil
}

func (a *API) outputs(context.Context, *struct{}) (*listOutput[Output], error) {
	return whole(views(a.core.Project().Outputs, outputView)), nil
}

// named finds something of the project by its name.
func named[T any](list []*T, name string, of func(*T) string, kind string) (*T, error) {
	at := slices.IndexFunc(list, func(x *T) bool { return of(x) == name })
	if at < 0 {
		return nil, fmt.Errorf("%w: no %s %q", config.ErrNotFound, kind, name)
	}
	return list[at], nil
}

func (a *API) providerNamed(name string) (*project.Provider, error) {
	return named(a.core.Project().Providers, name, func(p *project.Provider) string { return p.Name }, "provider")
}

func (a *API) providerNoun() noun[ProviderDetail] {
	return noun[ProviderDetail]{
		kind: "provider", path: "/api/v1/providers/{name}",
		show: func(at target) (v ProviderDetail, doc []byte, err error) {
			p, err := a.providerNamed(at.name)
			if err != nil {
				return v, nil, err
			}
			for _, s := range a.core.Providers() {
				if s.Name == at.name {
					v.Provider = providerView(s)
				}
			}
			doc = p.Document()
			return v, doc, json.Unmarshal(doc, &v.Config)
		},
		put: func(who string, _ target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadProvider, doc, func(x *project.Provider) (bool, error) {
				return a.cfg.Editor.PutProvider(who, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error {
			return a.cfg.Editor.DeleteProvider(who, at.name, m)
		},
	}
}

func (a *API) connectionNoun() noun[ConnectionDetail] {
	return noun[ConnectionDetail]{
		kind: "connection", path: "/api/v1/connections/{provider}/{name}",
		show: func(at target) (v ConnectionDetail, doc []byte, err error) {
			c, err := a.core.Connection(at.provider, at.name)
			if err != nil {
				return v, nil, err
			}
			v.Connection = connectionView(c)
			p := a.core.Project().Provider(at.provider)
			if p == nil {
				return v, nil, nil
			}
			x, ok := p.Conn(at.name)
			if !ok {
				return v, nil, nil
			}
			doc = x.Document()
			if f, _, ok := p.FleetOf(at.name); ok {
				v.Fleet = f.Name.String()
				return v, doc, nil
			}
			v.Config, v.HasSecret = &ConnectionSpec{}, x.Secret != ""
			return v, doc, json.Unmarshal(doc, v.Config)
		},
		hide: func(v *ConnectionDetail, from doors.Role) {
			if v.Config != nil && !from.May(doors.Admin) {
				v.Config.Secret = ""
			}
		},
		put: func(who string, at target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadConnPt, doc, func(x *project.ConnPt) (bool, error) {
				return a.cfg.Editor.PutConnection(who, at.provider, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error {
			return a.cfg.Editor.DeleteConnection(who, at.provider, at.name, m)
		},
	}
}

func (a *API) fleetNoun() noun[Fleet] {
	return noun[Fleet]{
		kind: "fleet", path: "/api/v1/fleets/{provider}/{name}",
		show: func(at target) (v Fleet, doc []byte, err error) {
			p, err := a.providerNamed(at.provider)
			if err != nil {
				return v, nil, err
			}
			f, err := named(p.Fleets, at.name, func(f *project.Fleet) string { return f.Name.String() }, "fleet")
			if err != nil {
				return v, nil, err
			}
			return fleetView(p, f), f.Document(), nil
		},
		put: func(who string, at target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadFleet, doc, func(x *project.Fleet) (bool, error) {
				return a.cfg.Editor.PutFleet(who, at.provider, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error {
			return a.cfg.Editor.DeleteFleet(who, at.provider, at.name, m)
		},
	}
}

func (a *API) modelNoun() noun[Model] {
	return noun[Model]{
		kind: "model", path: "/api/v1/models/{name}",
		show: func(at target) (v Model, doc []byte, err error) {
			x, err := named(a.core.Project().Models, at.name, func(m *project.Model) string { return m.Name }, "model")
			if err != nil {
				return v, nil, err
			}
			return modelView(x), x.Document(), nil
		},
		put: func(who string, _ target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadModel, doc, func(x *project.Model) (bool, error) {
				return a.cfg.Editor.PutModel(who, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error { return a.cfg.Editor.DeleteModel(who, at.name, m) },
	}
}

func (a *API) channelNoun() noun[Channel] {
	return noun[Channel]{
		kind: "channel", path: "/api/v1/channels/{name}",
		show: func(at target) (v Channel, doc []byte, err error) {
			x, err := named(a.core.Project().Channels, at.name, func(c *project.Channel) string { return c.Name }, "channel")
			if err != nil {
				return v, nil, err
			}
			return channelView(x), x.Document(), nil
		},
		hide: func(v *Channel, from doors.Role) { v.hide(from) },
		put: func(who string, _ target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadChannel, doc, func(x *project.Channel) (bool, error) {
				return a.cfg.Editor.PutChannel(who, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error { return a.cfg.Editor.DeleteChannel(who, at.name, m) },
	}
}

func (a *API) outputNoun() noun[OutputDetail] {
	return noun[OutputDetail]{
		kind: "output", path: "/api/v1/outputs/{name}", needs: doors.Admin, // options have secrets
		show: func(at target) (v OutputDetail, doc []byte, err error) {
			x, err := named(a.core.Project().Outputs, at.name, func(o *project.Output) string { return o.Name }, "output")
			if err != nil {
				return v, nil, err
			}
			return OutputDetail{outputView(x), optionsView(x.Options)}, x.Document(), nil
		},
		put: func(who string, _ target, doc []byte, m config.Match) (bool, error) {
			return configured(project.ReadOutput, doc, func(x *project.Output) (bool, error) {
				return a.cfg.Editor.PutOutput(who, x, m)
			})
		},
		drop: func(who string, at target, m config.Match) error { return a.cfg.Editor.DeleteOutput(who, at.name, m) },
	}
}

// configured reads a document and puts what it says.
func configured[T any](read func([]byte) (*T, error), doc []byte, put func(*T) (bool, error)) (bool, error) {
	x, err := read(doc)
	if err != nil {
		return false, err
	}
	return put(x)
}
