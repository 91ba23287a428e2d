package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"linkd/project"
)

// validated is p with its defaults; p must hold the rules.
func validated(p *project.Project) *project.Project {
	if err := project.Validate(p, nil); err != nil {
		panic(err)
	}
	return p
}

// TestFullDisk: a commit that finds no room changes nothing, and the next one succeeds when there is room. It runs
// with a limit on the size of files, and where it may mount one, on a small file system too.
func TestFullDisk(t *testing.T) {
	t.Run("limit", func(t *testing.T) {
		dir := t.TempDir()
		if err := child(t, "limit:"+dir).Run(); err != nil {
			t.Fatal(err)
		}
		p, rev := open(t, dir, quiet()).Current()
		if rev != 2 || len(p.Providers[0].Connections) != 50_000 {
			t.Errorf("revision %d with %d connections", rev, len(p.Providers[0].Connections))
		}
	})
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Logf("no file system of its own: %v", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	t.Run("tmpfs", func(t *testing.T) { fillDisk(t, dir) })
}

func fillDisk(t *testing.T, mount string) {
	dir := filepath.Join(mount, "data")
	o := quiet()
	o.Every, o.Keep = time.Millisecond, 2
	s := open(t, dir, o)
	s.bounds.undo = 256 << 10
	commit(t, s, validated(million(100)))
	failures := 0
	for left := 0; left < 200<<10; left += 8 << 10 { // bytes that are free: writes fail at different places
		filler := leave(t, filepath.Join(mount, "filler"), left)
		before, rev := s.Current()
		next := validated(million(200 + 20*left>>10 + int(rev)%2*2000))
		_, err := s.Commit(Change{Next: next})
		if err != nil {
			failures++
			if !errors.Is(err, ErrFull) || !errors.Is(s.Healthy(), ErrFull) {
				t.Fatalf("%d bytes left: %v; health %v", left, err, s.Healthy())
			}
			if p, now := s.Current(); p != before || now != rev {
				t.Fatalf("a failed commit made revision %d of %d", now, rev)
			}
			if _, err := s.At(rev); err != nil {
				t.Fatalf("reading on a full disk: %v", err)
			}
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if commit(t, s, validated(million(300+left>>10))); s.main.healthy() != nil {
			t.Fatal(s.Healthy())
		}
	}
	if failures == 0 {
		t.Fatal("the disk was never full")
	}
	t.Logf("%d commits found the disk full", failures)
	eventually(t, func() bool { return s.Healthy() == nil })
	p, rev := s.Current()
	closed(t, s)
	s = open(t, dir, quiet())
	now, again := s.Current()
	if same(t, p, now); rev != again {
		t.Errorf("revision %d, and after a start %d", rev, again)
	}
	closed(t, s)
}

// leave makes a file that leaves so many bytes of the file system free.
func leave(t *testing.T, path string, left int) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	size := int64(0)
	for {
		n, err := f.Write(block)
		if size += int64(n); err != nil {
			break
		}
	}
	if err := f.Truncate(max(size-int64(left), 0)); err != nil {
		t.Fatal(err)
	}
	return path
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 20 s")
		}
	}
}
