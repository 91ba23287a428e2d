package codec

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// The package regexp cannot tell whether more bytes could still change a match, and its submatches allocate. So the
// compiled program of regexp/syntax is run here, by the same rules (leftmost-first, as in Perl), one rune at a time:
// a match is final, however the bytes were split, once no thread of a higher priority is alive.

// maxProgram bounds a compiled pattern, and with it the memory on the stack and the time for each rune.
const maxProgram = 256

// none marks a group that has no position yet.
const none = 0xFFFF

// groups are the positions of the groups id (0, 1) and secret (2, 3).
type groups [4]uint16

type program struct {
	inst   []syntax.Inst
	start  uint16
	id     uint32 // number of the group
	secret uint32 // 0: none
}

type thread struct {
	pc  uint16
	cap groups
}

// threads are alive at one position, best first.
type threads struct {
	n    int
	seen [maxProgram / 64]uint64
	list [maxProgram]thread
}

func compileRegex(pattern string) (*program, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%w: pattern %q: %w", ErrConfig, pattern, err)
	}
	names := re.CapNames()
	id, secret := slices.Index(names, "id"), slices.Index(names, "secret")
	if id < 0 {
		return nil, fmt.Errorf("%w: pattern %q: want a group named id, as in (?P<id>[0-9]+)", ErrConfig, pattern)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%w: pattern %q: %w", ErrConfig, pattern, err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, fmt.Errorf("%w: pattern %q: %d steps, want at most %d", ErrConfig, pattern, len(prog.Inst), maxProgram)
	}
	return &program{inst: prog.Inst, start: uint16(prog.Start), id: uint32(id), secret: uint32(max(secret, 0))}, nil
}

// regex matches f.re at b[s:].
func regex(f *Framer, b []byte, s int, quiet bool, _ IDs) hit {
	r := b[s:min(len(b), s+f.maxBytes)]
	if len(r) == 0 {
		return hit{verdict: Wait}
	}
	over := len(b)-s > f.maxBytes
	v, end, at, cap := f.re.run(r, quiet && !over)
	if over && v == Wait {
		return hit{verdict: Rubbish}
	}
	if over && v == WaitQuiet {
		v, at = Found, len(r)+1
	}
	if v != Found {
		return hit{verdict: v}
	}
	if cap[0] == none || cap[1] == none || cap[0] >= cap[1] {
		return hit{verdict: Rubbish}
	}
	h := hit{verdict: Found, from: s + int(cap[0]), to: s + int(cap[1]), end: s + end, at: s + at}
	if cap[2] != none && cap[3] != none && cap[2] <= cap[3] {
		h.secret, h.secretFrom, h.secretTo = true, s+int(cap[2]), s+int(cap[3])
	}
	return h
}

// scan is one run over the bytes.
type scan struct {
	p      *program
	b      []byte
	quiet  bool
	looked bool // an assertion at this position was decided by the rune that follows
}

// run returns what the program makes of b: the end of the match and its groups, and at, after how many bytes that was
// certain. WaitQuiet comes with the match, if there is one yet, that silence would make final.
func (p *program) run(b []byte, quiet bool) (v Verdict, end, at int, cap groups) {
	var lists [2]threads
	cur, next := &lists[0], &lists[1]
	sc := scan{p: p, b: b, quiet: quiet}
	sc.add(cur, p.start, 0, -1, groups{none, none, none, none})
	matched := false
	for i := 0; ; cur, next = next, cur {
		r, w := sc.rune(i)
		at = i
		if sc.looked {
			at, sc.looked = i+w, false
		}
		next.n, next.seen = 0, [maxProgram / 64]uint64{}
		alive, parked := false, false
		for k := range cur.n {
			t := &cur.list[k]
			in := &p.inst[t.pc]
			if in.Op == syntax.InstMatch {
				matched, end, cap = true, i, t.cap
				break // what follows has a lower priority
			}
			alive, parked = true, parked || in.Op == syntax.InstEmptyWidth
			if w > 0 && in.MatchRune(r) {
				sc.add(next, uint16(in.Out), i+w, r, t.cap)
			}
		}
		switch {
		case matched && (!alive || w == 0 && quiet):
			return Found, end, at, cap
		case !alive:
			return Rubbish, 0, at, cap
		case w == 0 && (matched || parked):
			return WaitQuiet, end, at, cap
		case w == 0:
			return Wait, 0, at, cap
		}
		i += w
	}
}

// rune returns the rune at b[i:] and its width: 0 where it has not arrived (-1), or not whole.
func (sc *scan) rune(i int) (rune, int) {
	b := sc.b[i:]
	switch {
	case len(b) == 0:
		return -1, 0
	case !utf8.FullRune(b):
		return utf8.RuneError, 0
	}
	return utf8.DecodeRune(b)
}

// add puts the thread at pc, and all it leads to without reading a rune, into l. prev is the rune before pos.
func (sc *scan) add(l *threads, pc uint16, pos int, prev rune, cap groups) {
	if l.seen[pc/64]&(1<<(pc%64)) != 0 {
		return
	}
	l.seen[pc/64] |= 1 << (pc % 64)
	in := &sc.p.inst[pc]
	switch in.Op {
	case syntax.InstFail:
	case syntax.InstNop:
		sc.add(l, uint16(in.Out), pos, prev, cap)
	case syntax.InstAlt, syntax.InstAltMatch:
		sc.add(l, uint16(in.Out), pos, prev, cap)
		sc.add(l, uint16(in.Arg), pos, prev, cap)
	case syntax.InstCapture:
		switch group := in.Arg / 2; {
		case group == sc.p.id:
			cap[in.Arg%2] = uint16(pos)
		case group == sc.p.secret && group != 0:
			cap[2+in.Arg%2] = uint16(pos)
		}
		sc.add(l, uint16(in.Out), pos, prev, cap)
	case syntax.InstEmptyWidth:
		met, known := sc.assert(syntax.EmptyOp(in.Arg), pos, prev)
		if met {
			sc.add(l, uint16(in.Out), pos, prev, cap)
		} else if !known {
			l.list[l.n] = thread{pc: pc, cap: cap} // keeps the scan alive until more is there
			l.n++
		}
	default:
		l.list[l.n] = thread{pc: pc, cap: cap}
		l.n++
	}
}

// assert decides an assertion between prev and what follows pos; known is false while that has not arrived.
func (sc *scan) assert(op syntax.EmptyOp, pos int, prev rune) (met, known bool) {
	const ahead = syntax.EmptyEndLine | syntax.EmptyEndText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	r, w := sc.rune(pos)
	if op&ahead != 0 {
		if w == 0 && !sc.quiet {
			return false, false
		}
		sc.looked = true
	}
	return op&^syntax.EmptyOpContext(prev, r) == 0, true
}
