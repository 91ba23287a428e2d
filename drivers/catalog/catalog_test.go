package catalog_test

import (
	"testing"

	"linkd/drivers/catalog"
)

// TestCatalog: each driver is there once, says what it is and which links it runs on.
func TestCatalog(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range catalog.New() {
		if d.Name == "" || seen[d.Name] {
			t.Errorf("driver %q has no name, or is in the table twice", d.Name)
		}
		seen[d.Name] = true
		if d.Title == "" || len(d.Links) == 0 || d.Compile == nil {
			t.Errorf("driver %s: title %q, links %q, compiles: %v", d.Name, d.Title, d.Links, d.Compile != nil)
		}
	}
	if !seen["raw"] {
		t.Error("raw is missing")
	}
}
