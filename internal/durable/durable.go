// Package durable writes files that a crash leaves whole: the old one or the new one, never a part.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Suffix is what a file's name ends in until it is whole. A crash may leave such a file.
const Suffix = ".tmp"

// Replace puts what content writes at path, for its owner's eyes alone (mode 0600): all of it, on the disk when it
// returns, or nothing. Nobody else may be replacing the same file.
func Replace(path string, content func(*os.File) error) error {
	temp := path + Suffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // never what somebody has put there
	if err != nil {
		return err
	}
	err = content(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return SyncParent(path)
}

// SyncParent puts on the disk that path is in its directory.
func SyncParent(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Bytes is content for Replace that is in memory.
func Bytes(b []byte) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.Write(b)
		return err
	}
}
