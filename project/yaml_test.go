package project

import (
	"strings"
	"testing"
)

var yamlRefusals = []refusal{
	{"empty", "", "f:1:1: the file is empty; start with project: NAME", "-"},
	{"comments", "# nothing\n\n# here\n", "f:1:1: the file is empty; start with project: NAME", "-"},
	{"header alone", "---\n", "f:1:1: the file is empty; start with project: NAME", "-"},
	{"a word", "hello\n", `f:1:1: a project is "hello"; write its keys as key: value`, "-"},
	{"a list", "- a\n", "f:1:1: a project is a list; write its keys as key: value", "-"},
	{"no keys", "{}\n", "f:1:1: the project has no name; write project: NAME", "project"},
	{"tab", "project: p\n\tmodels: []\n",
		"f:2:1: YAML: found character '\\t' that cannot start any token; indent with spaces", "-"},
	{"open quote", "project: \"p\n",
		"f:1:10: YAML: could not find end character of double-quoted text; check quotes and escapes here", "-"},
	{"open bracket", "project: p\nmodels: [\n",
		"f:2:9: YAML: sequence end token ']' not found; check indentation, quotes and brackets here", "-"},
	{"reserved", "project: @p\n", "f:1:10: YAML: '@' is a reserved character; check quotes and escapes here", "-"},
	{"indentation", "project: p\nmodels:\n  - name: m\n   title: x\n", "f:4:4: YAML: " +
		"value is not allowed in this context; check indentation, quotes and brackets here", "-"},
	{"duplicate key", "project: p\nmodels: []\nproject: q\n",
		`f:3:1: key "project" is already in line 1; keep one of the two`, "project"},
	{"anchor and alias", "project: &n p\nmodels: *n\n",
		"f:1:10: anchors are refused (&n); write the value out where it is used\n" +
			"f:2:9: aliases are refused (*n); write the value out here", "- -"},
	{"sibling anchors", "project: p\nmodels:\n- &a {name: 1}\n- &b {name: 2}\n",
		"f:3:3: anchors are refused (&a); write the value out where it is used\n" +
			`f:3:13: name "1" ` + notName + "\n" +
			"f:4:3: anchors are refused (&b); write the value out where it is used\n" +
			`f:4:13: name "2" ` + notName, "- models.0.name - models.1.name"},
	{"merge key", "project: p\nmodels:\n- name: m\n  <<: *x\n  tags: [{name: 3}]\n",
		"f:4:3: merge keys are refused (<<); write the keys out here\n" + `f:5:17: name "3" ` + notName,
		"- models.m.tags.0.name"},
	{"tag", "project: !!str p\n", `f:1:10: YAML tags are refused ("!!str"); leave the tag out`, "-"},
	{"directive", "%YAML 1.2\n---\nproject: p\n", `f:1:1: YAML directives are refused (%"YAML"); leave the line out`,
		"-"},
	{"complex key", "? project\n: p\n", "f:1:1: complex keys are refused (?); write key: value", "-"},
	{"documents", "---\nproject: 1\n---\nproject: q\n", `f:2:10: project "1" ` + notName + "\n" +
		"f:3:1: a second document begins here; write one project a file", "project -"},
	{"after the end", "project: p\n...\nproject: q\n",
		"f:2:1: a second document begins here; write one project a file", "-"},
	{"control character", "project: p\x01\n", "f:1:11: control character U+0001; write the file as plain UTF-8 text",
		"-"},
	{"not UTF-8", "project: p\n# \xff\n", "f:2:3: byte 0xFF is not UTF-8; write the file as plain UTF-8 text", "-"},
	{"list for text", "project: [p]\n", "f:1:10: project is a list; write text", "project"},
	{"mapping for a list", "project: p\nmodels: {name: m}\n",
		"f:2:9: models is a mapping; write a list, one item a line after a dash", "models"},
	{"empty item", "project: p\nmodels:\n-\n", "f:3:3: a model is empty; write its keys as key: value", "models.0"},
	{"far from any key", "project: p\nxyzzy: 1\n",
		`f:2:1: unknown key "xyzzy" in a project; write one of project, providers, models, channels, outputs`, "xyzzy"},
	{"octal", "project: p\nproviders: [{name: s, type: tcp-server, local_port: 0123}]\n",
		"f:2:53: local_port is 0123; write a whole number from 0 to 65535", "providers.s.local_port"},
	{"quoted number", "project: p\nproviders: [{name: s, type: tcp-server, local_port: \"123\"}]\n",
		`f:2:53: local_port is the text "123"; write a whole number from 0 to 65535`, "providers.s.local_port"},
	{"long title", "project: p\nmodels: [{name: m, title: " + strings.Repeat("x", 257) + ", tags: [{name: t}]}]\n",
		"f:2:27: title is 257 bytes long; write at most 256", "models.m.title"},
	{"title of two lines", "project: p\nmodels: [{name: m, title: \"a\\nb\", tags: [{name: t}]}]\n",
		"f:2:27: title holds the control character U+000A; write plain text in one line", "models.m.title"},
}

func TestRefusesYAML(t *testing.T) {
	for _, c := range yamlRefusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.src), nil)
			if err == nil || err.Error() != c.want || fieldsOf(err) != c.fields {
				t.Errorf("got\n%v\nof %s\nwant\n%s\nof %s", err, fieldsOf(err), c.want, c.fields)
			}
		})
	}
}

func TestAcceptsYAML(t *testing.T) {
	for name, src := range map[string]string{
		"byte order mark": "\ufeffproject: p\n",
		"CR LF":           "project: p\r\nmodels: []\r\n",
		"header and end":  "---\nproject: p\n...\n",
		"JSON":            `{"project": "p", "providers": [{"name": "s", "type": "tcp-server", "local_port": 1}]}`,
		"empty keys":      "project: p\nproviders:\nmodels:\nchannels:\n",
		"comments":        "# a\nproject: p # b\n# c\nmodels:\n  # d\n  - name: m # e\n    tags: [{name: t}]\n",
		"nulls":           "project: p\nmodels: [{name: m, title: ~, tags: [{name: t, unit: null}]}]\n",
		"number as name":  "project: p\nmodels: [{name: m, title: 007, tags: [{name: t, unit: 1e3}]}]\n",
	} {
		if p, err := Parse("f", []byte(src), nil); err != nil || p.Name != "p" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileShapes has files that would take a recursive parser's stack or quadratic time.
func TestHostileShapes(t *testing.T) {
	const many = 60_000
	for _, c := range []struct{ name, src, want string }{
		{"brackets", strings.Repeat("[", many), "f:1:25: nested more than 24 deep"},
		{"braces", strings.Repeat("{a: ", many), "f:1:97: nested more than 24 deep"},
		{"dashes", strings.Repeat("- ", many), "f:1:49: nested more than 24 deep"},
		{"keys", strings.Repeat("a:\n", many), "f:257:1: more than 256 keys in one mapping"},
		{"keys with values", strings.Repeat("a: b\n", many), "f:257:1: more than 256 keys in one mapping"},
		{"keys in a line", "{" + strings.Repeat("a: b, ", many) + "}", "f:1:1538: more than 256 keys in one mapping"},
		{"empty items", "models:\n" + strings.Repeat("-\n", many), "f:1003:1: more than 1000 empty values"},
		{"empty keys", "models:\n" + strings.Repeat("- a:\n", many), "f:1003:1: more than 1000 empty values"},
		{"words in braces", "{" + strings.Repeat("a, ", many) + "}", "f:1:3003: more than 1000 empty values"},
		{"long key", strings.Repeat("a", many) + ": b", `f:1:1: the key "` + strings.Repeat("a", 40) + `"… is longer`},
		{"documents", strings.Repeat("---\na\n", many), "f:2:1: a project is"},
		{"anchors", strings.Repeat("&a ", many), "f:1:1: anchors are refused"},
		{"question marks", strings.Repeat("? ", many), "f:1:1: complex keys are refused"},
	} {
		_, err := Parse("f", []byte(c.src), nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			got := err.Error()
			t.Errorf("%s: got %s, want %s", c.name, got[:min(len(got), 200)], c.want)
		}
	}
}
