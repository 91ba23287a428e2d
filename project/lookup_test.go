package project

import (
	"fmt"
	"slices"
	"testing"
)

func TestFleetNumbers(t *testing.T) {
	f := mustParse(t, greenhouse).Providers[0].Fleets[0]
	for name, want := range map[string]int{"f1": 1, "f1000000": 1000000, "f0": -1, "f1000001": -1, "f01": -1, "g1": -1} {
		n, ok := f.NumberOf([]byte(name))
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("NumberOf(%s): %d, %v", name, n, ok)
		}
	}
	for id, want := range map[string]int{"c0000001": 1, "c1000000": 1000000, "c1": -1, "c0000000": -1} {
		n, ok := f.NumberOfID([]byte(id))
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("NumberOfID(%s): %d, %v", id, n, ok)
		}
	}
	if f.Len() != 1000000 || (&Fleet{From: 5, To: 4}).Len() != 0 {
		t.Error("Len")
	}
}

func TestConnPts(t *testing.T) {
	p := mustParse(t, "project: p\n"+channels("[]")).Providers[0]
	var names []string
	for c := range p.ConnPts() {
		names = append(names, c.Name)
		if len(names) == 5 {
			break
		}
	}
	if !slices.Equal(names, []string{"c1", "c2", "f1", "f2", "f3"}) || p.Len() != 22 {
		t.Errorf("%v of %d", names, p.Len())
	}
}

func TestChannelFor(t *testing.T) {
	p := mustParse(t, "project: p\n"+channels(`- {name: one, connection: s/c1, driver: d}
- {name: "a_{connection}", connection: "s/f1*", driver: d}
- {name: "b_{connection}", connection: "s/f2*", driver: d}
- {name: "{connection}_c", connection: "s/c2*", driver: d}
- {name: alone, driver: d}
`))
	copied := *p
	copied.Channels = append([]*Channel{{Name: "new", Connection: "s/f3", Driver: "d"}}, p.Channels[1:]...)
	for _, c := range []struct{ provider, conn, want, changed string }{
		{"s", "c1", "one", ""},
		{"s", "c2", "c2_c", "c2_c"},
		{"s", "f1", "a_f1", "a_f1"},
		{"s", "f19", "a_f19", "a_f19"},
		{"s", "f20", "b_f20", "b_f20"},
		{"s", "f3", "", "new"},
		{"s", "c", "", ""},
		{"s", "", "", ""},
		{"", "", "", ""},
		{"x", "c1", "", ""},
	} {
		name := func(p *Project) string {
			if ch := p.ChannelFor(c.provider, c.conn); ch != nil {
				return ch.NameFor(c.conn)
			}
			return ""
		}
		if got := name(p); got != c.want {
			t.Errorf("%s/%s: got %q, want %q", c.provider, c.conn, got, c.want)
		}
		if got := name(&Project{Channels: p.Channels}); got != c.want {
			t.Errorf("%s/%s without an index: got %q, want %q", c.provider, c.conn, got, c.want)
		}
		if got := name(&copied); got != c.changed {
			t.Errorf("%s/%s in a copy with other channels: got %q, want %q", c.provider, c.conn, got, c.changed)
		}
	}
}

// fleetOf is a project with a fleet of n devices and a channel for all of them.
func fleetOf(n int) []byte {
	return fmt.Appendf(nil, `project: p
providers:
- {name: s, type: tcp-server, local_port: 0, fleets: [{name: "f{n}", socket_conn_id: "c{n:07}", from: 1, to: %d}]}
channels:
- {name: "ch_{connection}", connection: "s/f1*", driver: d}
`, n)
}

// TestFleetTakesNoMemoryPerDevice compares fleets whose numbers have as many digits. The race detector makes pools
// forget now and then, hence the tenth.
func TestFleetTakesNoMemoryPerDevice(t *testing.T) {
	allocs := func(n int) float64 {
		src := fleetOf(n)
		return testing.AllocsPerRun(20, func() {
			if _, err := Parse("f", src, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := allocs(1_000_010), allocs(9_000_010); large > 1.1*small {
		t.Errorf("%v allocations for a million devices, %v for nine million", small, large)
	}
	if large := allocs(9_000_010); large > 1000 {
		t.Errorf("%v allocations for nine million devices", large)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	p, err := Parse("f", fleetOf(1_000_000), nil)
	if err != nil {
		t.Fatal(err)
	}
	name, text := []byte("f123456"), "f123456"
	if allocs := testing.AllocsPerRun(100, func() {
		if _, ok := p.Providers[0].Fleets[0].NumberOf(name); !ok || p.ChannelFor("s", text) == nil {
			t.Fatal("not found")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkParseFleet(b *testing.B) {
	src := fleetOf(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", src, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseConnections(b *testing.B) {
	const n = 10_000
	src := []byte("project: p\nproviders:\n- name: s\n  type: tcp-server\n  local_port: 0\n  connections:\n")
	for i := range n {
		src = fmt.Appendf(src, "  - {name: c%d, title: \"device %d\", socket_conn_id: c%07d}\n", i, i, i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse("f", src, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChannelFor(b *testing.B) {
	p, err := Parse("f", fleetOf(1_000_000), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.ChannelFor("s", "f123456")
	}
}
