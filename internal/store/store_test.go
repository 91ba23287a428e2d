package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"linkd/project"
)

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// quiet are options without a log and without generations that get in the way.
func quiet() Options {
	return Options{Log: slog.New(slog.DiscardHandler), Every: time.Hour}
}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, text string) *project.Project {
	t.Helper()
	p, err := project.Parse("test.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// greenhouse is a project with n connections.
func greenhouse(t testing.TB, n int) *project.Project {
	t.Helper()
	var b strings.Builder
	b.WriteString("project: greenhouse\nproviders:\n  - name: s1\n    type: tcp-server\n    local_port: 30000\n" +
		"    fleets:\n      - {name: \"f{n}\", socket_conn_id: \"f{n:07}\", from: 1, to: 10}\n    connections:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - {name: c%d, title: \"Greenhouse %d\", socket_conn_id: \"c%07d\"}\n", i, i, i)
	}
	b.WriteString("models:\n  - {name: th, tags: [{name: t, address: \"input:0\", type: int16, scale: 0.1}]}\n" +
		"channels:\n  - {name: \"ch_{connection}\", connection: \"s1/c*\", driver: modbus-rtu, poll: 10s, " +
		"devices: [{name: d1, unit: 1, model: th}], options: {late_window: 3, x: [1, a, 2.5, true]}}\n")
	return parse(t, b.String())
}

func commit(t testing.TB, s *Store, p *project.Project) Revision {
	t.Helper()
	r, err := s.Commit(Change{Who: "test", What: "a change", Next: p})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same fails unless a and b do not differ.
func same(t testing.TB, a, b *project.Project) {
	t.Helper()
	if (a == nil) != (b == nil) {
		t.Fatalf("one is nil: %v, %v", a, b)
	}
	if d := project.Diff(a, b); !d.Empty() {
		t.Fatalf("they differ:\n%s", d)
	}
}

func TestNewAndEmptyDirectories(t *testing.T) {
	root := t.TempDir()
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, filepath.Join(root, "a", "b")} {
		s := open(t, dir, quiet())
		if p, rev := s.Current(); p != nil || rev != 0 {
			t.Errorf("current is %v, %d", p, rev)
		}
		if err := s.Healthy(); err != nil {
			t.Error(err)
		}
		if f, err := s.Applied(); f != nil || err != nil {
			t.Errorf("applied: %v, %v", f, err)
		}
	}
	if info, err := os.Stat(filepath.Join(root, "a", "b")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("made with mode %v, %v", info.Mode(), err)
	}
}

func TestCommitOutlivesAClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	p := greenhouse(t, 1000)
	if r := commit(t, s, p); r.Number != 1 || !strings.Contains(r.Plan, "+ provider s1") {
		t.Fatalf("revision %+v", r)
	}
	if now, rev := s.Current(); now != p || rev != 1 {
		t.Fatalf("current is not what was committed: revision %d", rev)
	}
	if r := commit(t, s, greenhouse(t, 1000)); r.Number != 1 {
		t.Fatalf("no change made revision %d", r.Number)
	}
	closed(t, s)
	s = open(t, dir, quiet())
	now, rev := s.Current()
	if same(t, p, now); rev != 1 {
		t.Fatalf("revision %d", rev)
	}
	if ch := now.ChannelFor("s1", "c77"); ch == nil {
		t.Error("the loaded project is not ready")
	}
	if now.Providers[0].Connections[1].Name != "c1" || now.Providers[0].Connections[2].Name != "c10" {
		t.Error("connections are not in order of names")
	}
}

func TestSecondOpenIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	began := time.Now()
	_, err := Open(dir, quiet())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := Restore(dir, 0); !errors.Is(err, ErrLocked) {
		t.Errorf("restore beside a running linkd: %v", err)
	}
	closed(t, s)
	open(t, dir, quiet())
}

func TestMissingIsNeverNew(t *testing.T) {
	for _, left := range []string{markerName, generationsName, seenName} {
		dir := t.TempDir()
		s := open(t, dir, quiet())
		commit(t, s, greenhouse(t, 3))
		closed(t, s)
		for _, name := range []string{mainName, markerName, generationsName, seenName} {
			if name != left {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err := Open(dir, quiet())
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "linkd restore") {
			t.Errorf("with %s: %v", left, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, quiet()); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "holiday.jpg") {
		t.Errorf("a foreign directory: %v", err)
	}
}

func TestStaleBase(t *testing.T) {
	s := open(t, t.TempDir(), quiet())
	commit(t, s, greenhouse(t, 1))
	commit(t, s, greenhouse(t, 2))
	_, err := s.Commit(Change{Base: 1, Next: greenhouse(t, 3)})
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "revision 2 is in force") {
		t.Fatalf("got %v", err)
	}
	if r, err := s.Commit(Change{Base: 2, Next: greenhouse(t, 3)}); err != nil || r.Number != 3 {
		t.Fatalf("got %d, %v", r.Number, err)
	}
}

func TestAppliedFileMakesARevision(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	p := greenhouse(t, 1)
	file := &File{Name: "greenhouse.yaml", Text: []byte("project: greenhouse # first")}
	for i, want := range []uint64{1, 1} {
		if r, err := s.Commit(Change{Next: p, File: file}); err != nil || r.Number != want {
			t.Fatalf("%d: revision %d, %v", i, r.Number, err)
		}
	}
	second := &File{Name: "greenhouse.yaml", Text: []byte("project: greenhouse # second")}
	if r, err := s.Commit(Change{Next: p, File: second}); err != nil || r.Number != 2 || r.Plan != "" {
		t.Fatalf("revision %+v, %v", r, err)
	}
	closed(t, s)
	s = open(t, dir, quiet())
	if f, err := s.Applied(); err != nil || f.Name != second.Name || string(f.Text) != string(second.Text) {
		t.Errorf("applied: %v, %v", f, err)
	}
}
