package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"linkd/drivers/catalog"
	"linkd/internal/config"
	"linkd/internal/doors"
	"linkd/internal/lastseen"
	"linkd/internal/trend"
	"linkd/project"
	"linkd/server"
)

const (
	emptyName = "linkd"         // of the project where there is none yet
	busTime   = 2 * time.Minute // that the embedded bus may take to start, with all its history
)

// node is a linkd that runs, but for its HTTP: the reactor, and what keeps its configuration and its memory.
type node struct {
	log    *slog.Logger
	srv    *server.Server
	editor *config.Editor
	seen   *lastseen.Keeper
	north  *north
	trends *trend.Recorder
}

// reactor is what runs a project: the links, and the outputs.
type reactor struct {
	*server.Server
	node *node
}

// Apply implements config.Reactor.
func (r reactor) Apply(p *project.Project) error {
	err := r.Server.Apply(p)
	r.node.north.apply(p)
	return err
}

// startNode takes up what the data directory has, applies the project file where there is one, and starts the links.
func startNode(opt serving, own *data, keeper *doors.Keeper, log *slog.Logger) (*node, error) {
	shelf, waiting, err := newShelf(own.store)
	if err != nil {
		return nil, err
	}
	drivers := catalog.New()
	frames := opt.frames
	if frames == 0 {
		frames = -1
	}
	srv := server.New(server.Config{Drivers: drivers, Log: log, Loops: opt.loops, Capacity: opt.capacity, Shelf: shelf,
		Frames: frames})
	n := &node{log: log, srv: srv}
	n.editor = config.New(config.Config{Store: own.store, Reactor: reactor{srv, n}, Catalog: newCatalogue(drivers),
		Log: log})
	limits := srv.Limits()
	if most := limits.Capacity(); opt.capacity > most {
		return nil, errors.Join(fmt.Errorf("--capacity %d: this process can hold %d links (%d descriptors, %d MiB); raise "+
			"the limit of open files (ulimit -n), or give at most that", opt.capacity, most, limits.Descriptors,
			limits.Memory>>20), n.abandon(opt.drain))
	}
	log.Info("capacity", "links", srv.Capacity(), "descriptors", limits.Descriptors, "memory_mib", limits.Memory>>20)
	if err := n.start(opt, own, keeper, waiting); err != nil {
		return nil, errors.Join(err, n.abandon(opt.drain))
	}
	return n, nil
}

// start brings the configuration and the memory of the data directory to life.
func (n *node) start(opt serving, own *data, keeper *doors.Keeper, waiting []server.KeptWrite) (err error) {
	if opt.file != "" {
		if err := n.follow(opt.file); err != nil {
			return err
		}
	}
	if err := lastseen.Numbers(own.store, n.srv, n.log); err != nil {
		return err
	}
	name := emptyName
	if p := n.editor.Project(); p != nil {
		name = p.Name
	}
	ctx, cancel := context.WithTimeout(context.Background(), busTime)
	defer cancel()
	n.north, err = startNorth(ctx, northConfig{opt: opt, own: own, name: name, srv: n.srv, keeper: keeper, log: n.log})
	if err != nil {
		return err
	}
	if err := n.editor.Start(emptyName); err != nil {
		return err
	}
	n.trends = trend.New(n.srv)
	n.trends.Start()
	if n.seen, err = lastseen.Start(own.store, n.srv, n.log, n.trends.Seen); err != nil {
		return err
	}
	return n.srv.Restore(waiting)
}

// follow applies the project file.
func (n *node) follow(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("project: %w", err)
	}
	_, err = n.editor.Apply("file", config.File{Name: file, Text: text, How: config.Follow}, false)
	return err
}

// reload reads the file again and applies it; a file with faults changes nothing.
func (n *node) reload(file string) {
	if file == "" {
		n.log.Warn("there is no project file to read again; linkd was started without -f")
		return
	}
	if err := n.follow(file); err != nil {
		n.log.Error("the project was not reloaded; what runs stays", "error", err)
		return
	}
	n.log.Info("the project was reloaded", "file", filepath.Base(file))
}

// stop closes the links and then stores the rest.
func (n *node) stop(ctx context.Context) error {
	if n.trends != nil {
		n.trends.Close()
	}
	err := n.srv.Drain(ctx)
	if n.seen != nil {
		err = errors.Join(err, n.seen.Close())
	}
	if n.north != nil {
		err = errors.Join(err, n.north.close(ctx))
	}
	return err
}

// abandon stops a node that is not to run after all.
func (n *node) abandon(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return n.stop(ctx)
}
