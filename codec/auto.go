package codec

// auto finds an id that needs no terminator; see the package comment for the rules and why no way of splitting the
// bytes changes the outcome. It serves the presets auto and usr.
func auto(f *Framer, b []byte, s int, quiet bool, ids IDs) hit {
	r := b[s:]
	if len(r) == 0 {
		return hit{verdict: Wait}
	}
	p := r[:min(len(r), f.maxBytes)]
	end := indexEnd(r[:min(len(r), f.maxBytes+1)])
	if end >= 0 {
		p = r[:end]
	}
	m := ids.Longest(p)
	if m > 0 && !ids.Extends(p) {
		at := len(p)
		if len(f.beats) > 0 {
			at = settled(p, ids)
		}
		return hit{verdict: Found, known: true, from: s, to: s + m, end: s + m, at: s + at}
	}
	stranger := hit{verdict: Found, from: s, to: s + len(trimRight(p)), end: s + len(p), at: s + len(p)}
	configured := hit{verdict: Found, known: true, from: s, to: s + m, end: s + m, at: s + len(p)}
	switch {
	case end >= 0:
		stranger.at++ // the line end itself
		return stranger
	case len(r) > f.maxBytes:
		if m == 0 {
			return hit{verdict: Rubbish}
		}
		configured.at++ // the byte too many
		return configured
	case !quiet:
		return hit{verdict: WaitQuiet}
	case m > 0:
		return configured
	}
	return stranger
}

// settled returns how many bytes of p were enough to bind. Both conditions stay true once they are, so that halving
// finds the first place.
func settled(p []byte, ids IDs) int {
	lo, hi := 1, len(p)
	for lo < hi {
		mid := (lo + hi) / 2
		if ids.Longest(p[:mid]) > 0 && !ids.Extends(p[:mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return hi
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isEnd(c byte) bool { return c == '\r' || c == '\n' || c == 0 }

// indexEnd returns where the first CR, LF or NUL is; -1 when there is none.
func indexEnd(b []byte) int {
	for i, c := range b {
		if isEnd(c) {
			return i
		}
	}
	return -1
}

// skipEnds returns the position of the first byte of b[s:] that is neither a blank nor a line end.
func skipEnds(b []byte, s int) int {
	for s < len(b) && (isBlank(b[s]) || isEnd(b[s])) {
		s++
	}
	return s
}

func trimRight(b []byte) []byte {
	n := len(b)
	for n > 0 && isBlank(b[n-1]) {
		n--
	}
	return b[:n]
}
