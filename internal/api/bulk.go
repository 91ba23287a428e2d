package api

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/server"
)

// What HTTP does with all connections that a query selects, at once. A preview says how many, and its ETag stands for
// exactly these: the act is done only with it.

// Choice selects connections, as the list of connections does.
type Choice struct {
	Provider string `json:"provider,omitempty" maxLength:"128"`
	State    string `json:"state,omitempty" enum:"online,offline,disabled"`
	Q        string `json:"q,omitempty" maxLength:"256" doc:"Part of a name, title or id; case does not matter."`
}

// query is the choice as the core takes it.
func (c Choice) query() server.ConnQuery {
	return server.ConnQuery{Provider: c.Provider, State: server.State(c.State), Search: c.Q}
}

// String is how errors and the audit name what is chosen.
func (c Choice) String() string {
	parts := []string{}
	for _, p := range [][2]string{{"provider", c.Provider}, {"state", c.State}, {"q", c.Q}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+quote(p[1]))
		}
	}
	if len(parts) == 0 {
		return "all connections"
	}
	return "connections with " + strings.Join(parts, ", ")
}

// Act is what an act on many connections does, or would do.
type Act struct {
	Matching int      `json:"matching" doc:"Connections that the query selects."`
	Count    int      `json:"count" doc:"Of these, those acted on: others are so already, or have no link."`
	Sample   []string `json:"sample" nullable:"false" doc:"The first ten of them, as PROVIDER/NAME."`
	Plan     *Plan    `json:"plan" doc:"Of the configuration, 100 changes at most; null for what changes none."`
	Undo     uint64   `json:"undo" doc:"The revision to go back to in order to undo it; 0: there is none."`
}

const (
	mostSample   = 10
	mostBulkPlan = 100 // changes
	mostBulkBody = 4 << 10
)

// BulkOptions say whether an act is to be done, and on which condition.
type BulkOptions struct {
	DryRun  bool   `query:"dry_run" doc:"Do nothing; tell what would be done."`
	IfMatch string `header:"If-Match" doc:"ETag of the preview: the act is done if that is what it would do still."`
}

type bulkInput struct {
	BulkOptions
	Body struct {
		Query Choice `json:"query"`
	}
}

type moveInput struct {
	BulkOptions
	Body struct {
		Query   Choice `json:"query"`
		Channel string `json:"channel" minLength:"1" maxLength:"256" doc:"Name of a channel, as the list of channels has it."`
	}
}

type actOutput struct {
	ETag string `header:"ETag"`
	Body Act
}

// act is one act on many connections.
type act struct {
	verb    string // as the audit has it
	on      Choice
	channel string                  // to move to; empty for what is no move
	affects func(server.State) bool // whether a connection in a state is acted on
	// change changes the configuration; nil: links are closed.
	change func(who string, b config.Bulk) (config.Outcome, error)
}

func (a *API) bulkRoutes(h huma.API) {
	isOnline := func(s server.State) bool { return s == server.Online }
	isDisabled := func(s server.State) bool { return s == server.Disabled }
	bulkRoute(h, doors.Operator, "kick", "Close the links of all connections that match; it cannot be undone",
		func(ctx context.Context, in *bulkInput) (*actOutput, error) {
			return a.act(ctx, in.BulkOptions, act{"kick", in.Body.Query, "", isOnline, nil})
		})
	e := a.cfg.Editor
	if e == nil {
		return
	}
	bulkRoute(h, doors.Admin, "enable", "Enable all connections that match",
		func(ctx context.Context, in *bulkInput) (*actOutput, error) {
			return a.act(ctx, in.BulkOptions, act{"enable", in.Body.Query, "", isDisabled, e.Enable})
		})
	bulkRoute(h, doors.Admin, "disable", "Disable all connections that match",
		func(ctx context.Context, in *bulkInput) (*actOutput, error) {
			isEnabled := func(s server.State) bool { return !isDisabled(s) }
			return a.act(ctx, in.BulkOptions, act{"disable", in.Body.Query, "", isEnabled, e.Disable})
		})
	bulkRoute(h, doors.Admin, "move", "Serve all connections that match as a channel serves its own",
		func(ctx context.Context, in *moveInput) (*actOutput, error) {
			any := func(server.State) bool { return true }
			return a.act(ctx, in.BulkOptions, act{"move", in.Body.Query, in.Body.Channel, any,
				func(who string, b config.Bulk) (config.Outcome, error) { return e.Move(who, b, in.Body.Channel) }})
		})
}

func bulkRoute[I any](h huma.API, need doors.Role, name, summary string,
	f func(context.Context, *I) (*actOutput, error)) {
	op := operation(need, http.MethodPost, "/api/v1/connections/actions/"+name, summary)
	op.MaxBodyBytes = mostBulkBody
	huma.Register(h, op, f)
}

// String is how the audit names what is acted on.
func (x act) String() string {
	if x.channel == "" {
		return x.on.String()
	}
	return x.on.String() + " to channel " + quote(x.channel)
}

// act previews an act, or does it on condition that it is what was previewed.
func (a *API) act(ctx context.Context, o BulkOptions, x act) (*actOutput, error) {
	b, out, err := a.chosen(x)
	if err != nil {
		return nil, refusal(x.on.String(), err)
	}
	b.Only = o.DryRun
	switch {
	case o.DryRun || strings.Trim(o.IfMatch, `"`) == strings.Trim(out.ETag, `"`):
	case o.IfMatch == "":
		return nil, huma.NewError(http.StatusPreconditionRequired,
			"If-Match: missing; ask with dry_run=true, look at what would be done, and send the ETag of the answer")
	default:
		return nil, huma.Error412PreconditionFailed(fmt.Sprintf("%s: they are others by now, or the configuration is; "+
			"it would be done to %d; look again with dry_run=true", x.on, out.Body.Count))
	}
	if x.change != nil {
		err = changeMany(x.change, caller(ctx).Name, b, &out.Body)
	} else if !o.DryRun {
		out.Body.Count, err = a.core.KickAll(ctx, x.on.query())
	}
	if !o.DryRun {
		a.audit(ctx, x.verb, fmt.Sprintf("%d of %s", out.Body.Count, x), err)
	}
	if err != nil {
		return nil, refusal(x.on.String(), err)
	}
	return out, nil
}

// changeMany changes the configuration, and writes into v what came of it.
func changeMany(change func(string, config.Bulk) (config.Outcome, error), who string, b config.Bulk, v *Act) error {
	out, err := change(who, b)
	if err != nil {
		return err
	}
	plan := planOf(out)
	plan.Changes = plan.Changes[:min(len(plan.Changes), mostBulkPlan)]
	if v.Plan = &plan; !b.Only && plan.Total > 0 {
		v.Undo = b.Base
	}
	return nil
}

// chosen finds what an act is done to, and the ETag that stands for it. Links come and go: what stands for those that
// are to be closed is their connections, whatever the state of each.
func (a *API) chosen(x act) (config.Bulk, *actOutput, error) {
	b := config.Bulk{Of: config.Connections{}}
	if a.cfg.Editor != nil {
		b.Base = a.cfg.Editor.Revision()
	}
	out := &actOutput{Body: Act{Sample: []string{}}}
	sum := fnv.New64a() // no more than a memory of what was seen; writing to it never fails
	_, _ = fmt.Fprintln(sum, x.verb, x, b.Base)
	q, wanted := x.on.query(), server.State(x.on.State)
	if x.change == nil {
		q.State = ""
	}
	err := a.core.Select(q, func(provider string, name []byte, state server.State) {
		matches := wanted == "" || state == wanted
		affected := matches && x.affects(state)
		if affected || x.change == nil {
			_, _ = sum.Write(name)
			_, _ = sum.Write([]byte{0})
		}
		if matches {
			out.Body.Matching++
		}
		if !affected {
			return
		}
		if x.change != nil {
			b.Of[provider] = append(b.Of[provider], string(name))
		}
		if out.Body.Count++; out.Body.Count <= mostSample {
			out.Body.Sample = append(out.Body.Sample, provider+"/"+string(name))
		}
	})
	out.ETag = fmt.Sprintf(`"%x"`, sum.Sum64())
	return b, out, err
}
