package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"linkd/project"
)

// TestWholeProject: what the project file says of channels, devices, models and tags is shown, and described, whole.
// Goldens cannot tell that a key was added to the file.
func TestWholeProject(t *testing.T) {
	_, base := start(t, newFakeCore())
	_, got := ask(t, "GET", base+"/api/openapi.json", "")
	var spec struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(got), &spec); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, shown reflect.Type }{
		{reflect.TypeFor[project.Channel](), reflect.TypeFor[Channel]()},
		{reflect.TypeFor[project.Device](), reflect.TypeFor[Device]()},
		{reflect.TypeFor[project.Model](), reflect.TypeFor[Model]()},
		{reflect.TypeFor[project.Tag](), reflect.TypeFor[Tag]()},
	} {
		schema := spec.Components.Schemas[c.shown.Name()]
		for _, f := range reflect.VisibleFields(c.file) {
			if !f.IsExported() {
				continue
			}
			view, ok := c.shown.FieldByName(f.Name)
			if !ok {
				t.Errorf("%v.%s is not shown", c.file, f.Name)
				continue
			}
			key := view.Tag.Get("json")
			if schema.Properties[key] == nil || !slices.Contains(schema.Required, key) {
				t.Errorf("%s: %q is not described as always there: %+v", c.shown.Name(), key, schema)
			}
		}
	}
}
