package server

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestKickAll closes the links that a query selects, over more than one batch, and no others; none once it is to end.
func TestKickAll(t *testing.T) {
	const devices = 3*kickBatch + 5
	s := live(t, project1(nil, []string{fmt.Sprintf(`name: "f{n}", socket_conn_id: "c{n:03}", from: 1, to: %d`, devices),
		`name: "g{n}", socket_conn_id: "d{n:03}", from: 1, to: 3`}))
	at := addr(t, s)
	for n := 1; n <= devices; n++ {
		dial(t, at, fmt.Sprintf("c%03d", n))
	}
	for n := 1; n <= 3; n++ {
		dial(t, at, fmt.Sprintf("d%03d", n))
	}
	online := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d are online", want), func() bool { return s.Providers()[0].Online == want })
	}
	online(devices + 3)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	q := ConnQuery{Search: "f"}
	if n, err := s.KickAll(ended, q); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("asked to end, it closed %d, %v", n, err)
	}
	if n, err := s.KickAll(t.Context(), q); n != devices || err != nil {
		t.Errorf("closed %d, %v; want %d", n, err, devices)
	}
	online(3)
	if n, err := s.KickAll(t.Context(), q); n != 0 || err != nil {
		t.Errorf("closed %d again, %v", n, err)
	}
	if v, err := s.Connection("s1", "f7"); err != nil || v.LastClose != ReasonKicked.String() {
		t.Errorf("f7 was closed for %q, %v", v.LastClose, err)
	}
	quiet, err := s.Quietest(t.Context(), 2)
	if err != nil || len(quiet) != 2 || quiet[0].Quiet < quiet[1].Quiet {
		t.Errorf("the quietest: %+v, %v", quiet, err)
	}
	if _, err := s.KickAll(t.Context(), ConnQuery{Provider: "s2"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown provider: %v", err)
	}
}
