package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/server"
)

const mostAdoptBody = 4 << 10 // of what is done to a stranger

// AdoptRequest names the connection point that a stranger becomes.
type AdoptRequest struct {
	Name  string `json:"name,omitempty" maxLength:"256" doc:"Empty: one is chosen."`
	Title string `json:"title,omitempty" maxLength:"256"`
}

// BlockRequest says what of a stranger is turned away.
type BlockRequest struct {
	By    string `json:"by,omitempty" enum:"id,address" doc:"Empty means id. address: all its links, known devices too."`
	Force bool   `json:"force,omitempty" doc:"Block an address that known devices come from."`
}

// StrangerRule is what was decided about a stranger.
type StrangerRule struct {
	Key      string     `json:"key"`
	Action   string     `json:"action" enum:"ignore,block"`
	Provider string     `json:"provider" doc:"Empty: all of them."`
	ID       string     `json:"id" doc:"As sent, quoted where it is not printable; empty where it is about an address."`
	Address  string     `json:"address"`
	Who      string     `json:"who" doc:"Decided it."`
	Since    time.Time  `json:"since"`
	Count    uint64     `json:"count" doc:"Links that it met, since linkd started."`
	LastSeen *time.Time `json:"last_seen" doc:"Of these; null when there was none."`
}

// KeyPath is the part of a path that names a stranger, or a rule about one. It is exported as ConnectionPath is.
type KeyPath struct {
	Key string `path:"key"`
}

type adoptInput struct {
	KeyPath
	Body *AdoptRequest
}

type adoptOutput struct {
	Location string `header:"Location"`
	Body     Connection
}

type blockInput struct {
	KeyPath
	Body *BlockRequest
}

type ruleOutput struct{ Body StrangerRule }

func (a *API) strangerRoutes(h huma.API) {
	const path = "/api/v1/strangers"
	get(h, path, "Links that could not be bound", a.strangers)
	if a.cfg.Editor == nil {
		return
	}
	adopt := operation(doors.Operator, http.MethodPost, path+"/{key}/adopt", "Make it a connection point")
	adopt.MaxBodyBytes = mostAdoptBody
	adopt.DefaultStatus = http.StatusCreated
	huma.Register(h, adopt, a.adopt)

	ignore := operation(doors.Operator, http.MethodPost, path+"/{key}/ignore", "List it no more")
	ignore.Description = "It is turned away and counted as before; it is not listed, and no event tells of it."
	huma.Register(h, ignore, a.ignore)

	block := operation(doors.Admin, http.MethodPost, path+"/{key}/block", "Turn it away at once")
	block.Description = "Its links close with the reason blocked, without an answer. What is configured comes in by its " +
		"id all the same; a block of an address alone keeps known devices out, and asks for force where there are some."
	block.MaxBodyBytes = mostAdoptBody
	huma.Register(h, block, a.block)

	get(h, path+"/rules", "Strangers that are ignored or blocked, the newest decision first", a.rules)
	drop := operation(doors.Operator, http.MethodDelete, path+"/rules/{key}", "Take back an ignore, or a block")
	drop.Description = "To take back a block, the role admin is needed."
	drop.DefaultStatus = http.StatusNoContent
	huma.Register(h, drop, a.dropRule)
}

func (a *API) strangers(context.Context, *struct{}) (*listOutput[Stranger], error) {
	return whole(views(a.core.Strangers(), strangerView)), nil
}

func (a *API) adopt(ctx context.Context, in *adoptInput) (*adoptOutput, error) {
	var want AdoptRequest
	if in.Body != nil {
		want = *in.Body
	}
	provider, name, err := a.cfg.Editor.Adopt(caller(ctx).Name, in.Key, want.Name, want.Title)
	a.audit(ctx, "adopt", fmt.Sprintf("stranger %s as %s", quote(in.Key), quote(cmp.Or(name, want.Name))), err)
	if err != nil {
		return nil, refusal("stranger "+in.Key, err)
	}
	c, err := a.core.Connection(provider, name)
	if err != nil {
		return nil, refusal("stranger "+in.Key, err)
	}
	return &adoptOutput{Location: "/api/v1/connections/" + c.Provider + "/" + c.Name, Body: connectionView(c)}, nil
}

func (a *API) ignore(ctx context.Context, in *KeyPath) (*ruleOutput, error) {
	r, err := a.cfg.Editor.Ignore(caller(ctx).Name, in.Key)
	return a.decided(ctx, "ignore", in.Key, r, err)
}

func (a *API) block(ctx context.Context, in *blockInput) (*ruleOutput, error) {
	var want BlockRequest
	if in.Body != nil {
		want = *in.Body
	}
	r, err := a.cfg.Editor.Block(caller(ctx).Name, in.Key, want.By == "address", want.Force)
	return a.decided(ctx, "block", in.Key, r, err)
}

// decided writes down what was decided, and shows it.
func (a *API) decided(ctx context.Context, did, key string, r server.Rule, err error) (*ruleOutput, error) {
	a.audit(ctx, did, cmp.Or(aboutRule(r), "stranger "+quote(key)), err)
	if err != nil {
		return nil, refusal("stranger "+key, err)
	}
	return &ruleOutput{Body: ruleView(server.RuleView{Rule: r})}, nil
}

// aboutRule says in words whom a rule is about.
func aboutRule(r server.Rule) string {
	switch {
	case len(r.ID) > 0:
		return fmt.Sprintf("stranger %s at %s", quote(string(r.ID)), r.Provider)
	case r.Provider != "":
		return fmt.Sprintf("strangers without an id from %s at %s", r.Addr, r.Provider)
	case r.Addr.IsValid():
		return fmt.Sprintf("everything from %s", r.Addr)
	}
	return ""
}

func (a *API) rules(context.Context, *struct{}) (*listOutput[StrangerRule], error) {
	return whole(views(a.cfg.Editor.Reactor.Rules(), ruleView)), nil
}

func (a *API) dropRule(ctx context.Context, in *KeyPath) (*struct{}, error) {
	r, err := a.cfg.Editor.Rule(in.Key)
	if who := caller(ctx); err == nil && r.Action == server.Block && !who.Role.May(doors.Admin) {
		return nil, huma.Error403Forbidden(lesser(doors.Admin, who))
	}
	if err == nil {
		err = a.cfg.Editor.DropRule(in.Key)
	}
	what := fmt.Sprintf("%s %s", r.Action, cmp.Or(aboutRule(r.Rule), quote(in.Key)))
	a.audit(ctx, "take back", strings.TrimSpace(what), err)
	if err != nil {
		return nil, refusal("rule "+in.Key, err)
	}
	return nil, nil
}

func ruleView(r server.RuleView) StrangerRule {
	v := StrangerRule{Key: r.Key, Action: string(r.Action), Provider: r.Provider, ID: server.Printable(r.ID), Who: r.Who,
		Since: r.Since.UTC(), Count: r.Count}
	if r.Addr.IsValid() {
		v.Address = r.Addr.String()
	}
	if !r.LastSeen.IsZero() {
		seen := r.LastSeen.UTC()
		v.LastSeen = &seen
	}
	return v
}
