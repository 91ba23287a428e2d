package server

import (
	"context"
	"time"
)

// KickAll closes sessions a few at a time, so that a loop that closes a million has time for everything else too:
// kickBatch of them, and when these are closed, and not before kickPause has passed, the next.
const (
	kickBatch = 64
	kickPause = 10 * time.Millisecond
)

// KickAll closes the sessions of all connections that q selects, as Kick does, and returns how many it has closed when
// ctx, or the server, ended. It closes 6,400 a second at most. Errors: ErrNotFound, ErrInvalid, ctx's.
func (s *Server) KickAll(ctx context.Context, q ConnQuery) (closed int, err error) {
	f, err := s.filter(q)
	if err != nil {
		return 0, err
	}
	var owners []handle
	f.each(0, func(_ *provider, _ uint32, pt *point) bool {
		if h := pt.binding.Owner(); h != 0 {
			owners = append(owners, h)
		}
		return true
	})
	pause := time.NewTicker(kickPause)
	defer pause.Stop()
	for len(owners) > 0 && ctx.Err() == nil {
		n := min(len(owners), kickBatch)
		closed += s.kick(owners[:n])
		if owners = owners[n:]; len(owners) == 0 {
			return closed, nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return closed, ctx.Err()
}

// kick closes sessions and returns how many of them were still there.
func (s *Server) kick(owners []handle) (closed int) {
	done := make(chan bool, len(owners))
	asked := 0
	for _, h := range owners {
		l := s.loopOf(h)
		if l == nil {
			continue
		}
		err := l.post(letter{handle: h, must: true, do: func(_ int64, s *session) {
			if s != nil {
				s.fail(ReasonKicked, "")
			}
			done <- s != nil
		}})
		if err == nil { // else the loop has ended, and the session with it
			asked++
		}
	}
	for range asked {
		if <-done {
			closed++
		}
	}
	return closed
}
