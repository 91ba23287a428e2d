package outputs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"linkd/project"
	"linkd/server"
)

// book is what became of the sinks of a test, in order.
type book struct {
	mu    sync.Mutex
	lines []string
}

func (b *book) note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
}

type noted struct {
	book *book
	name string
}

func (n noted) Reports([]server.Report) { n.book.note(n.name + " reports") }
func (n noted) Event(server.Event)      { n.book.note(n.name + " event") }
func (n noted) Stats() Stats            { return Stats{State: Fine} }
func (n noted) Close(context.Context) error {
	n.book.note(n.name + " closed")
	return nil
}

func (b *book) take() []string {
	defer func() { b.lines = nil }()
	return b.lines
}

// source is one that can be followed once.
type source struct {
	reports func([]server.Report)
	event   func(server.Event)
}

func (s *source) FollowReports(take func([]server.Report)) func() {
	if s.reports != nil {
		panic("followed twice")
	}
	s.reports = take
	return func() { s.reports = nil }
}

func (s *source) FollowEvents(take func(server.Event)) func() {
	s.event = take
	return func() { s.event = nil }
}

func (s *source) tell() {
	if s.reports != nil {
		s.reports(nil)
	}
}

// TestHub: outputs begin and end as the project changes, those that it does not change go on, and one that cannot be
// made stands in nobody's way.
func TestHub(t *testing.T) {
	b := &book{}
	table := Table{{Type: "x", Formats: []string{"json"}, Compile: func(o *project.Output) (Maker, error) {
		return func(env Env) (Sink, error) {
			if o.Options["bad"] != nil {
				return nil, errors.New("no such file")
			}
			if !strings.HasSuffix(env.Dir, "data/"+o.Name) {
				t.Errorf("output %s has the directory %q", o.Name, env.Dir)
			}
			b.note(o.Name + " made" + strings.TrimPrefix(env.Project, "p"))
			return noted{b, o.Name}, nil
		}, nil
	}}}
	src := &source{}
	h := NewHub(table, Env{Dir: "data", Log: slog.New(slog.DiscardHandler)}, src)
	out := func(name string, options map[string]any) *project.Output {
		return &project.Output{Name: name, Type: "x", Options: options}
	}
	name := "p"
	step := func(want string, list ...*project.Output) error {
		t.Helper()
		err := h.Apply(&project.Project{Name: name, Outputs: list})
		src.tell()
		if got := strings.Join(b.take(), ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		return err
	}
	if err := step(""); err != nil || src.reports != nil || src.event != nil {
		t.Errorf("%v; without an output it follows %v", err, src)
	}
	if err := step("a made, b made, a reports, b reports", out("a", nil), out("b", nil)); err != nil {
		t.Error(err)
	}
	if err := step("b closed, b made, a reports, b reports", out("a", nil), out("b", map[string]any{"n": 1})); err != nil {
		t.Error(err)
	}
	err := step("b closed, a reports", out("a", nil), out("b", map[string]any{"bad": true}))
	if err == nil || err.Error() != "output b: no such file" {
		t.Errorf("an output that cannot be made: %v", err)
	}
	if s := h.Status(); len(s) != 2 || s[0].State != Fine || s[1].State != Failing || s[1].Error != "no such file" {
		t.Errorf("status %+v", s)
	}
	if err := step("b made, a reports, b reports", out("a", nil), out("b", nil)); err != nil {
		t.Error(err)
	}
	if err := step("a closed, b closed"); err != nil || src.reports != nil || src.event != nil {
		t.Errorf("%v; without an output any more it follows %v", err, src)
	}
	if err := step("a made, b made, a reports, b reports", out("a", nil), out("b", nil)); err != nil {
		t.Error(err)
	}
	name = "p of q"
	if err := step("a closed, b closed, a made of q, b made of q, a reports, b reports", out("a", nil),
		out("b", nil)); err != nil {
		t.Error(err)
	}
	src.event(server.Event{})
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	src.tell()
	got := b.take()
	slices.Sort(got)
	if strings.Join(got, ", ") != "a closed, a event, b closed, b event" {
		t.Errorf("at the end: %q", got)
	}
}
