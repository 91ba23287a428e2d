package loadgen

// Cycles that the server missed are found in the gaps between two askings of a device's first question. Only time in
// which the device was up and the traffic ran counts: a gap at an edge of that time, from the moment when the device is
// up to its first question and from the last question to the end of the link or of the traffic, is no interval, but a
// cycle that had its place in it and did not come was missed as well.

// gapBegins notes that the device is up, and may be asked from now on.
func (s *slave) gapBegins(now int64, d *device) {
	a := &s.asked[d.i]
	a.since, a.at, a.placed = now, 0, false
}

// gapEnds notes that the device cannot be asked any more, if it could.
func (w *worker) gapEnds(now int64, d *device) {
	a := &w.slave.asked[d.i]
	if a.since == 0 {
		return
	}
	if w.phase == traffic {
		w.out.Edges.record(now - max(a.since, a.at, w.goAt))
	}
	a.since, a.at, a.placed = 0, 0, false
}

// gapsEnd ends the gaps of all devices: the traffic ends.
func (w *worker) gapsEnd(now int64) {
	if w.slave == nil {
		return
	}
	for i := range w.devs {
		w.gapEnds(now, &w.devs[i])
	}
}

// askedAgain measures how long ago the device was asked its first question before. The first interval of a link says
// nothing of the cadence: with it a server that spreads its polls moves the link to its place in the cycle.
func (w *worker) askedAgain(now int64, a *asked) {
	switch {
	case w.phase != traffic:
	case a.placed:
		w.out.Asked.record(now - a.at)
	case a.at != 0:
		w.out.Placed.record(now - a.at)
	default:
		w.out.Edges.record(now - max(a.since, w.goAt))
	}
	a.at, a.placed = now, a.at != 0
}
