package options_test

import (
	"maps"
	"testing"

	"linkd/project/options"
)

func TestTable(t *testing.T) {
	const readme = `# A driver
| ` + "`no_option`" + ` | a table of something else |
|---|---|

| option | type | default | |
|---|---|---|---|
| ` + "`max`" + ` | number | ` + "`8`" + ` | most of [them](../x.md), 1 to ` + "`9`" + ` |
| ` + "`a: {size, order}`, `b`" + ` | | none | two at once |

| option | default | |
|---|---|---|
| ` + "`c`" + ` | | the last
and text | with | bars | behind |
`
	want := map[string]options.Row{"max": {"8", "most of them, 1 to 9"}, "a": {"none", "two at once"},
		"b": {"none", "two at once"}, "c": {"", "the last"}}
	if got := options.Table(readme); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	list := options.Describe([]options.Option{{Key: "max"}, {Key: "other"}}, readme)
	if list[0].About != "most of them, 1 to 9" || list[1].About != "" {
		t.Errorf("described as %q", list)
	}
}
