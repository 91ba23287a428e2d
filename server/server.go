// Package server is the reactor: it accepts and dials links, learns who they are, binds each to its connection point,
// and hands its bytes to the channel's driver. It is the only importer of gnet.
//
// Everything about one link happens on its event loop (loop.go); a session (session.go) is a state machine without
// I/O, clock or goroutine, and gnet a thin adapter around it (engine.go). Other goroutines reach a session by posting a
// letter to its loop, and read nothing of it but atomics. It never knows of HTTP, of a bus, or of a store.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linkd/drivers"
	"linkd/project"
)

// Config is what a Server is made of.
type Config struct {
	Drivers  drivers.Table
	Log      *slog.Logger // nil: slog.Default()
	Loops    int          // event loops, shared out among the providers; 0: one a core
	Capacity int          // sessions at once; 0: what memory and descriptors allow
	Shelf    Shelf        // keeps writes for devices that are away beyond a restart; nil: none does
	Audit    *slog.Logger // every write of a tag, with who, what and its result; nil: Log
	Frames   int          // bytes for the last frames of links, at most MostFrames; 0: DefaultFrames; below 0: none
}

// Server runs a project. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      *slog.Logger
	capacity int
	limits   Limits

	events    *events
	readers   readers
	reports   *reports
	keeper    *keeper
	writes    writeCounters
	blocks    blocks       // for frames
	waiting   atomic.Int64 // writes that are kept for devices that are away
	strangers strangers
	rules     rules
	limit     addressLimit

	ranking   sync.Mutex // one walk by trouble at a time
	apply     sync.Mutex // one change at a time
	mu        sync.RWMutex
	project   *project.Project
	providers []*provider
	local     *local // serves channels without a connection; nil while there was none

	loops    atomic.Pointer[[]*loop] // by number; a retired loop's place is used again
	loopsMu  sync.Mutex
	asking   sync.Mutex // held while somebody asks for what devices send
	paced    int        // loops that have paced themselves; under loopsMu
	sessions atomic.Int64
	numbers  atomic.Uint64 // session numbers given out
	inFlight atomic.Int64  // Sends that wait
	flaps    atomic.Uint64
	panics   atomic.Uint64
	restarts atomic.Uint64
	draining atomic.Bool
}

// New makes a server without providers; Apply gives it some. It raises the limit of open descriptors to what the
// system allows.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Audit == nil {
		cfg.Audit = cfg.Log
	}
	s := &Server{cfg: cfg, log: cfg.Log, events: newEvents(cfg.Log), limits: readLimits()}
	if s.capacity = cfg.Capacity; s.capacity <= 0 {
		s.capacity = s.limits.Capacity()
	}
	s.loops.Store(new([]*loop))
	s.blocks.make(cmp.Or(cfg.Frames, DefaultFrames))
	s.reports, s.keeper = newReports(s), newKeeper(s)
	return s
}

// Limits returns what the capacity was computed from.
func (s *Server) Limits() Limits { return s.limits }

// Capacity is how many sessions the process holds at once.
func (s *Server) Capacity() int { return s.capacity }

// Project returns the project that runs, nil before the first Apply. It must not be changed.
func (s *Server) Project() *project.Project {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.project
}

// Ready returns nil while every provider listens or dials, and why not otherwise.
func (s *Server) Ready() error {
	if s.draining.Load() {
		return errors.New("linkd is stopping")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.project == nil {
		return errors.New("no project is loaded")
	}
	var errs []error
	for _, p := range s.providers {
		if state, fault := p.condition(); state != stateListening && state != stateDialling {
			errs = append(errs, fmt.Errorf("provider %s is %s: %s", p.name, state, fault))
		}
	}
	return errors.Join(errs...)
}

// Drain stops: new links are refused, Sends that wait may finish until half of ctx's time has gone, then every link is
// closed with the reason "drain" and the providers stop. It returns ctx's error when that took too long.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	s.awaitSends(ctx)
	s.apply.Lock()
	defer s.apply.Unlock()
	s.mu.RLock()
	providers, local := slices.Clone(s.providers), s.local
	s.mu.RUnlock()
	var wg sync.WaitGroup
	errs := make([]error, len(providers)+1)
	if local != nil {
		wg.Go(func() { errs[len(providers)] = local.stop(ctx, ReasonDrain) })
	}
	for i, p := range providers {
		wg.Go(func() { errs[i] = p.stop(ctx, ReasonDrain) })
	}
	wg.Wait()
	s.keeper.close()
	s.reports.close()
	s.events.close()
	return errors.Join(errs...)
}

// awaitSends waits for the Sends under way, for half of the time that ctx leaves at most.
func (s *Server) awaitSends(ctx context.Context) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(2 * time.Second)
	}
	half := time.Now().Add(time.Until(end) / 2)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.inFlight.Load() > 0 && time.Now().Before(half) && ctx.Err() == nil {
		<-tick.C
	}
}

// addLoop gives a loop a number and makes it known.
func (s *Server) addLoop(p *provider, h host, clock func() int64) *loop {
	s.loopsMu.Lock()
	defer s.loopsMu.Unlock()
	loops := slices.Clone(*s.loops.Load())
	id := slices.Index(loops, nil)
	if id < 0 {
		id = len(loops)
		loops = append(loops, nil)
	}
	l := newLoop(uint32(id), p, h, clock)
	loops[id] = l
	s.loops.Store(&loops)
	return l
}

// dropLoop forgets a loop that has ended. On the loop, which hands over what it still has.
func (s *Server) dropLoop(l *loop) {
	s.loopsMu.Lock()
	loops := slices.Clone(*s.loops.Load())
	loops[l.id] = nil
	s.loops.Store(&loops)
	s.loopsMu.Unlock()
	l.handOver()
	l.retire()
	s.blocks.give(l.rings.taken...)
}

// loopOf returns the loop of a session, nil when it has ended.
func (s *Server) loopOf(h handle) *loop {
	id, _, _ := splitHandle(h)
	loops := *s.loops.Load()
	if int(id) >= len(loops) {
		return nil
	}
	return loops[id]
}

// post hands do to the loop of a session. do gets nil when the session has gone by then.
func (s *Server) post(h handle, do func(now int64, s *session)) error {
	l := s.loopOf(h)
	if l == nil {
		return ErrOffline
	}
	return l.post(letter{handle: h, do: do})
}

// tell hands do to the loop of a session, room or no room; nothing happens when the session has gone, or h is 0.
func (s *Server) tell(h handle, do func(s *session)) {
	l := s.loopOf(h)
	if h == 0 || l == nil {
		return
	}
	_ = l.post(letter{handle: h, must: true, do: func(_ int64, s *session) { // fails only where the loop has gone
		if s != nil {
			do(s)
		}
	}})
}

// alive reports whether the session still exists.
func (s *Server) alive(h handle) bool {
	l := s.loopOf(h)
	return l != nil && l.find(h) != nil
}

// panicked logs and counts a panic in a codec or a driver.
func (s *Server) panicked(ses *session, v any, stack []byte) {
	s.panics.Add(1)
	s.log.Error("a driver or codec panicked; its link is closed", "provider", ses.loop.provider.name,
		"session", ses.number, "remote", ses.remote(), "panic", v, "stack", string(stack))
}

// lookup finds a connection point by name.
func (s *Server) lookup(provider, name string) (*provider, uint32, error) {
	p, err := s.providerNamed(provider)
	if err != nil {
		return nil, 0, err
	}
	p.mu.RLock()
	n, ok := p.pts.find(name)
	p.mu.RUnlock()
	if !ok {
		return nil, 0, fmt.Errorf("%w: provider %s has no connection %q", ErrNotFound, provider, name)
	}
	return p, n, nil
}

// all returns the providers and, last, the local one where there is one.
func (s *Server) all() []*provider {
	s.mu.RLock()
	defer s.mu.RUnlock()
	providers := slices.Clone(s.providers)
	if s.local != nil {
		providers = append(providers, s.local.provider)
	}
	return providers
}

func (s *Server) providerNamed(name string) (*provider, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.providers {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: no provider %q", ErrNotFound, name)
}
