package bus

import (
	"strings"
	"sync/atomic"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"linkd/server"
)

// What devices send goes out as it is, on linkd.PROJECT.rx.PROVIDER.CONNPT, where it is asked for: on the own server by
// who subscribes to such a subject, on one of the user's own, which does not say who subscribes, by Config.Received.

const (
	rxBytes   = 4 << 20 // of memory for what the server has not taken
	heedEvery = 250 * time.Millisecond
	heedAgain = 2 * time.Second // connections come and go, and what is asked for with them
	mostAsked = 10_000          // connections, or wildcards
	heedShare = 20              // looking takes one part in so many of the time at most
)

// relay publishes what devices have sent to who listens now. The server keeps nothing of it, and acknowledges nothing.
type relay struct {
	spool  *spool
	link   *link
	hears  func(subject string) bool // nil: it is not known
	sent   atomic.Uint64
	ending chan struct{} // publish what there is, then end
	ended  chan struct{}
}

func (b *Bus) newRelay() *relay {
	r := &relay{spool: newSpool(rxBytes), link: b.link, ending: make(chan struct{}), ended: make(chan struct{})}
	if b.own != nil {
		r.hears = b.own.hears
	}
	r.spool.to = b.names.Load()
	return r
}

// run publishes until all is published after ending.
func (r *relay) run() {
	defer close(r.ended)
	for last := false; ; {
		c, _ := r.spool.take(time.Now(), 0)
		switch {
		case c != nil:
			r.publish(c)
			continue
		case last:
			return
		}
		select {
		case <-r.spool.wake:
		case <-r.ending:
			last = true
		}
	}
}

func (r *relay) publish(c *chunk) {
	defer r.spool.done(c)
	for subject, data := range c.records {
		to := string(subject)
		if r.hears != nil && !r.hears(to) {
			continue
		}
		if err := r.link.nc.Publish(to, data); err != nil { // cut off, or larger than the server takes
			r.spool.drop(1)
			continue
		}
		r.sent.Add(1)
	}
}

// TakeReceived takes what devices have sent, from the reactor. It copies what it needs, and never waits for the bus.
func (b *Bus) TakeReceived(list []server.Received) {
	s := b.rx.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		r := &list[i]
		putBytes(s, s.to.rx, r.Provider, r.Connection, r.Data)
	}
}

// heed tells the core whose bytes are asked for, until work ends.
func (b *Bus) heed(by core) {
	tick := time.NewTicker(heedEvery)
	defer tick.Stop()
	subscriptions, again, soonest := -1, time.Time{}, time.Time{}
	for {
		n, now := 0, time.Now()
		if b.own != nil {
			n = b.own.subscriptions()
		}
		if now.After(soonest) && n != subscriptions || now.After(again) {
			by.AskReceived(b.asked())
			took := time.Since(now)
			subscriptions, again, soonest = n, now.Add(max(heedAgain, heedShare*took)), now.Add(heedShare*took)
		}
		select {
		case <-b.work.Done():
			return
		case <-tick.C:
		}
	}
}

// asked is whose bytes are asked for now.
func (b *Bus) asked() []server.BytesOf {
	if b.own == nil {
		return b.cfg.Received
	}
	seen, list := map[server.BytesOf]bool{}, []server.BytesOf(nil)
	for _, subject := range b.own.subscribed() {
		of, ok := b.names.Load().askedBy(subject)
		if ok && !seen[of] && len(list) < mostAsked {
			seen[of] = true
			list = append(list, of)
		}
	}
	return list
}

// askedBy is whose bytes a subscription asks for. It must say that bytes are what it wants: who subscribes to all that
// linkd says does not ask.
func (s *subjects) askedBy(subject string) (of server.BytesOf, ok bool) {
	rest, ok := strings.CutPrefix(subject, s.rx)
	if !ok {
		return of, false
	}
	if rest == ">" {
		return server.BytesOf{Provider: server.AnyName, Connection: server.AnyName}, true
	}
	provider, connection, ok := strings.Cut(rest, ".")
	if connection == ">" {
		connection = server.AnyName
	}
	return server.BytesOf{Provider: provider, Connection: connection}, ok
}

// subscriptions is how many there are.
func (e *embedded) subscriptions() int { return e.linkd.Load().TotalSubs() }

// subscribed are the subjects that clients and streams have subscribed to, one as often as it was.
func (e *embedded) subscribed() (subjects []string) {
	s := e.srv.Load()
	if s == nil {
		return nil
	}
	z, err := s.Subsz(&nats.SubszOptions{Subscriptions: true, Account: accountName, Limit: 1 << 30})
	if err != nil {
		return nil // only a subject to test can be wrong
	}
	for _, sub := range z.Subs {
		subjects = append(subjects, sub.Subject)
	}
	return subjects
}
