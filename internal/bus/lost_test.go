package bus

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filled is a bus that has run, with reports and an event in its streams.
func filled(t *testing.T, n int) Config {
	t.Helper()
	cfg := config(t)
	b := start(t, cfg)
	take(b, "d1", 0, n)
	b.Event(lifeEvent("online", 1, 0))
	stop(t, b)
	return cfg
}

func streamFile(t *testing.T, cfg Config, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cfg.Dir, "jetstream", accountName, "streams", tagStream("p"), pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return found[0]
}

// flip turns a bit in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStreamLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(t *testing.T, cfg Config)
	}{
		{"meta.inf flipped", func(t *testing.T, cfg Config) { flip(t, streamFile(t, cfg, "meta.inf")) }},
		{"meta.sum flipped", func(t *testing.T, cfg Config) { flip(t, streamFile(t, cfg, "meta.sum")) }},
		{"meta.sum gone", func(t *testing.T, cfg Config) { os.Remove(streamFile(t, cfg, "meta.sum")) }},
		{"meta.inf empty", func(t *testing.T, cfg Config) { os.Truncate(streamFile(t, cfg, "meta.inf"), 0) }},
		{"all gone", func(t *testing.T, cfg Config) { os.RemoveAll(filepath.Dir(streamFile(t, cfg, "meta.inf"))) }},
		{"manifest flipped", func(t *testing.T, cfg Config) { flip(t, filepath.Join(cfg.Dir, manifestName)) }},
		{"manifest cut", func(t *testing.T, cfg Config) { os.Truncate(filepath.Join(cfg.Dir, manifestName), 30) }},
		{"manifest empty", func(t *testing.T, cfg Config) { os.Truncate(filepath.Join(cfg.Dir, manifestName), 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := filled(t, 100)
			c.harm(t, cfg)
			b, err := Start(t.Context(), cfg)
			if err == nil {
				stop(t, b)
			}
			if !errors.Is(err, ErrStreamLost) || !strings.Contains(err.Error(), "--new-history") {
				t.Fatalf("got %v, want a stream that is lost, and what to do", err)
			}
			if !strings.HasPrefix(c.name, "manifest") && !strings.Contains(err.Error(), tagStream("p")) {
				t.Errorf("it does not name the stream: %v", err)
			}
			cfg.Recreate = true
			b = start(t, cfg)
			take(b, "d1", 100, 200)
			eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 100 })
			lives, err := b.Lives(t.Context(), "s1", "c1", lifeTime(9), 10)
			if err != nil || len(lives) != 1 {
				t.Errorf("the other stream: %v, %v", lives, err)
			}
			stop(t, b)
			cfg.Recreate = false
			stop(t, start(t, cfg))
		})
	}
}

func TestFlippedBlock(t *testing.T) {
	for _, c := range []struct {
		name  string
		clean bool // the server has its index of the stream
	}{{"index there", true}, {"index gone", false}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := filled(t, 1000)
			block := streamFile(t, cfg, filepath.Join("msgs", "*.blk"))
			flip(t, block)
			was, err := os.ReadFile(block)
			if err != nil {
				t.Fatal(err)
			}
			if !c.clean {
				if err := os.Remove(streamFile(t, cfg, filepath.Join("msgs", "index.db"))); err != nil {
					t.Fatal(err)
				}
			}
			b := start(t, cfg)
			defer stop(t, b)
			found := b.Stats().Damage
			if len(found) != 1 || found[0].Stream != tagStream("p") || found[0].File != block {
				t.Fatalf("found %+v", found)
			}
			kept, err := os.ReadFile(found[0].Kept)
			if err != nil || !bytes.Equal(kept, was) {
				t.Errorf("the copy is not what the file was: %v", err)
			}
			take(b, "d2", 0, 100)
			eventually(t, "it goes on", func() bool { return sentOf(b, KindTags).Sent == 100 })
			once(t, numbers(t, b, "d2"), 100)
			t.Logf("%d of 1000 reports are left", len(numbers(t, b, "d1")))
		})
	}
}

// A write that a crash has cut short is no damage: nothing of it was acknowledged.
func TestTornBlock(t *testing.T) {
	cfg := filled(t, 1000)
	f, err := os.OpenFile(streamFile(t, cfg, filepath.Join("msgs", "*.blk")), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte{0, 1, 0, 0, 7, 7, 7})
	f.Close()
	b := start(t, cfg)
	defer stop(t, b)
	if d := b.Stats().Damage; len(d) != 0 {
		t.Errorf("damage %+v", d)
	}
	once(t, numbers(t, b, "d1"), 1000)
}

func FuzzBadRecord(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x1e\x00\x00\x80aaaaaaaabbbbbbbb\x00\x00ccccdddddddd"))
	f.Add([]byte("\x1e\x00\x00\x00aaaaaaaabbbbbbbb\x00\x00dddddddd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		at := badRecord(b, "s", 1)
		if at < -1 || at > len(b) {
			t.Fatalf("a bad record at %d of %d", at, len(b))
		}
		if at >= 0 {
			tornAt(b, at)
		}
	})
}
