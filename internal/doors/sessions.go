package doors

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"
)

// How long and how many browsers stay signed in.
const (
	sessionIdle  = 12 * time.Hour // from the end of its last request
	mostSessions = 1000           // beyond it the one that was idle for longest ends
	mostOfOne    = 50             // of one token, likewise: nobody can end all the sessions of the others
)

// Sessions are the browsers that have signed in with a token. Those of OpenSessions outlive a restart. Its methods are
// safe for concurrent use.
type Sessions struct {
	now  func() time.Time
	file string // empty: they are in memory alone
	log  *slog.Logger

	saving sync.Mutex // held while the file is written; taken before mu

	mu   sync.Mutex
	open map[[sha256.Size]byte]*session // by the digest of its key, so that a look-up tells nothing of the key
}

// session is one browser. What may change is guarded by the mutex of its Sessions.
type session struct {
	in      *Sessions
	who     Identity           // of the token, with a life that ends with the token or with the session
	end     context.CancelFunc // of that life
	seen    time.Time
	running int // requests that go on
}

// NewSessions returns Sessions of nobody, which end with the process.
func NewSessions() *Sessions {
	return &Sessions{now: time.Now, open: map[[sha256.Size]byte]*session{}}
}

// Open signs somebody in. The key holds 256 random bits; nothing else has it.
func (s *Sessions) Open(who Identity) (key string) {
	key = newSecret()
	s.mu.Lock()
	s.makeRoom(who.ID)
	s.add(digest(key), who, s.now())
	s.mu.Unlock()
	s.Save()
	return key
}

// add has a session begin, or go on. The caller holds mu.
func (s *Sessions) add(at [sha256.Size]byte, who Identity, seen time.Time) {
	life := who.life
	if life == nil {
		life = context.Background()
	}
	one := &session{in: s, who: who, seen: seen}
	one.who.life, one.end = context.WithCancel(life)
	one.who.session = one
	s.open[at] = one
}

// Check says whose session it is. The error is ErrNoSession where it has ended, or never was.
func (s *Sessions) Check(key string) (Identity, error) {
	at := digest(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.open[at]
	if one == nil {
		return Identity{}, ErrNoSession
	}
	if now := s.now(); !one.over(now) {
		one.seen = now
		return one.who, nil
	}
	s.drop(at)
	return Identity{}, ErrNoSession
}

// Close signs the browser out: what it has open ends. One that is not there is none of its business.
func (s *Sessions) Close(key string) {
	s.mu.Lock()
	s.drop(digest(key))
	s.mu.Unlock()
	s.Save()
}

// makeRoom ends what is over, and what is one too many once token has one more. The caller holds mu.
func (s *Sessions) makeRoom(token string) {
	now := s.now()
	for at, one := range s.open {
		if one.over(now) {
			s.drop(at)
		}
	}
	own := func(one *session) bool { return one.who.ID == token }
	s.keep(mostOfOne-1, own)
	s.keep(mostSessions-1, func(*session) bool { return true })
}

// keep ends the one of those meant that was idle for longest when they are more than most. The caller holds mu.
func (s *Sessions) keep(most int, meant func(*session) bool) {
	var oldest *session
	var where [sha256.Size]byte
	count := 0
	for at, one := range s.open {
		if !meant(one) {
			continue
		}
		count++
		if oldest == nil || one.idler(oldest) {
			oldest, where = one, at
		}
	}
	if count > most {
		s.drop(where)
	}
}

// drop ends a session. The caller holds mu.
func (s *Sessions) drop(at [sha256.Size]byte) {
	if one := s.open[at]; one != nil {
		delete(s.open, at)
		one.end()
	}
}

// over reports whether it has ended by itself: its token was revoked, or nobody used it.
func (s *session) over(now time.Time) bool {
	return s.who.life.Err() != nil || s.running == 0 && now.Sub(s.seen) > sessionIdle
}

// idler reports whether it is to end before another one.
func (s *session) idler(than *session) bool {
	if (s.running == 0) != (than.running == 0) {
		return s.running == 0
	}
	return s.seen.Before(than.seen)
}

// stay has it count as used until leave.
func (s *session) stay() (leave func()) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.running++
	return sync.OnceFunc(func() {
		s.in.mu.Lock()
		defer s.in.mu.Unlock()
		s.running--
		s.seen = s.in.now()
	})
}
