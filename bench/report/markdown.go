package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"linkd/bench"
)

// WriteMarkdown writes the report as Markdown; its plots are the files that Write puts beside it.
func (all *Results) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	b.WriteString("# What linkd costs\n\n")
	p, err := all.page()
	if err != nil {
		return err
	}
	word := "Quiet machine."
	if !p.Quiet {
		word = "DISTURBED."
	}
	fmt.Fprintf(&b, "**%s** %s\n\n", word, cell(p.State))
	b.WriteString("| run | when | commit | machine | kernel | Go | rounds | worst round |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, r := range p.Runs {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d | %s |\n", cell(r.Path), r.When, cell(r.Commit), cell(r.Machine),
			cell(r.Kernel), cell(r.Go), r.Rounds, cell(r.State))
	}
	fmt.Fprintf(&b, "\n## Goals: %d of %d met\n\n", p.Met, p.All)
	if len(p.Goals) > 0 {
		b.WriteString("| scenario | case | figure | goal | linkd | |\n|---|---|---|---|---|---|\n")
	}
	for _, g := range p.Goals {
		figure := g.Figure
		if g.Beside != "" {
			figure += " × " + g.Beside
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", cell(g.Scenario), cell(g.Case), cell(g.Unit), cell(g.Limit),
			cell(figure), g.Verdict)
	}
	plots := all.charts()
	for _, sec := range all.sections {
		b.WriteString("\n## " + cell(sec.name))
		if sec.title != "" {
			b.WriteString(": " + cell(sec.title))
		}
		b.WriteString("\n\n")
		for _, c := range plots[sec.name] {
			fmt.Fprintf(&b, "![%s](%s)\n", cell(c.title), filepath.ToSlash(filepath.Join("plots", c.file+".svg")))
		}
		if len(plots[sec.name]) > 0 {
			b.WriteByte('\n')
		}
		sec.table(&b)
	}
	if len(p.Notes) > 0 {
		b.WriteString("\n## Notes\n\n")
	}
	for _, note := range p.Notes {
		fmt.Fprintf(&b, "- %s\n", cell(note))
	}
	writeHowTo(&b, p)
	_, err = io.WriteString(out, b.String())
	return err
}

// table writes the figures of a section, then what held its cases back.
func (sec *section) table(b *strings.Builder) {
	b.WriteString("| case | figure |")
	for _, peer := range sec.peers {
		fmt.Fprintf(b, " %s |", cell(peer))
	}
	compared := sec.compared()
	for _, peer := range compared {
		fmt.Fprintf(b, " %s/%s |", bench.Linkd, cell(peer))
	}
	goals := sec.hasGoals()
	if goals {
		b.WriteString(" goal |")
	}
	columns := 2 + len(sec.peers) + len(compared)
	if goals {
		columns++
	}
	b.WriteString("\n|" + strings.Repeat("---|", columns) + "\n")
	var held []string
	for _, c := range sec.cases {
		for _, words := range c.held(sec.peers) {
			held = append(held, c.name+": "+words)
		}
		for _, f := range c.figures {
			if isLimiter(f.unit) {
				continue
			}
			fmt.Fprintf(b, "| %s | %s |", cell(c.name), cell(f.unit))
			sec.cells(b, f, compared)
			if goals {
				var words []string
				for _, r := range f.reached(sec.name, c.name) {
					words = append(words, niceLimit(r.limit)+": "+r.verdict())
				}
				if len(words) > 0 {
					b.WriteString(" " + cell(strings.Join(words, ", ")))
				}
				b.WriteString(" |")
			}
			b.WriteByte('\n')
		}
	}
	if sec.limit != "" {
		fmt.Fprintf(b, "\n× is beside %s.\n", cell(sec.limit))
	}
	for i, words := range held {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "- %s\n", cell(words))
	}
}

func (sec *section) cells(b *strings.Builder, f *figureResult, compared []string) {
	for _, peer := range sec.peers {
		s, measured := f.summary(peer)
		if !measured {
			fmt.Fprintf(b, " %s |", minus)
			continue
		}
		fmt.Fprintf(b, " %s", s)
		if c, _ := f.cell(peer, sec.limit); c.Ratio != "" {
			fmt.Fprintf(b, " %s", c.Ratio)
		}
		b.WriteString(" |")
	}
	for _, peer := range compared {
		if ratio, ok := f.ratio(bench.Linkd, peer); ok && len(f.limits) > 0 {
			fmt.Fprintf(b, " %s |", ratio)
		} else {
			b.WriteString(" |")
		}
	}
}

// compared are the peers that linkd stands beside in a figure that has a goal, without the limit, which all
// stand beside.
func (sec *section) compared() (list []string) {
	for _, peer := range sec.peers {
		if peer == sec.limit {
			continue
		}
		for _, c := range sec.cases {
			for _, f := range c.figures {
				_, ok := f.ratio(bench.Linkd, peer)
				if ok && len(f.limits) > 0 && peer != bench.Linkd && (len(list) == 0 || list[len(list)-1] != peer) {
					list = append(list, peer)
				}
			}
		}
	}
	return list
}

func (sec *section) hasGoals() bool {
	for _, c := range sec.cases {
		for _, f := range c.figures {
			if len(f.limits) > 0 {
				return true
			}
		}
	}
	return false
}

func writeHowTo(b *strings.Builder, p *page) {
	b.WriteString("\n## How to repeat this\n")
	for _, r := range p.Runs {
		fmt.Fprintf(b, "\n%s:\n\n", cell(r.Path))
		if r.Dirty {
			b.WriteString("The work tree had changes that are in no commit; this comes close:\n\n")
		}
		for _, step := range r.Steps {
			fmt.Fprintf(b, "    %s\n", step)
		}
	}
	b.WriteByte('\n')
	for _, words := range howTo() {
		fmt.Fprintf(b, "- %s\n", words)
	}
	b.WriteString("\n| figure | what it is |\n|---|---|\n")
	for _, u := range p.Units {
		fmt.Fprintf(b, "| %s | %s |\n", cell(u[0]), cell(u[1]))
	}
}

// cell makes words safe for a table of Markdown, in which HTML, links and pictures would count.
func cell(words string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "[", `\[`, "]", `\]`, "`", "\\`",
		"*", `\*`, `\`, `\\`).Replace(words)
}
