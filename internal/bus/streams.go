package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	apiTimeout  = 5 * time.Second
	mostReaders = 1000  // consumers of one stream
	eventAge    = 12    // events are kept so many times longer than telemetry
	errNoPeers  = 10005 // JetStream's: not enough servers for the copies
)

// wanted are the streams of the project: one for all devices, one for all connections.
func wanted(cfg *Config, s *subjects) []jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		MaxConsumers: mostReaders, AllowDirect: true, Replicas: 1, MaxAge: cfg.History.MaxAge,
		MaxBytes: cfg.History.MaxBytes,
	}
	tags, conn := base, base
	tags.Name, tags.Subjects = tagStream(s.project), []string{s.everyPack}
	tags.Description = "linkd: what devices report, in packs of a JSON object a line"
	conn.Name, conn.Subjects = connStream(s.project), []string{s.conn + ">"}
	conn.Description = "linkd: connections that come and go"
	conn.MaxAge, conn.MaxBytes = eventAge*base.MaxAge, max(base.MaxBytes/eventShare, leastHistory)
	return []jetstream.StreamConfig{tags, conn}
}

// ensure sees to it that the streams are there, and says which have had to be made though they were listed. Those of an
// embedded server are then lost, and an error, unless Recreate is set.
func (b *Bus) ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	replicas, err := b.replicas(ctx)
	if err != nil {
		return err
	}
	var list []jetstream.StreamConfig
	for _, s := range b.owed() {
		list = append(list, wanted(&b.cfg, s)...)
	}
	changed, err := b.former(ctx, list)
	if err != nil {
		return err
	}
	for _, want := range list {
		want.Replicas = replicas
		fresh, err := b.ensureStream(ctx, want)
		if err != nil {
			return err
		}
		changed = changed || fresh
	}
	if changed {
		return b.manifest.save()
	}
	return nil
}

// owed are the names that need streams: the project's, and those under which something waits to be stored.
func (b *Bus) owed() []*subjects {
	list := []*subjects{b.names.Load()}
	for _, l := range b.lanes() {
		for _, s := range l.owes() {
			if !slices.ContainsFunc(list, func(have *subjects) bool { return have.project == s.project }) {
				list = append(list, s)
			}
		}
	}
	return list
}

// former looks after the streams of the names that the project had before: they keep what they have until it is too
// old, and what they may have counts beside what the wanted ones may. An embedded server's go when they are empty. It
// reports whether the manifest has changed.
func (b *Bus) former(ctx context.Context, wanted []jetstream.StreamConfig) (changed bool, err error) {
	var all int64
	for _, w := range wanted {
		all += w.MaxBytes
	}
	for name := range b.manifest.Streams {
		if slices.ContainsFunc(wanted, func(w jetstream.StreamConfig) bool { return w.Name == name }) {
			continue
		}
		s, err := b.js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			b.cfg.Log.Error("the stream of a name that the project had is lost", "stream", name)
			b.lostStreams.Add(1)
		case err != nil:
			return changed, fmt.Errorf("bus: stream %s: %w", name, err)
		case b.own == nil || s.CachedInfo().State.Msgs > 0:
			all += max(s.CachedInfo().Config.MaxBytes, 0)
			continue
		default:
			if err := b.js.DeleteStream(ctx, name); err != nil {
				return changed, fmt.Errorf("bus: stream %s: %w", name, err)
			}
			b.cfg.Log.Info("the stream of a name that the project had is empty, and removed", "stream", name)
		}
		delete(b.manifest.Streams, name)
		changed = true
	}
	if b.own != nil {
		return changed, b.own.allow(all)
	}
	return changed, nil
}

// replicas is how many copies of a stream a server of the user's own is to have: three in a cluster.
func (b *Bus) replicas(ctx context.Context) (int, error) {
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return 0, fmt.Errorf("bus: %w", err)
	}
	if b.link.nc.ConnectedClusterName() == "" {
		return 1, nil
	}
	return 3, nil
}

// ensureStream makes or adjusts one stream; it reports whether the manifest has changed.
func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) (changed bool, err error) {
	listed := b.manifest.Streams[want.Name]
	s, err := b.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		if listed != nil {
			if err := b.lost(want.Name, "it is not there, or the server cannot read it"); err != nil {
				return false, err
			}
		}
		s, err = b.js.CreateStream(ctx, want)
		if refused := (*jetstream.APIError)(nil); errors.As(err, &refused) && refused.ErrorCode == errNoPeers {
			b.cfg.Log.Warn("the cluster has not enough servers for three copies; there is one", "stream", want.Name)
			want.Replicas = 1
			s, err = b.js.CreateStream(ctx, want)
		}
		if err != nil {
			return false, fmt.Errorf("bus: stream %s: %w", want.Name, err)
		}
		b.manifest.Streams[want.Name] = &entry{Created: s.CachedInfo().Created}
		return true, nil
	case err != nil:
		return false, fmt.Errorf("bus: stream %s: %w", want.Name, err)
	}
	now := s.CachedInfo()
	if changed, err = b.compare(want.Name, listed, now); err != nil {
		return false, err
	}
	if now.Config.MaxAge == want.MaxAge && now.Config.MaxBytes == want.MaxBytes && now.Config.AllowDirect &&
		len(now.Config.Subjects) == 1 && now.Config.Subjects[0] == want.Subjects[0] {
		return changed, nil
	}
	want.Replicas, want.MaxConsumers = now.Config.Replicas, now.Config.MaxConsumers
	if _, err = b.js.UpdateStream(ctx, want); err != nil {
		return false, fmt.Errorf("bus: stream %s: %w", want.Name, err)
	}
	return changed, nil
}

// compare holds a stream that is there against the manifest.
func (b *Bus) compare(name string, listed *entry, now *jetstream.StreamInfo) (changed bool, err error) {
	switch {
	case listed == nil:
		b.cfg.Log.Info("a stream that was there is used", "stream", name, "messages", now.State.Msgs)
	case !now.Created.Equal(listed.Created):
		b.cfg.Log.Error("a stream is not the one that linkd made: its history is another's", "stream", name,
			"created", now.Created, "made", listed.Created)
		b.lostStreams.Add(1)
	case now.State.LastSeq == 0 && listed.LastSeq > 0:
		// What is empty is not put aside: there is nothing in it. A stream that was purged keeps its last number.
		if !b.cfg.Recreate && b.own != nil {
			return false, b.lostError(name, "it is empty, and had messages")
		}
		b.lostStreams.Add(1)
	case now.State.LastSeq < listed.LastSeq:
		b.cfg.Log.Error("the end of a stream is lost", "stream", name, "last", now.State.LastSeq,
			"had", listed.LastSeq)
		b.lostStreams.Add(1)
	default:
		return false, nil
	}
	b.manifest.Streams[name] = &entry{Created: now.Created, LastSeq: now.State.LastSeq}
	return true, nil
}

func (b *Bus) lostError(name, how string) error {
	return fmt.Errorf("%w: %s: %s; stop linkd and restore %s from a backup, or begin it anew with --new-history, which "+
		"moves what is left of it to %s", ErrStreamLost, name, how, b.own.streams(), filepath.Join(b.cfg.Dir, "lost"))
}

// lost says that a listed stream is gone; nil when it may be made anew.
func (b *Bus) lost(name, how string) error {
	if b.own == nil {
		b.cfg.Log.Error("the server has lost a stream; it is made anew, without its history", "stream", name)
		b.lostStreams.Add(1)
		return nil
	}
	if !b.cfg.Recreate {
		return b.lostError(name, how)
	}
	from := filepath.Join(b.own.streams(), name)
	to := filepath.Join(b.cfg.Dir, "lost", name+"-"+time.Now().UTC().Format("20060102T150405"))
	if _, err := os.Stat(from); err == nil {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("bus: %w", err)
		}
		if err := os.Rename(from, to); err != nil {
			return fmt.Errorf("bus: %w", err)
		}
	}
	b.cfg.Log.Error("a lost stream is begun anew, as told", "stream", name, "remains", to)
	b.lostStreams.Add(1)
	return nil
}

// note writes down how far the streams are. What it writes was there at the last call, at least twice the sync interval
// ago: it is on disk, and so missing messages are missed.
func (b *Bus) note(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	changed := false
	for name, e := range b.manifest.Streams {
		s, err := b.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // the lanes see it; or it is one of a former name, which ensure looks after
		}
		if err != nil {
			return // the lanes see what is wrong, and say so
		}
		if seq := b.seen[name]; seq > e.LastSeq {
			e.LastSeq, changed = seq, true
		}
		b.seen[name] = s.CachedInfo().State.LastSeq
	}
	if !changed {
		return
	}
	if err := b.manifest.save(); err != nil {
		b.cfg.Log.Warn("the list of streams cannot be written", "error", err)
	}
}
