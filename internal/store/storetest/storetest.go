// Package storetest is what a store must do, whatever stands behind it: one file on one machine, or a store that
// several nodes share. It holds what linkd relies on, and nothing about files.
package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"linkd/internal/store"
	"linkd/project"
)

// Interface is a store, as linkd uses it.
type Interface interface {
	Current() (*project.Project, uint64)
	Commit(c store.Change) (store.Revision, error)
	Revisions(before uint64, n int) ([]store.Revision, error)
	At(rev uint64) (*project.Project, error)
	Applied() (*store.File, error)

	Tokens() ([]store.Token, error)
	PutToken(t store.Token) error
	DeleteToken(id string) error
	Rules() ([]store.Rule, error)
	PutRule(r store.Rule) error
	DeleteRule(key string) error
	Audit(e store.Entry) error
	AuditLog(n int) ([]store.Entry, error)

	PutCommand(c store.Command) error
	DeleteCommand(id uint64) error
	Commands() ([]store.Command, error)

	PutSeen(list []store.Seen) error
	EachSeen(fn func(store.Seen)) error
	Starts() (uint64, error)

	Healthy() error
	Close() error
}

// Open opens one store; after a Close it opens the same one again.
type Open func(t *testing.T) Interface

// Run runs the suite. fresh is called once a test and returns what opens a new, empty store.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	tests := map[string]func(*testing.T, Open){"empty": empty, "commit": commit, "conflict": conflict,
		"history": history, "tokens": tokens, "rules": rules, "audit": audit, "commands": commands, "seen": seen,
		"starts": starts, "concurrent": concurrent, "closed": closed}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// parse makes a project with these connections, names and ids the same, and one fleet of n.
func parse(t *testing.T, n string, conns ...string) *project.Project {
	t.Helper()
	text := "project: p\nproviders:\n  - name: s1\n    type: tcp-server\n    local_port: 30000\n    fleets:\n" +
		"      - {name: \"f{n}\", socket_conn_id: \"f{n}\", from: 1, to: " + n + "}\n    connections:\n"
	for _, c := range conns {
		text += "      - {name: " + c + ", socket_conn_id: " + c + "}\n"
	}
	p, err := project.Parse("p", []byte(strings.TrimSuffix(text, "    connections:\n")), nil)
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got *project.Project) {
	t.Helper()
	if (want == nil) != (got == nil) {
		t.Fatalf("want %v, got %v", want, got)
	}
	if d := project.Diff(want, got); !d.Empty() {
		t.Fatalf("it differs:\n%s", d)
	}
}

func put(t *testing.T, s Interface, p *project.Project) store.Revision {
	t.Helper()
	r, err := s.Commit(store.Change{Who: "me", What: "it", Next: p})
	must(t, err)
	return r
}

func empty(t *testing.T, open Open) {
	for range 2 {
		s := open(t)
		if p, rev := s.Current(); p != nil || rev != 0 {
			t.Errorf("current: %v, %d", p, rev)
		}
		revisions, err := s.Revisions(0, 10)
		must(t, err)
		file, err := s.Applied()
		must(t, err)
		tokens, err := s.Tokens()
		must(t, err)
		commands, err := s.Commands()
		must(t, err)
		entries, err := s.AuditLog(10)
		must(t, err)
		decided, err := s.Rules()
		must(t, err)
		must(t, s.EachSeen(func(e store.Seen) { t.Errorf("seen: %+v", e) }))
		if len(revisions)+len(tokens)+len(commands)+len(entries)+len(decided) > 0 || file != nil {
			t.Errorf("it holds %v %v %v %v %v %v", revisions, file, tokens, commands, entries, decided)
		}
		must(t, s.Healthy())
		must(t, s.Close())
	}
}

func commit(t *testing.T, open Open) {
	s := open(t)
	first, second := parse(t, "5", "a", "b"), parse(t, "6", "b", "c")
	file := &store.File{Name: "p.yaml", Text: []byte("project: p")}
	r, err := s.Commit(store.Change{Who: "me", What: "it", Next: first, File: file})
	must(t, err)
	if r.Number != 1 || r.Who != "me" || r.What != "it" || !strings.Contains(r.Plan, "+ connection s1/a") {
		t.Errorf("revision %+v", r)
	}
	again, err := s.Commit(store.Change{Next: parse(t, "5", "a", "b"), File: file})
	must(t, err)
	if again != r {
		t.Errorf("no change is revision %+v", again)
	}
	if r := put(t, s, second); r.Number != 2 {
		t.Errorf("revision %d", r.Number)
	}
	must(t, s.Close())
	s = open(t)
	now, rev := s.Current()
	if same(t, second, now); rev != 2 {
		t.Errorf("revision %d", rev)
	}
	kept, err := s.Applied()
	must(t, err)
	if kept == nil || kept.Name != file.Name || string(kept.Text) != string(file.Text) {
		t.Errorf("applied: %v", kept)
	}
	if _, err := s.Commit(store.Change{}); err == nil {
		t.Error("a change without a project was taken")
	}
	must(t, s.Close())
}

func conflict(t *testing.T, open Open) {
	s := open(t)
	put(t, s, parse(t, "5"))
	put(t, s, parse(t, "6"))
	if _, err := s.Commit(store.Change{Base: 1, Next: parse(t, "7")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale base: %v", err)
	}
	if _, err := s.Commit(store.Change{Base: 3, Next: parse(t, "7")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a base from the future: %v", err)
	}
	_, rev := s.Current()
	if rev != 2 {
		t.Errorf("revision %d", rev)
	}
	if r, err := s.Commit(store.Change{Base: 2, Next: parse(t, "7")}); err != nil || r.Number != 3 {
		t.Errorf("the right base: %+v, %v", r, err)
	}
	must(t, s.Close())
}

func history(t *testing.T, open Open) {
	s := open(t)
	names := []string{"a", "b", "c", "d", "e"}
	var was []*project.Project
	for i := range names {
		was = append(was, parse(t, "5", names[i:]...))
		put(t, s, was[i])
	}
	for range 2 {
		for i, want := range was {
			p, err := s.At(uint64(i + 1))
			must(t, err)
			same(t, want, p)
		}
		list, err := s.Revisions(0, 3)
		must(t, err)
		rest, err := s.Revisions(3, 10)
		must(t, err)
		list = append(list, rest...)
		for i, r := range list {
			if len(list) != 5 || r.Number != uint64(5-i) {
				t.Fatalf("revisions %+v", list)
			}
		}
		must(t, s.Close())
		s = open(t)
	}
	for _, rev := range []uint64{0, 6} {
		if _, err := s.At(rev); !errors.Is(err, store.ErrUnknown) {
			t.Errorf("revision %d: %v", rev, err)
		}
	}
	r, err := s.Commit(store.Change{Base: 5, Next: was[0], Undoes: 5})
	must(t, err)
	list, err := s.Revisions(0, 1)
	must(t, err)
	if r.Undoes != 5 || len(list) != 1 || list[0] != r {
		t.Errorf("undo: %+v, stored %+v", r, list)
	}
	must(t, s.Close())
}

// moment is a time as a store gives it back: to the nanosecond, without a place or a monotonic reading.
func moment() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC) }

func tokens(t *testing.T, open Open) {
	s := open(t)
	a := store.Token{ID: "a", Name: "door", Role: "admin", Hash: []byte{0, 255}, Created: moment(), Who: "me"}
	b := store.Token{ID: "b", Name: "window", Role: "viewer", Hash: []byte{1}}
	must(t, errors.Join(s.PutToken(b), s.PutToken(a), s.PutToken(store.Token{ID: "c"}), s.DeleteToken("c"),
		s.DeleteToken("none")))
	b.Name = "gate"
	must(t, s.PutToken(b))
	must(t, s.Close())
	s = open(t)
	got, err := s.Tokens()
	must(t, err)
	equal := func(x, y store.Token) bool {
		return x.ID == y.ID && x.Name == y.Name && x.Role == y.Role && slices.Equal(x.Hash, y.Hash) &&
			x.Created.Equal(y.Created) && x.Who == y.Who
	}
	if !slices.EqualFunc(got, []store.Token{a, b}, equal) {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []store.Token{{}, {ID: strings.Repeat("x", 200)}, {ID: "x", Name: strings.Repeat("x", 2000)}} {
		if err := s.PutToken(bad); !errors.Is(err, store.ErrLimit) {
			t.Errorf("a token with an id of %d bytes: %v", len(bad.ID), err)
		}
	}
	must(t, s.Close())
}

func audit(t *testing.T, open Open) {
	s := open(t)
	must(t, errors.Join(s.Audit(store.Entry{Time: moment(), Who: "me", What: "one"}), s.Audit(store.Entry{What: "two"})))
	must(t, s.Close())
	s = open(t)
	must(t, s.Audit(store.Entry{What: strings.Repeat("x", 5000)}))
	entries, err := s.AuditLog(10)
	must(t, err)
	if len(entries) != 3 || entries[1].What != "two" || entries[1].Time.IsZero() || len(entries[0].What) > 1024 ||
		entries[2] != (store.Entry{Time: moment(), Who: "me", What: "one"}) {
		t.Errorf("got %+v", entries)
	}
	if last, err := s.AuditLog(1); err != nil || len(last) != 1 || last[0] != entries[0] {
		t.Errorf("the last: %+v, %v", last, err)
	}
	must(t, s.Close())
}

func commands(t *testing.T, open Open) {
	s := open(t)
	want := store.Command{ID: 1 << 40, Channel: "ch", Device: "d", Values: []byte(`{"t":1}`), Who: "me", Asked: moment(),
		Until: moment().Add(time.Hour), Readback: true}
	must(t, errors.Join(s.PutCommand(want), s.PutCommand(store.Command{ID: 2}), s.PutCommand(store.Command{ID: 3}),
		s.DeleteCommand(3), s.DeleteCommand(4)))
	must(t, s.Close())
	s = open(t)
	got, err := s.Commands()
	must(t, err)
	if len(got) != 2 || got[0].ID != 2 {
		t.Fatalf("got %+v", got)
	}
	c := got[1]
	if c.ID != want.ID || c.Channel != want.Channel || c.Device != want.Device ||
		string(c.Values) != string(want.Values) || c.Who != want.Who || !c.Asked.Equal(want.Asked) ||
		!c.Until.Equal(want.Until) || !c.Readback {
		t.Errorf("got %+v", c)
	}
	if err := s.PutCommand(store.Command{ID: 5, Values: make([]byte, 1<<20)}); !errors.Is(err, store.ErrLimit) {
		t.Errorf("a command of a megabyte: %v", err)
	}
	must(t, s.Close())
}

func seen(t *testing.T, open Open) {
	s := open(t)
	put(t, s, parse(t, "5", "a", "b"))
	one := store.Seen{Provider: "s1", Connection: "a", Session: 3, Online: true, Since: moment(), Addr: "10.0.0.1:5",
		Reconnects: 2, LastClose: "idle"}
	list := []store.Seen{{Provider: "s1", Connection: "f5"}, one, {Provider: "s1", Connection: "b"},
		{Provider: "s1", Connection: "f1"}, {Provider: "s1", Connection: "b", Session: 9}}
	must(t, s.PutSeen(list))
	must(t, s.PutSeen(nil))
	must(t, s.Close())
	s = open(t)
	got := func() (all []store.Seen) {
		t.Helper()
		must(t, s.EachSeen(func(e store.Seen) { all = append(all, e) }))
		return all
	}
	if all := got(); len(all) != 4 || all[0] != one || all[1].Session != 9 || all[3].Connection != "f5" {
		t.Errorf("got %+v", all)
	}
	put(t, s, parse(t, "4", "b"))
	if all := got(); len(all) != 2 || all[0].Connection != "b" || all[1].Connection != "f1" {
		t.Errorf("after a and f5 are gone: %+v", all)
	}
	must(t, s.PutSeen([]store.Seen{{Provider: "s1", Connection: "stray"}}))
	must(t, s.Close())
	s = open(t)
	if all := got(); len(all) != 2 {
		t.Errorf("with one that does not exist: %+v", all)
	}
	put(t, s, &project.Project{Name: "p"})
	if all := got(); len(all) != 0 {
		t.Errorf("without a provider: %+v", all)
	}
	for _, bad := range []store.Seen{{}, {Provider: "a/b"}, {Provider: strings.Repeat("x", 500)}} {
		if err := s.PutSeen([]store.Seen{bad}); !errors.Is(err, store.ErrLimit) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	must(t, s.Close())
}

// concurrent: of those who change the same revision, one wins; others are told.
func starts(t *testing.T, open Open) {
	for want := range uint64(3) {
		s := open(t)
		if n, err := s.Starts(); err != nil || n != want+1 {
			t.Errorf("start %d, %v; want %d", n, err, want+1)
		}
		must(t, s.Close())
	}
}

func concurrent(t *testing.T, open Open) {
	s := open(t)
	put(t, s, parse(t, "5"))
	const n = 8
	results := make(chan error, n)
	for i := range n {
		next := parse(t, "5", "a", strings.Repeat("b", i+1))
		go func() {
			_, err := s.Commit(store.Change{Base: 1, Next: next})
			results <- errors.Join(err, s.PutCommand(store.Command{ID: uint64(i)}))
		}()
	}
	won := 0
	for range n {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, store.ErrConflict):
			t.Error(err)
		}
	}
	if _, rev := s.Current(); won != 1 || rev != 2 {
		t.Errorf("%d won, revision %d", won, rev)
	}
	list, err := s.Commands()
	must(t, err)
	if len(list) != n {
		t.Errorf("%d commands", len(list))
	}
	must(t, s.Close())
}

func closed(t *testing.T, open Open) {
	s := open(t)
	must(t, s.Close())
	must(t, s.Close())
	_, commitErr := s.Commit(store.Change{Next: parse(t, "5")})
	_, tokensErr := s.Tokens()
	_, atErr := s.At(1)
	for i, err := range []error{commitErr, tokensErr, atErr, s.PutCommand(store.Command{}),
		s.PutSeen([]store.Seen{{Provider: "a", Connection: "b"}}), s.EachSeen(func(store.Seen) {})} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("call %d of a closed store: %v", i, err)
		}
	}
}
