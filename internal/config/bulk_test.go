package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"linkd/project"
)

const mixed = `project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    connections:
      - {name: c1, socket_conn_id: a}
      - {name: c2, socket_conn_id: b, enabled: false}
      - {name: c3, socket_conn_id: c}
    fleets: [{name: "f{n}", socket_conn_id: "f{n:03}", from: 1, to: 3}]
  - {name: s2, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: a}]}
channels:
  - {name: old, title: Old, connection: s1/c1, driver: raw, options: {echo: true}}
  - {name: new, title: New, connection: s1/c3, driver: text, poll: 5s}
  - {name: "all_{connection}", connection: "s1/f*", driver: raw}
`

// channelsOf is what serves what, as "name: connection driver title".
func channelsOf(p *project.Project) (out []string) {
	for _, c := range p.Channels {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", c.Name, c.Connection, c.Driver, c.Title)))
	}
	return out
}

// disabled is the connections that are.
func disabled(p *project.Project) (out []string) {
	for _, s := range p.Providers {
		for _, c := range s.Connections {
			if c.Disabled {
				out = append(out, s.Name+"/"+c.Name)
			}
		}
	}
	return out
}

func started(t *testing.T, text string) *Editor {
	t.Helper()
	m := newEditor(t, t.TempDir(), &idle{})
	if _, err := m.Apply("test", File{Text: []byte(text)}, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Start("p"); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTurn disables and enables many connections as one revision, which can be undone.
func TestTurn(t *testing.T) {
	m := started(t, mixed)
	all := Connections{"s1": {"c1", "c2", "c3"}, "s2": {"c1"}}
	plan, err := m.Disable("anna", Bulk{Of: all, Base: 1, Only: true})
	if err != nil || plan.Revision != 1 || strings.Count(plan.Changes.String(), "\n") != 3 ||
		len(disabled(m.Project())) != 1 {
		t.Fatalf("the plan is %v, %v", plan, err)
	}
	out, err := m.Disable("anna", Bulk{Of: all, Base: 1})
	if err != nil || out.Revision != 2 {
		t.Fatalf("%v, %v", out, err)
	}
	if got := fmt.Sprint(disabled(m.Project())); got != "[s1/c1 s1/c2 s1/c3 s2/c1]" {
		t.Errorf("disabled are %s", got)
	}
	if list, err := m.Revisions(0, 1); err != nil || list[0].Who != "anna" || list[0].What != "disable 4 connections" {
		t.Errorf("the revision is %+v, %v", list, err)
	}
	if out, err = m.Enable("anna", Bulk{Of: Connections{"s1": {"c2", "f1"}}, Base: 2}); err != nil || out.Revision != 3 {
		t.Fatalf("%v, %v", out, err)
	}
	if got := fmt.Sprint(disabled(m.Project())); got != "[s1/c1 s1/c3 s2/c1]" {
		t.Errorf("disabled are %s", got)
	}
	if _, err := m.Undo("anna", 1, false); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(disabled(m.Project())); got != "[s1/c2]" {
		t.Errorf("undone, disabled are %s", got)
	}
}

// TestMove gives connections the channel of another, and keeps the names of what they had.
func TestMove(t *testing.T) {
	for name, c := range map[string]struct {
		of   Connections
		to   string
		want []string // of the channels, what is not as before
	}{
		"one that has a channel": {Connections{"s1": {"c1"}}, "new", []string{"old: s1/c1 text Old"}},
		"one that has none":      {Connections{"s1": {"c2"}}, "new", []string{"new_c2: s1/c2 text"}},
		"to a pattern":           {Connections{"s2": {"c1"}}, "all_{connection}", []string{"all_c1: s2/c1 raw"}},
		"where it is":            {Connections{"s1": {"c3"}}, "new", nil},
		"where all of them are":  {Connections{"s1": {"f1", "f2", "f3"}}, "all_{connection}", nil},
		"all of a pattern":       {Connections{"s1": {"f1", "f2", "f3"}}, "new", []string{"all_{connection}: s1/f* text"}},
		"several of all sorts": {Connections{"s1": {"c1", "c2"}, "s2": {"c1"}}, "new",
			[]string{"old: s1/c1 text Old", "new_c2: s1/c2 text", "new_c1: s2/c1 text"}},
		"the pattern and another": {Connections{"s1": {"c1", "f1", "f2", "f3"}}, "old", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := started(t, mixed)
			before := channelsOf(m.Project())
			if _, err := m.Move("anna", Bulk{Of: c.of, Base: 1}, c.to); err != nil {
				t.Fatal(err)
			}
			after := channelsOf(m.Project())
			if name == "the pattern and another" { // the line is the same; its options are not
				if m.Project().Channels[2].Options["echo"] != true {
					t.Error("the options were left behind")
				}
				return
			}
			got := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
			if !slices.Equal(got, c.want) {
				t.Errorf("changed are %q, want %q", got, c.want)
			}
			if _, err := m.Undo("anna", 1, false); err != nil || !slices.Equal(channelsOf(m.Project()), before) {
				t.Errorf("undone: %q, %v", channelsOf(m.Project()), err)
			}
		})
	}
}

// TestBulkRefused: what cannot be done of some is done of none, and the refusal says what would be right.
func TestBulkRefused(t *testing.T) {
	m := started(t, mixed)
	disable := func(of Connections, base uint64) error {
		return second(m.Disable("anna", Bulk{Of: of, Base: base}))
	}
	move := func(of Connections, to string) error { return second(m.Move("anna", Bulk{Of: of, Base: 1}, to)) }
	for name, c := range map[string]struct {
		err  error
		kind error
		says string
	}{
		"of a fleet": {disable(Connections{"s1": {"c1", "f2", "f1"}}, 1), ErrConflict,
			"cannot disable 2 of these: s1/f2 is one of fleet f{n}, and those of a fleet are always enabled"},
		"unknown":          {disable(Connections{"s1": {"c9"}}, 1), ErrNotFound, `provider s1 has no connection "c9"`},
		"unknown provider": {disable(Connections{"s9": {"c1"}}, 1), ErrNotFound, `no provider "s9"`},
		"too late":         {disable(Connections{"s1": {"c1"}}, 7), ErrStale, "at revision 1 by now"},
		"unknown channel":  {move(Connections{"s1": {"c1"}}, "none"), ErrNotFound, `no channel "none"`},
		"some of a pattern": {move(Connections{"s1": {"c1", "f1", "f2"}}, "new"), ErrConflict,
			"channel all_{connection} serves 3 connections by its pattern s1/f*, and only 2 of these are to move"},
	} {
		if !errors.Is(c.err, c.kind) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if got := fmt.Sprint(disabled(m.Project())); got != "[s1/c2]" {
		t.Errorf("refused, and disabled are %s", got)
	}
	many := make([]*project.ConnPt, mostMoved+1)
	names := make([]string, len(many))
	for i := range many {
		names[i] = fmt.Sprintf("m%d", i)
		many[i] = &project.ConnPt{Name: names[i], SocketConnID: names[i]}
	}
	if _, err := m.Import("anna", "s2", project.ConnList{Conns: many, Lines: make([]int, len(many))}, false); err != nil {
		t.Fatal(err)
	}
	_, err := m.Move("anna", Bulk{Of: Connections{"s2": names}, Base: m.Revision()}, "new")
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "more than 10000") {
		t.Errorf("too many channels: %v", err)
	}
}
