package file

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// stamp is when a file was put aside: PATH.20260102T030405-000, then .gz.
const stamp = "20060102T150405"

var aside = regexp.MustCompile(`^\.\d{8}T\d{6}-\d{3}(\.gz)?$`)

// rotated are the files that were put aside, oldest first.
func (l *log) rotated() (names []string, err error) {
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil {
		return nil, err
	}
	base := filepath.Base(l.path)
	for _, e := range entries {
		if rest, ours := strings.CutPrefix(e.Name(), base); ours && aside.MatchString(rest) && e.Type().IsRegular() {
			names = append(names, filepath.Join(filepath.Dir(l.path), e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// tidy removes the oldest files beyond those that are kept, and compresses the others. What goes wrong with old files
// is no reason not to write new ones.
func (l *log) tidy() {
	l.zip.Wait()
	names, err := l.rotated()
	for len(names) > l.rotate.keep {
		err = errors.Join(err, os.Remove(names[0]))
		names = names[1:]
	}
	if err != nil {
		l.log.Warn("file output: old files", "error", err)
	}
	if !l.rotate.gzip {
		return
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".gz") })
	l.zip.Go(func() {
		for _, name := range names {
			if err := l.compress(name); err != nil {
				if !errors.Is(err, errStopped) {
					l.log.Warn("file output: compressing", "error", err)
				}
				return
			}
		}
	})
}

var errStopped = errors.New("file: the output is closed")

// compress makes NAME.gz of NAME. There is no moment without a whole one.
func (l *log) compress(name string) (err error) {
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	defer in.Close()
	tmp := name + ".gz.tmp"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	defer func() {
		out.Close()
		if err != nil {
			_ = os.Remove(tmp) // err says what went wrong first
		}
	}()
	z := gzip.NewWriter(out)
	if _, err = io.Copy(z, stoppable{in, l.stop}); err == nil {
		err = errors.Join(z.Close(), out.Sync())
	}
	if err == nil {
		err = errors.Join(os.Rename(tmp, name+".gz"), os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

// stoppable reads until stop is closed.
type stoppable struct {
	io.Reader
	stop <-chan struct{}
}

func (s stoppable) Read(b []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, errStopped
	default:
		return s.Reader.Read(b)
	}
}
