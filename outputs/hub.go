package outputs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"linkd/project"
	"linkd/server"
)

// closeTime is how long an output that is removed or changed may go on delivering what it has.
const closeTime = 5 * time.Second

// Source is where reports and events come from: the server.
type Source interface {
	FollowReports(take func([]server.Report)) (stop func())
	FollowEvents(take func(server.Event)) (stop func())
}

// Hub runs the outputs of a project, and hands all of them what happens. Without outputs it follows nothing: a report
// that nobody wants is not even made. Its methods are safe for concurrent use.
type Hub struct {
	table  Table
	source Source

	apply  sync.Mutex // one Apply at a time; guards env and follow
	env    Env
	follow []func() // each ends following; empty: the hub does not

	mu   sync.RWMutex
	list []*running
}

// running is an output that was made, or could not be.
type running struct {
	conf  *project.Output
	sink  Sink // nil: it could not be made
	fault error
	since time.Time
}

// Status is one output and how it is doing.
type Status struct {
	Name string
	Type string
	Stats
}

// NewHub makes a Hub without outputs. Each gets env, with the project's name and a directory of its own in env.Dir, and
// what source says.
func NewHub(table Table, env Env, source Source) *Hub {
	return &Hub{table: table, env: env, source: source}
}

// Apply makes those of p the outputs that run: those that it does not change go on, unless p has another name, which
// all have in what they send. The error says which could not be made; the others run.
func (h *Hub) Apply(p *project.Project) error {
	h.apply.Lock()
	defer h.apply.Unlock()
	list, renamed := p.Outputs, h.env.Project != p.Name
	h.env.Project = p.Name
	h.mu.RLock()
	old := slices.Clone(h.list)
	h.mu.RUnlock()
	var errs []error
	next := make([]*running, len(list))
	keep := func(r *running) bool { return slices.Contains(next, r) }
	for i, conf := range list {
		at := slices.IndexFunc(old, func(r *running) bool { return r.sink != nil && reflect.DeepEqual(r.conf, conf) })
		if at >= 0 && !renamed {
			next[i] = old[at]
		}
	}
	// What goes is closed before what comes is made: it may have the same file, or name at a broker.
	h.set(slices.DeleteFunc(slices.Clone(old), func(r *running) bool { return !keep(r) }))
	for _, r := range old {
		if r.sink == nil || keep(r) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		if err := r.sink.Close(ctx); err != nil {
			h.env.Log.Warn("an output ended before all was delivered", "output", r.conf.Name, "error", err)
		}
		cancel()
	}
	for i, conf := range list {
		if next[i] != nil {
			continue
		}
		next[i] = h.start(conf)
		if next[i].fault != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", conf.Name, next[i].fault))
		}
	}
	h.set(next)
	h.listen(slices.ContainsFunc(next, func(r *running) bool { return r.sink != nil }))
	return errors.Join(errs...)
}

// listen has the hub follow the source, or not. The caller holds apply, and not mu: a source may wait for who is told.
func (h *Hub) listen(want bool) {
	switch {
	case want && len(h.follow) == 0:
		h.follow = []func(){h.source.FollowReports(h.reports), h.source.FollowEvents(h.event)}
	case !want:
		for _, stop := range h.follow {
			stop()
		}
		h.follow = nil
	}
}

func (h *Hub) set(list []*running) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = list
}

// start makes one output.
func (h *Hub) start(conf *project.Output) *running {
	r := &running{conf: conf, since: time.Now()}
	env := h.env
	env.Log = env.Log.With("output", conf.Name)
	if env.Dir != "" {
		env.Dir = filepath.Join(env.Dir, conf.Name)
	}
	maker, err := h.table.Compile(conf)
	if err == nil {
		r.sink, err = maker(env)
	}
	r.fault = err
	return r
}

// reports hands reports to all outputs. It never blocks for long: an output copies them and returns.
func (h *Hub) reports(list []server.Report) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.list {
		if r.sink != nil {
			r.sink.Reports(list)
		}
	}
}

// event hands an event to all outputs.
func (h *Hub) event(e server.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, r := range h.list {
		if r.sink != nil {
			r.sink.Event(e)
		}
	}
}

// Status says how the outputs are, in the order of the project.
func (h *Hub) Status() []Status {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]Status, len(h.list))
	for i, r := range h.list {
		out[i] = Status{Name: r.conf.Name, Type: r.conf.Type}
		if r.sink == nil {
			out[i].Stats = Stats{State: Failing, Error: strings.TrimSpace(r.fault.Error()), Since: r.since}
			continue
		}
		out[i].Stats = r.sink.Stats()
	}
	return out
}

// Close ends all outputs, at the same time, and delivers what they have until ctx ends.
func (h *Hub) Close(ctx context.Context) error {
	h.apply.Lock()
	defer h.apply.Unlock()
	h.listen(false)
	h.mu.RLock()
	list := slices.Clone(h.list)
	h.mu.RUnlock()
	h.set(nil)
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, r := range list {
		if r.sink != nil {
			all.Go(func() {
				if err := r.sink.Close(ctx); err != nil {
					errs[i] = fmt.Errorf("output %s: %w", r.conf.Name, err)
				}
			})
		}
	}
	all.Wait()
	return errors.Join(errs...)
}
