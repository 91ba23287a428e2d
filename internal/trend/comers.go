package trend

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"linkd/server"
)

// Comer is a connection that comes and goes.
type Comer struct {
	Provider, Connection string
	Comes                int    // times that it came online; one that is one of very many may be shown as fewer
	Reason               string // why it went the last time; empty when it has not
}

const (
	ageTime     = 30 * time.Minute // that comes are counted for; the age before counts too
	mostComers  = 512              // that are counted at once, in each of two ages
	fewestComes = 3                // of one that is worth a word
)

type place struct{ provider, connection string }

type comes struct {
	n      int
	total  uint64 // its reconnects when it was last looked at
	reason string
}

// ages counts who comes how often, in this age and the one before: in the last half hour to hour.
//
// Which of a million come most is found in a fixed memory as Misra and Gries have it: when there is no room for
// another, all lose one, and who has none left goes. Nobody is shown as coming more often than it did, and who makes up
// more than one in mostComers of all that came in an age is in the list. How often one came before it was looked at
// first is not known: it counts as once, and as none where it had never come before, so that a new fleet takes no room.
type ages struct {
	mu     sync.Mutex
	now    map[place]comes
	before map[place]comes
	began  time.Time // this age
	since  time.Time // the one before, or the start
}

func (a *ages) begin(now time.Time) {
	a.now, a.before, a.began, a.since = map[place]comes{}, map[place]comes{}, now, now
}

// turn begins another age when it is time.
func (a *ages) turn(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.began) >= ageTime {
		a.before, a.now = a.now, map[place]comes{}
		a.since, a.began = a.began, now
	}
}

// take is given a connection that came or went, as it is now.
func (a *ages) take(seen server.Seen) {
	at := place{seen.Provider, seen.Connection}
	a.mu.Lock()
	defer a.mu.Unlock()
	c, counted := a.now[at]
	was, known := c, counted
	if !known {
		was, known = a.before[at]
	}
	came := 0
	switch {
	case known:
		came = int(seen.Reconnects - min(was.total, seen.Reconnects))
	case seen.Online && seen.Reconnects > 0:
		came = 1
	}
	if came == 0 && !counted {
		return
	}
	if !counted && len(a.now) == mostComers {
		a.makeRoom()
		return
	}
	a.now[at] = comes{n: c.n + came, total: seen.Reconnects, reason: seen.LastClose}
}

// makeRoom has all lose one.
func (a *ages) makeRoom() {
	for at, c := range a.now {
		if c.n--; c.n == 0 {
			delete(a.now, at)
			continue
		}
		a.now[at] = c
	}
}

// worst returns the connections that came most often, most at most, and since when they were counted.
func (a *ages) worst(most int) (list []Comer, since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at := range maps.Keys(a.now) {
		list = append(list, a.comer(at))
	}
	for at := range maps.Keys(a.before) {
		if _, again := a.now[at]; !again {
			list = append(list, a.comer(at))
		}
	}
	list = slices.DeleteFunc(list, func(c Comer) bool { return c.Comes < fewestComes })
	slices.SortFunc(list, func(a, b Comer) int {
		return cmp.Or(cmp.Compare(b.Comes, a.Comes), cmp.Compare(a.Provider, b.Provider),
			cmp.Compare(a.Connection, b.Connection))
	})
	return list[:min(len(list), most)], a.since
}

func (a *ages) comer(at place) Comer {
	c := Comer{Provider: at.provider, Connection: at.connection}
	for _, age := range []map[place]comes{a.before, a.now} {
		in := age[at]
		c.Comes += in.n
		c.Reason = cmp.Or(in.reason, c.Reason)
	}
	return c
}
