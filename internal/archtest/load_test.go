package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// house is the source of one module, parsed.
type house struct {
	fset     *token.FileSet
	packages []*pkg   // by folder
	texts    []*text  // all text files, Go or not
	skipped  []string // folders that are modules of their own
}

// pkg is one folder of Go files. An external test package (name_test) counts to its folder.
type pkg struct {
	dir   string // "." for the root, else slash-separated
	files []*goFile
	// vars are the names of package-level variables of the non-test files, resolved by uses.
	scope *types.Scope
	uses  map[*ast.Ident]types.Object
}

type goFile struct {
	name string // path from the root
	test bool
	ast  *ast.File
}

type text struct {
	name    string
	content string
}

// textual are the endings of files that people write.
var textual = []string{".go", ".md", ".yaml", ".yml", ".txt", ".sh", ".mod", "Makefile", "run", "packages", ".json"}

// notOurs are folders that hold what tools make or fetch.
var notOurs = []string{".git", "bin", "node_modules", "testdata"}

// load parses all Go files below the root, whatever their build constraints, and reads all text files.
// A folder below the root with a go.mod is a module of its own and is not entered.
func load(root fs.FS) (*house, error) {
	h := &house{fset: token.NewFileSet()}
	byDir := map[string]*pkg{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return h.enter(root, name)
		}
		if !slices.ContainsFunc(textual, func(end string) bool { return strings.HasSuffix(name, end) }) {
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		h.texts = append(h.texts, &text{name: name, content: string(content)})
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(h.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
			h.packages = append(h.packages, byDir[dir])
		}
		test := strings.HasSuffix(name, "_test.go")
		byDir[dir].files = append(byDir[dir].files, &goFile{name: name, test: test, ast: file})
		return nil
	})
	for _, p := range h.packages {
		p.resolve(h.fset)
	}
	return h, err
}

func (h *house) enter(root fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	if slices.Contains(notOurs, path.Base(dir)) {
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(dir, "go.mod")); err == nil {
		h.skipped = append(h.skipped, dir)
		return fs.SkipDir
	}
	return nil
}

// resolve finds what each identifier of the non-test files means. Imports are not followed: names from elsewhere stay
// unknown and the errors about them are of no interest.
func (p *pkg) resolve(fset *token.FileSet) {
	var files []*ast.File
	for _, f := range p.code() {
		files = append(files, f.ast)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	cfg := types.Config{Error: func(error) {}, Importer: noImporter{}}
	tp, _ := cfg.Check(p.dir, fset, files, info) // errors are expected, see above
	p.scope, p.uses = tp.Scope(), info.Uses
}

type noImporter struct{}

func (noImporter) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("archtest: %s is not followed", path)
}

// code is the files that are no tests.
func (p *pkg) code() []*goFile {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *goFile) bool { return f.test })
}

// imports is what the package's own code imports: path to a place where it does.
func (p *pkg) imports(fset *token.FileSet) map[string]string {
	found := map[string]string{}
	for _, f := range p.code() {
		for _, spec := range f.ast.Imports {
			found[strings.Trim(spec.Path.Value, `"`)] = at(fset, spec.Pos())
		}
	}
	return found
}

func at(fset *token.FileSet, pos token.Pos) string {
	p := fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}
