package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	watchEvery = 2 * time.Second // look at the disk so often, and whether the server still stores
	noteEvery  = time.Minute     // and at how far the streams are

	restartEvery = 30 * time.Second // at most
)

// freeBytes is what the disk of dir has left for linkd.
func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("bus: %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// keep watches over the bus until work ends: it opens and shuts the lanes, makes the streams, and starts the embedded
// server again when its disk has room after having been full.
func (b *Bus) keep() {
	watch, note := time.NewTicker(watchEvery), time.NewTicker(max(noteEvery, 2*b.cfg.Sync))
	defer watch.Stop()
	defer note.Stop()
	ensured := b.own != nil // Start has
	for gen := b.link.generation(); ; {
		if now := b.link.generation(); now != gen || b.condition.worst() != nil {
			gen, ensured = now, false
		}
		ensured = b.watch(ensured)
		select {
		case <-b.work.Done():
			return
		case <-b.moved:
		case <-watch.C:
		case <-note.C:
			if ensured {
				b.note(b.work)
			}
		}
	}
}

// watch looks at the bus once. ensured says whether the streams are there; so does what it returns.
func (b *Bus) watch(ensured bool) bool {
	if to := b.next.Swap(nil); to != nil && to.project != b.names.Load().project {
		b.rename(to)
		ensured = false
	}
	if b.own != nil {
		free, err := b.cfg.free(b.cfg.Dir)
		switch {
		case err != nil:
			b.shut(Away, err)
			return false
		case free < b.cfg.Reserve:
			b.shut(Full, fmt.Errorf("bus: %s has %d MiB left; it must have %d", b.cfg.Dir, free>>20, b.cfg.Reserve>>20))
			return ensured
		case !b.own.works() || b.refused():
			if err := b.restart(); err != nil {
				b.shut(Away, err)
				return false
			}
			ensured = false
		}
	}
	if !b.link.up.Load() {
		err := b.link.fault()
		if err == nil && b.State().Condition == Starting {
			return false // it is on its way
		}
		b.shut(Away, cmp.Or(err, errCut))
		return false
	}
	if most := b.link.nc.MaxPayload(); most < leastMessage {
		b.shut(Away, fmt.Errorf("bus: the server takes messages of %d bytes at most (max_payload); it must take %d", most,
			leastMessage))
		return false
	}
	if !ensured {
		cuts := b.link.generation()
		if err := b.ensure(b.work); err != nil {
			if why := b.link.why.Load(); why != nil && b.link.generation() != cuts {
				err = fmt.Errorf("bus: cut off: %w", *why) // what was asked for says only that there was no answer
			} else if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("bus: the server does not answer within %s", apiTimeout)
			}
			b.shut(Away, err)
			return false
		}
	}
	b.open.Store(true)
	for _, l := range b.lanes() {
		poke(l.spool.wake)
	}
	if err := b.condition.worst(); err != nil {
		b.tell(Away, err.Error())
	} else {
		b.tell(Up, "")
	}
	return true
}

// Rename has the bus follow the project to another name, a moment later: what is taken from then on is said and kept
// under it, and commands are taken under it. What was taken before goes out, and stays, under the name before. Clients
// of the embedded server are closed, since they have rights to that one. It never waits.
func (b *Bus) Rename(project string) error {
	if err := checkName(project); err != nil {
		return err
	}
	if now := b.names.Load(); b.next.Load() != nil || now.project != project {
		b.next.Store(subjectsOf(project))
		poke(b.moved)
	}
	return nil
}

// rename takes another name. The lanes wait until its streams are there.
func (b *Bus) rename(to *subjects) {
	b.open.Store(false)
	was := b.names.Swap(to)
	for _, l := range b.lanes() {
		l.spool.turn(to)
	}
	b.rx.spool.turn(to)
	if err := b.listen(); err != nil {
		b.cfg.Log.Error("no commands are taken under the project's new name", "project", to.project, "error", err)
	}
	closed := 0
	if b.own != nil {
		closed = b.own.gate.rename(to.project)
	}
	b.cfg.Log.Info("the bus has the project's new name", "project", to.project, "was", was.project,
		"clients_closed", closed)
}

// shut has the lanes wait.
func (b *Bus) shut(to Condition, err error) {
	if b.work.Err() != nil {
		return // Close sends what it can
	}
	b.open.Store(false)
	b.tell(to, err.Error())
}

func (b *Bus) tell(to Condition, reason string) {
	if !b.condition.set(to, reason) {
		return
	}
	if to == Up {
		b.cfg.Log.Info("the bus is up")
		return
	}
	b.cfg.Log.Warn("the bus does not take messages; they wait, and the oldest go first", "state", to, "reason", reason)
}

// refused reports whether the embedded server has refused to store, or does not answer any more: after a write has
// failed it does so for good, until it is started again.
func (b *Bus) refused() bool {
	var r *refusal
	err := b.condition.worst()
	return (errors.As(err, &r) || errors.Is(err, errStuck)) && time.Since(b.restarted) > restartEvery
}

// restart starts the embedded server again.
func (b *Bus) restart() error {
	b.open.Store(false)
	b.cfg.Log.Warn("the embedded server is started again: it does not store any more")
	b.restarts.Add(1)
	b.restarted = time.Now()
	b.own.stop()
	for _, l := range b.lanes() {
		b.condition.word(l.kind, nil)
	}
	return b.own.start()
}
