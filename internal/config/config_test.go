package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"linkd/internal/store"
	"linkd/project"
	"linkd/server"
)

// idle is a reactor that only notes what it is given.
type idle struct {
	server.Server // the rules about strangers

	mu      sync.Mutex
	runs    *project.Project
	applied int
	refuses error // of Check
}

func (r *idle) Apply(p *project.Project) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = p
	r.applied++
	return nil
}

func (r *idle) Check(*project.Project) error { return r.refuses }

func (r *idle) Newcomer(key string) (server.Newcomer, error) {
	if key == "gone" {
		return server.Newcomer{}, server.ErrNotFound
	}
	return server.Newcomer{Provider: "s1", ID: []byte(key)}, nil
}

func (r *idle) Forget(string) {}

// file is a project file with connections of one provider, given as "name=id" or "name=id=title".
func file(conns ...string) string {
	text := "project: p\nproviders:\n  - name: s1\n    type: tcp-server\n    local_port: 0\n    connections:\n"
	for _, c := range conns {
		part := strings.Split(c, "=")
		text += fmt.Sprintf("      - {name: %s, socket_conn_id: %s", part[0], part[1])
		if len(part) > 2 {
			text += ", title: " + part[2]
		}
		text += "}\n"
	}
	return text
}

// conns is the connections of a project in the same words.
func conns(p *project.Project) (out []string) {
	for _, c := range p.Provider("s1").Connections {
		line := c.Name + "=" + c.SocketConnID
		if c.Title != "" {
			line += "=" + c.Title
		}
		out = append(out, line)
	}
	return out
}

func newEditor(t *testing.T, dir string, r Reactor) *Editor {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(dir, store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(Config{Store: s, Reactor: r, Log: quiet})
}

func follow(m *Editor, text string) error {
	_, err := m.Apply("file", File{Name: "p.yaml", Text: []byte(text), How: Follow}, false)
	return err
}

// TestFollow: a file that is followed changes what it changes, and undoes nothing that others have done.
func TestFollow(t *testing.T) {
	r := &idle{}
	m := newEditor(t, t.TempDir(), r)
	first := file("c1=a", "c2=b", "c3=c")
	if err := follow(m, first); err != nil {
		t.Fatal(err)
	}
	if r.applied != 0 {
		t.Error("the reactor was given something before the start")
	}
	if err := m.Start("none"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*project.ConnPt{
		{Name: "c1", SocketConnID: "a", Title: "edited"}, {Name: "c9", SocketConnID: "z"},
	} {
		if _, err := m.PutConnection("anna", "s1", c, Match{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ text, want string }{
		{first, "c1=a=edited c2=b c3=c c9=z"},                                            // nothing new in it
		{file("c1=a", "c2=b=new", "c3=c"), "c1=a=edited c2=b=new c3=c c9=z"},             // c2 alone
		{file("c1=a", "c2=b=new"), "c1=a=edited c2=b=new c9=z"},                          // it had c3
		{file("c1=a=file", "c2=b=new", "c4=d"), "c1=a=file c2=b=new c9=z c4=d"},          // the file wins where it changes
		{file("c1=a=file", "c2=b=new", "c9=z"), "c1=a=file c2=b=new c9=z"},               // what it names is its own
		{file("c1=a=file", "c2=b=new"), "c1=a=file c2=b=new"},                            // and goes with it
		{strings.Replace(file("c1=a=file"), "project: p", "project: q", 1), "c1=a=file"}, // its project may have another name
	} {
		if err := follow(m, step.text); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(conns(m.Project()), " "); got != step.want {
			t.Errorf("after\n%sthe connections are %s, want %s", step.text, got, step.want)
		}
		if r.runs != m.Project() {
			t.Error("the reactor runs another project")
		}
	}
	applied := r.applied
	for _, bad := range []string{"project: q\nproviders: 7\n", file("c1=a", "c1=b")} {
		if err := follow(m, bad); !errors.Is(err, project.ErrInvalid) || r.applied != applied {
			t.Errorf("a bad file: %v", err)
		}
	}
}

// TestAnotherFile: a file that was not followed before adds, and one of another project is refused.
func TestAnotherFile(t *testing.T) {
	m := newEditor(t, t.TempDir(), &idle{})
	if err := follow(m, file("c1=a", "c2=b")); err != nil {
		t.Fatal(err)
	}
	other := File{Name: "other.yaml", Text: []byte(file("c3=c")), How: Follow}
	if _, err := m.Apply("file", other, false); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(conns(m.Project()), " "); got != "c1=a c2=b c3=c" {
		t.Errorf("connections %s", got)
	}
	for _, how := range []How{Follow, Add} {
		f := File{Name: "q.yaml", Text: []byte("project: q\nproviders: []\n"), How: how}
		if _, err := m.Apply("file", f, false); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "of its own") {
			t.Errorf("another project: %v", err)
		}
	}
	if _, err := m.Apply("file", File{Text: []byte("project: q\nproviders: []\n"), How: Prune}, false); err != nil ||
		m.Project().Name != "q" {
		t.Errorf("with prune: %v, project %s", err, m.Project().Name)
	}
}

// TestStart: an empty store becomes an empty project, and a stored one is run as it was left.
func TestStart(t *testing.T) {
	dir, r := t.TempDir(), &idle{}
	t.Run("empty", func(t *testing.T) {
		m := newEditor(t, dir, r)
		if err := m.Start("linkd"); err != nil {
			t.Fatal(err)
		}
		s1 := &project.Provider{Name: "s1", Type: project.TCPServer}
		if _, err := m.PutProvider("anna", s1, Match{Absent: true}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("again", func(t *testing.T) {
		m := newEditor(t, dir, r)
		if err := m.Start("other"); err != nil {
			t.Fatal(err)
		}
		if r.runs.Name != "linkd" || r.runs.Provider("s1") == nil {
			t.Errorf("runs %+v", r.runs)
		}
	})
}

// TestRefused: what the reactor cannot have, and what is another by now, changes nothing.
func TestRefused(t *testing.T) {
	r := &idle{}
	m := newEditor(t, t.TempDir(), r)
	if err := follow(m, file("c1=a")); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(""); err != nil {
		t.Fatal(err)
	}
	before := m.Project()
	r.refuses = errors.New("the address is in use")
	s2 := &project.Provider{Name: "s2", Type: project.TCPServer}
	if _, err := m.PutProvider("anna", s2, Match{}); !errors.Is(err, ErrConflict) {
		t.Errorf("a listener that cannot be had: %v", err)
	}
	r.refuses = nil
	version := Version(before.Provider("s1").Connections[0].Document())
	for what, err := range map[string]error{
		"stale": second(m.PutConnection("anna", "s1", &project.ConnPt{Name: "c1", SocketConnID: "x"}, Match{Version: "0"})),
		"there": second(m.PutConnection("anna", "s1", &project.ConnPt{Name: "c1", SocketConnID: "x"}, Match{Absent: true})),
		"gone":  m.DeleteConnection("anna", "s1", "c7", Match{}),
		"none":  m.DeleteConnection("anna", "s7", "c1", Match{Version: version}),
		"adopt": second2(m.Adopt("anna", "a", "", "")),
		"taken": second2(m.Adopt("anna", "new", "c1", "")),
		"bad":   second2(m.Adopt("anna", "new", "1", "")),
		"key":   second2(m.Adopt("anna", "gone", "", "")),
	} {
		if err == nil {
			t.Errorf("%s was done", what)
		}
	}
	if m.Project() != before {
		t.Error("the project has changed")
	}
	if err := m.DeleteConnection("anna", "s1", "c1", Match{Version: version}); err != nil {
		t.Error(err)
	}
	if p, name, err := m.Adopt("anna", "new", "", "New"); err != nil || p != "s1" || name != "new" {
		t.Errorf("adopted %s/%s, %v", p, name, err)
	}
}

// TestNameFor: an id that is no name gets one that is made of the stranger's key.
func TestNameFor(t *testing.T) {
	for id, want := range map[string]string{"c0001": "c0001", "a_b": "a_b", "9lives": "s_01234567", "a b": "s_01234567",
		"\xff": "s_01234567", "_a": "s_01234567"} {
		if got := nameFor([]byte(id), "0123456789abcdef"); got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
}

func second[T any](_ T, err error) error          { return err }
func second2[T, U any](_ T, _ U, err error) error { return err }

// TestUndo goes back and forth.
func TestUndo(t *testing.T) {
	m := newEditor(t, t.TempDir(), &idle{})
	for _, text := range []string{file("c1=a"), file("c1=a", "c2=b"), file("c2=b=x")} {
		if err := follow(m, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		to   uint64
		want string
	}{{1, "c1=a"}, {3, "c2=b=x"}, {2, "c1=a c2=b"}, {4, "c1=a"}} {
		if _, err := m.Undo("anna", step.to, false); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(conns(m.Project()), " "); got != step.want {
			t.Errorf("back to %d: %s, want %s", step.to, got, step.want)
		}
	}
	if _, err := m.Undo("anna", 99, false); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("undo to nowhere: %v", err)
	}
}

// TestChangesAtOnce: changes by many at the same time are all there afterwards.
func TestChangesAtOnce(t *testing.T) {
	m := newEditor(t, t.TempDir(), &idle{})
	if err := follow(m, file("c1=a")); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(""); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			c := &project.ConnPt{Name: fmt.Sprintf("n%d", i), SocketConnID: fmt.Sprintf("id%d", i)}
			if _, err := m.PutConnection("anna", "s1", c, Match{Absent: true}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(m.Project().Provider("s1").Connections); n != 21 {
		t.Errorf("%d connections, want 21", n)
	}
}
