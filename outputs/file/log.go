package file

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// log is one file and those that it was before. One goroutine uses it.
type log struct {
	path   string
	rotate rotation
	log    *slog.Logger
	write  func(*os.File, []byte) (int, error)
	flush  func(*os.File) error

	file  *os.File // nil: to be opened by the next append
	size  int64
	born  time.Time
	dirty time.Time // of the oldest write that is not synced; zero: none

	zip  sync.WaitGroup // the one file that is being compressed
	stop chan struct{}
}

func newLog(path string, r rotation, l *slog.Logger) *log {
	return &log{path: path, rotate: r, log: l, write: (*os.File).Write, flush: (*os.File).Sync,
		stop: make(chan struct{})}
}

// append writes b whole or not at all.
func (l *log) append(b []byte, now time.Time) error {
	if l.file != nil && l.moved() {
		l.drop()
	}
	if l.file != nil && l.size > 0 && (l.size+int64(len(b)) > l.rotate.size ||
		l.rotate.age > 0 && now.Sub(l.born) >= l.rotate.age) {
		if err := l.putAside(now); err != nil {
			return err
		}
	}
	if l.file == nil {
		if err := l.open(now); err != nil {
			return err
		}
	}
	if _, err := l.write(l.file, b); err != nil {
		// What a full disk has taken of b goes again, so that the next try does not write it twice.
		return errors.Join(fmt.Errorf("file: %w", err), l.file.Truncate(l.size))
	}
	l.size += int64(len(b))
	if l.dirty.IsZero() {
		l.dirty = now
	}
	return nil
}

// moved: somebody has renamed or removed the file, as logrotate does.
func (l *log) moved() bool {
	ours, err := l.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(l.path)
	return err != nil || !os.SameFile(ours, there)
}

// drop closes a file that is not ours any more.
func (l *log) drop() {
	if err := l.closeFile(); err != nil {
		l.log.Warn("file output: closing the file that was moved away", "error", err)
	}
}

func (l *log) open(now time.Time) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o750); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := l.adopt(f, now); err != nil {
		f.Close()
		return fmt.Errorf("file: %s: %w", l.path, err)
	}
	l.file = f
	l.tidy()
	return nil
}

// adopt looks at what is there: what it ends in may be the half of a line.
func (l *log) adopt(f *os.File, now time.Time) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return errors.New("is no regular file; write the path of one")
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.New("is written by another output or process; write another path")
	}
	if l.size, l.born = st.Size(), now; l.size == 0 {
		return nil
	}
	l.born = st.ModTime() // when it was begun is not known
	var last [1]byte
	if _, err := f.ReadAt(last[:], l.size-1); err != nil || last[0] == '\n' {
		return err
	}
	if _, err := l.write(f, []byte{'\n'}); err != nil {
		return err
	}
	l.size++
	return nil
}

// sync brings what was written to the disk.
func (l *log) sync() error {
	if l.file == nil || l.dirty.IsZero() {
		return nil
	}
	l.dirty = time.Time{} // a sync that failed is not made up for by another
	if err := l.flush(l.file); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (l *log) closeFile() error {
	if l.file == nil {
		return nil
	}
	err := l.sync()
	if e := l.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("file: %w", e)
	}
	l.file = nil
	return err
}

// close ends the log. A compression that runs is given up; the next log of this path begins it again.
func (l *log) close() error {
	close(l.stop)
	err := l.closeFile()
	l.zip.Wait()
	return err
}

// putAside gives the file its name in the past. The next append begins a new one.
func (l *log) putAside(now time.Time) error {
	if err := l.sync(); err != nil {
		return err
	}
	for n := range 1000 {
		name := fmt.Sprintf("%s.%s-%03d", l.path, now.UTC().Format(stamp), n)
		if exists(name) || exists(name+".gz") {
			continue
		}
		if err := os.Rename(l.path, name); err != nil {
			return fmt.Errorf("file: %w", err)
		}
		return l.closeFile()
	}
	return fmt.Errorf("file: %s was put aside 1000 times in this second; raise rotate_size", l.path)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
