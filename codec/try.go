package codec

// Trial is what became of bytes that were tried, all of which came at once and after which there was silence. Its
// slices are its own, but for those of Identified.
type Trial struct {
	Identified
	Quiet   bool   // it took silence to decide about the identity
	Payload []byte // for the driver
	Held    []byte // the beginning of something of the preset's, whose rest did not come
	Reply   []byte // what the preset answers to the bytes behind the identity; Accept and Refuse are the caller's
	End     string // not empty: the link would be closed with this detail
}

// Try does to b what a link does: Identify, at once and then after silence, and Decode on what follows the id.
// identify is Identify, or it with the caller's own bounds.
func (f *Framer) Try(b []byte, identify func(quiet bool) Identified) Trial {
	t := Trial{Identified: identify(false)}
	if t.Verdict == WaitQuiet {
		t.Quiet, t.Identified = true, identify(true)
	}
	if t.Verdict != Found {
		return t
	}
	rest, st := b[t.Taken:], t.Stream
	for _, quiet := range []bool{false, true} {
		for len(rest) > 0 && t.End == "" {
			d := f.Decode(nil, rest, t.ID, quiet, &st)
			t.Payload, t.Reply = append(t.Payload, d.Payload...), append(t.Reply, d.Reply...)
			rest, t.End = rest[d.Taken:], d.End
			if d.Taken == 0 {
				break
			}
		}
	}
	if t.Held = append(t.Held, rest...); len(rest) > f.MaxHeld() && t.End == "" {
		t.End = TooLong
	}
	return t
}
