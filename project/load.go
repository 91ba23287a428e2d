package project

import (
	"fmt"
	"io"
	"os"
)

// MaxFileSize is the largest project file, in bytes: some 900,000 connections of one line each. Reading takes up to
// a hundred times as much memory for a moment; fleets take none.
const MaxFileSize = 64 << 20

// Load reads, parses and validates a project file. cat may be nil: the drivers are not checked then. An error is
// Errors when the content is at fault, and the operating system's when the file cannot be read.
func Load(file string, cat Catalog) (*Project, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	return Parse(file, src, cat)
}

// Parse parses and validates the content of a project file. name is the file's name in errors. The error is Errors:
// every fault at once. Parse keeps no reference to src.
func Parse(name string, src []byte, cat Catalog) (*Project, error) {
	f := &faults{file: name}
	if len(src) > MaxFileSize {
		f.at(1, 1, "the file is larger than %d MiB; describe many connections as fleets", MaxFileSize>>20)
		return nil, f.err()
	}
	root := parseYAML(src, f)
	if root == nil {
		return nil, f.err()
	}
	l := loader{decoder: decoder{f}, places: places{root: root}}
	p := l.project(root)
	validate(p, &l.places, cat, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	p.index = newIndex(p.Channels)
	return p, nil
}

// Validate checks a project that was not read from a file, with the same rules; the faults have no positions. It
// fills zero fields with their defaults first, and makes ChannelFor fast when nothing is wrong.
func Validate(p *Project, cat Catalog) error {
	f := &faults{}
	for _, pr := range p.Providers {
		pr.Defaults()
	}
	validate(p, &places{}, cat, f)
	if err := f.err(); err != nil {
		return err
	}
	p.index = newIndex(p.Channels)
	return nil
}

// places are the nodes that the nouns of a project were read from, by index. All may be missing.
type places struct {
	root      *node
	providers []providerPlaces
	models    []*node
	channels  []*node
	outputs   []*node
}

type providerPlaces struct {
	node   *node
	conns  []*node
	fleets []*node
}

func (p *places) provider(i int) *providerPlaces {
	if i < len(p.providers) {
		return &p.providers[i]
	}
	return &providerPlaces{}
}

// nth returns list[i], or nil.
func nth(list []*node, i int) *node {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// loader turns nodes into nouns and remembers where each came from.
type loader struct {
	decoder
	places places
}

// The keys of each noun, in the order in which people write them.
var (
	projectKeys = []string{"project", "providers", "models", "channels", "outputs"}
	modelKeys   = []string{"name", "title", "tags"}
	tagKeys     = []string{"name", "title", "address", "type", "order", "length", "scale", "offset", "clamp", "unit",
		"decimals", "poll", "deadband", "expr", "writable", "readback", "on_change"}
	deviceKeys  = []string{"name", "title", "unit", "address", "model", "driver", "options", "poll", "tags"}
	channelKeys = []string{"name", "title", "connection", "driver", "poll", "devices", "options"}
	outputKeys  = []string{"name", "title", "type", "format", "options"}
)

func (l *loader) project(n *node) *Project {
	p := &Project{}
	for _, e := range l.fields(n, "a project", projectKeys) {
		switch e.key {
		case "project":
			p.Name = l.text(e)
		case "providers":
			for _, item := range l.items(e) {
				if !item.bad {
					p.Providers = append(p.Providers, l.provider(item, providerKeys))
				}
			}
		case "models":
			for _, item := range l.items(e) {
				p.Models = append(p.Models, l.model(item))
				l.places.models = append(l.places.models, item)
			}
		case "channels":
			for _, item := range l.items(e) {
				p.Channels = append(p.Channels, l.channel(item))
				l.places.channels = append(l.places.channels, item)
			}
		case "outputs":
			for _, item := range l.items(e) {
				p.Outputs = append(p.Outputs, l.output(item))
				l.places.outputs = append(l.places.outputs, item)
			}
		}
	}
	return p
}
