package bench

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestSaysWhyLinksWereClosed: one device of five is taken over by another that says the same id. The run has no
// figures, and says what linkd closed the link for.
func TestSaysWhyLinksWereClosed(t *testing.T) {
	dir := t.TempDir()
	b := &bench{Config: Config{Linkd: buildLinkd(t, dir), Pin: true}.withDefaults(), dir: dir}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := b.start(ctx, Linkd, job{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	if why := s.closed(); why != "; the server has closed links: none" {
		t.Errorf("before all: %q", why)
	}
	fleet, err := b.load(ctx, s, 5, "--hold", "1h")
	if err != nil {
		t.Fatal(err)
	}
	err = s.await(ctx, func(now stats) bool { return now.Bound == 5 })
	if err == nil {
		_, err = b.through(ctx, s, 1)
	}
	if err != nil {
		t.Error(err)
	}
	_, err = fleet.end()
	if err == nil || !strings.Contains(err.Error(), "takeover 1") {
		t.Errorf("a link that was taken over: %v", err)
	}
}
