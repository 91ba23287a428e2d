package project

import (
	"errors"
	"fmt"
	"testing"
)

// oneOutput is a catalogue whose one type of output is t.
type oneOutput struct{ oneDriver }

func (oneOutput) CheckOutput(o *Output) []error {
	if o.Type != "t" {
		return []error{&FieldError{"type", fmt.Errorf("there is no output type %q", o.Type)}}
	}
	if len(o.Options) == 0 {
		return nil
	}
	return []error{&FieldError{"options.url", errors.New("url")}, errors.New("as a whole")}
}

var outputRefusals = []refusal{
	{"name", "outputs: [{name: 1x, type: t}]", `f:2:18: name "1x" ` + notName, "outputs.0.name"},
	{"no name", "outputs: [{type: t}]", "f:2:11: the output has no name; write name: NAME", "outputs.0.name"},
	{"twice", "outputs: [{name: a, type: t}, {name: a, type: t}]",
		"f:2:38: there is an output a already (line 2); give each its own name", "outputs.a.name"},
	{"no type", "outputs: [{name: a}]", "f:2:11: output a has no type; name the protocol that it speaks",
		"outputs.a.type"},
	{"key", "outputs: [{name: a, type: t, fromat: json}]",
		`f:2:30: unknown key "fromat" in an output; did you mean format?`, "outputs.a.fromat"},
	{"options", "outputs: [{name: a, type: t, options: 1}]",
		"f:2:39: options is 1; write the output's options as key: value", "outputs.a.options"},
	{"unknown type", "outputs: [{name: a, type: u}]", `f:2:27: there is no output type "u"`, "outputs.a.type"},
	{"told", "outputs: [{name: a, type: t, options: {url: x}}]", "f:2:11: as a whole\nf:2:45: url",
		"outputs.a outputs.a.options.url"},
}

func TestRefusesOutputs(t *testing.T) { testRefusalsWith(t, oneOutput{}, outputRefusals) }

// TestOutputsWithoutCatalog: a catalogue of drivers alone has nothing to say about outputs.
func TestOutputsWithoutCatalog(t *testing.T) {
	src := []byte("project: p\noutputs: [{name: a, type: anything, options: {x: 1}}]\n")
	for _, cat := range []Catalog{nil, oneDriver{}} {
		if _, err := Parse("f", src, cat); err != nil {
			t.Error(err)
		}
	}
}
