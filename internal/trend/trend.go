// Package trend owns what the fleet was like lately: the server's counters as lines over the last hour and the last
// day, which connections come and go most, and which links have been quiet for longest.
//
// All of it is in memory, of fixed size, and begins anew with the process. It reads counters and events like everybody
// else; it never touches a link, and it knows nothing of HTTP.
package trend

import (
	"context"
	"sync"
	"time"

	"linkd/server"
)

const (
	fine   = 10 * time.Second // between two points of the last hour
	coarse = 5 * time.Minute  // between two points of the last day
	// An hour and a day of them: with some 45 lines, 240 KiB in all.
	finePoints   = int(time.Hour / fine)
	coarsePoints = int(24 * time.Hour / coarse)
	// freshFor is how long a list of the quietest links is shown before the links are looked at again.
	freshFor = 10 * time.Second
	// mostListed bounds Worst and Quietest.
	mostListed = 10
)

// source is what is recorded. Its methods are safe for concurrent use.
type source interface {
	Stats() server.Stats
	Quietest(ctx context.Context, most int) ([]server.QuietView, error)
}

// Recorder records a server. Make one with New, Start it, Close it. Its methods are safe for concurrent use.
type Recorder struct {
	src   source
	since time.Time
	ages  ages

	mu   sync.Mutex // guards the tracks
	hour track
	day  track

	looking  sync.Mutex // guards what follows: one look at the links at a time
	quiet    []server.QuietView
	lookedAt time.Time

	end  chan struct{}
	done sync.WaitGroup
}

// New returns a Recorder that records nothing yet.
func New(src source) *Recorder {
	return &Recorder{src: src, hour: newTrack(fine, finePoints), day: newTrack(coarse, coarsePoints),
		end: make(chan struct{})}
}

// Start begins to record.
func (r *Recorder) Start() {
	r.begin(time.Now())
	r.done.Go(func() {
		tick := time.NewTicker(fine)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.sample(time.Now())
			case <-r.end:
				return
			}
		}
	})
}

// begin takes what the counters are at the start.
func (r *Recorder) begin(now time.Time) {
	r.since = now
	r.ages.begin(now)
	r.sample(now)
}

// Close ends recording; what was recorded can be read still.
func (r *Recorder) Close() {
	close(r.end)
	r.done.Wait()
}

// Seen takes a connection that came or went, as it is now. It may be called from Start on.
func (r *Recorder) Seen(c server.Seen) { r.ages.take(c) }

// sample reads the counters once.
func (r *Recorder) sample(now time.Time) {
	s := read(r.src.Stats(), now)
	r.ages.turn(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hour.see(s)
	r.day.see(s)
}

// Span is how far a Series goes back.
type Span string

const (
	Quarter Span = "15m"
	Hour    Span = "1h"
	Day     Span = "24h"
)

// Series is lines over a time. Where a line has no value, such as a latency while nothing was asked, it is NaN.
type Series struct {
	Since time.Time     // recording began then
	Step  time.Duration // between two points
	Times []time.Time   // of the points, oldest first: each stands for what was since the one before
	Lines map[string][]float64
	// Closes are closes a second by reason; of reasons that there were within the time.
	Closes map[string][]float64
}

// Series returns what was in a span up to now.
func (r *Recorder) Series(span Span) Series {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Series{Since: r.since}
	switch span {
	case Quarter:
		r.hour.write(&s, int(15*time.Minute/fine))
	case Day:
		r.day.write(&s, coarsePoints)
	default:
		r.hour.write(&s, finePoints)
	}
	return s
}

// Worst returns the connections that came most often lately, and since when that was counted.
func (r *Recorder) Worst() (worst []Comer, since time.Time) { return r.ages.worst(mostListed) }

// Quietest returns the online connections from which nothing has come for longest, as they were at a time that is ten
// seconds ago at most.
func (r *Recorder) Quietest(ctx context.Context) (quiet []server.QuietView, at time.Time, err error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	if now := time.Now(); now.Sub(r.lookedAt) > freshFor {
		quiet, err := r.src.Quietest(ctx, mostListed)
		if err != nil {
			return nil, now, err
		}
		r.quiet, r.lookedAt = quiet, now
	}
	return r.quiet, r.lookedAt, nil
}
