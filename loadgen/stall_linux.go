package loadgen

import "time"

// A stall is time in which a worker did not look at its sockets although it should have: one turn took too long, or
// the system gave it no processor when its wait was over. What came meanwhile is found only afterwards, and nobody can
// tell when it came. So the time of a stall is never the server's: it is taken off what was waited for during it, and
// counted as the generator's own lag.

const (
	// leastStall: a turn takes milliseconds at most, even with a full batch. A shorter delay counts as the server's.
	leastStall = int64(20 * time.Millisecond)
	stallEvery = int64(time.Second) // of StallSelf
)

// stall is the newest one, as long as what came during it is being found; zero when there is none.
type stall struct {
	from, to int64
	more     bool // the batch was full: the next one is of the same time
}

// looked notes a look at the sockets: the turn before it began at turn, the wait at asked with an end at wake, and its
// events were there at now. full says that there may be more of them.
func (s *stall) looked(turn, asked, wake, now int64, full bool) {
	overslept := now - max(asked, wake)
	busy := asked - turn
	switch {
	case busy > leastStall && overslept > leastStall:
		*s = stall{from: turn, to: now}
	case busy > leastStall:
		*s = stall{from: turn, to: asked}
	case overslept > leastStall:
		*s = stall{from: max(asked, wake), to: now}
	case !s.more:
		*s = stall{}
	}
	s.more = full
}

// since is how much of the stall lies after t.
func (s *stall) since(t int64) int64 { return max(0, s.to-max(s.from, t)) }

// ownPart returns how much of the time since t the worker has stalled, and counts it as its own lag. When all devices
// dial at once there is no schedule that it could be late for: its turns are as long as they are.
func (w *worker) ownPart(t int64) int64 {
	if w.phase == connecting && w.cfg.Ramp == 0 {
		return 0
	}
	late := w.stall.since(t)
	if late > 0 {
		w.out.Times[ownLag].record(late)
	}
	return late
}

// stallSelf sleeps once a second of the traffic, where that was asked for.
func (w *worker) stallSelf(now int64) {
	if w.cfg.StallSelf == 0 || w.phase != traffic {
		return
	}
	if w.nextStall == 0 {
		w.nextStall = w.goAt + stallEvery/4
	}
	if now >= w.nextStall {
		time.Sleep(w.cfg.StallSelf)
		w.nextStall = now + stallEvery
	}
	w.at(w.nextStall)
}
