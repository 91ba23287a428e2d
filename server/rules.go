package server

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MaxRules bounds what people may decide about strangers.
const MaxRules = 1000

// Action is what becomes of a stranger.
type Action string

// The actions. What is configured always comes in by its id: a rule about an id counts for strangers alone.
const (
	Ignore Action = "ignore" // counted as before, but not listed and not told of
	Block  Action = "block"  // turned away without an answer, counted as blocked
)

// Rule is what people have decided about strangers: those with an ID at a Provider; those without an id from an Addr at
// a Provider; or, with a Block and no Provider, all links from an Addr, known devices included.
type Rule struct {
	Key      string // of the stranger, and of the rule
	Action   Action
	Provider string
	ID       []byte // as sent
	Addr     netip.Addr
	Who      string // decided it
	Since    time.Time
}

// RuleView is a rule, and what it has met since linkd started.
type RuleView struct {
	Rule
	Count    uint64
	LastSeen time.Time // zero: never
}

// subject is whom a rule is about, or what a stranger is known by.
type subject struct {
	provider, id string
	addr         netip.Addr // where there is no id
}

func (s subject) key() string {
	named := s.id
	if named == "" {
		named = s.addr.String()
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%t\x00%s", s.provider, s.id != "", named)
	return hex.EncodeToString(h.Sum(nil))
}

func (r *Rule) subject() subject { return subject{r.Provider, string(r.ID), r.Addr} }

// rule is a Rule that is in force.
type rule struct {
	Rule
	count atomic.Uint64
	last  atomic.Int64 // nanoseconds since the Unix epoch; 0: never
}

// rules are read by every loop, and replaced as a whole. While there are none, nobody looks further.
type rules struct {
	mu    sync.Mutex // of those who replace
	table atomic.Pointer[map[subject]*rule]
}

// applies reports whether there is a rule of an action about a subject, and counts what it has met.
func (r *rules) applies(a Action, about subject, now int64) bool {
	table := r.table.Load()
	if table == nil {
		return false
	}
	found := (*table)[about]
	if found == nil || found.Action != a {
		return false
	}
	found.count.Add(1)
	found.last.Store(now)
	return true
}

// none reports whether there are no rules at all, as is usual.
func (r *rules) none() bool { return r.table.Load() == nil }

// turnsAway reports whether all links from an address are blocked.
func (r *rules) turnsAway(addr netip.Addr, now int64) bool {
	return r.applies(Block, subject{addr: addr}, now)
}

// change replaces the table by one that change has changed.
func (r *rules) change(change func(map[subject]*rule)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[subject]*rule{}
	if now := r.table.Load(); now != nil {
		next = maps.Clone(*now)
	}
	change(next)
	if len(next) == 0 {
		r.table.Store(nil)
		return
	}
	r.table.Store(&next)
}

// PutRule makes a rule, or replaces the one of its key, and takes the stranger off the list.
func (s *Server) PutRule(r Rule) {
	s.rules.change(func(m map[subject]*rule) { m[r.subject()] = &rule{Rule: r} })
	s.Forget(r.Key)
}

// DropRule takes a rule back. It is no error when there is none.
func (s *Server) DropRule(key string) {
	s.rules.change(func(m map[subject]*rule) {
		maps.DeleteFunc(m, func(_ subject, r *rule) bool { return r.Key == key })
	})
}

// Rules returns what has been decided about strangers, the newest first.
func (s *Server) Rules() []RuleView {
	list := []RuleView{}
	if table := s.rules.table.Load(); table != nil {
		for _, r := range *table {
			v := RuleView{Rule: r.Rule, Count: r.count.Load()}
			if last := r.last.Load(); last != 0 {
				v.LastSeen = time.Unix(0, last)
			}
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b RuleView) int {
		if c := b.Since.Compare(a.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return list
}

// RuleAbout drafts a rule about the stranger of a key, or about one that has a rule already. With all, it is about
// everything that comes from the stranger's address. Errors: ErrNotFound; ErrInvalid where there is nothing to go by;
// ErrConflict when there are MaxRules.
func (s *Server) RuleAbout(key string, a Action, all bool) (Rule, error) {
	about, from, err := s.strangerOf(key)
	if err != nil {
		return Rule{}, err
	}
	switch {
	case all && !from.IsValid():
		return Rule{}, fmt.Errorf("%w: no address of %q is known", ErrInvalid, key)
	case all:
		about = subject{addr: from}
	case a == Block && about.id == "":
		return Rule{}, fmt.Errorf("%w: the stranger sent no id; block its address, or ignore it", ErrInvalid)
	}
	r := Rule{Key: about.key(), Action: a, Provider: about.provider, Addr: about.addr}
	if about.id != "" {
		r.ID = []byte(about.id)
	}
	if table := s.rules.table.Load(); table != nil && len(*table) >= MaxRules && (*table)[about] == nil {
		return Rule{}, fmt.Errorf("%w: there are %d rules about strangers already; take one back first", ErrConflict,
			MaxRules)
	}
	return r, nil
}

// strangerOf is what the stranger of a key is known by, and where it came from last.
func (s *Server) strangerOf(key string) (subject, netip.Addr, error) {
	if about, from, ok := s.strangers.find(key); ok {
		return about, from, nil
	}
	if table := s.rules.table.Load(); table != nil {
		for about, r := range *table {
			if r.Key == key {
				return about, about.addr, nil
			}
		}
	}
	return subject{}, netip.Addr{}, fmt.Errorf("%w: no stranger %q", ErrNotFound, key)
}

// KnownFrom counts the connections whose newest session came from an address, or that are known by it.
func (s *Server) KnownFrom(addr netip.Addr) (count int) {
	want := addr.As16()
	for _, p := range s.all() {
		if _, ok := p.addrs.Lookup(addr); ok {
			count++
		}
		p.mu.RLock()
		p.eachPoint(0, func(_ uint32, pt *point, _ []byte) bool {
			if pt.session != 0 && pt.addr == want {
				count++
			}
			return true
		})
		p.mu.RUnlock()
	}
	return count
}
