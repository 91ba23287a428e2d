package project

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"f{n}", 0, "f0"},
		{"f{n}", 1234, "f1234"},
		{"c{n:07}", 1, "c0000001"},
		{"c{n:07}", 12345678, "c12345678"},
		{"{n:010}", 42, "0000000042"},
		{"é{n:02}-x", 7, "é07-x"},
		{"a{n:018}", 5, "a000000000000000005"},
		{"a{n:018}", 999999999999999999, "a999999999999999999"},
		{strings.Repeat("long", 40) + "{n}", 3, strings.Repeat("long", 40) + "3"},
	} {
		p, err := ParsePattern(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := p.Format(c.n); got != c.want {
			t.Errorf("%s of %d: got %s, want %s", c.in, c.n, got, c.want)
		}
		if got := string(p.Append([]byte("x"), c.n)); got != "x"+c.want {
			t.Errorf("%s: Append gives %s", c.in, got)
		}
		if n, ok := p.Match([]byte(c.want)); !ok || n != c.n {
			t.Errorf("%s: Match(%s) gives %d, %v", c.in, c.want, n, ok)
		}
		if p.String() != c.in {
			t.Errorf("%s: String gives %s", c.in, p)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":           `"" has no {n}; write text with one {n} or {n:0W}, such as c{n:07}`,
		"abc":        `"abc" has no {n}; write text with one {n} or {n:0W}, such as c{n:07}`,
		"a}{n}":      `"a}{n}" holds other braces; write exactly one {n} or {n:0W}`,
		"{n}{n}":     `"{n}{n}" holds other braces; write exactly one {n} or {n:0W}`,
		"{n":         `"{n" holds other braces; write exactly one {n} or {n:0W}`,
		"{n:7}":      `{n:7} in "{n:7}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
		"{n:00}":     `{n:00} in "{n:00}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
		"{n:019}":    `{n:019} in "{n:019}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
		"{m}":        `{m} in "{m}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
		"{n:0+5}":    `{n:0+5} in "{n:0+5}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
		"{n:099999}": `{n:099999} in "{n:099999}"; write {n}, or {n:0W} with a width W of 1 to 18, such as {n:07}`,
	} {
		p, err := ParsePattern(in)
		if !errors.Is(err, ErrPattern) || err.Error() != "project: not a pattern: "+want || !p.IsZero() {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

func TestPatternMatchesOnlyCanonicalText(t *testing.T) {
	for _, c := range []struct{ pattern, text string }{
		{"c{n:03}", "c7"}, {"c{n:03}", "c0007"}, {"c{n:03}", "c0100"}, {"c{n}", "c01"}, {"c{n}", "c"}, {"c{n}", ""},
		{"c{n}", "d1"}, {"c{n}", "c-1"}, {"c{n}", "c+1"}, {"c{n}", "c1 "}, {"c{n}x", "c1"}, {"c{n}c", "c"},
		{"c{n}", "c9999999999999999999"}, {"ab{n}ba", "aba"},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := p.Match([]byte(c.text)); ok {
			t.Errorf("%s matches %q as %d", c.pattern, c.text, n)
		}
	}
	if _, ok := (Pattern{}).Match(nil); ok {
		t.Error("the zero Pattern matches")
	}
}

func TestPatternIsItsOwnInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		p := Pattern{prefix: randomText(rng), suffix: randomText(rng), width: 1 + rng.IntN(maxDigits)}
		n := rng.IntN(power(rng.IntN(maxDigits + 1)))
		text := p.Format(n)
		if got, ok := p.Match([]byte(text)); !ok || got != n {
			t.Fatalf("%s of %d is %s, which matches as %d, %v", p, n, text, got, ok)
		}
		// The other way round: whatever matches is spelled as Format does.
		damaged := []byte(text)
		damaged[rng.IntN(len(damaged))] = "0123456789ab"[rng.IntN(12)]
		if got, ok := p.Match(damaged); ok && p.Format(got) != string(damaged) {
			t.Fatalf("%s matches %s as %d", p, damaged, got)
		}
		again, err := ParsePattern(p.String())
		if err != nil || again != p {
			t.Fatalf("%s parses as %v, %v", p, again, err)
		}
	}
}

// randomText is short and of few letters, so that things collide; it may be empty.
func randomText(rng *rand.Rand) string {
	b := make([]byte, rng.IntN(4))
	for i := range b {
		b[i] = "01ab"[rng.IntN(4)]
	}
	return string(b)
}

func TestPatternAllocatesNothing(t *testing.T) {
	p, err := ParsePattern("c{n:07}")
	if err != nil {
		t.Fatal(err)
	}
	buf, sum := make([]byte, 0, 64), 0
	if allocs := testing.AllocsPerRun(100, func() {
		buf = p.Append(buf[:0], 123456)
		n, _ := p.Match(buf)
		sum += n
	}); allocs != 0 || sum == 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkPatternMatch(b *testing.B) {
	p, _ := ParsePattern("c{n:07}")
	text := []byte("c0123456")
	for b.Loop() {
		p.Match(text)
	}
}
