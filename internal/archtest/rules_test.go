package archtest

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A rule returns what breaks it, each finding beginning with its place.
type rule func(*house) []string

const module = "linkd/"

// below says what the code of a folder may import from this module. "drivers/*" stands for each folder in drivers.
// The nearest entry counts: its own folder, then the pattern. Arrows run from cmd down to project.
var below = map[string][]string{
	"project":          {},
	"project/options":  {"project"},
	"codec":            {"project"},
	"routing":          {"project"},
	"drivers/tags":     {"internal/prefetch", "project"},
	"drivers":          {"drivers/tags", "project", "project/options"},
	"drivers/checksum": {},
	"drivers/poll":     {"drivers", "drivers/tags", "project", "project/options"},
	"drivers/*":        {"drivers", "drivers/checksum", "drivers/poll", "drivers/tags", "project", "project/options"},
	"drivers/catalog":  {"drivers", "drivers/*", "project"},
	"server": {"codec", "routing", "drivers", "drivers/tags", "internal/limits", "internal/prefetch",
		"project", "project/options"},
	"internal/durable":  {},
	"internal/doors":    {"internal/durable"},
	"internal/payload":  {"server", "drivers/tags", "project"},
	"internal/lastseen": {"internal/store", "server"},
	"internal/config":   {"internal/store", "server", "project"},
	"internal/trend":    {"server"},
	"internal/api": {"internal/config", "internal/doors", "internal/limits", "internal/logtail", "internal/payload",
		"internal/pcapng", "internal/store", "internal/trend", "server", "codec", "routing", "drivers",
		"project", "project/options"},
	"internal/console":  {},
	"internal/pcapng":   {},
	"internal/metrics":  {"server", "codec", "routing", "drivers", "project"},
	"internal/natsdial": {},
	"internal/bus": {"internal/doors", "internal/durable", "internal/natsdial", "internal/payload",
		"server", "drivers/tags", "project"},
	"internal/store":           {"internal/durable", "project"},
	"internal/store/storetest": {"internal/store", "project"},
	"outputs":                  {"internal/payload", "server", "drivers/tags", "project", "project/options"},
	"outputs/*":                {"outputs", "internal/payload", "server", "drivers/tags", "project"},
	"outputs/mqtt":             {"outputs", "outputs/sparkplug", "internal/payload", "server", "drivers/tags", "project"},
	"outputs/nats":             {"outputs", "internal/natsdial", "internal/payload", "server", "drivers/tags", "project"},
	"outputs/catalog":          {"outputs", "outputs/*", "project"},
	"internal/prefetch":        {},
	"deploy":                   {},
	"internal/archtest":        {},
	"internal/limits":          {},
	"internal/logtail":         {},
	"loadgen":                  {"internal/limits", "project"},
	"bench":                    {"loadgen", "internal/limits", "project"},
	"bench/report":             {"bench"},
	"bench/guard":              {},
	"cmd/linkd": {"deploy", "internal/api", "internal/console", "internal/metrics", "internal/bus", "internal/store",
		"internal/config", "internal/doors", "internal/lastseen", "internal/logtail", "internal/trend", "server", "loadgen",
		"bench", "bench/report",
		"codec", "routing", "drivers", "drivers/*", "outputs", "outputs/*", "project"},
}

// owners says which folders alone may import a library, by the beginning of its path.
var owners = map[string][]string{
	"github.com/panjf2000/gnet/":          {"server", "loadgen"},
	"github.com/prometheus/":              {"internal/metrics"},
	"github.com/danielgtaylor/huma/":      {"internal/api"},
	"github.com/goccy/go-yaml":            {"project"},
	"github.com/urfave/cli/":              {"cmd/linkd"},
	"github.com/expr-lang/expr":           {"drivers/tags"},
	"github.com/pires/go-proxyproto":      {"codec"},
	"go.etcd.io/bbolt":                    {"internal/store"},
	"golang.org/x/crypto/":                {"internal/doors"},
	"github.com/nats-io/":                 {"internal/bus", "outputs/nats"},
	"github.com/anishathalye/porcupine":   {},                     // tests only
	"go.uber.org/goleak":                  {"outputs/outputtest"}, // tests only
	"github.com/simonvetter/modbus":       {},                     // tests only
	"github.com/eclipse/paho.mqtt.golang": {"outputs/mqtt"},
	"google.golang.org/protobuf": {"internal/payload", "outputs/webhook", "outputs/sparkplug",
		"outputs/outputtest"},
	"github.com/bufbuild/protocompile":        {}, // tests only
	"github.com/chromedp/":                    {}, // tests only
	"github.com/influxdata/line-protocol":     {}, // tests only
	"github.com/HdrHistogram/hdrhistogram-go": {"loadgen", "bench", "cmd/linkd"},
	"gonum.org/v1/plot":                       {"bench/report"},
	"golang.org/x/perf/":                      {"bench/report"},
}

func match(pattern, dir string) bool {
	ok, _ := path.Match(pattern, dir) // the patterns are constants above; a bad one matches nothing
	return ok
}

func allowed(dir string) ([]string, bool) {
	if list, ok := below[dir]; ok {
		return list, true
	}
	for pattern, list := range below {
		if match(pattern, dir) {
			return list, true
		}
	}
	return nil, false
}

// directions: the import table above.
func directions(h *house) (found []string) {
	for _, p := range h.packages {
		list, known := allowed(p.dir)
		if !known {
			found = append(found, p.dir+": no row in the import table; add one to below")
			continue
		}
		for imported, place := range p.imports(h.fset) {
			dir, ours := strings.CutPrefix(imported, module)
			if ours && !slices.ContainsFunc(list, func(pattern string) bool { return match(pattern, dir) }) {
				found = append(found, fmt.Sprintf("%s: %s may not import %s", place, p.dir, dir))
			}
		}
	}
	return found
}

// libraries: a library has its owners.
func libraries(h *house) (found []string) {
	for _, p := range h.packages {
		for imported, place := range p.imports(h.fset) {
			for prefix, dirs := range owners {
				if strings.HasPrefix(imported+"/", prefix) && !slices.Contains(dirs, p.dir) {
					found = append(found, fmt.Sprintf("%s: only %q may import %s", place, dirs, imported))
				}
			}
		}
	}
	return found
}

// pure are the folders whose code has no I/O, clock or goroutine: it must run unchanged under a simulated clock.
// drivers/drivertest is what tests them and reads their cases.
var pure = []string{"codec", "drivers", "drivers/*"}

var impure = map[string]*regexp.Regexp{
	"time":    regexp.MustCompile(`^(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)$`),
	"net":     regexp.MustCompile(`^(Dial|Listen|Lookup|Resolve)`),
	"os":      regexp.MustCompile(`.`),
	"rand":    regexp.MustCompile(`.`),
	"context": regexp.MustCompile(`^With(Timeout|Deadline)`),
	"http":    regexp.MustCompile(`.`),
}

// purity: codec and drivers are machines without I/O.
func purity(h *house) (found []string) {
	for _, p := range h.packages {
		if p.dir == "drivers/drivertest" ||
			!slices.ContainsFunc(pure, func(pattern string) bool { return match(pattern, p.dir) }) {
			continue
		}
		for _, f := range p.code() {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					found = append(found, at(h.fset, n.Pos())+": starts a goroutine")
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if !ok || impure[x.Name] == nil || !impure[x.Name].MatchString(n.Sel.Name) {
						break
					}
					if _, ok := p.uses[x].(*types.PkgName); ok {
						found = append(found, fmt.Sprintf("%s: uses %s.%s; time and I/O are handed in",
							at(h.fset, n.Pos()), x.Name, n.Sel.Name))
					}
				}
				return true
			})
		}
	}
	return found
}

// noInit: nothing happens because a package was imported.
func noInit(h *house) (found []string) {
	for _, p := range h.packages {
		for _, f := range p.files {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					found = append(found, at(h.fset, fn.Pos())+": func init; let cmd wire it")
				}
			}
		}
	}
	return found
}

// stateful are types whose zero value at package level is state that tests and servers would share.
// A pool is none: what it holds has no meaning.
var stateful = regexp.MustCompile(`^(chan |sync\.(Mutex|RWMutex|Map|Once|WaitGroup|Cond)$|atomic\.)`)

// noState: package-level variables are constants in all but name.
func noState(h *house) (found []string) {
	for _, p := range h.packages {
		for _, f := range p.code() {
			for _, d := range f.ast.Decls {
				found = append(found, stateIn(h, p, d)...)
			}
		}
	}
	return found
}

func stateIn(h *house, p *pkg, d ast.Decl) (found []string) {
	report := func(n ast.Node, what string) {
		found = append(found, at(h.fset, n.Pos())+": package-level state: "+what)
	}
	if g, ok := d.(*ast.GenDecl); ok {
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && v.Type != nil && stateful.MatchString(types.ExprString(v.Type)) {
				report(v, v.Names[0].Name+" is a "+types.ExprString(v.Type))
			}
		}
		return found
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if name := p.global(left); name != "" {
					report(n, name+" is assigned to")
				}
			}
		case *ast.IncDecStmt:
			if name := p.global(n.X); name != "" {
				report(n, name+" is changed")
			}
		case *ast.CallExpr:
			fn, ok := n.Fun.(*ast.Ident)
			if ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
				if name := p.global(n.Args[0]); name != "" {
					report(n, name+" loses entries")
				}
			}
		}
		return true
	})
	return found
}

// global is the name of the package-level variable that e is, or is a part of; empty when it is none.
func (p *pkg) global(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			if v, ok := p.uses[x].(*types.Var); ok && v.Parent() == p.scope {
				return x.Name
			}
			return ""
		default:
			return ""
		}
	}
}
