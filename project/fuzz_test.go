package project

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse: whatever the bytes, Parse returns a project that holds its own rules, or faults that each have a place
// in the file and one line of text.
func FuzzParse(f *testing.F) {
	f.Add([]byte(greenhouse))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Parse("f", src, oneDriver{})
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 || p != nil {
				t.Fatalf("not Errors: %v", err)
			}
			for _, e := range list {
				if e.Line < 1 || e.Col < 0 || e.Msg == "" || strings.ContainsAny(e.Msg, "\r\n") {
					t.Fatalf("bad fault %+v", e)
				}
			}
			return
		}
		if err := Validate(p, oneDriver{}); err != nil {
			t.Fatalf("accepted from a file and refused without one: %v", err)
		}
		roundTrip(t, p)
		sameAfterYAML(t, p)
		if d := Diff(p, p); !d.Empty() {
			t.Fatalf("differs from itself: %s", d)
		}
		for _, pr := range p.Providers {
			for c := range pr.ConnPts() {
				_ = p.ChannelFor(pr.Name, c.Name)
				break
			}
		}
	})
}
