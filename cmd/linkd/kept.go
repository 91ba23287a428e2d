package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"linkd/internal/store"
	"linkd/server"
)

// shelf keeps writes that wait for their devices in the store.
type shelf struct {
	store *store.Store
	last  atomic.Uint64 // number given out
}

// keptValue is a value of a write as the store has it.
type keptValue struct {
	Tag   string `json:"tag"`
	Value any    `json:"value"` // bool, json.Number or string
}

// newShelf returns the shelf, and what is on it.
func newShelf(s *store.Store) (*shelf, []server.KeptWrite, error) {
	commands, err := s.Commands()
	if err != nil {
		return nil, nil, err
	}
	sh := &shelf{store: s}
	list := make([]server.KeptWrite, len(commands))
	for i, c := range commands {
		if list[i], err = kept(c); err != nil {
			return nil, nil, err
		}
		sh.last.Store(max(sh.last.Load(), c.ID))
	}
	return sh, list, nil
}

// kept is a stored command as the server has it.
func kept(c store.Command) (server.KeptWrite, error) {
	w := server.KeptWrite{ID: c.ID, Asked: c.Asked, Until: c.Until, WriteRequest: server.WriteRequest{
		Channel: c.Channel, Device: c.Device, Who: c.Who, Readback: c.Readback, TTL: c.Until.Sub(c.Asked)}}
	d := json.NewDecoder(bytes.NewReader(c.Values))
	d.UseNumber()
	var values []keptValue
	if err := d.Decode(&values); err != nil {
		return w, fmt.Errorf("the stored write %d cannot be read: %w", c.ID, err)
	}
	for _, v := range values {
		w.Values = append(w.Values, server.TagValue{Tag: v.Tag, Value: v.Value})
	}
	return w, nil
}

// Put implements server.Shelf.
func (s *shelf) Put(w server.KeptWrite) (uint64, error) {
	values := make([]keptValue, len(w.Values))
	for i, v := range w.Values {
		values[i] = keptValue{v.Tag, v.Value}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return 0, err
	}
	id := s.last.Add(1)
	return id, s.store.PutCommand(store.Command{ID: id, Channel: w.Channel, Device: w.Device, Values: b, Who: w.Who,
		Asked: w.Asked, Until: w.Until, Readback: w.Readback})
}

// Drop implements server.Shelf.
func (s *shelf) Drop(id uint64) error { return s.store.DeleteCommand(id) }
