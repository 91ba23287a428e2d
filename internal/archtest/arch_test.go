package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var rules = map[string]rule{
	"directions": directions,
	"libraries":  libraries,
	"purity":     purity,
	"no init":    noInit,
	"no state":   noState,
	"sizes":      sizes,
	"names":      names,
	"documented": documented,
	"lines":      lines,
	"portable":   portable,
}

// TestHouse runs every rule on this module.
func TestHouse(t *testing.T) {
	h, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.packages) < 3 {
		t.Fatalf("only %d packages found", len(h.packages))
	}
	if !slices.Contains(h.skipped, "tools") {
		t.Errorf("tools is a module of its own and was not skipped; skipped: %q", h.skipped)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			found := rule(h)
			slices.Sort(found)
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}

const good = `// Package codec owns the bytes.
package codec

import (
	"errors"
	"time"

	"linkd/project"
)

// ErrShort says that there is not enough.
var ErrShort = errors.New("codec: short")

var table = map[string]project.LinkKind{"a": project.TCPServer}

// Wait is how long.
func Wait(now time.Time) time.Duration {
	table := map[string]int{}
	table["shadows"] = 1
	delete(table, "shadows")
	return now.Sub(now)
}
`

// TestRulesCanFail feeds each rule a sample that breaks it and nothing else.
func TestRulesCanFail(t *testing.T) {
	tests := []struct {
		rule string
		name string // of the file; the sample is codec/good.go
		old  string // replaced in the sample by new
		new  string
		want string // the finding; empty: none
	}{
		{"directions", "codec/good.go", "", "", ""},
		{"directions", "codec/good.go", "linkd/project", "linkd/server", "codec may not import server"},
		{"directions", "project/p.go", "", "", "project may not import project"},
		{"directions", "drivers/raw/raw.go", "linkd/project", "linkd/drivers/modbus", "may not import drivers/modbus"},
		{"directions", "drivers/catalog/c.go", "linkd/project", "linkd/drivers/modbus", ""},
		{"directions", "extra/x.go", "", "", "extra: no row in the import table"},
		{"libraries", "codec/good.go", "", "", ""},
		{"libraries", "codec/good.go", "linkd/project", "github.com/panjf2000/gnet/v2", "may import github.com/panjf2000"},
		{"libraries", "server/s.go", "linkd/project", "github.com/panjf2000/gnet/v2", ""},
		{"libraries", "codec/good.go", "linkd/project", "go.uber.org/goleak", "may import go.uber.org/goleak"},
		{"libraries", "codec/good_test.go", "linkd/project", "go.uber.org/goleak", ""},
		{"purity", "codec/good.go", "", "", ""},
		{"purity", "codec/good.go", "now.Sub(now)", "time.Since(now)", "codec/good.go:21: uses time.Since"},
		{"purity", "server/s.go", "now.Sub(now)", "time.Since(now)", ""},
		{"purity", "drivers/raw/raw.go", "table[", "go func() {}(); table[", "starts a goroutine"},
		{"no init", "codec/good.go", "", "", ""},
		{"no init", "codec/good.go", "func Wait(now time.Time) time.Duration", "func init()", "func init"},
		{"no state", "codec/good.go", "", "", ""},
		{"no state", "codec/good.go", "table := map[string]int{}", "", "table is assigned to"},
		{"no state", "codec/good.go", "table := map[string]int{}\n\ttable[\"shadows\"] = 1", "", "table loses entries"},
		{"no state", "codec/good.go", "var table =", "var mu sync.Mutex\nvar table =", "mu is a sync.Mutex"},
		{"no state", "codec/good.go", "var table =", "var n atomic.Int64\nvar table =", "n is a atomic.Int64"},
		{"no state", "codec/good.go", "var table =", "var pool sync.Pool\nvar table =", ""},
		{"sizes", "codec/good.go", "", "", ""},
		{"sizes", "codec/good.go", "return", strings.Repeat("\n", 60) + "return", "good.go:Wait has 66 lines, over 60"},
		{"sizes", "codec/good_test.go", "return", strings.Repeat("\n", 60) + "return", ""},
		{"sizes", "codec/good.go", "// ErrShort", strings.Repeat("//\n", 400) + "// ErrShort", "has 421 lines, over 400"},
		{"sizes", "codec/good.go", "// ErrShort", strings.Repeat("//\n", 600) + "// ErrShort", "no reason excuses it"},
		{"names", "codec/good.go", "", "", ""},
		{"names", "codec/good.go", "\npackage codec", "\npackage util", "package util says nothing"},
		{"names", "codec/good.go", "var table", "type linkManager int\nvar table", "type linkManager says nothing"},
		{"documented", "codec/good.go", "", "", ""},
		{"documented", "codec/good.go", "bytes.\npackage", "bytes.\n\npackage", "codec: no package comment"},
		{"lines", "codec/good.go", "", "", ""},
		{"lines", "codec/good.go", "is how long", "is" + strings.Repeat(" long", 25), "codec/good.go:16: 136 characters"},
		{"lines", "codec/good.go", "is how long", "is https://x" + strings.Repeat("/long", 25), ""},
		{"portable", "codec/good.go", "", "", ""},
		{"portable", "codec/good.go", "is how long", "is in \"/ho" + "me/me/x", "codec/good.go:16: a path of one machine"},
		{"portable", "codec/good.go", "is how long", "is https://example.org/ho" + "me/page", ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule+"/"+tt.want, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the sample does not hold %q", tt.old)
			}
			source := strings.Replace(good, tt.old, tt.new, 1)
			h, err := load(fstest.MapFS{tt.name: {Data: []byte(source)}})
			if err != nil {
				t.Fatal(err)
			}
			found := rules[tt.rule](h)
			if tt.want == "" && len(found) > 0 {
				t.Fatalf("found %q, want nothing", found)
			}
			if tt.want != "" && !strings.Contains(strings.Join(found, "\n"), tt.want) {
				t.Fatalf("found %q, want %q", found, tt.want)
			}
		})
	}
}

// TestExceptions: a reason excuses a long file or function; one that excuses nothing is found.
func TestExceptions(t *testing.T) {
	source := strings.Replace(good, "// ErrShort", strings.Repeat("//\n", 400)+"// ErrShort", 1)
	h, err := load(fstest.MapFS{"codec/good.go": {Data: []byte(source)}})
	if err != nil {
		t.Fatal(err)
	}
	if found := oversize(h, map[string]string{"codec/good.go": "a table"}, nil); len(found) > 0 {
		t.Errorf("found %q, want nothing", found)
	}
	needless := map[string]string{"codec/good.go:Wait": "a reason"}
	found := oversize(h, map[string]string{"codec/good.go": "a table"}, needless)
	if len(found) != 1 || !strings.Contains(found[0], "good.go:Wait: listed as too long and is not") {
		t.Errorf("found %q, want the exception that is not needed", found)
	}
}

// TestModulesApart: a folder with a go.mod and what tools made are not looked at.
func TestModulesApart(t *testing.T) {
	bad := &fstest.MapFile{Data: []byte("package util\n\nfunc init() {}\n")}
	h, err := load(fstest.MapFS{
		"codec/good.go": {Data: []byte(good)}, "bench/peers/go.mod": {}, "bench/peers/p.go": bad, "bin/x.go": bad,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.packages) != 1 || len(h.skipped) != 1 {
		t.Errorf("packages %d, skipped %q; want codec alone", len(h.packages), h.skipped)
	}
}
