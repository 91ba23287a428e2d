// Package logtail owns the last records of linkd's log: a bounded ring beside the handler that writes the log itself,
// so that who has no shell on the machine can read what was said. It keeps what it is given and hides nothing: secrets
// must not be logged in the first place.
package logtail

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept. The oldest records make way.
const (
	MaxRecords = 1000
	MaxBytes   = 256 << 10 // of messages and attributes
	maxRecord  = 8 << 10   // bytes of one; more of it is cut. A stack fits.
)

// Record is one record of the log.
type Record struct {
	Number  uint64 // counts from 1, without gaps
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   string // as in the log: key=value, with blanks between
}

// Tail is the last records. Its methods are safe for concurrent use.
type Tail struct {
	mu      sync.Mutex
	records []Record // in order
	bytes   int
	last    uint64 // number given out
	scratch bytes.Buffer
}

// Handler returns a handler that keeps what it is given, from level Info on at least, and hands on to next what next
// wants.
func (t *Tail) Handler(next slog.Handler) slog.Handler {
	bare := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}
	text := slog.NewTextHandler(&t.scratch, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: bare})
	return handler{tail: t, next: next, text: text}
}

// handler keeps and hands on. text writes attributes into the tail's scratch, under its lock.
type handler struct {
	tail       *Tail
	next, text slog.Handler
}

func (h handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.next.Enabled(ctx, l)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.tail.keep(ctx, h.text, r)
	if h.next.Enabled(ctx, r.Level) {
		return h.next.Handle(ctx, r)
	}
	return err
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.tail, h.next.WithAttrs(attrs), h.text.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.tail, h.next.WithGroup(name), h.text.WithGroup(name)}
}

func (t *Tail) keep(ctx context.Context, text slog.Handler, r slog.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scratch.Reset()
	if err := text.Handle(ctx, r); err != nil {
		return err
	}
	t.last++
	kept := Record{Number: t.last, Time: r.Time, Level: r.Level, Message: cut(r.Message, maxRecord/2),
		Attrs: cut(strings.TrimSpace(t.scratch.String()), maxRecord/2)}
	t.records = append(t.records, kept)
	t.bytes += kept.size()
	gone := 0
	for len(t.records)-gone > MaxRecords || t.bytes > MaxBytes {
		t.bytes -= t.records[gone].size()
		gone++
	}
	t.records = t.records[gone:] // append moves what is left now and then
	return nil
}

func (r *Record) size() int { return len(r.Message) + len(r.Attrs) }

// cut is s, or its beginning where it is longer than most bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// Since returns the newest records, at most limit of them, that are numbered above after and at least of a level, in
// order.
func (t *Tail) Since(after uint64, level slog.Level, limit int) []Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := []Record{}
	for i := len(t.records) - 1; i >= 0 && len(found) < limit && t.records[i].Number > after; i-- {
		if t.records[i].Level >= level {
			found = append(found, t.records[i])
		}
	}
	slices.Reverse(found)
	return found
}
