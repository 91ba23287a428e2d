package server

import (
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// kind is the kind of an event.
type kind uint8

const (
	kindOnline kind = iota
	kindOffline
	kindStranger
	kindFlapping
	kindProvider
)

func (k kind) String() string {
	return [...]string{"online", "offline", "stranger", "flapping", "provider"}[k]
}

// record is an event before anybody needs its words: it is made on a loop, without allocation.
type record struct {
	kind     kind
	reason   Reason
	port     uint16
	point    uint32
	origin   uint32
	addr     [16]byte
	time     int64
	session  uint64
	provider *provider
	detail   string
	id       string // stranger
}

const (
	maxRecords    = 1 << 16 // records waiting for the dispatcher
	maxSubscribed = 1 << 12 // events waiting for one subscriber
	// handOutEvery is how long the dispatcher rests after it has handed records out: a goroutine that is woken for each
	// of them costs a loop 8 % of a storm.
	handOutEvery = 20 * time.Millisecond
)

// events hands what happens on the loops to those who subscribed, in order. Nothing on a loop waits for anybody: a
// full queue loses the newest records, and a slow subscriber its newest events; both are counted.
type events struct {
	log    *slog.Logger // alarms are logged too
	lost   atomic.Uint64
	mu     sync.Mutex
	queue  []record
	spare  []record
	wake   chan struct{}
	all    map[*follower]struct{}
	anyone atomic.Int32
	end    chan struct{}
	done   sync.WaitGroup
}

// follower is one who gets every event.
type follower struct {
	take  func(Event)
	ended func() // called after the last event, when the server stops; nil: nothing is
}

type subscription struct {
	c      chan Event
	missed uint64 // events since the last that found room; the dispatcher's
}

// offer hands ev over, after a word about those that were missed; false when there is no room.
func (s *subscription) offer(ev Event) bool {
	if s.missed > 0 {
		select {
		case s.c <- Event{Kind: "lost", Time: ev.Time, Reason: fmt.Sprintf("%d events", s.missed)}:
			s.missed = 0
		default:
			s.missed++
			return false
		}
	}
	select {
	case s.c <- ev:
		return true
	default:
		s.missed++
		return false
	}
}

func newEvents(log *slog.Logger) *events {
	e := &events{log: log, wake: make(chan struct{}, 1), all: map[*follower]struct{}{},
		end: make(chan struct{})}
	e.done.Go(e.dispatch)
	return e
}

// publish queues a record; from any goroutine. Nobody subscribed, and no alarm: nothing is done.
func (e *events) publish(r record) {
	if r.provider.name == localName {
		return // a channel without a connection has no life to tell of
	}
	if e.anyone.Load() == 0 && r.kind != kindFlapping {
		return
	}
	e.mu.Lock()
	if len(e.queue) < maxRecords {
		e.queue = append(e.queue, r)
	} else {
		e.lost.Add(1)
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// dispatch hands records out as they come, one after a quiet time at once, until close, and then the rest.
func (e *events) dispatch() {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-e.wake:
			e.handOut()
			rest.Reset(handOutEvery)
			select {
			case <-rest.C:
			case <-e.end:
			}
			if len(e.wake) == 0 {
				e.shrink()
			}
		case <-e.end:
			e.handOut()
			return
		}
	}
}

// shrink gives back the room that a storm took: 128 KiB and more, for which few events have a use.
func (e *events) shrink() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		e.queue, e.spare = nil, nil
	}
}

// handOut gives the records that wait their words and hands them to all who subscribed.
func (e *events) handOut() {
	e.mu.Lock()
	batch := e.queue
	e.queue, e.spare = e.spare[:0], nil
	followers := slices.Collect(maps.Keys(e.all))
	e.mu.Unlock()
	for i := range batch {
		ev := batch[i].event()
		if batch[i].kind == kindFlapping {
			e.log.Warn("two devices fight over one id: the connection is taken over again and again",
				"provider", ev.Provider, "connection", ev.Connection, "id", ev.ID, "remote", ev.RemoteAddr)
		}
		for _, f := range followers {
			f.take(ev)
		}
	}
	clear(batch)
	e.mu.Lock()
	e.spare = batch[:0]
	e.mu.Unlock()
}

// close ends the dispatcher and, with it, every subscription.
func (e *events) close() {
	close(e.end)
	e.done.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range e.all {
		if f.ended != nil {
			f.ended()
		}
	}
	clear(e.all)
}

// event gives the record its words.
func (r *record) event() Event {
	p := r.provider
	ev := Event{Kind: r.kind.String(), Time: time.Unix(0, r.time), Provider: p.name, Session: r.session, ID: r.id}
	if r.reason != notClosed {
		ev.Reason = r.reason.String()
	}
	if r.detail != "" {
		ev.Reason += ": " + r.detail
	}
	if r.kind == kindProvider {
		ev.Reason = r.detail
	}
	var room [128]byte // for most names, ids and addresses, which share one piece of memory
	words, name, id := room[:0], 0, 0
	if r.origin != 0 {
		p.mu.RLock()
		words = p.pts.appendName(words, r.origin, r.point)
		name = len(words)
		words = p.pts.appendID(words, r.origin, r.point)
		id = len(words)
		p.mu.RUnlock()
	}
	all := string(appendAddr(words, r.addr, r.port))
	if r.origin != 0 {
		ev.Connection, ev.ID = all[:name], all[name:id]
	}
	ev.RemoteAddr = all[id:]
	return ev
}

// appendAddr appends an address and port as text; nothing without a port.
func appendAddr(dst []byte, addr [16]byte, port uint16) []byte {
	if port == 0 {
		return dst
	}
	return unmapped(addr, port).AppendTo(dst)
}

// unmapped is an address of 16 bytes and a port, IPv4 as such.
func unmapped(addr [16]byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), port)
}

// Subscribe returns the events from now on, and a function that ends them and must be called. The channel is closed
// when the server stops. A reader that falls more than 4,096 events behind loses the newest; Stats counts them, and
// an event of kind "lost" says how many when there is room again.
func (s *Server) Subscribe() (<-chan Event, func()) {
	e := s.events
	sub := &subscription{c: make(chan Event, maxSubscribed)}
	return sub.c, e.follow(&follower{
		take: func(ev Event) {
			if !sub.offer(ev) {
				e.lost.Add(1)
			}
		},
		ended: func() { close(sub.c) },
	})
}

// FollowEvents has take called with every event from now on, in order, one call at a time. take must not block; while
// it runs, up to 65,536 events wait, and more are lost and counted. take may be called once more after stop has
// returned.
func (s *Server) FollowEvents(take func(Event)) (stop func()) {
	return s.events.follow(&follower{take: take})
}

// follow adds a follower; the returned function takes it away.
func (e *events) follow(f *follower) (stop func()) {
	e.mu.Lock()
	e.all[f] = struct{}{}
	e.anyone.Add(1)
	e.mu.Unlock()
	return sync.OnceFunc(func() {
		e.mu.Lock()
		delete(e.all, f)
		e.anyone.Add(-1)
		e.mu.Unlock()
	})
}
