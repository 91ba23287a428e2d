package store

import (
	"cmp"
	"slices"

	"linkd/project"
)

// apply writes what turns one project into the next, as revision rev.
func (w *batch) apply(changes project.Changes, next *project.Project, rev uint64) error {
	if err := w.put(kindProject, []byte("name"), appendPlaced(nil, 0, []byte(next.Name))); err != nil {
		return err
	}
	places := places{rev: rev}
	for _, p := range changes.Providers {
		if p.Self {
			if err := document(w, kindProvider, p.Change, (*project.Provider).Document, &places); err != nil {
				return err
			}
		}
		for _, f := range p.Fleets {
			key := []byte(p.Name + "/" + f.Name)
			if f.Op == project.Removed {
				if err := w.delete(kindFleet, key); err != nil {
					return err
				}
			} else if err := w.put(kindFleet, key, f.New.Document()); err != nil {
				return err
			}
		}
		if err := w.connections(p.Name, p.Connections); err != nil {
			return err
		}
	}
	for _, m := range changes.Models {
		if err := document(w, kindModel, m, (*project.Model).Document, &places); err != nil {
			return err
		}
	}
	for _, c := range changes.Channels {
		if err := document(w, kindChannel, c, (*project.Channel).Document, &places); err != nil {
			return err
		}
	}
	for _, o := range changes.Outputs {
		if err := document(w, kindOutput, o, (*project.Output).Document, &places); err != nil {
			return err
		}
	}
	return nil
}

// connections writes the connections of one provider that differ, in order of their keys: bbolt then appends instead
// of moving what comes after.
func (w *batch) connections(provider string, list []project.ConnChange) error {
	byName := func(a, b project.ConnChange) int { return cmp.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(list, byName) {
		list = slices.SortedFunc(slices.Values(list), byName)
	}
	var key, record []byte
	for i := range list {
		c := &list[i]
		key = append(append(append(key[:0], provider...), '/'), c.Name...)
		if c.Op == project.Removed {
			if err := w.delete(kindConnection, key); err != nil {
				return err
			}
			continue
		}
		record = appendConn(record[:0], c.New)
		if err := w.put(kindConnection, key, record); err != nil {
			return err
		}
	}
	return nil
}

// places gives each noun that is added a place after all others: the revision, and its turn in it.
type places struct {
	rev, turn uint64
}

func (p *places) next() uint64 {
	p.turn++
	return p.rev<<32 | p.turn
}

// document writes or deletes one noun. One that was there keeps its place.
func document[T any](w *batch, k kind, c project.Change[T], doc func(*T) []byte, places *places) error {
	key := []byte(c.Name)
	if c.Op == project.Removed {
		return w.delete(k, key)
	}
	old, err := w.get(k, key)
	if err != nil {
		return err
	}
	var place uint64
	if old == nil {
		place = places.next()
	} else if place, _, err = readPlaced(old); err != nil {
		return unreadable(k, key, err)
	}
	return w.put(k, key, appendPlaced(nil, place, doc(c.New)))
}
