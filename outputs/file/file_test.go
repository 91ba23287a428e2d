package file

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/server"
)

// folder is a far end: a directory that can be put where no file can be written.
type folder struct {
	t          *testing.T
	home, away string
}

func newFolder(t *testing.T) *folder {
	dir := t.TempDir()
	f := &folder{t: t, home: filepath.Join(dir, "home"), away: filepath.Join(dir, "away")}
	f.must(os.Mkdir(f.home, 0o755))
	return f
}

func (f *folder) must(err error) {
	if err != nil {
		f.t.Helper()
		f.t.Fatal(err)
	}
}

func (f *folder) Options() map[string]any {
	return map[string]any{"path": filepath.Join(f.home, "values"), "rotate_size": "8KiB", "keep": 1000, "fsync": "10ms"}
}

// Down puts a file where the directory was: nobody, not even root, can make a file below it.
func (f *folder) Down() {
	f.must(os.Rename(f.home, f.away))
	f.must(os.WriteFile(f.home, nil, 0o600))
}

func (f *folder) Up() {
	f.must(os.Remove(f.home))
	f.must(os.Rename(f.away, f.home))
}

// Payloads reads again what a rotation has moved while it was read.
func (f *folder) Payloads() [][]byte {
	l := &log{path: filepath.Join(f.home, "values")}
	for names := l.names(f.t); ; {
		var all [][]byte
		for _, name := range names {
			b, err := os.ReadFile(name)
			if !errors.Is(err, fs.ErrNotExist) {
				f.must(err)
			}
			all = append(all, b)
		}
		after := l.names(f.t)
		if slices.Equal(names, after) {
			return all
		}
		names = after
	}
}

// names are all files, oldest first.
func (l *log) names(t *testing.T) []string {
	t.Helper()
	names, err := l.rotated()
	if err != nil {
		t.Fatal(err)
	}
	if exists(l.path) {
		names = append(names, l.path)
	}
	return names
}

func TestConformance(t *testing.T) {
	outputtest.Run(t, Kind(), Kind().Formats, func(t *testing.T, _ string) outputtest.Peer { return newFolder(t) })
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestRotation: by size and by age, with some kept, compressed or not; no line is cut or lost among those kept.
func TestRotation(t *testing.T) {
	for _, zipped := range []bool{false, true} {
		t.Run(fmt.Sprint("gzip ", zipped), func(t *testing.T) {
			dir := t.TempDir()
			l := newLog(filepath.Join(dir, "out"), rotation{size: 1000, age: time.Hour, keep: 3, gzip: zipped}, quiet())
			stranger := filepath.Join(dir, "out.2026.backup")
			if err := os.WriteFile(stranger, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			for i := range 100 { // 20 bytes each: 50 a file
				if err := l.append(fmt.Appendf(nil, "%019d\n", i), now.Add(time.Duration(i)*time.Second)); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 5 {
				if err := l.append(fmt.Appendf(nil, "%019d\n", 100+i), now.Add(time.Duration(i+1)*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			l.zip.Wait()
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			names := l.names(t)
			if len(names) != 4 || !exists(stranger) {
				t.Fatalf("there are %q, want 3 and the newest, and the stranger left alone", names)
			}
			var all []byte
			for i, name := range names {
				if strings.HasSuffix(name, ".gz") != (zipped && i < 3) {
					t.Errorf("%s: compressed or not, want the other", name)
				}
				all = append(all, content(t, name)...)
			}
			if want := "0000000000000000104\n"; !bytes.HasSuffix(all, []byte(want)) || len(all)%20 != 0 {
				t.Errorf("the files hold %q", all)
			}
		})
	}
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil && strings.HasSuffix(name, ".gz") {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			b, err = io.ReadAll(z)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFullDisk: half of a batch fits, then nothing, then all again: the state says so, and no line is cut or twice.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var full atomic.Bool
	opt, err := read(map[string]any{"path": path})
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(opt, "json", outputs.Env{Log: outputtest.Log(t)}, func(p string, r rotation, lg *slog.Logger) *log {
		l := newLog(p, r, lg)
		l.write = func(f *os.File, b []byte) (int, error) {
			if !full.Load() {
				return f.Write(b)
			}
			n, err := f.Write(b[:len(b)/2])
			if err == nil {
				err = &os.PathError{Op: "write", Path: p, Err: syscall.ENOSPC}
			}
			return n, err
		}
		return l
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if i == 100 || i == 200 {
			outputtest.Eventually(t, func() error {
				if st := s.Stats(); st.Tags.Sent < 100 && (i == 100 || !strings.Contains(st.Error, "no space left on device")) {
					return fmt.Errorf("%+v", st)
				}
				return nil
			})
			full.Store(i == 100)
		}
		s.Reports([]server.Report{outputtest.Report("d1", i)})
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(content(t, path)), []byte("\n"))
	if len(lines) != 300 {
		t.Fatalf("%d lines, want 300", len(lines))
	}
	for i, line := range lines {
		if v := outputtest.Values(t, "json", line); !json.Valid(line) || len(v) != 1 || v[0] != i {
			t.Fatalf("line %d is %s", i, line)
		}
	}
}

// TestMovedAway: the file is renamed or removed by somebody; a new one is begun, and nothing is lost with a rename.
func TestMovedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	l := newLog(path, rotation{size: 1 << 20, keep: 3}, quiet())
	put := func(s string) {
		t.Helper()
		if err := l.append([]byte(s), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	put("a\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	put("b\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put("c\n")
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if a, c := content(t, path+".1"), content(t, path); string(a) != "a\n" || string(c) != "c\n" {
		t.Errorf("the renamed one holds %q, the new one %q; want a and c", a, c)
	}
}

// TestAdopts: what a crash has left is gone on with, half a line ends there, and two do not write one file.
func TestAdopts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("whole\nhal"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := newLog(path, rotation{size: 1 << 20, keep: 1}, quiet()), newLog(path, rotation{size: 1 << 20, keep: 1},
		quiet())
	if err := a.append([]byte("next\n"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := b.append([]byte("x\n"), time.Now()); err == nil || !strings.Contains(err.Error(), "another output") {
		t.Errorf("the second writer: %v", err)
	}
	a.close()
	b.close()
	if got := string(content(t, path)); got != "whole\nhal\nnext\n" {
		t.Errorf("the file holds %q", got)
	}
	full := newLog("/dev/full", rotation{size: 1, keep: 1}, quiet())
	if err := full.append([]byte("x\n"), time.Now()); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a device: %v", err)
	}
	full.close()
}

// TestSyncs: what was written is synced when the interval has passed, though nothing follows.
func TestSyncs(t *testing.T) {
	f := newFolder(t)
	opt, err := read(map[string]any{"path": "values", "fsync": "20ms"})
	if err != nil {
		t.Fatal(err)
	}
	var syncs atomic.Int64
	env := outputs.Env{Dir: f.home, Log: outputtest.Log(t)}
	s, err := open(opt, "json", env, func(p string, r rotation, lg *slog.Logger) *log {
		l := newLog(p, r, lg)
		l.flush = func(f *os.File) error {
			syncs.Add(1)
			return f.Sync()
		}
		return l
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Reports([]server.Report{outputtest.Report("d1", 1)})
	outputtest.Eventually(t, func() error {
		if syncs.Load() == 0 {
			return fmt.Errorf("not synced yet")
		}
		return nil
	})
	s.Close(t.Context())
	if n := syncs.Load(); n != 1 || !exists(filepath.Join(f.home, "values")) {
		t.Errorf("%d syncs, want 1; or a relative path is not below the output's directory", n)
	}
}

func TestOptions(t *testing.T) {
	for want, m := range map[string]map[string]any{
		`path is ""; write the path of a file`:           {},
		`path is "a/"; write the path of a file`:         {"path": "a/"},
		"keep is 0; write a whole number from 1":         {"path": "a", "keep": 0},
		"rotate_size is 5B; write bytes from 1KiB":       {"path": "a", "rotate_size": "5B"},
		"rotate_age is 1ms; write 1s or more, or 0":      {"path": "a", "rotate_age": "1ms"},
		"gzip is yes; write true or false":               {"path": "a", "gzip": "yes"},
		"path has control characters; write a text of o": {"path": "a\n"},
	} {
		if _, err := read(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %s", m, err, want)
		}
	}
}
