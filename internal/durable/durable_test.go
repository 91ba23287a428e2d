package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestReplace: a file has the old content or the new one, whatever fails, and nothing else is left.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	want := func(content string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != content {
			t.Errorf("%q, %v; want %q", b, err, content)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
			t.Errorf("%v, %v; want the file alone", list, err)
		}
	}
	if err := Replace(path, Bytes([]byte("old"))); err != nil {
		t.Fatal(err)
	}
	want("old")
	if at, err := os.Stat(path); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", at.Mode(), err)
	}
	broken := errors.New("broken")
	err := Replace(path, func(f *os.File) error {
		_, _ = f.WriteString("half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("content that fails: %v", err)
	}
	want("old")
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Symlink(other, path+Suffix); err != nil { // what a crash, or somebody, has left there
		t.Fatal(err)
	}
	if err := Replace(path, Bytes([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	want("new")
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was written through a link: %v", err)
	}
	if err := Replace(filepath.Join(dir, "no", "file"), Bytes(nil)); err == nil {
		t.Error("a file was made in a directory that is not there")
	}
}
