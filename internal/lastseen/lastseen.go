// Package lastseen keeps what was last seen of each connection beyond a restart: it follows the events of the reactor,
// and every few seconds stores how those connections are by then.
package lastseen

import (
	"log/slog"
	"sync"
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

// Reactor is what is followed.
type Reactor interface {
	FollowEvents(take func(server.Event)) (stop func())
	Connection(provider, name string) (server.ConnView, error)
	Continue(session uint64)
	Recall(server.Past)
}

type key struct{ provider, connection string }

// Keeper stores what is seen. Make one with Start.
type Keeper struct {
	store   Store
	reactor Reactor
	log     *slog.Logger
	stop    func()
	end     chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	changed map[key]struct{} // since the last flush: at most one entry a connection
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

// Start tells the reactor, which must run its project, what was seen before, and keeps what is seen from now on.
func Start(s Store, r Reactor, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{store: s, reactor: r, log: log, end: make(chan struct{}), done: make(chan struct{}),
		changed: map[key]struct{}{}}
	k.stop = r.FollowEvents(k.note)
	if err := s.EachSeen(func(c store.Seen) { r.Recall(past(c)) }); err != nil {
		k.stop()
		return nil, err
	}
	go k.run()
	return k, nil
}

// past is what was seen as the reactor has it. A link that was online when linkd ended has ended with it.
func past(c store.Seen) server.Past {
	p := server.Past{Provider: c.Provider, Connection: c.Connection, Session: c.Session, Since: c.Since,
		RemoteAddr: c.Addr, Reconnects: c.Reconnects, LastClose: c.LastClose}
	if c.Online {
		p.LastClose = server.ReasonDrain.String()
	}
	return p
}

// note is called with every event.
func (k *Keeper) note(e server.Event) {
	if e.Connection == "" || e.Kind != "online" && e.Kind != "offline" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changed[key{e.Provider, e.Connection}] = struct{}{}
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
	k.stop()
	close(k.end)
	<-k.done
	return k.flush()
}

// flush stores how the connections are that have changed. What cannot be stored stays for the next time.
func (k *Keeper) flush() error {
	k.mu.Lock()
	changed := k.changed
	k.changed = map[key]struct{}{}
	k.mu.Unlock()
	list := make([]store.Seen, 0, min(len(changed), perCall))
	put := func() error {
		err := k.store.PutSeen(list)
		if err != nil {
			k.again(list)
		}
		list = list[:0]
		return err
	}
	var first error
	for c := range changed {
		v, err := k.reactor.Connection(c.provider, c.connection)
		if err != nil {
			continue // removed
		}
		list = append(list, store.Seen{Provider: c.provider, Connection: c.connection, Session: v.Session,
			Online: v.State == server.Online, Since: v.Since, Addr: v.RemoteAddr, Reconnects: v.Reconnects,
			LastClose: v.LastClose})
		if len(list) == perCall {
			if err := put(); err != nil && first == nil {
				first = err
			}
		}
	}
	if err := put(); err != nil && first == nil {
		first = err
	}
	return first
}

// again marks what was not stored.
func (k *Keeper) again(list []store.Seen) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range list {
		k.changed[key{c.Provider, c.Connection}] = struct{}{}
	}
}
