package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rich is a directory with something in every bucket, and trees of several levels; the store is closed.
func rich(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, quiet())
	for i := range 3 {
		commit(t, s, greenhouse(t, 700+i))
	}
	p, _ := s.Current()
	file := &File{Name: "f", Text: bytes.Repeat([]byte("project: x\n"), 2000)}
	if _, err := s.Commit(Change{Next: p, File: file}); err != nil {
		t.Fatal(err)
	}
	var seen []Seen
	for i := range 700 {
		seen = append(seen, Seen{Provider: "s1", Connection: fmt.Sprintf("c%d", i), Session: uint64(i), Addr: "10.0.0.1:99"})
	}
	err := errors.Join(s.PutToken(Token{ID: "t1", Name: "one", Hash: []byte{1, 2, 3}}),
		s.Audit(Entry{Who: "me", What: "it"}),
		s.PutCommand(Command{ID: 7, Channel: "ch", Values: []byte(`{"a":1}`)}), s.PutSeen(seen))
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	return dir
}

// content is all that bbolt finds in a file, as text.
func content(t *testing.T, path string, kinds []kind) string {
	t.Helper()
	b, err := openBolt(path, kinds)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := b.inspect(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = b.read(func(v view) error {
		for _, k := range append([]kind{kindHead}, kinds...) {
			if v.bucket(k) == nil {
				continue // an empty one, by another name: openBook makes it anew
			}
			err := v.each(k, func(key, value []byte) error {
				_, err := fmt.Fprintf(&all, "%s %x %x\n", k, key, value)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// regions are what the bytes of a file are: meta pages, branches, leaves, and pages that nothing refers to.
func regions(t *testing.T, file []byte) map[string][]int {
	t.Helper()
	at := map[string][]int{}
	for start := 0; start < len(file); start += pageSize {
		header := file[start : start+headerSize]
		flags := binary.LittleEndian.Uint16(header[8:])
		what := map[uint16]string{branchPage: "branch", leafPage: "leaf", metaPage: "meta"}[flags]
		id := binary.LittleEndian.Uint64(header)
		end := start + pageSize
		if what == "meta" {
			end = start + headerSize + metaSize
		}
		if what == "" || id != uint64(start/pageSize) {
			what = "other"
		}
		for i := start; i < end; i++ {
			at[what] = append(at[what], i)
		}
	}
	return at
}

// TestFlippedBits: a flipped bit is found before bbolt sees the file, or is where nothing is.
func TestFlippedBits(t *testing.T) {
	dir := rich(t)
	samples := 300
	if testing.Short() {
		samples = 30
	}
	for name, kinds := range map[string][]kind{mainName: mainKinds(), seenName: seenKinds()} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := content(t, path, kinds)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for region, offsets := range regions(t, whole) {
			found := 0
			for range samples {
				at, bit := offsets[rand.IntN(len(offsets))], byte(1)<<rand.IntN(8)
				write(t, f, at, whole[at]^bit)
				err := checkBook(path, kinds)
				switch {
				case errors.Is(err, ErrCorrupt):
					found++
				case err != nil:
					t.Fatalf("%s: bit %d of byte %d (%s): %v", name, bit, at, region, err)
				case content(t, path, kinds) != want:
					t.Fatalf("%s: bit %d of byte %d (%s) was flipped, and nobody saw it", name, bit, at, region)
				}
				write(t, f, at, whole[at])
			}
			t.Logf("%s: %d of %d flipped bits found in %s", name, found, samples, region)
			if least := map[string]int{"meta": samples, "leaf": samples / 5, "branch": samples / 50}[region]; found < least {
				t.Errorf("that is too few")
			}
		}
	}
}

func write(t *testing.T, f *os.File, at int, b byte) {
	t.Helper()
	if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// TestDamageAndRestore goes the whole way: refused, restored from the newest generation, the damaged file still there.
func TestDamageAndRestore(t *testing.T) {
	dir := rich(t)
	main := filepath.Join(dir, mainName)
	s := open(t, dir, quiet())
	want, rev := s.Current()
	closed(t, s)
	// Every copy of the text is damaged: which of them is in use is bbolt's business.
	b, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.ReplaceAll(b, []byte("Greenhouse 555"), []byte("Greenhouse 556"))
	if err := os.WriteFile(main, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, quiet()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "linkd restore") {
		t.Fatalf("open: %v", err)
	}
	g, err := Restore(dir, 0)
	if err != nil || g.Revision != rev {
		t.Fatalf("restored %+v, %v", g, err)
	}
	if aside, err := os.ReadFile(main + damagedSuffix); err != nil || !bytes.Equal(aside, b) {
		t.Errorf("the damaged file: %v", err)
	}
	s = open(t, dir, quiet())
	now, number := s.Current()
	if same(t, want, now); number != rev+afterRestore {
		t.Errorf("revision %d after %d", number, rev)
	}
	if tokens, err := s.Tokens(); err != nil || len(tokens) != 1 || tokens[0].ID != "t1" {
		t.Errorf("tokens: %v, %v", tokens, err)
	}
	if f, err := s.Applied(); err != nil || len(f.Text) != 22_000 {
		t.Errorf("applied: %v", err)
	}
	list, err := s.Revisions(0, 10)
	if err != nil || len(list) != 1 || !strings.Contains(list[0].What, "restored generation") {
		t.Errorf("revisions: %v, %v", list, err)
	}
	if _, err := s.At(rev); !errors.Is(err, ErrForgotten) {
		t.Errorf("a revision from before: %v", err)
	}
	if r := commit(t, s, greenhouse(t, 1)); r.Number != number+1 {
		t.Errorf("the next revision is %d", r.Number)
	}
	closed(t, s)
	if err := os.Remove(main); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(dir, g.Number); err != nil {
		t.Errorf("restore of a missing file: %v", err)
	}
	same(t, want, first(open(t, dir, quiet()).Current()))
}

func first[A, B any](a A, _ B) A { return a }

// TestDamagedGenerations: every flipped bit of a generation is found, whatever the place.
func TestDamagedGenerations(t *testing.T) {
	dir := rich(t)
	list, err := Generations(dir)
	if err != nil || len(list) == 0 || list[0].Problem != nil {
		t.Fatalf("%v, %v", list, err)
	}
	path := generationPath(dir, list[0].Number)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 450 {
		at := i
		if i >= 300 {
			at = rand.IntN(len(whole))
		}
		if at >= len(whole) {
			continue
		}
		damagedFile := bytes.Clone(whole)
		damagedFile[at] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(path, damagedFile, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readGeneration(path, func(kind, []byte, []byte) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	for _, size := range []int{0, 1, lineSize - 1, lineSize, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := Generations(dir)
		if err != nil || !errors.Is(list[0].Problem, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v, %v", size, list, err)
		}
	}
	for _, number := range []uint64{0, list[0].Number, 99} {
		want := map[uint64]error{0: ErrUnknown, list[0].Number: ErrCorrupt, 99: ErrUnknown}[number]
		if _, err := Restore(dir, number); !errors.Is(err, want) {
			t.Errorf("restore %d: %v", number, err)
		}
	}
	open(t, dir, quiet()) // a failed restore has changed nothing
}

// TestDamagedSeen: what was last seen is a hint, and stops nothing.
func TestDamagedSeen(t *testing.T) {
	dir := rich(t)
	if err := os.WriteFile(filepath.Join(dir, seenName), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, quiet())
	count := 0
	if err := s.EachSeen(func(Seen) { count++ }); err != nil || count != 0 {
		t.Errorf("%d seen, %v", count, err)
	}
	if err := s.PutSeen([]Seen{{Provider: "s1", Connection: "c1"}}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, seenName+damagedSuffix)); err != nil || string(b) != "rubbish" {
		t.Errorf("laid aside: %q, %v", b, err)
	}
}

// TestOldStateIsNoState: an older copy of one of bbolt's meta pages would take the last revision back; it is refused.
func TestOldStateIsNoState(t *testing.T) {
	dir := rich(t)
	path := filepath.Join(dir, mainName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newest := 0
	if binary.LittleEndian.Uint64(b[headerSize+48:]) < binary.LittleEndian.Uint64(b[pageSize+headerSize+48:]) {
		newest = pageSize
	}
	clear(b[newest : newest+headerSize+metaSize])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, quiet()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
	for _, size := range []int{0, 100, pageSize, 2 * pageSize, len(b) / 2} {
		if err := os.WriteFile(path, b[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, quiet()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v", size, err)
		}
	}
}

// TestGenerations: coalesced, bounded, and the last change is in the last one.
func TestGenerations(t *testing.T) {
	dir := t.TempDir()
	o := quiet()
	o.Keep, o.Every = 3, time.Millisecond
	s := open(t, dir, o)
	for i := range 8 {
		r := commit(t, s, greenhouse(t, i+1))
		eventually(t, func() bool {
			list, err := Generations(dir)
			return err == nil && len(list) > 0 && list[len(list)-1].Revision == r.Number
		})
	}
	closed(t, s)
	list, err := Generations(dir)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d generations, %v", len(list), err)
	}
	for i, g := range list {
		if g.Problem != nil || g.Revision != uint64(6+i) || i > 0 && g.Number != list[i-1].Number+1 {
			t.Errorf("generation %+v", g)
		}
	}
	s = open(t, dir, quiet()) // the pause between two is an hour
	for i := range 20 {
		commit(t, s, greenhouse(t, i+20))
	}
	if err := s.PutToken(Token{ID: "x"}); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	again, err := Generations(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := again[len(again)-1]
	if made := last.Number - list[len(list)-1].Number; last.Revision != 28 || made > 2 {
		t.Errorf("%d generations for 20 changes, the last of revision %d", made, last.Revision)
	}
	closed(t, open(t, dir, quiet()))
	if now, err := Generations(dir); err != nil || now[len(now)-1].Number != last.Number {
		t.Errorf("a start without a change made a generation: %v, %v", now, err)
	}
}
