package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"linkd/internal/durable"
)

// What is in a data directory.
const (
	mainName        = "linkd.db"
	seenName        = "seen.db"
	markerName      = "linkd.dir"
	lockName        = "lock"
	generationsName = "generations"
	tempSuffix      = durable.Suffix
	damagedSuffix   = ".damaged"
)

const markerText = "This directory belongs to linkd: its configuration is in linkd.db, copies of it in generations.\n"

// A directory is a data directory that this process has locked.
type directory struct {
	path string
	lock *os.File
}

// claim makes the directory when there is none, and locks it. It does not wait: the error wraps ErrLocked.
func claim(path string) (*directory, error) {
	if err := makeDirectory(path); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s%s has %s; stop it, or give another --data", ErrLocked, "another linkd",
				holder(lock), path)
		}
		return nil, fmt.Errorf("store: lock %s: %w", lock.Name(), err)
	}
	// Who holds the lock is told to the next one, no more: a full disk may leave it out.
	if err := lock.Truncate(0); err == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &directory{path: path, lock: lock}, nil
}

// makeDirectory makes path so that it outlives a power loss.
func makeDirectory(path string) error {
	err := os.Mkdir(path, 0o700)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case errors.Is(err, os.ErrNotExist):
		if err := makeDirectory(filepath.Dir(path)); err != nil {
			return err
		}
		return makeDirectory(path)
	case err != nil:
		return fmt.Errorf("store: %w", err)
	}
	return syncParent(path)
}

// holder says which process wrote the lock: " (process 1234)", or nothing.
func holder(lock *os.File) string {
	b := make([]byte, 16)
	n, _ := lock.ReadAt(b, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

// release ends the lock.
func (d *directory) release() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// fresh reports whether there has never been a store here. The error wraps ErrMissing when there has been one, and
// ErrForeign when the directory is somebody else's.
func (d *directory) fresh() (bool, error) {
	if _, err := os.Stat(d.file(mainName)); !errors.Is(err, os.ErrNotExist) {
		return false, wrapOS(err)
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	// A lock without a marker is what is left of a linkd that ended before it had made its store.
	ours := []string{markerName, generationsName, seenName}
	others := ""
	for _, e := range entries {
		name := e.Name()
		switch {
		case slices.Contains(ours, name) || strings.HasPrefix(name, mainName+damagedSuffix):
			return false, fmt.Errorf("%w: %s is gone, but %s shows that there was one; run linkd restore, "+
				"or give another --data", ErrMissing, d.file(mainName), name)
		case name != lockName && name != mainName+tempSuffix && name != "lost+found":
			others = name
		}
	}
	if others != "" {
		return false, fmt.Errorf("%w: %s has no %s, and is not empty (%s); give an empty or a new directory as --data",
			ErrForeign, d.path, mainName, others)
	}
	return true, nil
}

// mark leaves the marker, if it is not there.
func (d *directory) mark() error {
	if _, err := os.Stat(d.file(markerName)); err == nil {
		return nil
	}
	return writeFile(d.file(markerName), func(f *os.File) error {
		_, err := f.WriteString(markerText)
		return err
	})
}

// sweep removes what an interrupted write left.
func (d *directory) sweep() error {
	for _, pattern := range []string{"*" + tempSuffix, filepath.Join(generationsName, "*"+tempSuffix)} {
		left, err := filepath.Glob(d.file(pattern))
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
	}
	return nil
}

// writeFile makes the file at path with what content writes: all of it, on the disk, or nothing.
func writeFile(path string, content func(*os.File) error) error {
	if err := durable.Replace(path, content); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return nil
}

// syncParent puts on the disk that path is in its directory.
func syncParent(path string) error {
	if err := durable.SyncParent(path); err != nil {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return nil
}

func wrapOS(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %w", err)
}
