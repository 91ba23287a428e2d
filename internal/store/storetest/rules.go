package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"linkd/internal/store"
)

func rules(t *testing.T, open Open) {
	s := open(t)
	a := store.Rule{Key: "a1", Action: "block", Provider: "s1", ID: []byte{0, 255}, Who: "me", Since: moment()}
	b := store.Rule{Key: "b2", Action: "ignore", Addr: "10.0.0.7"}
	must(t, errors.Join(s.PutRule(b), s.PutRule(a), s.PutRule(store.Rule{Key: "c"}), s.DeleteRule("c"),
		s.DeleteRule("none")))
	b.Action = "block"
	must(t, s.PutRule(b))
	must(t, s.Close())
	s = open(t)
	got, err := s.Rules()
	must(t, err)
	equal := func(x, y store.Rule) bool {
		return x.Key == y.Key && x.Action == y.Action && x.Provider == y.Provider && slices.Equal(x.ID, y.ID) &&
			x.Addr == y.Addr && x.Who == y.Who && x.Since.Equal(y.Since)
	}
	if !slices.EqualFunc(got, []store.Rule{a, b}, equal) {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []store.Rule{{}, {Key: strings.Repeat("x", 200)}, {Key: "x", ID: make([]byte, 2000)}} {
		if err := s.PutRule(bad); !errors.Is(err, store.ErrLimit) {
			t.Errorf("a rule with a key of %d bytes: %v", len(bad.Key), err)
		}
	}
	must(t, s.Close())
}
