package doors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"linkd/internal/durable"
)

const (
	sessionsFile     = "sessions"
	mostSessionsFile = mostSessions * 256 // bytes; a session takes some 150
)

// keptSession is a session on the disk, one a line. Its key is not there: whoever reads the file cannot use it.
type keptSession struct {
	Digest string    `json:"digest"` // of the key, hex
	Token  string    `json:"token"`  // id
	Seen   time.Time `json:"seen"`
}

// OpenSessions returns the sessions that a data directory keeps, those of tokens that the keeper still has, and keeps
// them there: a sign-in or sign-out is on the disk when it returns, and Save puts there when each was used last. A file
// that cannot be read or written is complained of to log; then browsers have to sign in again after a restart.
func OpenSessions(dir string, k *Keeper, log *slog.Logger) *Sessions {
	s := NewSessions()
	s.file, s.log = filepath.Join(dir, sessionsFile), log
	if err := s.load(k); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the sessions of browsers are lost: all have to sign in again", "file", s.file, "err", reason(err))
	}
	return s
}

// load takes all sessions of the file, or none.
func (s *Sessions) load(k *Keeper) error {
	b, err := readRegular(s.file, mostSessionsFile, open)
	if err != nil {
		return err
	}
	var list []keptSession
	for line := range bytes.Lines(b) {
		var one keptSession
		if err := json.Unmarshal(line, &one); err != nil || len(one.Digest) != 2*sha256.Size {
			return fmt.Errorf("line %d is no session", len(list)+1)
		}
		list = append(list, one)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for i, one := range list {
		at, err := hex.DecodeString(one.Digest)
		if err != nil {
			return fmt.Errorf("line %d is no session", i+1)
		}
		who, known := k.identity(one.Token)
		if one.Seen.After(now) { // the clock was set back
			one.Seen = now
		}
		if known && now.Sub(one.Seen) <= sessionIdle && len(s.open) < mostSessions {
			s.add([sha256.Size]byte(at), who, one.Seen)
		}
	}
	return nil
}

// Save puts the sessions on the disk.
func (s *Sessions) Save() {
	if s.file == "" {
		return
	}
	s.saving.Lock() // so that what was read last is written last
	defer s.saving.Unlock()
	if err := durable.Replace(s.file, durable.Bytes(s.lines())); err != nil {
		s.log.Warn("the sessions of browsers cannot be kept", "file", s.file, "err", reason(err))
	}
}

func (s *Sessions) lines() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	for at, one := range s.open {
		seen := one.seen
		if one.running > 0 {
			seen = s.now()
		}
		_ = lines.Encode(keptSession{hex.EncodeToString(at[:]), one.who.ID, seen.UTC()}) // strings and a time: cannot fail
	}
	return out.Bytes()
}
