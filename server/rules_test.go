package server

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// onlyStranger returns the one stranger that is listed.
func (w *sim) onlyStranger() Stranger {
	w.t.Helper()
	list := w.srv.Strangers()
	if len(list) != 1 {
		w.t.Fatalf("strangers: %+v; want one", list)
	}
	return list[0]
}

// decide makes a rule as a person does.
func (w *sim) decide(key string, a Action, all bool) Rule {
	w.t.Helper()
	r, err := w.srv.RuleAbout(key, a, all)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Who, r.Since = "me", time.Unix(0, w.now)
	w.srv.PutRule(r)
	return r
}

func (w *sim) noStrangers() {
	w.t.Helper()
	if list := w.srv.Strangers(); len(list) != 0 {
		w.t.Errorf("strangers: %+v; want none", list)
	}
}

// TestIgnore: an ignored stranger is turned away and counted as before, and nobody is told, until the rule is dropped.
func TestIgnore(t *testing.T) {
	w := newSim(t, threeDevices)
	w.wantClosed(w.dial(0, "10.0.0.7:5000").send("c0007\n"), ReasonUnknown)
	w.wantEvents("stranger unknown_id")
	r := w.decide(w.onlyStranger().Key, Ignore, false)
	w.noStrangers()
	w.wantClosed(w.dial(1, "10.0.0.8:5000").send("c0007\n"), ReasonUnknown)
	w.noStrangers()
	w.wantEvents()
	w.wantClosed(w.dial(0, "10.0.0.7:5000").send("c0008\n"), ReasonUnknown) // another one is listed
	if s := w.onlyStranger(); s.ID != "c0008" {
		t.Errorf("listed: %+v", s)
	}
	if got := w.srv.Stats().Providers[0].Strangers["unknown_id"]; got != 3 {
		t.Errorf("%d strangers are counted, want 3", got)
	}
	if list := w.srv.Rules(); len(list) != 1 || list[0].Count != 1 || list[0].LastSeen.IsZero() || list[0].Who != "me" {
		t.Errorf("rules %+v", list)
	}
	w.srv.DropRule(r.Key)
	w.dial(1, "10.0.0.8:5000").send("c0007\n")
	if len(w.srv.Strangers()) != 2 || len(w.srv.Rules()) != 0 {
		t.Errorf("after the rule was dropped: %+v, %+v", w.srv.Strangers(), w.srv.Rules())
	}
}

// TestIgnoreWithoutID: who says nothing is known by the address, at that provider.
func TestIgnoreWithoutID(t *testing.T) {
	w := newSim(t, threeDevices)
	w.dial(0, "10.0.0.7:5000")
	w.pass(11 * time.Second)
	s := w.onlyStranger()
	if _, err := w.srv.RuleAbout(s.Key, Block, false); !errors.Is(err, ErrInvalid) {
		t.Errorf("blocking an id that is none: %v", err)
	}
	w.decide(s.Key, Ignore, false)
	silent := w.dial(0, "10.0.0.7:5001")
	w.pass(11 * time.Second)
	w.wantClosed(silent, ReasonTimeout)
	w.noStrangers()
	w.dial(0, "10.0.0.7:5002").send("c0001") // a known device behind the address
	w.wantState("c1", Online)
}

// TestBlockID: a blocked id is turned away without an answer and counted as blocked, wherever it comes from; once it is
// configured it is no stranger's, and comes in.
func TestBlockID(t *testing.T) {
	w := newSim(t, threeDevices)
	w.dial(0, "10.0.0.7:5000").send("c0007\n")
	w.events()
	w.decide(w.onlyStranger().Key, Block, false)
	w.noStrangers()
	l := w.dial(1, "10.0.0.8:5000").send("c0007\n")
	w.wantClosed(l, ReasonBlocked)
	w.noStrangers()
	w.wantEvents()
	stats := w.srv.Stats().Providers[0]
	if stats.Closes["blocked"] != 1 || stats.Strangers["unknown_id"] != 1 || stats.Sessions["refused"] != 1 {
		t.Errorf("counted: closes %v, strangers %v, sessions %v", stats.Closes, stats.Strangers, stats.Sessions)
	}
	w.dial(0, "10.0.0.8:5001").send("c0001") // the same address
	w.wantState("c1", Online)
	w.apply(w.parse(threeDevicesWith("c7", "c0007")))
	w.dial(0, "10.0.0.7:5001").send("c0007\n")
	w.wantState("c7", Online)
}

func threeDevicesWith(name, id string) string {
	const last = "      - {name: off,"
	one := fmt.Sprintf("      - {name: %s, socket_conn_id: %s}\n", name, id)
	return strings.Replace(threeDevices, last, one+last, 1)
}

// TestBlockIgnored: a rule about an ignored stranger can be made another one; about a disabled connection's id too.
func TestBlockIgnored(t *testing.T) {
	w := newSim(t, threeDevices)
	w.wantClosed(w.dial(0, "10.0.0.7:5000").send("c0009\n"), ReasonDisabled)
	r := w.decide(w.onlyStranger().Key, Ignore, false)
	w.decide(r.Key, Block, false)
	w.wantClosed(w.dial(0, "10.0.0.7:5000").send("c0009\n"), ReasonBlocked)
	if list := w.srv.Rules(); len(list) != 1 || list[0].Action != Block {
		t.Errorf("rules %+v", list)
	}
}

// TestBlockAddress: nothing is spent on a link from a blocked address, known or not; links that are there stay.
func TestBlockAddress(t *testing.T) {
	w := newSim(t, threeDevices)
	known := w.dial(0, "10.0.0.7:4000").send("c0001")
	w.dial(0, "10.0.0.7:5000").send("c0007\n")
	addr := netip.MustParseAddr("10.0.0.7")
	if n := w.srv.KnownFrom(addr); n != 1 {
		t.Errorf("%d known devices are behind the address, want 1", n)
	}
	r := w.decide(w.onlyStranger().Key, Block, true)
	if r.Addr != addr || r.Provider != "" || r.ID != nil {
		t.Errorf("the rule is %+v", r)
	}
	if known.closed {
		t.Error("a link that was there was cut")
	}
	for _, id := range []string{"c0007\n", "c0002"} {
		l := w.dial(1, "10.0.0.7:5001").send(id)
		if !l.closed || l.s != nil {
			t.Errorf("%q came in from a blocked address", id)
		}
	}
	if got := w.srv.Stats().Providers[0].Closes["blocked"]; got != 2 {
		t.Errorf("%d links were counted as blocked, want 2", got)
	}
	w.dial(0, "10.0.0.6:5001").send("c0002")
	w.wantState("c2", Online)
	w.srv.DropRule(r.Key)
	w.dial(0, "10.0.0.7:5002").send("c0002")
	w.wantState("c2", Online)
}

// TestBlockBehindBalancer: behind a balancer the address in its header counts, and the balancer's is never blocked.
func TestBlockBehindBalancer(t *testing.T) {
	w := newSim(t, strings.Replace(threeDevices, "local_port: 0", "local_port: 0\n    proxy_from: [10.9.0.1]", 1))
	header := func(from string) string { return "PROXY TCP4 " + from + " 10.0.0.1 4000 30000\r\n" }
	w.dial(0, "10.9.0.1:5000").send(header("10.0.0.7") + "c0007\n")
	s := w.onlyStranger()
	w.decide(s.Key, Block, true)
	w.srv.PutRule(Rule{Key: "balancer", Action: Block, Addr: netip.MustParseAddr("10.9.0.1")})
	w.wantClosed(w.dial(0, "10.9.0.1:5001").send(header("10.0.0.7")+"c0001"), ReasonBlocked)
	w.dial(0, "10.9.0.1:5002").send(header("10.0.0.8") + "c0001")
	w.wantState("c1", Online)
}

// TestRulesAreBounded: there are so many rules and no more; one that is there can be changed.
func TestRulesAreBounded(t *testing.T) {
	w := newSim(t, threeDevices)
	for i := range MaxRules {
		id := fmt.Sprintf("x%d", i)
		about := subject{provider: "s1", id: id}
		w.srv.PutRule(Rule{Key: about.key(), Action: Ignore, Provider: "s1", ID: []byte(id)})
	}
	w.dial(0, "10.0.0.7:5000").send("c0007\n")
	if _, err := w.srv.RuleAbout(w.onlyStranger().Key, Ignore, false); !errors.Is(err, ErrConflict) {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.srv.RuleAbout(subject{provider: "s1", id: "x5"}.key(), Block, false); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if _, err := w.srv.RuleAbout("nobody", Ignore, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}
