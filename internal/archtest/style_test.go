package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxFile    = 400 // lines
	maxBigFile = 600 // lines, for the files in bigFiles
	maxFunc    = 60  // lines, tests not counted: their tables are long
	maxLine    = 120 // characters
)

// bigFiles are the files over maxFile, each with the reason why it is not split.
var bigFiles = map[string]string{}

// bigFuncs are the functions over maxFunc as FILE:NAME, each with the reason why it is not split.
var bigFuncs = map[string]string{}

// sizes: what is too long is split, or says why not. An exception that is not needed any more is a finding too.
func sizes(h *house) (found []string) {
	return oversize(h, bigFiles, bigFuncs)
}

func oversize(h *house, files, funcs map[string]string) (found []string) {
	used := map[string]bool{}
	over := func(reasons map[string]string, key, place string, lines, limit int) {
		if lines <= limit {
			return
		}
		if used[key] = true; reasons[key] == "" {
			found = append(found, fmt.Sprintf("%s: %s has %d lines, over %d", place, key, lines, limit))
		}
	}
	for _, p := range h.packages {
		for _, f := range p.files {
			lines := h.fset.File(f.ast.FileStart).LineCount() - 1 // the last line is empty
			over(files, f.name, f.name, lines, maxFile)
			if lines > maxBigFile {
				found = append(found, fmt.Sprintf("%s: %d lines, over %d: no reason excuses it", f.name, lines, maxBigFile))
			}
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && !f.test {
					lines := h.fset.Position(fn.End()).Line - h.fset.Position(fn.Pos()).Line + 1
					over(funcs, f.name+":"+fn.Name.Name, at(h.fset, fn.Pos()), lines, maxFunc)
				}
			}
		}
	}
	for _, reasons := range []map[string]string{files, funcs} {
		for key := range reasons {
			if !used[key] {
				found = append(found, key+": listed as too long and is not; remove it from the list")
			}
		}
	}
	return found
}

var (
	vague     = regexp.MustCompile(`^(util|utils|helper|helpers|common|errors|defs|misc|base|shared|types|lib)$`)
	vagueType = regexp.MustCompile(`(Manager|Helper|Helpers|Util|Utils|Impl|Data|Info)$`)
)

// names: no name that says nothing.
func names(h *house) (found []string) {
	for _, p := range h.packages {
		for _, f := range p.files {
			if vague.MatchString(f.ast.Name.Name) {
				found = append(found, f.name+": package "+f.ast.Name.Name+" says nothing about what it owns")
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if t, ok := n.(*ast.TypeSpec); ok && vagueType.MatchString(t.Name.Name) {
					found = append(found, at(h.fset, t.Pos())+": type "+t.Name.Name+" says nothing about what it is")
				}
				return true
			})
		}
	}
	return found
}

// documented: each package says what it owns, in a comment that godoc shows.
func documented(h *house) (found []string) {
	for _, p := range h.packages {
		if !p.hasDoc() {
			found = append(found, p.dir+": no package comment (Package name …, or Command name …)")
		}
	}
	return found
}

func (p *pkg) hasDoc() bool {
	code := p.code()
	for _, f := range code {
		if f.ast.Doc == nil {
			continue
		}
		word, _, _ := strings.Cut(f.ast.Doc.Text(), " ")
		if word == "Package" || f.ast.Name.Name == "main" && (word == "Command" || word == "Linkd") {
			return true
		}
	}
	return len(code) == 0 // a folder of tests alone
}

// lines: they fit a screen. A line with a URL may be longer.
func lines(h *house) (found []string) {
	for _, t := range h.texts {
		if !strings.HasSuffix(t.name, ".go") {
			continue
		}
		for i, line := range strings.Split(t.content, "\n") {
			width := utf8.RuneCountInString(line)
			if width > maxLine && !strings.Contains(line, "://") {
				found = append(found, fmt.Sprintf("%s:%d: %d characters, over %d", t.name, i+1, width, maxLine))
			}
		}
	}
	return found
}

// homes are folders of one machine: a path below them works nowhere else.
var homes = regexp.MustCompile(`(?:^|[\s"'=(:,` + "`" + `])/(?:home|root|Users|work|workspace)/[A-Za-z0-9_.]`)

// portable: no file names a place on somebody's machine.
func portable(h *house) (found []string) {
	for _, t := range h.texts {
		for i, line := range strings.Split(t.content, "\n") {
			if homes.MatchString(line) {
				found = append(found, fmt.Sprintf("%s:%d: a path of one machine: %s", t.name, i+1, strings.TrimSpace(line)))
			}
		}
	}
	return found
}
