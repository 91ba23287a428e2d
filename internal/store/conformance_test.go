package store_test

import (
	"log/slog"
	"testing"
	"time"

	"linkd/internal/store"
	"linkd/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		dir := t.TempDir()
		return func(t *testing.T) storetest.Interface {
			t.Helper()
			s, err := store.Open(dir, store.Options{Log: slog.New(slog.DiscardHandler), Every: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
	})
}
