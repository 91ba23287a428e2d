package project

import (
	"strconv"
	"strings"
)

// trail is where the loader or a check is, in the words of the file. It costs nothing until a fault asks for its path.
type trail struct{ steps []step }

// step is the value of a key, or one item of the list that is its value.
type step struct {
	key  string
	item int // from 0; -1: the value itself
	name string
}

// spot is where a fault is: a node, which may be nil, and the key of the noun that the trail leads to; "": the noun.
type spot struct {
	node *node
	key  string
}

// enter goes to the value of a key of the noun that the trail leads to.
func (t *trail) enter(key string) { t.steps = append(t.steps, step{key: key, item: -1}) }

// item goes to an item of the list that was entered, from another item of it or from the list.
func (t *trail) item(i int, name string) {
	last := &t.steps[len(t.steps)-1]
	last.item, last.name = i, name
}

// leave goes back to where enter was called.
func (t *trail) leave() { t.steps = t.steps[:len(t.steps)-1] }

// path returns the path of a key of the noun that the trail leads to: providers.s1.connections.c1.socket_conn_id. An
// item goes by its name, or by its index where it has none that can stand in a path.
func (t *trail) path(key string) string {
	var b strings.Builder
	add := func(part string) {
		if b.Len() > 0 && part != "" {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	for _, s := range t.steps {
		add(s.key)
		if s.item >= 0 {
			add(itemPart(s.item, s.name))
		}
	}
	add(key)
	return b.String()
}

// itemPart returns an item's part of a path. What has a name begins with a letter, so it is never taken for an index.
func itemPart(i int, name string) string {
	if name == "" || len(name) > maxText || strings.Contains(name, ".") || badName(name[:1]) != "" {
		return strconv.Itoa(i)
	}
	return name
}

// fieldPath returns the path of a field of ch with the names of devices and tags in place of their indexes.
func (ch *Channel) fieldPath(field string) string {
	parts := strings.Split(field, ".")
	if len(parts) < 2 || parts[0] != "devices" {
		return field
	}
	for i, d := range ch.Devices {
		if parts[1] != d.Name && parts[1] != strconv.Itoa(i) {
			continue
		}
		parts[1] = itemPart(i, d.Name)
		if len(parts) > 3 && parts[2] == "tags" {
			if n, err := strconv.Atoi(parts[3]); err == nil && 0 <= n && n < len(d.Tags) {
				parts[3] = itemPart(n, d.Tags[n].Name)
			}
		}
		break
	}
	return strings.Join(parts, ".")
}
