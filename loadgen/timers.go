package loadgen

// timer is a moment at which a device is looked at again. It counts only while the device is still in the same state
// of the same attempt; otherwise it is dropped when it comes.
type timer struct {
	at    int64
	dev   int32
	gen   uint32
	state state
}

// timers is a binary heap, the earliest first.
type timers []timer

func (t *timers) add(x timer) {
	h := append(*t, x)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2].at > h[i].at {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		i = (i - 1) / 2
	}
	*t = h
}

// take removes and returns the earliest timer, if it is due.
func (t *timers) take(now int64) (timer, bool) {
	h := *t
	if len(h) == 0 || h[0].at > now {
		return timer{}, false
	}
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if h[c].at < h[least].at {
				least = c
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*t = h
	return first, true
}

// never is so many nanoseconds from now that no run lasts until then, and that a time so far away can still be told.
const never = 1 << 60

// pacer is a schedule that is never stretched: number n is due at start + n/rate.
type pacer struct {
	start int64
	rate  float64 // per second; 0: everything is due at start
	n     int64   // number of the next one
}

func (p *pacer) due() int64 {
	if p.rate == 0 {
		return p.start
	}
	return p.start + int64(min(float64(p.n)*1e9/p.rate, never))
}

// before returns how many more are due before end.
func (p *pacer) before(end int64) int64 {
	all := int64(float64(end-p.start) * p.rate / 1e9)
	for q := (pacer{p.start, p.rate, all}); q.due() < end; q.n++ { // rounding
		all = q.n + 1
	}
	return max(0, all-p.n)
}
