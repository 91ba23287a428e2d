package catalog_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"linkd/outputs/catalog"
	"linkd/project"
	"linkd/project/options"
)

// TestCatalog: each output is there once and says what it is; all that is wrong with one is told at once.
func TestCatalog(t *testing.T) {
	seen := map[string]bool{}
	table := catalog.New()
	for _, k := range table {
		if k.Type == "" || seen[k.Type] || k.Title == "" || len(k.Formats) == 0 || k.Compile == nil || k.Ask == nil {
			t.Errorf("output %q is not described, or is in the table twice", k.Type)
		}
		seen[k.Type] = true
	}
	if errs := table.CheckOutput(&project.Output{Type: "pigeon"}); len(errs) != 1 ||
		errs[0].Error() != `output type "pigeon" is not known; choose one of: mqtt, nats, webhook, file` {
		t.Errorf("an unknown type: %v", errs)
	}
	errs := table.CheckOutput(&project.Output{Type: "file", Format: "xml", Options: map[string]any{"keep": 0}})
	if len(errs) != 3 || !strings.Contains(errs[0].Error(), `format "xml" is none of file; choose one of: json, influx`) {
		t.Errorf("three faults: %v", errs)
	}
	if errs := table.CheckOutput(&project.Output{Type: "file", Options: map[string]any{"path": "x"}}); errs != nil {
		t.Errorf("no fault: %v", errs)
	}
}

// TestDocumented: docs/outputs.md has every option, in a table.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	var cells strings.Builder
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") {
			cells.WriteString(strings.Split(line, "|")[1])
		}
	}
	for _, k := range catalog.New() {
		for _, format := range k.Formats {
			errs := catalog.New().CheckOutput(&project.Output{Type: k.Type, Format: format, Options: map[string]any{"_": 1}})
			_, known, ok := strings.Cut(errs[len(errs)-1].Error(), "there are ")
			if !ok {
				t.Fatalf("%s: %v", k.Type, errs)
			}
			for _, option := range strings.Split(known, ", ") {
				if !strings.Contains(cells.String(), "`"+option+"`") {
					t.Errorf("docs/outputs.md has no option %s of %s", option, k.Type)
				}
			}
		}
	}
}

// TestOptions: what a form is told of the options of an output is what is asked for when it is made.
func TestOptions(t *testing.T) {
	for _, x := range []struct {
		kind, format, key string
		want              options.Option
	}{
		{"mqtt", "json", "qos", options.Option{Kind: options.Number, Default: "1"}},
		{"mqtt", "json", "password", options.Option{Kind: options.Secret}},
		{"mqtt", "sparkplug", "edge", options.Option{Kind: options.Text, Default: "linkd"}},
		{"nats", "json", "server", options.Option{Kind: options.List}},
		{"nats", "json", "jetstream", options.Option{Kind: options.Flag, Default: "false"}},
		{"webhook", "json", "headers", options.Option{Kind: options.Texts}},
		{"webhook", "json", "timeout", options.Option{Kind: options.Duration, Default: "10s"}},
		{"file", "json", "spool", options.Option{Kind: options.Size, Default: "64MiB"}},
	} {
		list := catalog.New().Find(x.kind).Options(x.format)
		at := slices.IndexFunc(list, func(o options.Option) bool { return o.Key == x.key })
		if at < 0 || list[at].Kind != x.want.Kind || list[at].Default != x.want.Default {
			t.Errorf("%s %s: %s is not %+v in %+v", x.kind, x.format, x.key, x.want, list)
		}
	}
	for _, o := range catalog.New().Find("mqtt").Options("sparkplug") {
		if o.Key == "qos" {
			t.Error("sparkplug has no qos")
		}
	}
}
