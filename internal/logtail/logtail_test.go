package logtail

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func texts(list []Record) (out []string) {
	for _, r := range list {
		out = append(out, fmt.Sprintf("%d %s %s|%s", r.Number, r.Level, r.Message, r.Attrs))
	}
	return out
}

// TestTail: what the log says is kept, with attributes and groups as the log has them; the log itself gets what its
// level lets through.
func TestTail(t *testing.T) {
	var log bytes.Buffer
	tail := &Tail{}
	l := slog.New(tail.Handler(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	l.Debug("not this")
	l.Info("listening", "provider", "s1", "addr", "127.0.0.1:30000")
	l.With("who", "a b").WithGroup("g").Warn("odd", "level", "x", slog.Group("h", "n", 1))
	l.Error("failed", "err", fmt.Errorf("line one\nline two"))
	want := []string{"1 INFO listening|provider=s1 addr=127.0.0.1:30000",
		`2 WARN odd|who="a b" g.level=x g.h.n=1`, `3 ERROR failed|err="line one\nline two"`}
	if got := texts(tail.Since(0, slog.LevelDebug, 10)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "listening") {
		t.Errorf("the log has %q", got)
	}
	for _, x := range []struct {
		after uint64
		level slog.Level
		limit int
		want  string
	}{
		{0, slog.LevelWarn, 10, "[2 3]"}, {0, slog.LevelDebug, 2, "[2 3]"}, {2, slog.LevelDebug, 10, "[3]"},
		{3, slog.LevelDebug, 10, "[]"}, {0, slog.LevelInfo, 0, "[]"},
	} {
		numbers := []uint64{}
		for _, r := range tail.Since(x.after, x.level, x.limit) {
			numbers = append(numbers, r.Number)
		}
		if got := fmt.Sprint(numbers); got != x.want {
			t.Errorf("after %d, from %s, at most %d: %s, want %s", x.after, x.level, x.limit, got, x.want)
		}
	}
}

// TestBounds: records, bytes and each record are bounded; the newest stay.
func TestBounds(t *testing.T) {
	tail := &Tail{}
	l := slog.New(tail.Handler(slog.DiscardHandler))
	for i := range MaxRecords + 10 {
		l.Info("m", "i", i)
	}
	got := tail.Since(0, slog.LevelDebug, 1<<20)
	if len(got) != MaxRecords || got[0].Attrs != "i=10" {
		t.Errorf("%d records, the first %+v", len(got), got[0])
	}
	for range 100 {
		l.Info(strings.Repeat("é", maxRecord), "x", strings.Repeat("y", maxRecord))
	}
	got = tail.Since(0, slog.LevelDebug, 1<<20)
	size := 0
	for _, r := range got {
		size += r.size()
	}
	if size != tail.bytes || size > MaxBytes || size < MaxBytes/2 {
		t.Errorf("%d bytes are kept, %d are counted", size, tail.bytes)
	}
	if last := got[len(got)-1]; last.size() > maxRecord+8 || !strings.HasSuffix(last.Message, "é …") {
		t.Errorf("a record of %d bytes, ending in %q", last.size(), last.Message[len(last.Message)-8:])
	}
}

// TestConcurrent: many write and read.
func TestConcurrent(t *testing.T) {
	tail := &Tail{}
	var all sync.WaitGroup
	for i := range 8 {
		l := slog.New(tail.Handler(slog.DiscardHandler)).With("w", i)
		all.Go(func() {
			for range 200 {
				l.Info("m")
				tail.Since(0, slog.LevelInfo, 10)
			}
		})
	}
	all.Wait()
	list := tail.Since(0, slog.LevelInfo, MaxRecords)
	if len(list) != MaxRecords || list[MaxRecords-1].Number != 1600 {
		t.Errorf("%d records, the last %+v", len(list), list[len(list)-1])
	}
	for _, r := range list {
		if len(r.Attrs) != 3 || !strings.HasPrefix(r.Attrs, "w=") {
			t.Fatalf("mixed up: %+v", r)
		}
	}
}
