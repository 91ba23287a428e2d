// Package file is the output that appends lines to a file and rotates it. It owns the file and those that it has
// rotated, and must never touch another.
package file

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"linkd/outputs"
	"linkd/project"
)

type options struct {
	path   string
	rotate rotation
	fsync  time.Duration // 0: the kernel decides
	line   outputs.LineOptions
}

// rotation says when a file is put aside, and what becomes of it then.
type rotation struct {
	size int64         // bytes
	age  time.Duration // 0: never for its age
	keep int
	gzip bool
}

// batch: a write of 64 KiB costs as much as many small ones together; 200 ms is what kill -9 may lose.
var batch = outputs.Limits{Records: 10_000, Bytes: 64 << 10, Linger: 200 * time.Millisecond}

// Kind returns the description.
func Kind() *outputs.Kind {
	return &outputs.Kind{Type: "file", Title: "Lines in a file that rotates", Formats: []string{"json", "influx"},
		Compile: compile,
		Ask:     func(o *outputs.Options, _ string) { ask(o) }}
}

func compile(cfg *project.Output) (outputs.Maker, error) {
	opt, err := read(cfg.Options)
	if err != nil {
		return nil, err
	}
	return func(env outputs.Env) (outputs.Sink, error) { return open(opt, cfg.Format, env, newLog) }, nil
}

func read(m map[string]any) (*options, error) {
	o := outputs.ReadOptions(m)
	opt := ask(o)
	return opt, o.Done()
}

// ask asks for all options.
func ask(o *outputs.Options) *options {
	opt := &options{path: o.Text("path", ""), fsync: o.Duration("fsync", time.Second, 0, time.Hour), line: o.Line(),
		rotate: rotation{size: o.Size("rotate_size", 100<<20, 1<<10, 1<<40), keep: o.Count("keep", 7, 1, 10_000),
			age: o.Duration("rotate_age", 0, 0, 366*24*time.Hour), gzip: o.Flag("gzip", false)}}
	if name := filepath.Base(opt.path); opt.path == "" || name == "." || name == ".." || name == "/" ||
		opt.path[len(opt.path)-1] == '/' {
		o.Fault("path", "is %q; write the path of a file, such as values.ndjson", opt.path)
	}
	if opt.rotate.age != 0 && opt.rotate.age < time.Second {
		o.Fault("rotate_age", "is %s; write 1s or more, or 0 for never", opt.rotate.age)
	}
	return opt
}

// sink is one running output. All but the line belongs to the line's goroutine.
type sink struct {
	*outputs.Line
	log   *log
	fsync time.Duration
	retry outputs.Backoff
	buf   []byte
	lines bool // records are lines already
}

func open(opt *options, format string, env outputs.Env, logOf func(string, rotation, *slog.Logger) *log) (*sink,
	error) {
	line, err := outputs.NewLine(opt.line, format, false, &env)
	if err != nil {
		return nil, err
	}
	path := opt.path
	if !filepath.IsAbs(path) && env.Dir != "" {
		path = filepath.Join(env.Dir, path)
	}
	s := &sink{Line: line, log: logOf(path, opt.rotate, env.Log), fsync: opt.fsync, lines: format == "influx",
		retry: outputs.Backoff{Low: 100 * time.Millisecond, High: 10 * time.Second}}
	line.Start(s.run)
	return s, nil
}

func (s *sink) run(ctx context.Context, q outputs.Queue) {
	var b outputs.Batch
	for {
		switch err := s.take(ctx, q, &b); {
		case err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			s.note(s.log.sync())
			continue
		case err != nil:
			s.note(s.log.close())
			return
		}
		if s.write(ctx, &b) != nil {
			s.Abandon(&b, 0)
			continue
		}
		s.SentAll(&b)
		s.Worked()
		q.Done()
		if s.fsync > 0 && time.Since(s.log.dirty) >= s.fsync {
			s.note(s.log.sync())
		}
	}
}

// take waits for records no longer than what was written may stay unsynced.
func (s *sink) take(ctx context.Context, q outputs.Queue, b *outputs.Batch) error {
	if s.fsync > 0 && !s.log.dirty.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.log.dirty.Add(s.fsync))
		defer cancel()
	}
	return q.Take(ctx, b, batch)
}

func (s *sink) note(err error) {
	if err != nil {
		s.Failed(err)
	}
}

// write appends a batch, as often as it takes; the error is ctx's.
func (s *sink) write(ctx context.Context, b *outputs.Batch) error {
	s.buf = s.buf[:0]
	for i := range b.Len() {
		if s.buf = append(s.buf, b.At(i).Data...); !s.lines {
			s.buf = append(s.buf, '\n')
		}
	}
	s.retry.Reset()
	for {
		err := s.log.append(s.buf, time.Now())
		if err == nil {
			return nil
		}
		s.Failed(err)
		if err := outputs.Sleep(ctx, s.retry.Next()); err != nil {
			return err
		}
	}
}
