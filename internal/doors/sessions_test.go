package doors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// clock is a time that stands still until it is moved.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newSessions() (*Sessions, *clock) {
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := NewSessions()
	s.now = c.now
	return s, c
}

func TestSession(t *testing.T) {
	s, clock := newSessions()
	key := s.Open(Identity{ID: "a", Name: "anna", Role: Operator})
	other := s.Open(Identity{ID: "b", Name: "bob", Role: Viewer})
	if len(key) != secretLen || key == other {
		t.Fatalf("the keys are %q and %q", key, other)
	}
	who, err := s.Check(key)
	if err != nil || who.ID != "a" || who.Name != "anna" || who.Role != Operator {
		t.Fatalf("%+v, %v", who, err)
	}
	told := make(chan struct{})
	who.OnRevoked(func() { close(told) })
	s.Close(key)
	s.Close(key)
	s.Close("nobody's")
	<-told
	for _, gone := range []string{key, "", "nobody's"} {
		if _, err := s.Check(gone); !errors.Is(err, ErrNoSession) {
			t.Errorf("%q: %v", gone, err)
		}
	}
	clock.at = clock.at.Add(sessionIdle)
	if who, err := s.Check(other); err != nil || who.Name != "bob" {
		t.Errorf("another's session: %+v, %v", who, err)
	}
}

// TestSessionIdles: what nobody uses ends; what a request uses does not, however long that takes.
func TestSessionIdles(t *testing.T) {
	s, clock := newSessions()
	key := s.Open(Identity{ID: "a"})
	idle := s.Open(Identity{ID: "a"})
	who, err := s.Check(key)
	if err != nil {
		t.Fatal(err)
	}
	leave := who.Stay()
	clock.at = clock.at.Add(10 * sessionIdle)
	if _, err := s.Check(idle); !errors.Is(err, ErrNoSession) {
		t.Errorf("the idle one: %v", err)
	}
	leave()
	leave() // counts once
	clock.at = clock.at.Add(sessionIdle)
	if _, err := s.Check(key); err != nil {
		t.Errorf("used until %v ago: %v", sessionIdle, err)
	}
	clock.at = clock.at.Add(sessionIdle + time.Second)
	s.Open(Identity{ID: "b"})
	if len(s.open) != 1 {
		t.Errorf("%d sessions are kept, want the new one alone", len(s.open))
	}
	if _, err := s.Check(key); !errors.Is(err, ErrNoSession) {
		t.Errorf("idle at last: %v", err)
	}
	(Identity{}).Stay()() // who has no session has none to keep
}

// TestSessionOfToken: it ends with its token, at once, and goes from memory.
func TestSessionOfToken(t *testing.T) {
	k := newKeeper(t, &memory{})
	add(t, k, "anna", Admin)
	token, made := add(t, k, "bob", Viewer)
	bob, err := k.Check(token, here)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newSessions()
	key, late := s.Open(bob), s.Open(bob)
	who, err := s.Check(key)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	who.OnRevoked(func() { close(told) })
	if err := k.Revoke(made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(key); !errors.Is(err, ErrNoSession) {
		t.Errorf("of a revoked token: %v", err)
	}
	<-told
	s.Open(Identity{ID: "c"})
	if _, err := s.Check(late); !errors.Is(err, ErrNoSession) || len(s.open) != 1 {
		t.Errorf("%v, %d sessions", err, len(s.open))
	}
	if _, err := s.Check(s.Open(bob)); !errors.Is(err, ErrNoSession) {
		t.Errorf("opened with a revoked token: %v", err)
	}
}

// TestManySessions: the one idle for longest goes, first of the token that has too many, then of all.
func TestManySessions(t *testing.T) {
	s, clock := newSessions()
	open := func(id string) string {
		clock.at = clock.at.Add(time.Second)
		return s.Open(Identity{ID: id})
	}
	first := open("victim")
	busy := open("greedy")
	who, err := s.Check(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer who.Stay()()
	second := open("greedy")
	for range mostOfOne - 1 {
		open("greedy")
	}
	if _, err := s.Check(second); !errors.Is(err, ErrNoSession) {
		t.Errorf("one too many of a token: %v", err)
	}
	for _, key := range []string{first, busy} {
		if _, err := s.Check(key); err != nil {
			t.Errorf("another's, or one in use: %v", err)
		}
	}
	for i := range mostSessions {
		open(fmt.Sprint("t", i))
	}
	if _, err := s.Check(first); !errors.Is(err, ErrNoSession) || len(s.open) != mostSessions {
		t.Errorf("one too many of all: %v, %d sessions", err, len(s.open))
	}
	if _, err := s.Check(busy); err != nil {
		t.Errorf("the one in use: %v", err)
	}
}

func TestSessionsTogether(t *testing.T) {
	s := NewSessions()
	life, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				key := s.Open(Identity{ID: "a", life: life})
				if who, err := s.Check(key); err == nil {
					leave := who.Stay()
					s.Close(key)
					leave()
				}
			}
		})
	}
	end()
	all.Wait()
}

func TestCode(t *testing.T) {
	k := newKeeper(t, &memory{})
	clock := &clock{at: time.Now()}
	k.now = clock.now
	add(t, k, "anna", Admin)
	token, made := add(t, k, "bob", Viewer)
	bob, err := k.Check(token, here)
	if err != nil {
		t.Fatal(err)
	}
	code := k.Code(bob)
	if who, err := k.Redeem(code, here); err != nil || who.Name != "bob" || who.Role != Viewer {
		t.Fatalf("%+v, %v", who, err)
	}
	wrong := map[string]string{"used": code, "empty": "", "guessed": newSecret(), "a token": token}
	wrong["old"] = k.Code(bob)
	clock.at = clock.at.Add(CodeLife)
	wrong["of a revoked token"] = k.Code(bob)
	if err := k.Revoke(made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	for name, code := range wrong {
		if _, err := k.Redeem(code, here); !errors.Is(err, ErrBadCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCodesAreBounded: of a token the oldest goes; others keep theirs.
func TestCodesAreBounded(t *testing.T) {
	k := newKeeper(t, &memory{})
	clock := &clock{at: time.Now()}
	k.now = clock.now
	others, oldest := k.Code(Identity{ID: "b", Name: "bob"}), k.Code(Identity{ID: "a"})
	for range mostCodes {
		clock.at = clock.at.Add(time.Second)
		k.Code(Identity{ID: "a"})
	}
	if n := len(k.codes.waiting); n != mostCodes+1 {
		t.Errorf("%d codes wait", n)
	}
	if _, err := k.Redeem(oldest, here); !errors.Is(err, ErrBadCode) {
		t.Errorf("the oldest: %v", err)
	}
	if who, err := k.Redeem(others, here); err != nil || who.Name != "bob" {
		t.Errorf("another's: %+v, %v", who, err)
	}
	clock.at = clock.at.Add(CodeLife)
	k.Code(Identity{ID: "a"})
	if n := len(k.codes.waiting); n != 1 {
		t.Errorf("%d codes are kept, want the new one alone", n)
	}
}

// TestCodesAreGuessedSlowly: wrong codes count as wrong tokens do.
func TestCodesAreGuessedSlowly(t *testing.T) {
	k := newKeeper(t, &memory{})
	clock := &clock{at: time.Now()}
	k.now = clock.now
	for range failBurst {
		if _, err := k.Redeem("guess", here); !errors.Is(err, ErrBadCode) {
			t.Fatal(err)
		}
	}
	var slow *SlowDown
	if _, err := k.Redeem("guess", here); !errors.As(err, &slow) {
		t.Errorf("one more: %v", err)
	}
	if _, err := k.Check(written("aaaaaaaa", newSecret()), here); !errors.As(err, &slow) {
		t.Errorf("and a token: %v", err)
	}
	clock.at = clock.at.Add(failEvery)
	code := k.Code(Identity{Name: "bob"})
	if who, err := k.Redeem(code, here); err != nil || who.Name != "bob" {
		t.Errorf("later, the right one: %+v, %v", who, err)
	}
}

// TestFirst: the first start says who the admin is, the second does not.
func TestFirst(t *testing.T) {
	k := newKeeper(t, &memory{})
	dir := t.TempDir()
	first, err := k.Bootstrap(dir)
	if err != nil || first.Name != adminName || first.Role != Admin {
		t.Fatalf("%+v, %v", first, err)
	}
	if who, err := k.Redeem(k.Code(first), here); err != nil || who.Role != Admin {
		t.Errorf("its code: %+v, %v", who, err)
	}
	if again, err := k.Bootstrap(dir); err != nil || again.Role != None {
		t.Errorf("again: %+v, %v", again, err)
	}
}
