package doors

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSessionsAreKept: a restart ends no session but those whose token has gone, or that nobody used for long.
func TestSessionsAreKept(t *testing.T) {
	dir, k := t.TempDir(), newKeeper(t, &memory{})
	add(t, k, "anna", Admin)
	token, _ := add(t, k, "bob", Operator)
	bob, err := k.Check(token, here)
	if err != nil {
		t.Fatal(err)
	}
	token, made := add(t, k, "carl", Viewer)
	carl, err := k.Check(token, here)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	first := OpenSessions(dir, k, log)
	stays, out, revoked, idle := first.Open(bob), first.Open(bob), first.Open(carl), first.Open(bob)
	first.Close(out)
	first.open[digest(idle)].seen = time.Now().Add(-sessionIdle - time.Minute)
	first.Save()
	file := filepath.Join(dir, sessionsFile)
	content, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(content), stays) || strings.Count(string(content), "\n") != 3 {
		t.Errorf("the file: %v\n%s", err, content)
	}
	if at, err := os.Stat(file); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", at.Mode(), err)
	}
	if err := k.Revoke(made.ID, "anna"); err != nil {
		t.Fatal(err)
	}

	second := OpenSessions(dir, k, log)
	who, err := second.Check(stays)
	if err != nil || who.Name != "bob" || who.Role != Operator || who.session == nil {
		t.Errorf("after a restart: %+v, %v", who, err)
	}
	for name, key := range map[string]string{"signed out": out, "of a revoked token": revoked, "idle": idle} {
		if _, err := second.Check(key); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	told := make(chan struct{})
	who.OnRevoked(func() { close(told) })
	if err := k.Revoke(bob.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	<-told // it ends with its token, as before
	if said.Len() > 0 {
		t.Errorf("it complains: %s", &said)
	}
}

// TestBrokenSessions: what is no file of sessions lets nobody in, is complained of, and is replaced.
func TestBrokenSessions(t *testing.T) {
	k := newKeeper(t, &memory{})
	_, made := add(t, k, "anna", Admin)
	good := `{"digest":"` + strings.Repeat("00", 32) + `","token":"` + made.ID + `","seen":"2999-01-01T00:00:00Z"}` + "\n"
	for name, content := range map[string]string{
		"rubbish": "\x00\xff", "a line": good + "{}\n", "no hex": strings.Replace(good, "00", "xx", 1),
		"too large": strings.Repeat(good, mostSessionsFile/len(good)+1),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, sessionsFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		s := OpenSessions(dir, k, slog.New(slog.NewTextHandler(&said, nil)))
		if len(s.open) > 0 || !strings.Contains(said.String(), "have to sign in again") {
			t.Errorf("%s: %d sessions, and it says %q", name, len(s.open), &said)
		}
		key := s.Open(Identity{ID: made.ID})
		if _, err := OpenSessions(dir, k, s.log).Check(key); err != nil {
			t.Errorf("%s: a session since: %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sessionsFile), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := OpenSessions(dir, k, slog.New(slog.DiscardHandler)); len(s.open) != 1 {
		t.Errorf("%d sessions, want the one that was seen in what is now the future", len(s.open))
	}
}
