package project

import (
	"fmt"
	"strings"
)

// String returns the changes for people, one a line: + for added, ~ for changed, - for removed. What a change does to
// running links stands in brackets. The result is empty when there is nothing to do.
func (c Changes) String() string {
	var b strings.Builder
	line := func(op Op, what, name, note string) {
		if note != "" {
			note = " (" + note + ")"
		}
		fmt.Fprintf(&b, "%c %s %s%s\n", op, what, name, note)
	}
	if c.Renamed {
		b.WriteString("~ project name\n")
	}
	for _, p := range c.Providers {
		if p.Self {
			line(p.Op, "provider", p.Name, note(p.Restart, "its listener restarts"))
		}
		for _, conn := range p.Connections {
			line(conn.Op, "connection", p.Name+"/"+conn.Name, note(conn.Ends && conn.Op == Changed, "its session ends"))
		}
		for _, f := range p.Fleets {
			line(f.Op, "fleet", p.Name+"/"+f.Name, note(f.Ends && f.Op == Changed, "sessions end"))
		}
	}
	for _, m := range c.Models {
		line(m.Op, "model", m.Name, "")
	}
	for _, ch := range c.Channels {
		line(ch.Op, "channel", ch.Name, "")
	}
	for _, o := range c.Outputs {
		line(o.Op, "output", o.Name, "")
	}
	return b.String()
}

func note(applies bool, text string) string {
	if applies {
		return text
	}
	return ""
}
