package bus

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestDiskFull(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 30)
	cfg := config(t)
	cfg.Reserve, cfg.Spool = 1<<20, 8<<20
	cfg.free = func(string) (uint64, error) { return free.Load(), nil }
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	free.Store(1000)
	poke(b.moved)
	eventually(t, "it is full", func() bool { return b.State().Condition == Full })
	const n = 40_000
	take(b, "d1", 0, n)
	k := sentOf(b, KindTags)
	if k.Dropped == 0 || k.Spooled > cfg.Spool {
		t.Errorf("%+v", k)
	}
	free.Store(1 << 30)
	up(t, b)
	eventually(t, "what is left is acknowledged", func() bool {
		k := sentOf(b, KindTags)
		return k.Sent+k.Dropped == n
	})
}

// A disk that is really full has the server stop storing for good; it is started again when there is room.
func TestDiskReallyFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no disk of its own:", err)
	}
	defer syscall.Unmount(dir, 0)
	var blind atomic.Bool
	cfg := config(t)
	cfg.Dir, cfg.Spool = filepath.Join(dir, "bus"), 8<<20
	cfg.free = func(dir string) (uint64, error) {
		if blind.Load() {
			return 1 << 30, nil
		}
		return freeBytes(dir)
	}
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	take(b, "d1", 0, 1000)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 1000 })
	blind.Store(true) // the disk fills faster than anybody looks
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<20), 0o600); err == nil {
		t.Fatal("there is room for 64 MiB on a disk of 24")
	}
	take(b, "d1", 1000, 30_000)
	away(t, b)
	blind.Store(false)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * within); ; time.Sleep(10 * time.Millisecond) {
		if k := sentOf(b, KindTags); k.Sent+k.Dropped == 30_000 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it does not come back: %+v, %+v", b.State(), b.Stats())
		}
	}
	if s := b.Stats(); s.Restarts == 0 || s.LostStreams != 0 {
		t.Errorf("%+v", s)
	}
	seen := map[int]bool{}
	for _, n := range numbers(t, b, "d1") {
		seen[n] = true
	}
	if want := 30_000 - int(sentOf(b, KindTags).Dropped); len(seen) < want {
		t.Errorf("%d reports are in the stream, want %d", len(seen), want)
	}
}
