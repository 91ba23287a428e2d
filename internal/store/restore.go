package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"linkd/project"
)

// afterRestore is how many numbers are left out after a restore: revisions that were lost with the damaged file had
// some of them, and a number must never mean two things.
const afterRestore = 1000

// Restore makes the store file of a data directory anew from a generation; number 0 takes the newest sound one. An
// older store file is renamed (linkd.db.damaged, then .damaged.2 and so on) and never deleted. History, audit trail
// and commands that waited are not in a generation. No linkd may run: the error wraps ErrLocked then. It wraps
// ErrUnknown when there is no such generation, and ErrCorrupt when it is damaged; nothing has changed then.
func Restore(dir string, number uint64) (Generation, error) {
	if _, err := os.Stat(dir); err != nil {
		return Generation{}, fmt.Errorf("store: %w", err)
	}
	d, err := claim(dir)
	if err != nil {
		return Generation{}, err
	}
	g, err := d.restore(number)
	return g, errors.Join(err, d.release())
}

func (d *directory) restore(number uint64) (Generation, error) {
	list, err := Generations(d.path)
	if err != nil {
		return Generation{}, err
	}
	g, err := choose(list, number)
	if err != nil {
		return g, err
	}
	next := Generation{}
	for _, other := range list {
		if other.Problem == nil {
			next.Revision = max(next.Revision, other.Revision)
			next.changes = max(next.changes, other.changes)
		}
	}
	next.Revision += afterRestore
	next.changes += afterRestore
	path := d.file(mainName)
	fresh := path + ".restored"
	if err := d.rebuild(fresh, g, next); err != nil {
		return g, errors.Join(err, removeIfThere(fresh))
	}
	if err := layAside(path); err != nil {
		return g, errors.Join(err, removeIfThere(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return g, fmt.Errorf("store: %w", err)
	}
	if err := syncParent(path); err != nil {
		return g, err
	}
	return g, d.mark()
}

// choose picks a generation.
func choose(list []Generation, number uint64) (Generation, error) {
	for i := len(list) - 1; i >= 0; i-- {
		g := list[i]
		if number == 0 && g.Problem == nil {
			return g, nil
		}
		if number != 0 && g.Number == number {
			return g, g.Problem
		}
	}
	if number == 0 {
		return Generation{}, fmt.Errorf("%w: no sound generation", ErrUnknown)
	}
	return Generation{}, fmt.Errorf("%w: no generation %d", ErrUnknown, number)
}

// rebuild makes a store file from a generation, with the numbers of next, and tries it.
func (d *directory) rebuild(path string, g, next Generation) error {
	r := Revision{Number: next.Revision, Time: time.Now().UTC(), Who: "restore",
		What: fmt.Sprintf("restored generation %d, which holds revision %d", g.Number, g.Revision)}
	err := createBook(path, mainKinds(), func(w *batch) error {
		_, err := readGeneration(generationPath(d.path, g.Number), func(k kind, key, value []byte) error {
			return w.put(k, key, value[:len(value)-sealSize])
		})
		if err != nil {
			return err
		}
		if err := w.setNumber(stateChanges, next.changes); err != nil || g.Revision == 0 {
			return err
		}
		return w.record(r, nil, bounds{maxRevisions, maxUndo})
	})
	if err != nil {
		return err
	}
	b, err := openBook(path, mainKinds())
	if err != nil {
		return err
	}
	err = b.read(func(v view) error {
		p, err := loadProject(v)
		if err != nil || g.Revision == 0 {
			return err
		}
		return project.Validate(p, nil)
	})
	return errors.Join(err, b.close())
}

// layAside renames a file, if it is there, to a name that is free.
func layAside(path string) error {
	aside := path + damagedSuffix
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, os.ErrNotExist) {
			break
		}
		aside = fmt.Sprintf("%s%s.%d", path, damagedSuffix, n)
	}
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: %s: %w", filepath.Base(path), err)
	}
	return nil
}
