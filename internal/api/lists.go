package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/project"
)

// What HTTP does with the connections of a provider as one list.

type importInput struct {
	NamePath
	DryRun      bool   `query:"dry_run" doc:"Do nothing; tell what would be done."`
	ContentType string `header:"Content-Type"`
	RawBody     []byte `contentType:"text/csv" doc:"CSV with a header line, or NDJSON (application/x-ndjson)."`
}

type listInput struct {
	NamePath
	Format string `query:"format" enum:"csv,ndjson" default:"csv"`
}

const (
	typeCSV    = "text/csv; charset=utf-8"
	typeNDJSON = "application/x-ndjson"
)

func (a *API) listRoutes(h huma.API) {
	const path = "/api/v1/providers/{name}/connections"
	list := operation(doors.Admin, http.MethodGet, path, "Its listed connections as CSV or NDJSON")
	huma.Register(h, list, a.list)
	imports := operation(doors.Admin, http.MethodPost, path, "Import connections, all or none")
	imports.MaxBodyBytes = mostImport
	huma.Register(h, imports, a.imports)
}

func (a *API) list(_ context.Context, in *listInput) (*exportOutput, error) {
	p, err := a.providerNamed(in.Name)
	if err != nil {
		return nil, refusal("provider "+in.Name, err)
	}
	var b bytes.Buffer
	out := &exportOutput{ContentType: typeCSV}
	if in.Format == "ndjson" {
		out.ContentType = typeNDJSON
		err = project.WriteConnectionsNDJSON(&b, p)
	} else {
		err = project.WriteConnectionsCSV(&b, p)
	}
	if err != nil {
		return nil, refusal("provider "+in.Name, err)
	}
	out.Body = b.Bytes()
	return out, nil
}

func (a *API) imports(ctx context.Context, in *importInput) (*planOutput, error) {
	read := project.ReadConnectionsCSV
	switch kind, _, _ := strings.Cut(in.ContentType, ";"); strings.TrimSpace(kind) {
	case "text/csv", "text/tab-separated-values", "":
	case typeNDJSON:
		read = project.ReadConnectionsNDJSON
	default:
		return nil, huma.Error415UnsupportedMediaType("Content-Type " + quote(in.ContentType) +
			": send text/csv or " + typeNDJSON)
	}
	p, err := a.providerNamed(in.Name)
	if err != nil {
		return nil, refusal("provider "+in.Name, err)
	}
	conns, err := read(bytes.NewReader(in.RawBody), p.Type)
	if err != nil {
		return nil, refusal("connections", err)
	}
	out, err := a.cfg.Editor.Import(caller(ctx).Name, in.Name, conns, in.DryRun)
	if err != nil {
		return nil, refusal("provider "+in.Name, err)
	}
	return &planOutput{Body: planOf(out)}, nil
}
