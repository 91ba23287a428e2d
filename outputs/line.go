package outputs

import (
	"context"
	"log/slog"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"

	"linkd/internal/payload"
	"linkd/server"
)

// How often a log says that an output fails, that it still does, and that it has dropped messages.
const (
	news   = time.Minute
	repeat = 10 * time.Minute
)

// LineOptions are the options that all outputs have.
type LineOptions struct {
	spool    int64 // bytes in memory
	disk     int64 // bytes on disk; 0: nothing is kept there
	send     []string
	channels []string // patterns; nil: all
}

// Line reads the options that all outputs have.
func (o *Options) Line() LineOptions {
	l := LineOptions{spool: o.Size("spool", 64<<20, 64<<10, 16<<30),
		disk: o.Size("spool_disk", 0, 1<<20, 1<<40),
		send: o.List("send", int(classes)), channels: o.List("channels", 100)}
	for _, word := range l.send {
		if word != Tags.String() && word != Conn.String() {
			o.Fault("send", "has %q; write a list of: %s, %s", word, Tags, Conn)
		}
	}
	for _, pattern := range l.channels {
		if _, err := path.Match(pattern, ""); err != nil {
			o.Fault("channels", "has %q; write names of channels, or patterns with * and ?", pattern)
		}
	}
	return l
}

func (l *LineOptions) sends(c Class) bool {
	return l.send == nil || slices.Contains(l.send, c.String())
}

// Line is what outputs stand on, the intake and the state of a Sink: it encodes what comes in into the spool at once,
// and runs the one goroutine that takes it out again.
type Line struct {
	opt    LineOptions
	log    *slog.Logger
	encode payload.Format
	topics bool
	spool  *Spool
	disk   *disk // behind spool; nil: none

	taken, sent, lost [classes]atomic.Uint64
	retries           atomic.Uint64

	mu      sync.Mutex
	state   string
	problem string
	since   time.Time

	// What the log was told, and when; the goroutine's alone.
	told    time.Time
	failing bool
	tally   time.Time
	before  uint64 // drops

	stop  context.CancelFunc
	done  chan struct{}
	close sync.Once
}

// encodingOf is how a format writes what comes in.
func encodingOf(format string) payload.Format {
	name := "json" // of ndjson too
	switch format {
	case "influx":
		name = format
	case "protobuf", "sparkplug":
		name = "protobuf"
	}
	f, _ := payload.FormatOf(name) // there are these three
	return f
}

// NewLine makes a line that encodes in a format. topics: records have a topic, CLASS/CHANNEL/DEVICE or
// CLASS/PROVIDER/CONNECTION. It opens the spool on disk where the options ask for one.
func NewLine(opt LineOptions, format string, topics bool, env *Env) (*Line, error) {
	l := &Line{opt: opt, log: env.Log, encode: encodingOf(format), topics: topics, spool: NewSpool(opt.spool),
		state: Starting, since: time.Now(), done: make(chan struct{})}
	if opt.disk > 0 {
		d, err := openDisk(env.Dir, opt.disk, l.spool, env.Log)
		if err != nil {
			return nil, err
		}
		l.disk = d
	}
	return l, nil
}

// Start runs the output: run takes from the queue until that says ErrDrained or ctx ends.
func (l *Line) Start(run func(ctx context.Context, q Queue)) {
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	go func() {
		defer close(l.done)
		if l.disk == nil {
			run(ctx, l.spool)
			return
		}
		defer l.disk.close()
		run(ctx, l.disk)
	}()
}

// Reports implements Sink.
func (l *Line) Reports(reports []server.Report) {
	if !l.opt.sends(Tags) {
		return
	}
	b := bytebufferpool.Get()
	defer bytebufferpool.Put(b)
	for i := range reports {
		r := &reports[i]
		if !l.wants(r.Channel) {
			continue
		}
		b.B = b.B[:0]
		if l.topics {
			b.B = append(append(append(append(b.B, "tags/"...), r.Channel...), '/'), r.Device...)
		}
		topic := len(b.B)
		if b.B = l.encode.Report(b.B, r); len(b.B) > topic {
			l.put(Tags, r.Time, b.B[:topic], b.B[topic:])
		}
	}
}

func (l *Line) wants(channel []byte) bool {
	return l.opt.channels == nil || slices.ContainsFunc(l.opt.channels, func(pattern string) bool {
		ok, _ := path.Match(pattern, string(channel)) // the patterns were checked
		return ok
	})
}

// Event implements Sink.
func (l *Line) Event(e server.Event) {
	if !l.opt.sends(Conn) {
		return
	}
	b := bytebufferpool.Get()
	defer bytebufferpool.Put(b)
	if l.topics {
		b.B = append(append(b.B, "conn/"...), e.Provider...)
		if e.Connection != "" {
			b.B = append(append(b.B, '/'), e.Connection...)
		}
	}
	topic := len(b.B)
	b.B = l.encode.Event(b.B, &e)
	l.put(Conn, e.Time.UnixNano(), b.B[:topic], b.B[topic:])
}

func (l *Line) put(c Class, at int64, topic, data []byte) {
	if l.spool.Put(&Record{Class: c, Time: at, Topic: topic, Data: data}) {
		l.taken[c].Add(1)
	}
}

// Close implements Sink.
func (l *Line) Close(ctx context.Context) error {
	var err error
	l.close.Do(func() { err = l.end(ctx) })
	return err
}

func (l *Line) end(ctx context.Context) error {
	l.spool.Close()
	var err error
	select {
	case <-l.done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.stop()
	<-l.done
	if n, _, _ := l.spool.level(); n > 0 {
		l.log.Warn("output closed: the messages that are left are dropped", "messages", n)
	}
	l.spool.Clear()
	l.become(Closed, "")
	return err
}

// Sent counts a record as delivered.
func (l *Line) Sent(c Class) { l.sent[c].Add(1) }

// Dropped counts a record as given up.
func (l *Line) Dropped(c Class) { l.lost[c].Add(1) }

// Over reports whether the output was closed and nothing is left to deliver.
func (l *Line) Over() bool {
	return l.spool.isClosed() && l.Stats().Queued == 0
}

// SentAll counts the records of a batch as delivered.
func (l *Line) SentAll(b *Batch) { count(b, &l.sent) }

// Abandon gives up the records of a batch from a number on, as the output is closed: they stay on disk, or are dropped
// and counted where there is none.
func (l *Line) Abandon(b *Batch, from int) {
	if l.disk != nil {
		l.disk.putBack(b, from)
		return
	}
	for i := from; i < b.Len(); i++ {
		l.lost[b.At(i).Class].Add(1)
	}
}

// DropAll counts the records of a batch as given up.
func (l *Line) DropAll(b *Batch) { count(b, &l.lost) }

func count(b *Batch, into *[classes]atomic.Uint64) {
	for i := range b.Len() {
		into[b.At(i).Class].Add(1)
	}
}

// Worked says that a delivery has succeeded.
func (l *Line) Worked() {
	l.tellDrops()
	l.become(Fine, "")
	if l.failing {
		l.failing = false
		l.log.Info("output works again")
	}
}

// Failed says that a delivery has failed. The log tells of it when that is news, once a minute at most, and again from
// time to time.
func (l *Line) Failed(err error) {
	l.retries.Add(1)
	l.tellDrops()
	l.become(Failing, err.Error())
	quiet := repeat
	if !l.failing {
		quiet = news
	}
	if now := time.Now(); now.Sub(l.told) >= quiet {
		l.failing, l.told = true, now
		l.log.Warn("output fails", "error", err)
	}
}

func (l *Line) become(state, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != state {
		l.state, l.since = state, time.Now()
	}
	l.problem = problem
}

// tellDrops logs what was dropped since it last did.
func (l *Line) tellDrops() {
	s := l.Stats()
	all := s.Tags.Dropped + s.Conn.Dropped
	if now := time.Now(); all > l.before && now.Sub(l.tally) >= repeat {
		l.log.Warn("output dropped messages", "messages", all-l.before)
		l.tally, l.before = now, all
	}
}

// Stats implements Sink.
func (l *Line) Stats() Stats {
	n, bytes, dropped := l.spool.level()
	s := Stats{Retries: l.retries.Load(), Queued: n, QueuedBytes: bytes}
	l.mu.Lock()
	s.State, s.Error, s.Since = l.state, l.problem, l.since
	l.mu.Unlock()
	if l.disk != nil {
		count, size, lost, problem := l.disk.level()
		s.Queued += count
		s.QueuedBytes += size
		for c := range lost {
			dropped[c] += lost[c]
		}
		if problem != nil && s.Error == "" {
			s.Error = "the spool on disk cannot be written: " + problem.Error()
		}
	}
	for c, to := range [...]*Counts{&s.Tags, &s.Conn} {
		*to = Counts{Taken: l.taken[c].Load(), Sent: l.sent[c].Load(), Dropped: dropped[c] + l.lost[c].Load()}
	}
	return s
}
