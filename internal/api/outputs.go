package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"linkd/project/options"
)

// OutputType is a type of output that this linkd can make.
type OutputType struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Formats []OutputFormat `json:"formats" nullable:"false" doc:"The first is what no format stands for."`
}

// OutputFormat is a format of a type, and the options that go with it.
type OutputFormat struct {
	Format  string       `json:"format"`
	Options []OptionView `json:"options" nullable:"false"`
}

// OptionView is an option of a driver or an output as a form needs it.
type OptionView struct {
	Key     string     `json:"key"`
	Kind    OptionKind `json:"kind"`
	Default string     `json:"default" doc:"As a project file has it; empty: none."`
	Choices []string   `json:"choices" nullable:"false" doc:"Of a choice."`
	About   string     `json:"about" doc:"What it is for; may be empty."`
}

// OptionKind says what an option holds.
type OptionKind options.Kind

// Schema implements huma.SchemaProvider.
func (OptionKind) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, k := range options.Kinds() {
		s.Enum = append(s.Enum, string(k))
	}
	return s
}

// OptionViews is options as a form needs them.
func OptionViews(list []options.Option) []OptionView {
	return views(list, func(o options.Option) OptionView {
		return OptionView{Key: o.Key, Kind: OptionKind(o.Kind), Default: o.Default, Choices: append([]string{}, o.Choices...),
			About: o.About}
	})
}

func (a *API) outputTypeRoutes(h huma.API) {
	get(h, "/api/v1/output-types", "Types of outputs, their formats and options",
		func(context.Context, *struct{}) (*listOutput[OutputType], error) {
			return whole(append([]OutputType{}, a.cfg.OutputTypes...)), nil
		})
}
