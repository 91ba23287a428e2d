package store

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"linkd/project"
)

// The test binary is its own child: the variable says what it is to do, and where.
const childVariable = "LINKD_STORE_CHILD"

func runChild(what string) int {
	job, dir, _ := strings.Cut(what, ":")
	run := map[string]func(string) error{"commit": commitForever, "limit": underFileLimit}[job]
	if err := run(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(t *testing.T, what string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// numbered is the project that commitForever commits as revision n: it can be told from every other.
func numbered(n uint64) *project.Project {
	p := million(20 + int(n%7)*10)
	for i, c := range p.Providers[0].Connections {
		if uint64(i)%5 == n%5 {
			c.Title = fmt.Sprintf("of revision %d", n)
		}
	}
	p.Models = []*project.Model{{Name: fmt.Sprintf("m%d", n), Tags: []*project.Tag{{Name: "t", Scale: 1}}}}
	return p
}

// commitForever commits, and says each number when it has been acknowledged.
func commitForever(dir string) error {
	o := quiet()
	o.Every = 3 * time.Millisecond
	s, err := Open(dir, o)
	if err != nil {
		return err
	}
	for {
		_, rev := s.Current()
		next := numbered(rev + 1)
		if err := project.Validate(next, nil); err != nil {
			return err
		}
		r, err := s.Commit(Change{Base: rev, Next: next, Who: "child"})
		if err != nil {
			return err
		}
		if err := s.PutCommand(Command{ID: r.Number, Channel: "ch"}); err != nil {
			return err
		}
		if err := s.PutSeen([]Seen{{Provider: "s1", Connection: "c0000001", Session: r.Number}}); err != nil {
			return err
		}
		fmt.Println(r.Number)
	}
}

// TestKill ends a process that commits with kill -9, a hundred times. All that it has said is there.
func TestKill(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	dir := t.TempDir()
	var acknowledged []uint64
	for range kills {
		cmd := child(t, "commit:"+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var killer *time.Timer
		for lines.Scan() {
			if killer == nil { // a moment after the first, anywhere in the life of a commit
				killer = time.AfterFunc(time.Duration(rand.Int64N(int64(30*time.Millisecond))), func() { _ = cmd.Process.Kill() })
			}
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = append(acknowledged, n)
		}
		if err := cmd.Wait(); err == nil || killer == nil {
			t.Fatalf("the child ended by itself: %v", err)
		}
		checkKilled(t, dir, acknowledged)
	}
	t.Logf("%d commits acknowledged", len(acknowledged))
	list, err := Generations(dir)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d generations, %v", len(list), err)
	}
	for _, g := range list {
		if g.Problem != nil {
			t.Errorf("generation %d: %v", g.Number, g.Problem)
		}
	}
}

// checkKilled checks that what was acknowledged is there, whole.
func checkKilled(t *testing.T, dir string, acknowledged []uint64) {
	t.Helper()
	last := acknowledged[len(acknowledged)-1]
	s, err := Open(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	p, rev := s.Current()
	if rev < last || rev > last+1 {
		t.Fatalf("revision %d, and %d was acknowledged", rev, last)
	}
	same(t, validated(numbered(rev)), p)
	if rev > 3 {
		before, err := s.At(rev - 3)
		if err != nil {
			t.Fatal(err)
		}
		same(t, validated(numbered(rev-3)), before)
	}
	commands, err := s.Commands()
	if err != nil {
		t.Fatal(err)
	}
	stored := make(map[uint64]bool)
	for _, c := range commands {
		stored[c.ID] = true
	}
	for _, n := range acknowledged {
		if !stored[n] {
			t.Fatalf("the command of revision %d is gone", n)
		}
	}
	seen := uint64(0)
	if err := s.EachSeen(func(e Seen) { seen = e.Session }); err != nil || seen < last {
		t.Fatalf("seen %d, %v", seen, err)
	}
}

// underFileLimit commits with no room for files to grow, and then with room.
func underFileLimit(dir string) error {
	s, err := Open(dir, quiet())
	if err != nil {
		return err
	}
	if _, err := s.Commit(Change{Next: validated(million(10))}); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, mainName))
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	small := limit
	small.Cur = uint64(info.Size())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	big := validated(million(50_000))
	if _, err := s.Commit(Change{Next: big}); !errors.Is(err, ErrFull) || !errors.Is(s.Healthy(), ErrFull) {
		return fmt.Errorf("with no room: %w, health %w", err, s.Healthy())
	}
	if p, rev := s.Current(); rev != 1 || len(p.Providers[0].Connections) != 10 {
		return fmt.Errorf("a failed commit made revision %d current", rev)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if _, err := s.Commit(Change{Next: big}); err != nil || s.Healthy() != nil {
		return fmt.Errorf("with room again: %w, health %w", err, s.Healthy())
	}
	return s.Close()
}
