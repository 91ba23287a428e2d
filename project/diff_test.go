package project

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestDiffString(t *testing.T) {
	changed := strings.NewReplacer(
		"project: greenhouse", "project: garden",
		"title: S1", "title: One",
		`{name: c1, title: "1# dev", socket_conn_id: c0001}`, `{name: c1, title: "first", socket_conn_id: c0001}`,
		"socket_conn_id: 0002, enabled: false", "socket_conn_id: 0003",
		"to: 1000000", "to: 999999",
		"local_port: 30001", "local_port: 30002",
		"      - {name: others, remote_ip: \"fd00::/64\"}\n", "      - {name: new, remote_ip: 10.1.2.4}\n",
		"port: 502}", "port: 503}",
		"scale: 0.1, unit: \"°C\"", "scale: 0.2, unit: \"°C\"",
		"  - {name: idle, driver: simulator}\n", "  - {name: busy, driver: simulator}\n",
		"ratio: 0.5", "ratio: 0.6",
		"format: json", "format: cbor", "{name: log,", "{name: other,",
	).Replace(greenhouse)
	old, next := mustParse(t, greenhouse), mustParse(t, changed)
	want := `~ project name
~ provider s1
~ connection s1/c1
~ connection s1/c2
~ fleet s1/f{n} (sessions end)
~ provider plant (its listener restarts)
- connection plant/others
+ connection plant/new
~ connection out/pump (its session ends)
~ model th_sensor
- channel idle
~ channel ch_dev1
~ channel ch_{connection}
+ channel busy
- output log
~ output cloud
+ output other
`
	if got := Diff(old, next).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d := Diff(old, mustParse(t, greenhouse)); !d.Empty() || d.String() != "" {
		t.Errorf("two readings of one file differ:\n%s", d)
	}
	for _, whole := range []struct {
		d  Changes
		op string
	}{{Diff(nil, old), "+ "}, {Diff(old, nil), "- "}} {
		for line := range strings.Lines(whole.d.String()) {
			if !strings.HasPrefix(line, whole.op) {
				t.Errorf("all lines should begin with %q:\n%s", whole.op, whole.d)
			}
		}
		if n := strings.Count(whole.d.String(), "\n"); n != 15 {
			t.Errorf("%d lines, want 15:\n%s", n, whole.d)
		}
	}
}

// TestDiffTellsRestartFromLive changes each key of a provider alone.
func TestDiffTellsRestartFromLive(t *testing.T) {
	base := "project: p\nproviders: [{name: s, type: tcp-server, local_port: 1%s}]\n"
	old := mustParse(t, fmt.Sprintf(base, ""))
	for keys, restart := range map[string]bool{
		", local_ip: 127.0.0.1":                          true,
		", conn_identity: fix-ip":                        true,
		", title: T":                                     false,
		", on_duplicate: oldest":                         false,
		", max_connections: 5":                           false,
		", accept_rate: 5":                               false,
		", idle_timeout: 5s":                             false,
		", keepalive: 5s":                                false,
		", user_timeout: 5s":                             false,
		", proxy_from: [10.0.0.1]":                       false,
		", downlink_keepalive: {every: 1m, data: x}":     false,
		", identity: {timeout: 3s}":                      false,
		", identity: {heartbeat: x}":                     false,
		", identity: {ack: x}":                           false,
		", identity: {preset: line}":                     false,
		", identity: {preset: line, prefix: \"hex:41\"}": false,
	} {
		d := Diff(old, mustParse(t, fmt.Sprintf(base, keys)))
		if len(d.Providers) != 1 || d.Providers[0].Op != Changed || !d.Providers[0].Self ||
			d.Providers[0].Restart != restart {
			t.Errorf("%s: %+v", keys, d.Providers)
		}
	}
	for _, src := range []string{
		"project: p\nproviders: [{name: s, type: tcp-server, local_port: 2}]\n",
		"project: p\nproviders: [{name: s, type: tcp-client}]\n",
	} {
		if d := Diff(old, mustParse(t, src)); len(d.Providers) != 1 || !d.Providers[0].Restart {
			t.Errorf("%s: %+v", src, d.Providers)
		}
	}
}

func TestDiffTellsWhatEndsSessions(t *testing.T) {
	common := server(`, identity: {preset: regex, pattern: '(?P<id>.)(?P<secret>.)'}, connections: [{name: c%s}]`)
	fix := fixed("{name: c%s}")
	dial := client(", connections: [{name: c%s}]")
	for _, c := range []struct {
		base, old, next string
		ends            bool
	}{
		{common, ", socket_conn_id: x", ", socket_conn_id: x, title: t", false},
		{common, ", socket_conn_id: x", ", socket_conn_id: y", true},
		{common, ", socket_conn_id: x", ", socket_conn_id: x, secret: y", true},
		{common, ", socket_conn_id: x", ", socket_conn_id: x, enabled: false", true},
		{common, ", socket_conn_id: x, enabled: false", ", socket_conn_id: x", false},
		{fix, ", remote_ip: 10.0.0.1", ", remote_ip: 10.0.0.2", true},
		{fix, ", remote_ip: 10.0.0.1", ", remote_ip: 10.0.0.1, title: t", false},
		{dial, ", host: a, port: 1", ", host: b, port: 1", true},
		{dial, ", host: a, port: 1", ", host: a, port: 2", true},
		{dial, ", host: a, port: 1", ", host: a, port: 1, title: t", false},
	} {
		old := mustParse(t, "project: p\n"+fmt.Sprintf(c.base, c.old))
		next := mustParse(t, "project: p\n"+fmt.Sprintf(c.base, c.next))
		d := Diff(old, next)
		if len(d.Providers) != 1 || d.Providers[0].Self || len(d.Providers[0].Connections) != 1 ||
			d.Providers[0].Connections[0].Op != Changed || d.Providers[0].Connections[0].Ends != c.ends {
			t.Errorf("%s to %s: %+v", c.old, c.next, d.Providers)
		}
	}
}

func TestDiffOfFleets(t *testing.T) {
	base := "project: p\n" + fleets(`  - {name: "f{n}", socket_conn_id: "%s", from: %d, to: %d}`)
	old := mustParse(t, fmt.Sprintf(base, "c{n}", 10, 20))
	for _, c := range []struct {
		id       string
		from, to int
		ends     bool
	}{
		{"c{n}", 10, 30, false}, {"c{n}", 5, 20, false}, {"c{n}", 11, 20, true}, {"c{n}", 10, 19, true},
		{"d{n}", 10, 20, true},
	} {
		d := Diff(old, mustParse(t, fmt.Sprintf(base, c.id, c.from, c.to)))
		if len(d.Providers) != 1 || len(d.Providers[0].Fleets) != 1 || d.Providers[0].Fleets[0].Ends != c.ends {
			t.Errorf("%+v: %+v", c, d.Providers)
		}
	}
}

// randomProject has nouns of few names, in random order, with contents that sometimes differ.
func randomProject(rng *rand.Rand) *Project {
	pick := func() []string {
		all := []string{"a", "b", "c", "d", "e"}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:rng.IntN(len(all)+1)]
	}
	title := func() string { return []string{"", "x", "y"}[rng.IntN(3)] }
	p := &Project{Name: "p"}
	for _, name := range pick() {
		pr := &Provider{Name: name, Title: title(), LocalPort: uint16(rng.IntN(2))}
		for _, name := range pick() {
			pr.Connections = append(pr.Connections, &ConnPt{Name: name, Title: title(), SocketConnID: title()})
		}
		for _, name := range pick() {
			pr.Fleets = append(pr.Fleets, &Fleet{Name: Pattern{prefix: name, width: 1}, To: rng.IntN(2)})
		}
		p.Providers = append(p.Providers, pr)
	}
	for _, name := range pick() {
		p.Models = append(p.Models, &Model{Name: name, Title: title()})
	}
	for _, name := range pick() {
		p.Channels = append(p.Channels, &Channel{Name: name, Title: title(),
			Devices: []*Device{{Model: []string{"a", "b"}[rng.IntN(2)]}}})
	}
	for _, name := range pick() {
		p.Outputs = append(p.Outputs, &Output{Name: name, Title: title()})
	}
	return p
}

// contents writes a project's nouns as a set of names with what they hold.
func contents(p *Project) map[string]string {
	set := make(map[string]string)
	for _, pr := range p.Providers {
		set["provider "+pr.Name] = fmt.Sprint(pr.Title, pr.LocalPort)
		for _, c := range pr.Connections {
			set["connection "+pr.Name+"/"+c.Name] = fmt.Sprint(*c)
		}
		for _, f := range pr.Fleets {
			set["fleet "+pr.Name+"/"+f.Name.String()] = fmt.Sprint(*f)
		}
	}
	for _, m := range p.Models {
		set["model "+m.Name] = m.Title
	}
	for _, c := range p.Channels {
		set["channel "+c.Name] = c.Title + c.Devices[0].Model
	}
	for _, o := range p.Outputs {
		set["output "+o.Name] = o.Title
	}
	return set
}

// TestDiffRoundTrip applies the lines of random differences to the old names, and must arrive at the new ones.
func TestDiffRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		old, next := randomProject(rng), randomProject(rng)
		before, after := contents(old), contents(next)
		d := Diff(old, next)
		got := maps.Clone(before)
		for line := range strings.Lines(d.String()) {
			op, rest := line[0], strings.TrimSpace(line[2:])
			rest, _, _ = strings.Cut(rest, " (")
			_, was := before[rest]
			_, is := after[rest]
			if was != (Op(op) != Added) || is != (Op(op) != Removed) {
				t.Fatalf("%q: was %v, is %v", line, was, is)
			}
			delete(got, rest)
			if is {
				got[rest] = after[rest]
			}
		}
		if !maps.Equal(got, after) {
			t.Fatalf("%v\nto\n%v\ngives\n%v\nby\n%s", before, after, got, d)
		}
		if back := Diff(next, next); !back.Empty() {
			t.Fatalf("a project differs from itself:\n%s", back)
		}
	}
}

func TestDiffOrder(t *testing.T) {
	names := func(list ...string) *Project {
		p := &Project{}
		for _, n := range list {
			p.Models = append(p.Models, &Model{Name: n})
		}
		return p
	}
	var got []string
	for _, c := range Diff(names("a", "b", "c"), names("d", "b", "e")).Models {
		got = append(got, string(c.Op)+c.Name)
	}
	if want := []string{"-a", "-c", "+d", "+e"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
