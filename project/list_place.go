package project

import (
	"slices"
	"strconv"
	"strings"
)

// Place returns the faults of a project with the lines of the list, whose connections have been put into p. A fault at
// a connection that was there before is that of the one in the list which has the same id.
func (l *ConnList) Place(faults Errors, p *Provider) Errors {
	lines := make(map[*ConnPt]int, len(l.Conns))
	for i, c := range l.Conns {
		lines[c] = l.Lines[i]
	}
	path := "providers." + p.Name + ".connections."
	places := make([]place, len(faults))
	for i, f := range faults {
		places[i].index = -1
		if rest, ok := strings.CutPrefix(f.Field, path); ok {
			places[i].part, places[i].key, _ = strings.Cut(rest, ".")
		}
	}
	p.locate(places)
	p.meant(places, lines)
	placed := slices.Clone(faults)
	for i, at := range places {
		if at.index < 0 {
			continue
		}
		c := p.Connections[at.index]
		placed[i] = &Error{File: faults[i].File, Line: lines[c], Col: 1,
			Field: path + itemPart(at.index, c.Name) + "." + at.key, Msg: faults[i].Msg}
	}
	placed.sort()
	return placed
}

// place is where a fault is: at a key of the connection of that index; below 0: at none.
type place struct {
	part, key string // of the fault's path
	index     int
}

// locate finds the connections of places; the last of those that have the same name.
func (p *Provider) locate(places []place) {
	named := map[string][]*place{}
	for i := range places {
		at := &places[i]
		if n, err := strconv.Atoi(at.part); err == nil && n < len(p.Connections) {
			at.index = n
		} else if at.part != "" {
			named[at.part] = append(named[at.part], at)
		}
	}
	for i, c := range p.Connections {
		for _, at := range named[c.Name] {
			at.index = i
		}
	}
}

// meant has the places at connections that have no line be at those that have one, and the same id.
func (p *Provider) meant(places []place, lines map[*ConnPt]int) {
	alike := map[any][]*place{}
	for i := range places {
		at := &places[i]
		if at.index < 0 || lines[p.Connections[at.index]] != 0 {
			continue
		}
		if id := p.Connections[at.index].field(at.key); id != nil {
			alike[id] = append(alike[id], at)
		}
		at.index = -1
	}
	if len(alike) == 0 {
		return
	}
	for i, c := range p.Connections {
		if lines[c] == 0 {
			continue
		}
		for _, key := range []string{"socket_conn_id", "remote_ip"} {
			for _, at := range alike[c.field(key)] {
				at.index = i
			}
		}
	}
}

// field is what a connection has by which it is known; nil where the key names no such thing.
func (c *ConnPt) field(key string) any {
	switch {
	case key == "socket_conn_id" && c.SocketConnID != "":
		return c.SocketConnID
	case key == "remote_ip" && c.RemoteIP.IsValid():
		return c.RemoteIP
	}
	return nil
}
