// Package lastseen keeps what was last seen of each connection beyond a restart: every few seconds it asks the reactor
// which have come or gone, and stores how they are by then.
package lastseen

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"linkd/internal/store"
	"linkd/server"
)

const (
	// flushEvery is how often the store is written, and so what a crash can lose.
	flushEvery = 5 * time.Second
	// perCall bounds one transaction of the store.
	perCall = 50_000
	// gap is what session numbers jump by at a start, so that numbers that a crash has lost are not given out again.
	gap = 1_000_000
)

// Store keeps what was seen. Its methods are safe for concurrent use.
type Store interface {
	PutSeen(list []store.Seen) error
	EachSeen(f func(store.Seen)) error
	// Starts counts this start and returns how many there have been.
	Starts() (uint64, error)
}

// Reactor has the connections.
type Reactor interface {
	Changes(f func(server.Seen))
	Continue(session uint64)
	Recall(server.Seen)
}

type key struct{ provider, connection string }

// Keeper stores what is seen. Make one with Start.
type Keeper struct {
	store   Store
	reactor Reactor
	also    func(server.Seen)
	log     *slog.Logger
	failed  []store.Seen // what could not be stored yet, one a connection at most
	end     chan struct{}
	done    chan struct{}
}

// Numbers has the reactor's session numbers go on after those that were seen, and after those that a crash may have
// lost: each start has its own. Call it once, before the project is applied.
func Numbers(s Store, r Reactor, log *slog.Logger) error {
	var next uint64 // in gaps
	if err := s.EachSeen(func(c store.Seen) { next = max(next, c.Session/gap+1) }); err != nil {
		return err
	}
	starts, err := s.Starts()
	if err != nil { // the disk may be full, which is no reason not to serve
		log.Warn("this start is not counted; should linkd crash at once, session numbers come again", "error", err)
	}
	if starts > 0 {
		next = max(next, starts-1)
	}
	if next > 0 {
		r.Continue(next * gap)
	}
	return nil
}

// Start tells the reactor, which must run its project, what was seen before, and keeps what is seen from now on. also
// is told of each connection that came or went, too, by one goroutine; nil: nobody is.
func Start(s Store, r Reactor, log *slog.Logger, also func(server.Seen)) (*Keeper, error) {
	if also == nil {
		also = func(server.Seen) {}
	}
	k := &Keeper{store: s, reactor: r, also: also, log: log, end: make(chan struct{}), done: make(chan struct{})}
	if err := s.EachSeen(func(c store.Seen) { r.Recall(past(c)) }); err != nil {
		return nil, err
	}
	go k.run()
	return k, nil
}

// past is what was seen as the reactor has it. A link that was online when linkd ended has ended with it.
func past(c store.Seen) server.Seen {
	p := server.Seen{Provider: c.Provider, Connection: c.Connection, Session: c.Session, Since: c.Since,
		RemoteAddr: c.Addr, Reconnects: c.Reconnects, LastClose: c.LastClose}
	if c.Online {
		p.LastClose = server.ReasonDrain.String()
	}
	return p
}

func (k *Keeper) run() {
	defer close(k.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := k.flush(); err != nil {
				k.log.Error("what was last seen of connections is not stored; it is tried again", "error", err)
			}
		case <-k.end:
			return
		}
	}
}

// Close stores the rest. Call it when the reactor has stopped.
func (k *Keeper) Close() error {
	close(k.end)
	<-k.done
	return k.flush()
}

// flush stores how the connections are that have changed. What cannot be stored stays for the next time, unless it has
// changed again by then.
func (k *Keeper) flush() error {
	list := k.failed
	failed := make(map[key]int, len(list))
	for i, c := range list {
		failed[key{c.Provider, c.Connection}] = i
	}
	k.reactor.Changes(func(c server.Seen) {
		k.also(c)
		now := store.Seen{Provider: c.Provider, Connection: c.Connection, Session: c.Session, Online: c.Online,
			Since: c.Since, Addr: c.RemoteAddr, Reconnects: c.Reconnects, LastClose: c.LastClose}
		if i, ok := failed[key{c.Provider, c.Connection}]; ok {
			list[i] = now
			return
		}
		if len(list) == cap(list) { // append alone would copy a whole fleet four times over
			list = slices.Grow(list, max(1024, len(list)))
		}
		list = append(list, now)
	})
	k.failed = nil
	var first error
	for some := range slices.Chunk(list, perCall) {
		if err := k.store.PutSeen(some); err != nil {
			k.failed = append(k.failed, some...)
			first = cmp.Or(first, err)
		}
	}
	return first
}
