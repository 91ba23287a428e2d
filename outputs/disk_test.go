package outputs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const childDir = "LINKD_OUTPUTS_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		putForever(dir)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // a library starts some as it is imported
}

// putForever is the process that TestKilled kills: it says each number that it has put.
func putForever(dir string) {
	s := NewSpool(1 << 20)
	if _, err := openDisk(dir, 16<<20, s, quietLog()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		s.Put(numbered(i))
		fmt.Println(i, time.Now().UnixNano())
		time.Sleep(time.Millisecond)
	}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func numbered(i int) *Record {
	return &Record{Class: Tags, Time: int64(i), Topic: []byte("t"), Data: fmt.Appendf(nil, "%09d", i)}
}

const numberedBytes = frameHead + recordHead + 10

// rig is a disk with its spool.
type rig struct {
	t     *testing.T
	disk  *disk
	spool *Spool
}

func openRig(t *testing.T, dir string, limit int64) *rig {
	t.Helper()
	s := NewSpool(64 << 20)
	d, err := openDisk(dir, limit, s, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, d, s}
}

func (r *rig) put(from, to int) {
	for i := from; i < to; i++ {
		r.spool.Put(numbered(i))
	}
}

// close ends the rig; what is in memory is on disk then.
func (r *rig) close() {
	r.spool.Close()
	r.disk.close()
}

// take takes records until none is left within a moment, and calls Done after each batch when done says so.
func (r *rig) take(done bool) (got []int) {
	r.t.Helper()
	var b Batch
	for {
		ctx, cancel := context.WithTimeout(r.t.Context(), 500*time.Millisecond)
		err := r.disk.Take(ctx, &b, Limits{Records: 64, Bytes: 1 << 20})
		cancel()
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrDrained) {
			return got
		}
		if err != nil {
			r.t.Fatal(err)
		}
		for i := range b.Len() {
			if rec := b.At(i); string(rec.Data) != fmt.Sprintf("%09d", rec.Time) {
				r.t.Fatalf("record %+v", rec)
			}
			got = append(got, int(b.At(i).Time))
		}
		if done {
			r.disk.Done()
		}
	}
}

func (r *rig) want(got []int, from, to int) {
	r.t.Helper()
	if len(got) != to-from || len(got) > 0 && (got[0] != from || got[len(got)-1] != to-1) {
		r.t.Fatalf("%d records, %v; want %d to %d", len(got), got[:min(len(got), 5)], from, to-1)
	}
}

// TestDiskRestarts: what is delivered does not come again, what is not does, in order, over segments and processes.
func TestDiskRestarts(t *testing.T) {
	dir, next := t.TempDir(), 0
	const limit = segmentCount * 100 * numberedBytes
	for round := range 4 {
		r := openRig(t, dir, limit)
		r.put(next, next+500)
		got := r.take(true)
		r.want(got, next, next+500)
		next += 500
		r.put(next, next+300)
		if round%2 == 1 {
			r.want(r.take(false), next, next+300) // taken, not delivered
		}
		r.close()
		r = openRig(t, dir, limit)
		if n, _, _, _ := r.disk.level(); n != 300 {
			t.Fatalf("%d records were left, want 300", n)
		}
		r.want(r.take(true), next, next+300)
		next += 300
		r.close()
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "spool", "*.seg")); len(files) > 2 {
		t.Errorf("what is delivered is still there: %q", files)
	}
}

// TestDiskBound: the oldest segment goes for the newest, counted, and the disk holds no more than was allowed.
func TestDiskBound(t *testing.T) {
	dir := t.TempDir()
	const limit = segmentCount * 100 * numberedBytes
	r := openRig(t, dir, limit)
	for i := range 40 { // a batch of its own each, so that segments are filled evenly
		r.put(i*100, i*100+100)
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			n, _, dropped, _ := r.disk.level()
			if n+int(dropped[Tags]) == i*100+100 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d records on disk and %d dropped of %d", n, dropped[Tags], i*100+100)
			}
		}
	}
	size := int64(0)
	files, _ := filepath.Glob(filepath.Join(dir, "spool", "*"))
	for _, name := range files {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	if size > limit+1024 {
		t.Errorf("%d bytes on disk, want at most %d", size, limit)
	}
	got := r.take(true)
	_, _, dropped, _ := r.disk.level()
	r.want(got, int(dropped[Tags]), 4000)
	if dropped[Tags] != 2400 {
		t.Errorf("%d dropped, want 2400", dropped[Tags])
	}
	r.close()
}

// TestDiskDamage: bytes that were changed, cut or never written cost their segment's rest and nothing else.
func TestDiskDamage(t *testing.T) {
	const limit = segmentCount * 100 * numberedBytes
	for name, harm := range map[string]func(b []byte) []byte{
		"cut":          func(b []byte) []byte { return b[:len(b)-5] },
		"zeros at end": func(b []byte) []byte { return append(b, make([]byte, 100)...) },
		"changed":      func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"huge length":  func(b []byte) []byte { copy(b[4:], "\xff\xff\xff\xff"); return b },
		"empty":        func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := openRig(t, dir, limit)
			r.put(0, 50)
			r.close()
			files, _ := filepath.Glob(filepath.Join(dir, "spool", "*.seg"))
			b, err := os.ReadFile(files[0])
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			if err := os.WriteFile(files[0], harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "spool", "position"), []byte("rubbish"), 0o600); err != nil {
				t.Fatal(err)
			}
			r = openRig(t, dir, limit)
			r.put(50, 60)
			got := r.take(true)
			if len(got) < 10 || got[len(got)-1] != 59 {
				t.Fatalf("got %v, want 50 to 59 at the end", got)
			}
			r.want(got[len(got)-10:], 50, 60)
			r.want(got[:len(got)-10], 0, len(got)-10)
			r.close()
		})
	}
}

// TestDiskUnwritable: where nothing can be written, memory holds it, and it goes to disk when that is possible again.
func TestDiskUnwritable(t *testing.T) {
	dir := t.TempDir()
	r := openRig(t, dir, 1<<20)
	home, away := filepath.Join(dir, "spool"), filepath.Join(dir, "away")
	if err := errors.Join(os.Rename(home, away), os.WriteFile(home, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.put(0, 100)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, _, _, problem := r.disk.level(); problem != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not say that it cannot write")
		}
	}
	if err := errors.Join(os.Remove(home), os.Rename(away, home)); err != nil {
		t.Fatal(err)
	}
	r.want(r.take(true), 0, 100)
	r.close()
}

// TestKilled: a process that is killed has lost at most what it put in the last moments.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	put := map[int]int64{}
	last := 0
	for lines := bufio.NewScanner(out); last < 1000 && lines.Scan(); {
		number, at, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		ns, err2 := strconv.ParseInt(at, 10, 64)
		if err := errors.Join(err, err2); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		put[n], last = ns, n
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now().UnixNano()
	_ = cmd.Wait()
	r := openRig(t, dir, 16<<20)
	got := r.take(true)
	r.close()
	r.want(got, 0, len(got))
	if lost := len(got); lost <= last && killed-put[lost] > int64(flushWait+time.Second) {
		t.Errorf("%d of %d records are there; the first that is lost was put %s before the end", len(got), last+1,
			time.Duration(killed-put[lost]))
	}
}

// FuzzReadFrame: any bytes are frames or refused.
func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, appendRecord(nil, numbered(1))))
	f.Add([]byte("12345678"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, buf := strings.NewReader(string(b)), []byte(nil)
		for {
			record, err := readFrame(r, buf)
			if err != nil {
				return
			}
			decodeRecord(record)
			buf = record
		}
	})
}
