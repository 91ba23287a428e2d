package project

import "slices"

// Documents are nouns as JSON in the words of the project file. What has its default value is left out. They are read
// by the loader of the project file: with the same faults, one line and column in the document each. A reader checks
// the form of one noun; Validate checks the rules of the whole project.

// Document returns p's own fields as JSON, without its connections and fleets.
func (p *Provider) Document() []byte {
	return document(func(w *writer) { w.provider(p, false) })
}

// Document returns c as JSON.
func (c *ConnPt) Document() []byte { return document(func(w *writer) { w.conn(c) }) }

// Document returns f as JSON.
func (f *Fleet) Document() []byte { return document(func(w *writer) { w.fleet(f) }) }

// Document returns m and its tags as JSON.
func (m *Model) Document() []byte { return document(func(w *writer) { w.model(m) }) }

// Document returns c, its devices and their tags as JSON.
func (c *Channel) Document() []byte { return document(func(w *writer) { w.channel(c) }) }

// Document returns o as JSON.
func (o *Output) Document() []byte { return document(func(w *writer) { w.output(o) }) }

func document(fields func(*writer)) []byte {
	w := &writer{}
	w.mapping(func() { fields(w) })
	return w.buf
}

// ReadProvider reads a provider without connections and fleets; what is left out gets its default. The error is Errors.
func ReadProvider(doc []byte) (*Provider, error) {
	own := slices.DeleteFunc(slices.Clone(providerKeys), func(key string) bool {
		return key == "connections" || key == "fleets"
	})
	return read(doc, func(l *loader, n *node) *Provider { return l.provider(n, own) })
}

// ReadIdentity reads how links say who they are, and checks it: nothing else of the project has a say in it. What is
// left out gets its default. The error is Errors.
func ReadIdentity(doc []byte) (*Identity, error) {
	return read(doc, func(l *loader, n *node) *Identity {
		id := l.identity(n)
		id.Defaults()
		c := checker{faults: l.faults}
		c.identity(n, &id)
		return &id
	})
}

// ReadConnPt reads a connection point. The error is Errors.
func ReadConnPt(doc []byte) (*ConnPt, error) { return read(doc, (*loader).conn) }

// ReadFleet reads a fleet. The error is Errors.
func ReadFleet(doc []byte) (*Fleet, error) {
	return read(doc, func(l *loader, n *node) *Fleet {
		f := l.fleet(n)
		if n.kind == mapKind && n.get("to") == nil {
			l.endless(n)
		}
		return f
	})
}

// ReadModel reads a model with its tags. The error is Errors.
func ReadModel(doc []byte) (*Model, error) { return read(doc, (*loader).model) }

// ReadChannel reads a channel with its devices and tags. The error is Errors.
func ReadChannel(doc []byte) (*Channel, error) { return read(doc, (*loader).channel) }

// ReadOutput reads an output. The error is Errors.
func ReadOutput(doc []byte) (*Output, error) { return read(doc, (*loader).output) }

// read reads one noun; it keeps no reference to doc.
func read[T any](doc []byte, load func(*loader, *node) *T) (*T, error) {
	l := &loader{decoder: decoder{&faults{}}}
	n := parseJSON(doc, l.faults)
	if n == nil {
		return nil, l.err()
	}
	noun := load(l, n)
	if err := l.err(); err != nil {
		return nil, err
	}
	return noun, nil
}
