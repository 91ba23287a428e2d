package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"linkd/internal/payload"
	"linkd/server"
)

// Bus is what Start makes; Close ends it. All methods but Close may be called from many goroutines.
type Bus struct {
	cfg      Config
	names    atomic.Pointer[subjects] // of the project
	next     atomic.Pointer[subjects] // of the name that it is to have; nil: it keeps its name
	own      *embedded                // nil: the user's own server
	link     *link
	js       jetstream.JetStream
	tags     *lane
	conn     *lane
	rx       *relay
	commands commands

	condition   condition
	open        atomic.Bool // the lanes may send
	moved       chan struct{}
	damage      []Damage
	restarts    atomic.Uint64
	lostStreams atomic.Uint64
	busy        atomic.Uint64

	// The keeper's, once started.
	manifest  *manifest
	seen      map[string]uint64 // last numbers of the streams when last looked at
	restarted time.Time

	online onlines
	live   func(dst []byte, r *server.Report) []byte // appends what is told of a report; nil: the JSON that is stored

	readers chan struct{} // one token for each history query that runs
	work    context.Context
	end     context.CancelFunc // ends work
	tasks   sync.WaitGroup
	begins  sync.Mutex // held while a task begins: none does once work has ended
}

// The kinds of messages in Stats.
const (
	KindTags = "tags" // reports
	KindConn = "conn" // events
	KindRx   = "rx"   // what devices send
)

const mostReads = 4 // history queries at once

// Start starts the bus. A server of the user's own may be away: State says so, and the bus comes up when it does. The
// embedded server must start, and have the streams that the manifest in Dir lists; if not, the error is ErrStreamLost
// unless Config.Recreate is set. ctx bounds the start alone.
func Start(ctx context.Context, cfg Config) (*Bus, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	b := &Bus{
		cfg: cfg, moved: make(chan struct{}, 1), seen: map[string]uint64{},
		readers: make(chan struct{}, mostReads),
	}
	b.names.Store(subjectsOf(cfg.Project))
	if f, _ := payload.FormatOf(cfg.Format); f.Name != storedAs {
		b.live = f.Report
	}
	b.condition.trouble = map[string]error{}
	b.condition.set(Starting, "")
	b.work, b.end = context.WithCancel(context.Background())
	if err := b.begin(ctx); err != nil {
		b.abandon()
		return nil, err
	}
	b.tasks.Go(b.keep)
	go b.tags.run()
	go b.conn.run()
	go b.rx.run()
	return b, nil
}

// begin brings up what Start waits for.
func (b *Bus) begin(ctx context.Context) (err error) {
	b.manifest, err = readManifest(b.cfg.Dir, b.cfg.URL)
	if errors.Is(err, ErrStreamLost) && b.cfg.Recreate {
		b.cfg.Log.Error("the list of streams is begun anew, as told", "was", err)
		b.manifest, err = readManifest("", "")
		b.manifest.path, b.manifest.URL = filepath.Join(b.cfg.Dir, manifestName), b.cfg.URL
	}
	if err != nil {
		return err
	}
	var pipe pipes
	secret := ""
	if b.cfg.URL == "" {
		if b.own, err = newEmbedded(&b.cfg); err != nil {
			return err
		}
		pipe, secret = b.own.pipe, b.own.gate.secret
		if err := b.look(); err != nil {
			return err
		}
		if err := b.own.start(); err != nil {
			return err
		}
	}
	if b.link, err = dial(&b.cfg, pipe, secret, func() { poke(b.moved) }); err != nil {
		return err
	}
	if b.js, err = jetstream.New(b.link.nc); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	share := max(b.cfg.Spool/eventShare, leastShare)
	if b.tags, err = b.lane(KindTags, b.cfg.Spool-share); err != nil {
		return err
	}
	b.tags.packs = &packer{}
	if b.conn, err = b.lane(KindConn, share); err != nil {
		return err
	}
	b.rx = b.newRelay()
	if b.own != nil {
		return b.ensure(ctx)
	}
	return nil
}

// look looks for damage in the embedded server's files.
func (b *Bus) look() (err error) {
	b.damage, err = scan(b.own.streams(), filepath.Join(b.cfg.Dir, "damaged"), time.Now())
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	for _, d := range b.damage {
		b.cfg.Log.Error("a stream's file is damaged: messages are lost", "stream", d.Stream, "file", d.File,
			"offset", d.Offset, "copy", d.Kept)
	}
	return nil
}

// task runs f on a goroutine that Close waits for; false when it is too late.
func (b *Bus) task(f func()) bool {
	b.begins.Lock()
	defer b.begins.Unlock()
	if b.work.Err() != nil {
		return false
	}
	b.tasks.Go(f)
	return true
}

func (b *Bus) lane(kind string, most int64) (*lane, error) {
	l := &lane{
		kind: kind, spool: newSpool(most), link: b.link, alone: b.own != nil, open: &b.open,
		inbox: b.link.nc.NewInbox() + ".", ending: make(chan struct{}), stop: make(chan struct{}),
		ended: make(chan struct{}),
	}
	if b.own != nil {
		l.hears = b.own.hears
	}
	l.spool.to = b.names.Load()
	l.word = func(kind string, err error) {
		b.condition.word(kind, err)
		poke(b.moved)
	}
	sub, err := b.link.nc.Subscribe(l.inbox+"*", l.acknowledged)
	if err == nil {
		err = sub.SetPendingLimits(2*window*chunkRecords, mostAcks)
	}
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	return l, nil
}

// abandon ends what begin has begun.
func (b *Bus) abandon() {
	b.end()
	if b.link != nil {
		b.link.close()
	}
	if b.own != nil {
		b.own.stop()
	}
}

func (b *Bus) lanes() [2]*lane { return [...]*lane{b.tags, b.conn} }

// Take takes reports from the reactor. It copies what it needs, and never waits for the bus.
func (b *Bus) Take(reports []server.Report) {
	s := b.tags.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range reports {
		r := &reports[i]
		stored := func(dst []byte) ([]byte, int) {
			start := len(dst)
			dst = appendSubject(dst, s.to.tags, r.Channel, r.Device)
			at := len(dst) - start
			return payload.AppendJSON(dst, r), at
		}
		if b.live == nil {
			s.put(stored, nil)
			continue
		}
		s.put(stored, func(dst []byte) []byte { return b.live(dst, r) })
	}
}

// Close sends what waits, as long as ctx allows, counts the rest as dropped, and stops everything. It may be called
// once.
func (b *Bus) Close(ctx context.Context) error {
	b.begins.Lock()
	b.end()
	b.begins.Unlock()
	for _, l := range b.lanes() {
		l.spool.close()
		close(l.ending)
	}
	b.rx.spool.close()
	close(b.rx.ending)
	left := 0
	for _, l := range b.lanes() {
		select {
		case <-l.ended:
		case <-ctx.Done():
			close(l.stop)
			<-l.ended
			left += l.abandon()
		}
	}
	select {
	case <-b.rx.ended:
	case <-ctx.Done():
	}
	b.tasks.Wait()
	b.link.close()
	<-b.rx.ended // what waits fails now
	if b.own != nil {
		b.own.stop()
	}
	if left > 0 {
		return fmt.Errorf("bus: %d messages were not acknowledged before linkd stopped: %w", left, ctx.Err())
	}
	return nil
}

// abandon counts what is left as dropped; after the goroutine has ended.
func (l *lane) abandon() (records int) {
	for _, c := range l.onTheirWay() {
		records += c.n
	}
	l.spool.mu.Lock()
	defer l.spool.mu.Unlock()
	records += l.spool.waiting
	l.spool.dropped += uint64(records)
	l.spool.waiting = 0
	return records
}

// Recheck closes the clients of the embedded server whose token has no right any more, or another. Call it when a token
// was taken back.
func (b *Bus) Recheck() {
	if b.own == nil {
		return
	}
	if n := b.own.gate.recheck(); n > 0 {
		b.cfg.Log.Info("clients of the bus were closed: their token has other rights now", "clients", n)
	}
}

// Addr is where the embedded server takes NATS clients, and MQTTAddr where it takes those of MQTT; empty: nowhere.
func (b *Bus) Addr() string {
	if b.own == nil {
		return ""
	}
	return b.own.listen.String()
}

// Format is the name of the format of live reports.
func (b *Bus) Format() string { return b.cfg.Format }

// MQTTAddr is where the embedded server takes MQTT clients; empty: nowhere.
func (b *Bus) MQTTAddr() string {
	if b.own == nil {
		return ""
	}
	return b.own.mqtt.String()
}
