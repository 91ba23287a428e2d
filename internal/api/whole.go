package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/internal/store"
	"linkd/project"
)

// What HTTP does with the configuration as a whole: export, apply, undo, lists of connections.

// Plan is what a change does, or would do.
type Plan struct {
	Revision uint64   `json:"revision" doc:"That is now; with dry_run, that is as before."`
	Changes  []string `json:"changes" nullable:"false" doc:"One a line: + added, ~ changed, - removed; 10,000 at most."`
	Total    int      `json:"total" doc:"How many changes there are."`
}

const mostChanges = 10_000 // of a Plan

func planOf(o config.Outcome) Plan {
	all := linesOf(o.Changes.String())
	return Plan{Revision: o.Revision, Changes: all[:min(len(all), mostChanges)], Total: len(all)}
}

// linesOf is a plan line by line, not nil.
func linesOf(plan string) []string {
	if plan == "" {
		return []string{}
	}
	return strings.Split(strings.TrimRight(plan, "\n"), "\n")
}

// Revision is one change that was made.
type Revision struct {
	Revision uint64    `json:"revision"`
	Time     time.Time `json:"time"`
	Who      string    `json:"who"`
	What     string    `json:"what"`
	Undoes   uint64    `json:"undoes" doc:"The revision that it went back to; 0 for none."`
	Changes  []string  `json:"changes" nullable:"false"`
}

type planOutput struct{ Body Plan }

type applyInput struct {
	DryRun  bool   `query:"dry_run" doc:"Do nothing; tell what would be done."`
	Prune   bool   `query:"prune" doc:"Remove what the file lacks."`
	RawBody []byte `contentType:"application/yaml" doc:"A project file."`
}

type exportOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag"`
	Body        []byte `contentType:"application/yaml"`
}

type revisionsInput struct {
	Limit  int    `query:"limit" minimum:"0" doc:"Most items; 0 means 100, more than 1000 means 1000."`
	Cursor uint64 `query:"cursor" doc:"Next of the page before."`
}

type undoInput struct {
	Revision uint64 `path:"revision"`
	DryRun   bool   `query:"dry_run" doc:"Do nothing; tell what would be done."`
}

const (
	mostImport = project.MaxFileSize // of a project file, or a list of connections
	typeYAML   = "application/yaml"
)

func (a *API) projectRoutes(h huma.API) {
	export := operation(doors.Admin, http.MethodGet, "/api/v1/project", "The configuration as a project file")
	huma.Register(h, export, a.export)
	apply := operation(doors.Admin, http.MethodPut, "/api/v1/project", "Apply a project file")
	apply.MaxBodyBytes = mostImport
	huma.Register(h, apply, a.apply)
	get(h, "/api/v1/revisions", "Changes of the configuration, newest first", a.revisions)
	undo := operation(doors.Admin, http.MethodPost, "/api/v1/revisions/{revision}/undo",
		"Go back to a revision, as a new one")
	huma.Register(h, undo, a.undo)
	a.listRoutes(h)
}

func (a *API) export(context.Context, *struct{}) (*exportOutput, error) {
	text := a.cfg.Editor.Export()
	return &exportOutput{ContentType: typeYAML, ETag: `"` + config.Version(text) + `"`, Body: text}, nil
}

func (a *API) apply(ctx context.Context, in *applyInput) (*planOutput, error) {
	f := config.File{Text: in.RawBody}
	if in.Prune {
		f.How = config.Prune
	}
	out, err := a.cfg.Editor.Apply(caller(ctx).Name, f, in.DryRun)
	if err != nil {
		return nil, refusal("project", err)
	}
	return &planOutput{Body: planOf(out)}, nil
}

func (a *API) revisions(_ context.Context, in *revisionsInput) (*listOutput[Revision], error) {
	limit := min(in.Limit, mostItems)
	if limit == 0 {
		limit = 100
	}
	list, err := a.cfg.Editor.Revisions(in.Cursor, limit+1)
	if err != nil {
		return nil, refusal("revisions", err)
	}
	out := &listOutput[Revision]{}
	if len(list) > limit {
		list = list[:limit]
		out.Body.Next = strconv.FormatUint(list[limit-1].Number, 10)
	}
	out.Body.Items = views(list, revisionView)
	return out, nil
}

func revisionView(r store.Revision) Revision {
	return Revision{Revision: r.Number, Time: r.Time.UTC(), Who: r.Who, What: r.What, Undoes: r.Undoes,
		Changes: linesOf(r.Plan)}
}

func (a *API) undo(ctx context.Context, in *undoInput) (*planOutput, error) {
	out, err := a.cfg.Editor.Undo(caller(ctx).Name, in.Revision, in.DryRun)
	if err != nil {
		return nil, refusal(fmt.Sprintf("revision %d", in.Revision), err)
	}
	return &planOutput{Body: planOf(out)}, nil
}
