package project

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// texts writes out what p gives for from to to.
func texts(p Pattern, from, to int) map[string]bool {
	all := make(map[string]bool)
	for n := from; n <= to; n++ {
		all[p.Format(n)] = true
	}
	return all
}

// TestCommonAgreesWithWriting compares the analysis of two fleets with their texts written out, on small fleets whose
// patterns collide often.
func TestCommonAgreesWithWriting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() (Pattern, *Fleet) {
		p := Pattern{prefix: "01"[:rng.IntN(3)], suffix: "10"[:rng.IntN(3)], width: 1 + rng.IntN(3)}
		if rng.IntN(4) == 0 {
			p.prefix, p.suffix = randomText(rng), randomText(rng)
		}
		from := rng.IntN(power(rng.IntN(4)))
		return p, &Fleet{From: from, To: from + rng.IntN(300)}
	}
	var met, apart int
	for range 6000 {
		a, f := random()
		b, g := random()
		theirs := texts(b, g.From, g.To)
		want := false
		for text := range texts(a, f.From, f.To) {
			want = want || theirs[text]
		}
		text, got := common(a, f, b, g)
		if got != want {
			t.Fatalf("%s from %d to %d and %s from %d to %d: got %v %q, want %v",
				a, f.From, f.To, b, g.From, g.To, got, text, want)
		}
		if !got {
			apart++
			continue
		}
		met++
		n, okA := a.Match([]byte(text))
		m, okB := b.Match([]byte(text))
		if !okA || !okB || n < f.From || n > f.To || m < g.From || m > g.To {
			t.Fatalf("%q is not a text of both %s %v and %s %v", text, a, *f, b, *g)
		}
	}
	if met < 500 || apart < 500 {
		t.Errorf("only %d pairs met and %d did not: the cases are too alike", met, apart)
	}
}

func TestStartingAgreesWithWriting(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 20000 {
		p := Pattern{prefix: randomText(rng), suffix: randomText(rng), width: 1 + rng.IntN(4)}
		f := &Fleet{Name: p, From: rng.IntN(1200)}
		f.To = f.From + rng.IntN(300)
		prefix := p.Format(rng.IntN(1500))
		prefix = prefix[:rng.IntN(len(prefix)+1)]
		want := make(map[string]bool)
		for text := range texts(p, f.From, f.To) {
			if strings.HasPrefix(text, prefix) {
				want[text] = true
			}
		}
		for _, s := range f.starting(prefix) {
			for n := s.lo; n <= s.hi; n++ {
				if !want[s.text(n)] {
					t.Fatalf("%s %d to %d under %q: %q is too much or twice", p, f.From, f.To, prefix, s.text(n))
				}
				delete(want, s.text(n))
				found++
			}
		}
		if len(want) > 0 {
			t.Fatalf("%s %d to %d under %q: %v missing", p, f.From, f.To, prefix, want)
		}
	}
	if found < 1000 {
		t.Errorf("only %d texts found", found)
	}
}

func TestSpansOfLargeNumbers(t *testing.T) {
	p, err := ParsePattern("9{n}")
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParsePattern("{n}9")
	if err != nil {
		t.Fatal(err)
	}
	top := int(maxNumber)
	text, ok := common(p, &Fleet{From: top - 10, To: top}, q, &Fleet{From: top - 10, To: top})
	if !ok || text != "9999999999999989" {
		t.Errorf("got %q, %v", text, ok)
	}
}
