package project

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMerge has the nouns of one kind as words: a name with its title. The same happens to every kind of noun.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, base, current, file, want string }{
		{"nothing anywhere", "", "", "", ""},
		{"the first file", "-", "", "a1 b1", "a1 b1"},
		{"the first file beside what is there", "-", "x1 a1", "a2 b1", "x1 a2 b1"},
		{"nothing changed", "a1 b1", "b2 c1", "a1 b1", "b2 c1"},
		{"added", "a1", "a1 x1", "a1 b1", "a1 x1 b1"},
		{"added, and there already", "a1", "a1 b2", "a1 b1", "a1 b1"},
		{"changed", "a1 b1", "b1 a1 x1", "a2 b1", "b1 a2 x1"},
		{"changed on both sides", "a1", "a3", "a2", "a2"},
		{"changed alike on both sides", "a1", "a2", "a2", "a2"},
		{"changed, and removed by another", "a1", "", "a2", "a2"},
		{"removed", "a1 b1", "a1 b1 x1", "b1", "b1 x1"},
		{"removed, and changed by another", "a1", "a2", "", ""},
		{"removed on both sides", "a1 b1", "b1", "b1", "b1"},
		{"changed by another alone", "a1", "a2", "a1", "a2"},
		{"order of the file", "a1 b1", "a1 b1", "b1 a1", "a1 b1"},
	} {
		for kind, parse := range kinds {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				base := parse(c.base)
				if c.base == "-" {
					base = nil
				}
				got := Merge(base, parse(c.current), parse(c.file))
				if d := fmt.Sprint(lines(got)); d != fmt.Sprint(lines(parse(c.want))) {
					t.Errorf("got %s, want %s", d, c.want)
				}
			})
		}
	}
}

// kinds make a project of nouns of one kind.
var kinds = map[string]func(string) *Project{
	"provider": func(s string) *Project {
		p := &Project{}
		for name, title := range words(s) {
			p.Providers = append(p.Providers, &Provider{Name: name, Title: title})
		}
		return p
	},
	"connection": func(s string) *Project {
		pr := &Provider{Name: "p"}
		for name, title := range words(s) {
			pr.Connections = append(pr.Connections, &ConnPt{Name: name, Title: title})
		}
		return &Project{Providers: []*Provider{pr}}
	},
	"fleet": func(s string) *Project {
		pr := &Provider{Name: "p"}
		for name, title := range words(s) {
			pr.Fleets = append(pr.Fleets, &Fleet{Name: Pattern{name, "", 1}, Title: constant(title)})
		}
		return &Project{Providers: []*Provider{pr}}
	},
	"model": func(s string) *Project {
		p := &Project{}
		for name, title := range words(s) {
			p.Models = append(p.Models, &Model{Name: name, Tags: []*Tag{{Title: title}}})
		}
		return p
	},
	"channel": func(s string) *Project {
		p := &Project{}
		for name, title := range words(s) {
			p.Channels = append(p.Channels, &Channel{Name: name, Options: map[string]any{"o": title}})
		}
		return p
	},
	"output": func(s string) *Project {
		p := &Project{}
		for name, title := range words(s) {
			p.Outputs = append(p.Outputs, &Output{Name: name, Title: title})
		}
		return p
	},
}

// words yields the name and title of each word: a1.
func words(s string) func(func(name, title string) bool) {
	return func(yield func(name, title string) bool) {
		for _, word := range strings.Fields(strings.Trim(s, "-")) {
			if !yield(word[:1], word[1:]) {
				return
			}
		}
	}
}

// lines are the nouns of p in order, with what they hold.
func lines(p *Project) []string { return strings.Split(string(p.YAML()), "\n") }

func TestMergeProviders(t *testing.T) {
	pr := func(name, title string, conns ...string) *Provider {
		p := &Provider{Name: name, Title: title}
		for _, c := range conns {
			p.Connections = append(p.Connections, &ConnPt{Name: c[:1], Title: c[1:]})
		}
		return p
	}
	of := func(list ...*Provider) *Project { return &Project{Name: "p", Providers: list} }
	for _, c := range []struct {
		name                      string
		base, current, file, want *Project
	}{
		{"fields and connections apart", of(pr("s", "1", "a1")), of(pr("s", "1", "a1", "x1")), of(pr("s", "2", "a1")),
			of(pr("s", "2", "a1", "x1"))},
		{"fields of another stay", of(pr("s", "1", "a1")), of(pr("s", "3", "a1")), of(pr("s", "1", "a1", "b1")),
			of(pr("s", "3", "a1", "b1"))},
		{"what is in a removed provider goes", of(pr("s", "1", "a1")), of(pr("s", "1", "a1", "x1")), of(), of()},
		{"a removed provider stays away", of(pr("s", "1", "a1")), of(), of(pr("s", "1", "a1")), of()},
		{"and comes back for what is changed", of(pr("s", "1", "a1", "b1")), of(), of(pr("s", "1", "a1", "b2")),
			of(pr("s", "1", "b2"))},
		{"or when it is changed", of(pr("s", "1", "a1")), of(), of(pr("s", "2", "a1")), of(pr("s", "2"))},
	} {
		if got := Merge(c.base, c.current, c.file); !slices.Equal(lines(got), lines(c.want)) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got.YAML(), c.want.YAML())
		}
	}
	renamed := Merge(&Project{Name: "a"}, &Project{Name: "b"}, &Project{Name: "c"})
	kept := Merge(&Project{Name: "a"}, &Project{Name: "b"}, &Project{Name: "a"})
	if renamed.Name != "c" || kept.Name != "b" {
		t.Errorf("names %s and %s", renamed.Name, kept.Name)
	}
}

func TestMergeOfRandomProjects(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		base, current, file := randomProject(rng), randomProject(rng), randomProject(rng)
		before := []string{string(base.YAML()), string(current.YAML()), string(file.YAML())}
		b, c, f := contents(base), contents(current), contents(file)
		if got := contents(Merge(base, base, file)); !maps.Equal(got, f) {
			t.Fatalf("what nobody else has touched is not the file's: %v, want %v", got, f)
		}
		if got := Merge(file, current, file); string(got.YAML()) != before[1] {
			t.Fatalf("an unchanged file changes\n%s\nto\n%s", before[1], got.YAML())
		}
		if got := contents(Prune(current, file)); !maps.Equal(got, f) {
			t.Fatalf("pruned: %v, want %v", got, f)
		}
		first := contents(Merge(nil, current, file))
		for name, want := range f {
			if first[name] != want {
				t.Fatalf("the first file: %s is %q, want %q", name, first[name], want)
			}
		}
		if got := contents(Merge(base, current, file)); !maps.Equal(got, merged(b, c, f)) {
			t.Fatalf("base %v\ncurrent %v\nfile %v\ngot  %v\nwant %v", b, c, f, got, merged(b, c, f))
		}
		if after := []string{string(base.YAML()), string(current.YAML()), string(file.YAML())}; !slices.Equal(before, after) {
			t.Fatal("an input has changed")
		}
	}
}

// merged is the rule in its plainest form, over sets of nouns.
func merged(b, c, f map[string]string) map[string]string {
	result := make(map[string]string)
	for _, set := range []map[string]string{b, c, f} {
		for name := range set {
			was, inBase := b[name]
			want, inFile := f[name]
			if inBase == inFile && was == want {
				want, inFile = c[name], false
				_, inFile = c[name]
			}
			if inFile {
				result[name] = want
			}
		}
	}
	for name := range result { // what is in a provider goes with it, and brings it back
		kind, rest, _ := strings.Cut(name, " ")
		if kind != "connection" && kind != "fleet" {
			continue
		}
		provider, _, _ := strings.Cut(rest, "/")
		provider = "provider " + provider
		_, there := result[provider]
		own, wanted := f[provider]
		switch _, had := b[provider]; {
		case !there && wanted:
			result[provider] = own
		case !there && had:
			delete(result, name)
		}
	}
	return result
}

// TestMergeShares: what does not change is the same pointer, so that a later Diff looks at what did alone.
func TestMergeShares(t *testing.T) {
	base, current, file := mustParse(t, greenhouse), mustParse(t, greenhouse),
		mustParse(t, strings.Replace(greenhouse, "port: 502", "port: 503", 1))
	got := Merge(base, current, file)
	if got.Providers[0] != current.Providers[0] || got.Providers[2] == current.Providers[2] ||
		got.Providers[2].Connections[0] != file.Providers[2].Connections[0] || got.Channels[0] != current.Channels[0] {
		t.Error("copies what it could share")
	}
	if d := Diff(current, got).String(); d != "~ connection out/pump (its session ends)\n" {
		t.Errorf("got %s", d)
	}
}
