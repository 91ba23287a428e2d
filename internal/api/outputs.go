package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
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

// OptionView is an option as a form needs it.
type OptionView struct {
	Key     string   `json:"key"`
	Kind    string   `json:"kind" enum:"text,choice,secret,number,flag,duration,size,list,texts"`
	Default string   `json:"default" doc:"As a project file has it; empty: none."`
	Choices []string `json:"choices" nullable:"false" doc:"Of a choice."`
}

func (a *API) outputTypeRoutes(h huma.API) {
	get(h, "/api/v1/output-types", "Types of outputs, their formats and options",
		func(context.Context, *struct{}) (*listOutput[OutputType], error) {
			return whole(append([]OutputType{}, a.cfg.OutputTypes...)), nil
		})
}
