package config

import (
	"errors"
	"net/netip"
	"testing"

	"linkd/server"
)

// crowd is a reactor with one stranger, s1/x from 10.0.0.7, and known devices behind the same address.
type crowd struct {
	idle
	known     int
	forgotten string
}

func (c *crowd) RuleAbout(key string, a server.Action, all bool) (server.Rule, error) {
	switch {
	case key != "x":
		return c.Server.RuleAbout(key, a, all)
	case all:
		return server.Rule{Key: "address", Action: a, Addr: netip.MustParseAddr("10.0.0.7")}, nil
	}
	return server.Rule{Key: "x", Action: a, Provider: "s1", ID: []byte("x\xff")}, nil
}

func (c *crowd) KnownFrom(netip.Addr) int { return c.known }
func (c *crowd) Forget(key string)        { c.forgotten = key }
func (c *crowd) only(t *testing.T) (r server.RuleView) {
	t.Helper()
	list := c.Rules()
	if len(list) != 1 {
		t.Fatalf("rules %+v; want one", list)
	}
	return list[0]
}

// TestRules: what is decided about strangers is in force at once and after a restart, until it is taken back.
func TestRules(t *testing.T) {
	dir := t.TempDir()
	c := &crowd{}
	t.Run("decide", func(t *testing.T) {
		e := newEditor(t, dir, c)
		if err := e.Start("p"); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Ignore("anna", "x"); err != nil {
			t.Fatal(err)
		}
		if r, err := e.Block("bert", "x", false, false); err != nil || r.Who != "bert" || r.Since.IsZero() {
			t.Errorf("block: %+v, %v", r, err)
		}
		if r := c.only(t); r.Action != server.Block || r.Who != "bert" {
			t.Errorf("in force: %+v", r)
		}
		if _, err := e.Ignore("anna", "nobody"); !errors.Is(err, server.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		if err := e.DropRule("nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no rule: %v", err)
		}
	})
	t.Run("restart", func(t *testing.T) {
		c = &crowd{}
		e := newEditor(t, dir, c)
		if err := e.Start("p"); err != nil {
			t.Fatal(err)
		}
		if r := c.only(t); r.Key != "x" || r.Action != server.Block || r.Provider != "s1" || string(r.ID) != "x\xff" {
			t.Errorf("in force: %+v", r)
		}
		if err := e.DropRule("x"); err != nil || len(c.Rules()) != 0 {
			t.Errorf("taken back: %v, %+v", err, c.Rules())
		}
	})
	t.Run("address", func(t *testing.T) {
		c = &crowd{known: 3}
		e := newEditor(t, dir, c)
		if err := e.Start("p"); err != nil {
			t.Fatal(err)
		}
		const want = "config: conflict: known devices come from 10.0.0.7 too (connections: 3), and a block keeps them out; " +
			"block the id, or say so with force"
		if _, err := e.Block("bert", "x", true, false); !errors.Is(err, ErrConflict) || err.Error() != want {
			t.Errorf("without force: %v", err)
		}
		if len(c.Rules()) != 0 {
			t.Errorf("in force without force: %+v", c.Rules())
		}
		if _, err := e.Block("bert", "x", true, true); err != nil || c.forgotten != "x" {
			t.Errorf("with force: %v, forgotten %q", err, c.forgotten)
		}
		if r := c.only(t); r.Addr != netip.MustParseAddr("10.0.0.7") {
			t.Errorf("in force: %+v", r)
		}
	})
}
