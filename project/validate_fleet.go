package project

// fleets checks a provider's fleets, with themselves, with each other and with the connections. devices counts those
// of the whole project.
func (c *checker) fleets(pl *providerPlaces, p *Provider, people *population, devices *int) {
	sound := make([]bool, len(p.Fleets))
	c.enter("fleets")
	for i, f := range p.Fleets {
		c.item(i, f.Name.String())
		n := nth(pl.fleets, i)
		sound[i] = (n == nil || !n.bad) && c.fleet(n, p, f)
		if !sound[i] {
			people.doubtful = true
			continue
		}
		if *devices += f.Len(); *devices > maxConnections {
			c.add(n.where("to"), "the fleets have %d devices together; a project holds at most %d", *devices, maxConnections)
			sound[i] = false
		}
	}
	for i, f := range p.Fleets {
		if !sound[i] {
			continue
		}
		c.item(i, f.Name.String())
		n := nth(pl.fleets, i)
		for j, other := range p.Fleets[:i] {
			if sound[j] && !c.apart(n, f, nth(pl.fleets, j), other) {
				break
			}
		}
	}
	c.leave()
	c.enter("connections")
	defer c.leave()
	for j, conn := range p.Connections {
		c.item(j, conn.Name)
		for i, f := range p.Fleets {
			if sound[i] {
				c.outside(nth(pl.conns, j), conn, nth(pl.fleets, i), f)
			}
		}
	}
}

// fleet checks one fleet alone; it reports whether it can be compared with others.
func (c *checker) fleet(n *node, p *Provider, f *Fleet) bool {
	ok := true
	for _, key := range []string{"name", "socket_conn_id"} {
		pattern := f.Name
		if key == "socket_conn_id" {
			pattern = f.SocketConnID
		}
		switch {
		case n.faulty(key):
			ok = false
		case !pattern.Varies():
			c.add(n.where(key), `the fleet has no %s pattern; write text with {n}, such as "c{n:07}"`, key)
			ok = false
		}
	}
	if n.faulty("from") || n.faulty("to") {
		return false
	}
	switch {
	case n != nil && n.get("to") == nil:
		c.endless(n)
		return false
	case f.From < 0 || f.From > f.To || f.To > maxNumber:
		c.add(n.where("from"), "the fleet goes from %d to %d; write from: FIRST and to: LAST, 0 or more", f.From, f.To)
		return false
	case f.To-f.From >= maxConnections:
		c.add(n.where("to"), "the fleet has %d devices; a project holds at most %d", f.To-f.From+1, maxConnections)
		return false
	}
	if !ok {
		return false
	}
	// The last name and id are the longest, and hold all that can be wrong in any; but the first id may be too short
	// for the preset.
	if problem := badName(f.Name.Format(f.To)); problem != "" {
		c.add(n.where("name"), "name %s %s", clip(f.Name.Format(f.To)), problem)
		ok = false
	}
	return c.id(n, "socket_conn_id", f.SocketConnID.Format(f.To), &p.Identity) &&
		c.id(n, "socket_conn_id", f.SocketConnID.Format(f.From), &p.Identity) && ok
}

// endless reports that the fleet at n has no key to.
func (f *faults) endless(n *node) {
	f.add(n.where("to"), "the fleet has no to; write the number of its last device")
}

// apart reports names and ids that two fleets share.
func (c *checker) apart(n *node, f *Fleet, m *node, other *Fleet) bool {
	name, shared := common(f.Name, f, other.Name, other)
	if shared {
		c.add(n.where("name"), "fleet %s%s has a connection %s too; keep the names apart", other.Name, m.place(), name)
		return false
	}
	id, shared := common(f.SocketConnID, f, other.SocketConnID, other)
	if shared {
		c.add(n.where("socket_conn_id"), "fleet %s%s has the id %s too; keep the ids apart", other.Name, m.place(), clip(id))
	}
	return !shared
}

// common returns a text that pattern a over fleet f shares with pattern b over fleet g.
func common(a Pattern, f *Fleet, b Pattern, g *Fleet) (string, bool) {
	bs := b.spans(g.From, g.To)
	for _, x := range a.spans(f.From, f.To) {
		for _, y := range bs {
			if text, ok := meet(x, y); ok {
				return text, true
			}
		}
	}
	return "", false
}

// outside reports a connection whose name or id is one of a fleet's.
func (c *checker) outside(n *node, conn *ConnPt, m *node, f *Fleet) {
	if n != nil && n.bad {
		return
	}
	var buf [MaxName]byte
	if number, ok := f.NumberOf(append(buf[:0], conn.Name...)); ok && !n.faulty("name") {
		c.add(n.where("name"), "connection %s is also number %d of fleet %s%s; give it another name",
			conn.Name, number, f.Name, m.place())
	}
	if number, ok := f.NumberOfID(append(buf[:0], conn.SocketConnID...)); ok && !n.faulty("socket_conn_id") {
		c.add(n.where("socket_conn_id"), "socket_conn_id %s is also that of number %d of fleet %s%s; give it another",
			clip(conn.SocketConnID), number, f.Name, m.place())
	}
}
