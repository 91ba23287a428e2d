package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"linkd/project"
)

// source is where the records of a project come from: a book as it is, or as it was.
type source interface {
	// each calls fn with every record of a bucket, sealed, in order of keys. Records are valid as long as the source.
	each(k kind, fn func(key, value []byte) error) error
}

// Providers, models, channels and outputs keep the order in which they were added: each document stands behind its
// place.

func appendPlaced(b []byte, place uint64, document []byte) []byte {
	return append(binary.AppendUvarint(b, place), document...)
}

func readPlaced(payload []byte) (place uint64, document []byte, err error) {
	f := fields{rest: payload}
	place = f.number()
	if f.bad {
		return 0, nil, errRecord
	}
	return place, f.rest, nil
}

// loadProject builds the project that src holds.
func loadProject(src source) (*project.Project, error) {
	p := &project.Project{}
	name, err := loadDocuments(src, kindProject, func(b []byte) (string, error) { return string(b), nil })
	if err != nil {
		return nil, err
	}
	if len(name) == 1 {
		p.Name = name[0]
	}
	if p.Providers, err = loadDocuments(src, kindProvider, project.ReadProvider); err != nil {
		return nil, err
	}
	if p.Models, err = loadDocuments(src, kindModel, project.ReadModel); err != nil {
		return nil, err
	}
	if p.Channels, err = loadDocuments(src, kindChannel, project.ReadChannel); err != nil {
		return nil, err
	}
	if p.Outputs, err = loadDocuments(src, kindOutput, project.ReadOutput); err != nil {
		return nil, err
	}
	byName := make(map[string]*project.Provider, len(p.Providers))
	for _, pr := range p.Providers {
		byName[pr.Name] = pr
	}
	if err := loadFleets(src, byName); err != nil {
		return nil, err
	}
	return p, loadConnections(src, byName)
}

// loadDocuments reads the nouns of one kind, in the order of their places.
func loadDocuments[T any](src source, k kind, read func([]byte) (T, error)) ([]T, error) {
	type placed struct {
		place uint64
		noun  T
	}
	var list []placed
	err := src.each(k, func(key, value []byte) error {
		payload, err := unseal(k, key, value)
		if err != nil {
			return err
		}
		place, document, err := readPlaced(payload)
		if err != nil {
			return unreadable(k, key, err)
		}
		noun, err := read(document)
		if err != nil {
			return unreadable(k, key, err)
		}
		list = append(list, placed{place, noun})
		return nil
	})
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	var nouns []T
	for _, p := range list {
		nouns = append(nouns, p.noun)
	}
	return nouns, err
}

// unreadable is about a record that is as it was written, and cannot be read.
func unreadable(k kind, key []byte, err error) error {
	return fmt.Errorf("store: %s %q: %w", k, key, err)
}

// providerOf splits the key of a fleet or a connection.
func providerOf(key []byte) (provider, name []byte) {
	provider, name, _ = bytes.Cut(key, []byte("/"))
	return provider, name
}

func loadFleets(src source, providers map[string]*project.Provider) error {
	return src.each(kindFleet, func(key, value []byte) error {
		payload, err := unseal(kindFleet, key, value)
		if err != nil {
			return err
		}
		f, err := project.ReadFleet(payload)
		if err != nil {
			return unreadable(kindFleet, key, err)
		}
		provider, _ := providerOf(key)
		pr := providers[string(provider)]
		if pr == nil {
			return damaged("the fleet %q is of no provider", key)
		}
		pr.Fleets = append(pr.Fleets, f)
		return nil
	})
}

// portion is how many connections are read at a time: what stays in memory as long as one of them does.
const portion = 128

// loading is a run of connections of one provider.
type loading struct {
	provider     *project.Provider
	keys, values [][]byte
	list         []project.ConnPt
}

// loadConnections reads the connections on all processors, and puts them together in order.
func loadConnections(src source, providers map[string]*project.Provider) error {
	var all []*loading
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 32 // portions that go to a processor at once
	started := 0
	start := func() {
		part := all[started:]
		started = len(all)
		group.Go(func() error { return readAll(part) })
	}
	var last *loading
	var prefix []byte
	err := src.each(kindConnection, func(key, value []byte) error {
		if last == nil || len(last.keys) == portion || !bytes.HasPrefix(key, prefix) {
			if len(all)-started == batch {
				start()
			}
			provider, _ := providerOf(key)
			if last = (&loading{provider: providers[string(provider)]}); last.provider == nil {
				return damaged("the connection %q is of no provider", key)
			}
			prefix = key[:len(provider)+1]
			last.keys, last.values = make([][]byte, 0, portion), make([][]byte, 0, portion)
			all = append(all, last)
		}
		last.keys, last.values = append(last.keys, key), append(last.values, value)
		return nil
	})
	start()
	if waited := group.Wait(); err != nil || waited != nil {
		return cmp.Or(err, waited)
	}
	gather(all)
	return nil
}

// readAll reads portions.
func readAll(part []*loading) error {
	var raw [portion]rawConn
	for _, l := range part {
		for i, key := range l.keys {
			payload, err := unseal(kindConnection, key, l.values[i])
			if err != nil {
				return err
			}
			if raw[i], err = readConn(key[len(l.provider.Name)+1:], payload); err != nil {
				return unreadable(kindConnection, key, err)
			}
		}
		l.list = connections(raw[:len(l.keys)])
		l.keys, l.values = nil, nil
	}
	return nil
}

// gather gives the connections to their providers.
func gather(all []*loading) {
	count := make(map[*project.Provider]int)
	for _, l := range all {
		count[l.provider] += len(l.list)
	}
	for pr, n := range count {
		pr.Connections = make([]*project.ConnPt, 0, n)
	}
	for _, l := range all {
		for i := range l.list {
			l.provider.Connections = append(l.provider.Connections, &l.list[i])
		}
	}
}
