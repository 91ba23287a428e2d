package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Life is one thing that happened to a connection.
type Life struct {
	Time       time.Time
	Event      string // online or offline
	ID         string
	Session    uint64
	RemoteAddr string
	Reason     string        // of an end
	Duration   time.Duration // of an end; negative: not known
}

const (
	mostLives     = 1000
	firstLookback = time.Hour
)

// Lives returns what happened to a connection before a moment (zero: now), newest first, at most limit (1 to 1000).
func (b *Bus) Lives(ctx context.Context, provider, conn string, before time.Time, limit int) ([]Life, error) {
	if limit < 1 || limit > mostLives {
		return nil, fmt.Errorf("%w: %d events; ask for 1 to %d", ErrQuery, limit, mostLives)
	}
	if provider == "" || conn == "" {
		return nil, fmt.Errorf("%w: name a provider and a connection", ErrQuery)
	}
	if before.IsZero() {
		before = time.Now().Add(clockSlack)
	}
	to := b.names.Load()
	subject := string(appendSubject(nil, to.conn, provider, conn))
	// A stream is read forwards alone: look back an hour, then further, until there is enough.
	oldest := before.Add(-2 * eventAge * b.cfg.History.MaxAge)
	for back := firstLookback; ; back *= 8 {
		start := before.Add(-back)
		all := back <= 0 || start.Before(oldest)
		if all {
			start = oldest
		}
		lives, err := b.lives(ctx, connStream(to.project), subject, start, before, limit)
		if err != nil && (!errors.Is(err, ErrTooMuch) || len(lives) == 0) {
			return nil, err
		}
		if len(lives) == limit || all {
			slices.Reverse(lives)
			return lives, nil
		}
	}
}

// lives reads the last limit events between two moments, oldest first.
func (b *Bus) lives(ctx context.Context, stream, subject string, start, before time.Time, limit int,
) (to []Life, err error) {
	begun := map[uint64]time.Time{} // online sessions; devices that flap have many, read has a bound
	type key struct {
		at      int64
		session uint64
		event   string
	}
	seen := map[key]struct{}{}
	err = b.read(ctx, stream, subject, start, func(m *stored) bool {
		l, ok := life(m.data)
		k := key{l.Time.UnixMilli(), l.Session, l.Event}
		if _, again := seen[k]; !ok || again {
			return true // a repetition, or not ours
		}
		seen[k] = struct{}{}
		if l.Event == "online" {
			begun[l.Session] = l.Time
		} else if since, ok := begun[l.Session]; ok && l.Duration < 0 {
			l.Duration = l.Time.Sub(since)
		}
		if l.Time.Before(before) {
			to = append(to, l)
		}
		if len(to) >= 2*limit {
			to = append(to[:0], to[len(to)-limit:]...)
		}
		return l.Time.Before(before) || m.time.Before(before.Add(clockSlack))
	})
	return to[max(0, len(to)-limit):], err
}

func life(data []byte) (Life, bool) {
	var e eventJSON
	if json.Unmarshal(data, &e) != nil {
		return Life{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, e.TS)
	l := Life{
		Time: at, Event: e.Event, ID: e.ID, Session: e.Session, RemoteAddr: e.RemoteAddr, Reason: e.Reason, Duration: -1,
	}
	if e.DurationMS != nil {
		l.Duration = time.Duration(*e.DurationMS) * time.Millisecond
	}
	return l, err == nil && (e.Event == "online" || e.Event == "offline")
}
