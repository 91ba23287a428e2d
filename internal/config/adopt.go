package config

import (
	"fmt"

	"linkd/project"
)

// Adopt makes a stranger a connection of its provider and returns its name. An empty name takes the id where it is a
// name, and one made of the key otherwise. Errors: server.ErrNotFound, server.ErrInvalid (a stranger that sent no id),
// ErrConflict (the id or the name is configured), project.Errors.
func (e *Editor) Adopt(who, key, name, title string) (provider, connection string, err error) {
	s, err := e.Reactor.Newcomer(key)
	if err != nil {
		return "", "", err
	}
	if name == "" {
		name = nameFor(s.ID, key)
	}
	c := &project.ConnPt{Name: name, Title: title, SocketConnID: string(s.ID)}
	_, err = e.within(who, "stranger "+s.Provider+"/"+name, s.Provider, func(in *project.Provider) error {
		for other := range in.ConnPts() {
			if other.SocketConnID == c.SocketConnID {
				return fmt.Errorf("%w: the stranger's id is configured already, as %s/%s", ErrConflict, s.Provider, other.Name)
			}
			if other.Name == name {
				return fmt.Errorf("%w: provider %s has a connection %q already; give another name", ErrConflict,
					s.Provider, name)
			}
		}
		in.Connections = append(in.Connections[:len(in.Connections):len(in.Connections)], c)
		return nil
	})
	if err != nil {
		return "", "", err
	}
	e.Reactor.Forget(key)
	return s.Provider, name, nil
}

// nameFor makes a name for an adopted id: the id itself where it is one.
func nameFor(id []byte, key string) string {
	letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	for i, c := range id {
		if !letter(c) && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return "s_" + key[:min(len(key), 8)]
		}
	}
	return string(id)
}
