package project

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// refusals are files that are refused, with the whole text of the refusal and the field of each fault. A case whose
// source does not begin with "project:" is put below `project: p`, so that its first line is line 2.
type refusal struct{ name, src, want, fields string }

func testRefusals(t *testing.T, cases []refusal) {
	t.Helper()
	testRefusalsWith(t, nil, cases)
}

func testRefusalsWith(t *testing.T, cat Catalog, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			src := c.src
			if !strings.HasPrefix(src, "project:") {
				src = "project: p\n" + src
			}
			p, err := Parse("f", []byte(src), cat)
			if err == nil {
				t.Fatalf("accepted; want\n%s", c.want)
			}
			if p != nil {
				t.Error("a project comes with an error")
			}
			if err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			if got := fieldsOf(err); got != c.fields {
				t.Errorf("fields are\n%s\nwant\n%s", got, c.fields)
			}
			sameWithoutFile(t, src, cat, err)
		})
	}
}

// fieldsOf are the fields of the faults, one a word; - for the whole.
func fieldsOf(err error) string {
	var list Errors
	if !errors.As(err, &list) {
		return "no Errors"
	}
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = cmp.Or(e.Field, "-")
	}
	return strings.Join(words, " ")
}

// sameWithoutFile validates what src says as a project that has no file: each fault must be one of those with a file,
// at the same field.
func sameWithoutFile(t *testing.T, src string, cat Catalog, err error) {
	t.Helper()
	l := loader{decoder: decoder{&faults{}}}
	root := parseYAML([]byte(src), l.faults)
	if root == nil {
		return
	}
	var all Errors
	errors.As(err, &all)
	lines := regexp.MustCompile(` \(line \d+\)`)
	p := l.project(root)
	loaded := len(l.faults.list)
	var found Errors
	errors.As(Validate(p, cat), &found)
	for _, fault := range found {
		if loaded == 0 && !slices.ContainsFunc(all, func(e *Error) bool {
			return e.Field == fault.Field && lines.ReplaceAllString(e.Msg, "") == fault.Msg
		}) {
			t.Errorf("without a file, %s: %s", fault.Field, fault.Msg)
		}
	}
	if loaded == 0 && len(found) == 0 && !strings.Contains(all[0].Msg, " has no to;") {
		t.Errorf("accepted without a file")
	}
}

// server is a provider of type tcp-server with more keys; conns and client likewise. Their own keys take one line each.
func server(more string) string {
	return "providers:\n- {name: s, type: tcp-server, local_port: 0" + more + "}\n"
}

func conns(list string) string { return server(", connections: [" + list + "]") }

func fixed(list string) string { return server(", conn_identity: fix-ip, connections: [" + list + "]") }

func client(more string) string { return "providers:\n- {name: s, type: tcp-client" + more + "}\n" }

func identity(keys string) string { return server(", identity: {" + keys + "}") }

func fleets(list string) string {
	return "providers:\n- name: s\n  type: tcp-server\n  local_port: 0\n  fleets:\n" + list
}

// channels begin at line 9: connections c1, c2 and f1 to f20 are there.
func channels(list string) string {
	return "providers:\n- name: s\n  type: tcp-server\n  local_port: 0\n" +
		"  connections: [{name: c1, socket_conn_id: a}, {name: c2, socket_conn_id: b}]\n" +
		"  fleets: [{name: \"f{n}\", socket_conn_id: \"i{n}\", from: 1, to: 20}]\nchannels:\n" + list
}

// device is a channel with a device.
func device(keys string) string {
	return "models: [{name: m, tags: [{name: t}]}]\nchannels:\n" +
		"- {name: ch, driver: x, devices: [" + keys + "]}\n"
}

const (
	notName  = "is not a name; start with a letter, go on with letters, digits and _"
	aWord    = "write text with one {n} or {n:0W}, such as c{n:07}"
	duration = "write a duration such as 200ms, 10s or 1m30s"
)

func TestRefusesNames(t *testing.T) {
	testRefusals(t, []refusal{
		{"no project", "project:\nmodels: []\n", "f:1:1: the project has no name; write project: NAME", "project"},
		{"empty name", "project: \"\"\n", "f:1:10: the project has no name; write project: NAME", "project"},
		{"digit first", conns("{name: 1a, socket_conn_id: x}"), `f:3:67: name "1a" ` + notName,
			"providers.s.connections.0.name"},
		{"letter beyond ASCII", conns("{name: ä, socket_conn_id: x}"), `f:3:67: name "ä" ` + notName,
			"providers.s.connections.0.name"},
		{"long name", "project: " + strings.Repeat("a", 129) + "\n",
			`f:1:10: project "` + strings.Repeat("a", 40) + `"… is 129 bytes long; write at most 128`, "project"},
		{"no provider name", "providers: [{type: tcp-client}]\n", "f:2:13: the provider has no name; write name: NAME",
			"providers.0.name"},
		{"provider twice", "providers:\n- {name: s, type: tcp-client}\n- {name: s, type: tcp-client}\n",
			"f:4:10: there is a provider s already (line 3); give each its own name", "providers.s.name"},
		{"connection twice", conns("{name: c, socket_conn_id: x}, {name: c, socket_conn_id: y}"),
			"f:3:97: there is a connection c already (line 3); give each its own name", "providers.s.connections.c.name"},
		{"model twice", "models:\n- {name: m, tags: [{name: t}]}\n- {name: m, tags: [{name: t}]}\n",
			"f:4:10: there is a model m already (line 3); give each its own name", "models.m.name"},
		{"model without tags", "models: [{name: m}]\n", "f:2:10: model m has no tags; write at least one", "models.m.tags"},
		{"tag twice", "models: [{name: m, tags: [{name: t}, {name: t}]}]\n",
			"f:2:45: there is a tag t already (line 2); give each its own name", "models.m.tags.t.name"},
		{"tag scale", "models: [{name: m, tags: [{name: t, scale: 0}]}]\n",
			"f:2:44: scale is 0, which makes every value 0; write another number", "models.m.tags.t.scale"},
		{"device twice", device("{name: d, model: m}, {name: d, model: m}"),
			"f:4:63: there is a device d already (line 4); give each its own name", "channels.ch.devices.d.name"},
		{"device tag in model", device("{name: d, model: m, tags: [{name: t}]}"),
			"f:4:69: model m has a tag t already; give each its own name", "channels.ch.devices.d.tags.t.name"},
		{"device without tags", device("{name: d}"), "f:4:35: device d has no tags; write model: NAME, or tags",
			"channels.ch.devices.d.tags"},
		{"device model", device("{name: d, model: n}"), `f:4:52: there is no model "n"; did you mean m?`,
			"channels.ch.devices.d.model"},
		{"device unit", device("{name: d, model: m, unit: 256}"),
			"f:4:61: unit is 256; write a whole number from 0 to 255", "channels.ch.devices.d.unit"},
		{"no models", "channels: [{name: c, driver: x, devices: [{name: d, model: n}]}]\n",
			`f:2:60: there is no model "n"; define a model of that name first`, "channels.c.devices.d.model"},
	})
}

func TestRefusesProviders(t *testing.T) {
	testRefusals(t, []refusal{
		{"no type", "providers: [{name: s}]\n", "f:2:13: provider s has no type; write tcp-server or tcp-client",
			"providers.s.type"},
		{"type", "providers: [{name: s, type: tcp}]\n", `f:2:29: type is "tcp"; write tcp-server or tcp-client`,
			"providers.s.type"},
		{"no port", "providers: [{name: s, type: tcp-server}]\n",
			"f:2:13: provider s has no local_port; write the port that devices dial, or 0 for any free one",
			"providers.s.local_port"},
		{"port", "providers: [{name: s, type: tcp-server, local_port: 65536}]\n",
			"f:2:53: local_port is 65536; write a whole number from 0 to 65535", "providers.s.local_port"},
		{"local_ip", server(", local_ip: localhost"),
			`f:3:56: local_ip is "localhost"; write an IP address of this host, or "" for all`, "providers.s.local_ip"},
		{"conn_identity", server(", conn_identity: fixip"), `f:3:61: conn_identity is "fixip"; write common or fix-ip`,
			"providers.s.conn_identity"},
		{"on_duplicate", server(", on_duplicate: both"), `f:3:60: on_duplicate is "both"; write newest or oldest`,
			"providers.s.on_duplicate"},
		{"accept_rate", server(", accept_rate: -1"),
			"f:3:59: accept_rate is -1; write links a second, from 0 to 1000000", "providers.s.accept_rate"},
		{"max_connections", server(", max_connections: -5"),
			"f:3:63: max_connections is -5; write a whole number from 0 to 10000000", "providers.s.max_connections"},
		{"proxy_from", server(", proxy_from: [10.0.0.1/8]"),
			"f:3:59: proxy_from is 10.0.0.1/8, which has host bits set; write 10.0.0.0/8", "providers.s.proxy_from"},
		{"negative time", server(", keepalive: -1s"), "f:3:57: keepalive is -1s; write a duration from 0s to 8784h0m0s",
			"providers.s.keepalive"},
		{"short time", server(", keepalive: 1ms"), "f:3:57: keepalive is 1ms; write 1s or more", "providers.s.keepalive"},
		{"no unit of time", server(", idle_timeout: 10"), "f:3:60: idle_timeout is 10; " + duration,
			"providers.s.idle_timeout"},
		{"downlink", server(", downlink_keepalive: {every: 1ms}"),
			"f:3:66: downlink_keepalive has no data; write the bytes to send\n" +
				"f:3:74: downlink_keepalive every is 1ms; write how long a silence lasts, 1s or more",
			"providers.s.downlink_keepalive.data providers.s.downlink_keepalive.every"},
		{"redial on a server", server(", redial_min: 1s"), "f:3:58: redial_min means nothing to provider s " +
			"of type tcp-server; it belongs where linkd dials out: with type: tcp-client", "providers.s.redial_min"},
		{"listener on a client", client(", local_port: 5, conn_identity: common, fleets: [{name: \"f{n}\"}]"),
			"f:3:43: local_port means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server\n" +
				"f:3:61: conn_identity means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server\n" +
				"f:3:77: fleets means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server", "providers.s.local_port providers.s.conn_identity providers.s.fleets"},
		{"redial", client(", redial_min: 2m, redial_max: 1m"),
			"f:3:43: redial_min is 2m0s, more than redial_max, 1m0s; write the shorter one first", "providers.s.redial_min"},
		{"fleet with fix-ip", server(`, conn_identity: fix-ip, fleets: [{name: "f{n}", socket_conn_id: "{n}", to: 1}]`),
			"f:3:77: fleets belong to conn_identity: common; write connections with remote_ip", "providers.s.fleets"},
	})
}

func TestRefusesConnections(t *testing.T) {
	testRefusals(t, []refusal{
		{"no id", conns("{name: c}"),
			"f:3:60: the connection has no socket_conn_id; a provider with conn_identity: common needs one",
			"providers.s.connections.c.socket_conn_id"},
		{"address with common", conns("{name: c, socket_conn_id: x, remote_ip: 10.0.0.1}"),
			"f:3:100: remote_ip means nothing here; it belongs to a provider with conn_identity: fix-ip",
			"providers.s.connections.c.remote_ip"},
		{"id twice", conns("{name: c, socket_conn_id: x}, {name: d, socket_conn_id: x}"),
			`f:3:116: socket_conn_id "x" is there already (line 3); give each connection its own`,
			"providers.s.connections.d.socket_conn_id"},
		{"id with CR", conns(`{name: c, socket_conn_id: "a\r"}`),
			`f:3:86: socket_conn_id "a\r" holds CR, LF or NUL, which end an id; leave it out`,
			"providers.s.connections.c.socket_conn_id"},
		{"long id", server(", identity: {max_bytes: 3}, connections: [{name: c, socket_conn_id: abcd}]"),
			`f:3:112: socket_conn_id "abcd" is 4 bytes long; write at most 3, or raise identity.max_bytes`,
			"providers.s.connections.c.socket_conn_id"},
		{"secret that cannot come", conns("{name: c, socket_conn_id: x, secret: y}"),
			"f:3:97: a secret cannot be sent with preset auto; use preset regex with a group named secret, or remove it",
			"providers.s.connections.c.secret"},
		{"no address", fixed("{name: c}"),
			"f:3:83: the connection has no remote_ip; a provider with conn_identity: fix-ip needs one",
			"providers.s.connections.c.remote_ip"},
		{"id with fix-ip", fixed("{name: c, remote_ip: 10.0.0.1, socket_conn_id: x}"),
			"f:3:130: socket_conn_id means nothing here; it belongs to a provider with conn_identity: common",
			"providers.s.connections.c.socket_conn_id"},
		{"address", fixed("{name: c, remote_ip: 10.0.0.256}"),
			`f:3:104: remote_ip is 10.0.0.256; write an IP address or a CIDR such as 10.1.2.0/24`,
			"providers.s.connections.c.remote_ip"},
		{"host bits", fixed("{name: c, remote_ip: 10.1.2.3/24}"),
			"f:3:104: remote_ip is 10.1.2.3/24, which has host bits set; write 10.1.2.0/24",
			"providers.s.connections.c.remote_ip"},
		{"address twice", fixed(`{name: c, remote_ip: 10.0.0.1}, {name: d, remote_ip: "::ffff:10.0.0.1"}`),
			"f:3:136: remote_ip 10.0.0.1/32 is there already (line 3); give each connection its own",
			"providers.s.connections.d.remote_ip"},
		{"no host", client(", connections: [{name: c}]"),
			"f:3:45: the connection has no host; a provider with type: tcp-client needs one\n" +
				"f:3:45: the connection has no port; a provider with type: tcp-client needs one",
			"providers.s.connections.c.host providers.s.connections.c.port"},
		{"host with port", client(`, connections: [{name: c, host: "[::1]", port: 1}]`),
			`f:3:61: host is "[::1]"; write a host name or an IP address alone`, "providers.s.connections.c.host"},
		{"port", client(`, connections: [{name: c, host: h, port: 0}]`),
			"f:3:70: port is 0; write a whole number from 1 to 65535", "providers.s.connections.c.port"},
		{"enabled", conns(`{name: c, socket_conn_id: x, enabled: "no"}`),
			`f:3:98: enabled is the text "no"; write true or false`, "providers.s.connections.c.enabled"},
	})
}

func TestAcceptsNestedPrefixes(t *testing.T) {
	mustParse(t, "project: p\n"+fixed("{name: a, remote_ip: 10.0.0.0/8}, {name: b, remote_ip: 10.1.0.0/16}"))
}

func TestListeners(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want string // how the refusal names the first listener; empty: accepted
	}{
		{`"", local_port: 5`, `"", local_port: 5`, "all addresses"},
		{`"", local_port: 5`, `127.0.0.1, local_port: 5`, "all addresses"},
		{`127.0.0.1, local_port: 5`, `"", local_port: 5`, "127.0.0.1"},
		{`0.0.0.0, local_port: 5`, `10.0.0.1, local_port: 5`, "0.0.0.0"},
		{`10.0.0.1, local_port: 5`, `0.0.0.0, local_port: 5`, "10.0.0.1"},
		{`0.0.0.0, local_port: 5`, `"::1", local_port: 5`, ""},
		{`"::", local_port: 5`, `"::1", local_port: 5`, "::"},
		{`"::", local_port: 5`, `10.0.0.1, local_port: 5`, "::"},
		{`"::1", local_port: 5`, `"::1", local_port: 5`, "::1"},
		{`"::ffff:10.0.0.1", local_port: 5`, `10.0.0.1, local_port: 5`, "::ffff:10.0.0.1"},
		{`10.0.0.1, local_port: 5`, `10.0.0.2, local_port: 5`, ""},
		{`"", local_port: 5`, `"", local_port: 6`, ""},
		{`"", local_port: 0`, `"", local_port: 0`, ""},
	} {
		src := fmt.Sprintf("project: p\nproviders:\n- {name: a, type: tcp-server, local_ip: %s}\n"+
			"- {name: b, type: tcp-server, local_ip: %s}\n", c.a, c.b)
		_, err := Parse("f", []byte(src), nil)
		want := fmt.Sprintf("f:4:%d: provider a listens on port 5 of %s already (line 3); "+
			"choose another local_port or local_ip", len("- {name: b, type: tcp-server, local_ip: ")+len(c.b), c.want)
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s and %s: got %v, want %s", c.a, c.b, err, want)
		}
	}
}

func TestRefusesFleets(t *testing.T) {
	testRefusals(t, []refusal{
		{"no pattern", fleets(`  - {name: f, socket_conn_id: "{n}", from: 1, to: 2}`),
			`f:7:12: name: "f" has no {n}; ` + aWord, "providers.s.fleets.f.name"},
		{"no id", fleets(`  - {name: "f{n}", from: 1, to: 2}`),
			`f:7:5: the fleet has no socket_conn_id pattern; write text with {n}, such as "c{n:07}"`,
			"providers.s.fleets.f{n}.socket_conn_id"},
		{"no end", fleets(`  - {name: "f{n}", socket_conn_id: "{n}"}`),
			"f:7:5: the fleet has no to; write the number of its last device", "providers.s.fleets.f{n}.to"},
		{"from beyond to", fleets(`  - {name: "f{n}", socket_conn_id: "{n}", from: 5, to: 4}`),
			"f:7:49: the fleet goes from 5 to 4; write from: FIRST and to: LAST, 0 or more", "providers.s.fleets.f{n}.from"},
		{"too many", fleets(`  - {name: "f{n}", socket_conn_id: "{n}", to: 10000000}`),
			"f:7:47: the fleet has 10000001 devices; a project holds at most 10000000", "providers.s.fleets.f{n}.to"},
		{"too many together", fleets("  - {name: \"f{n}\", socket_conn_id: \"{n}\", from: 1, to: 10000000}\n" +
			"  - {name: \"g{n}\", socket_conn_id: \"x{n}\", from: 1, to: 1}"),
			"f:8:57: the fleets have 10000001 devices together; a project holds at most 10000000",
			"providers.s.fleets.g{n}.to"},
		{"name", fleets(`  - {name: "{n}", socket_conn_id: "{n}", to: 1}`), `f:7:12: name "1" ` + notName,
			"providers.s.fleets.0.name"},
		{"long id", fleets(`  - {name: "f{n}", socket_conn_id: "` + strings.Repeat("x", 128) + `{n}", to: 1}`),
			`f:7:36: socket_conn_id "` + strings.Repeat("x", 40) +
				`"… is 129 bytes long; write at most 128, or raise identity.max_bytes`,
			"providers.s.fleets.f{n}.socket_conn_id"},
		{"names meet", fleets("  - {name: \"f{n}\", socket_conn_id: \"a{n}\", to: 100}\n" +
			"  - {name: \"f1{n}\", socket_conn_id: \"b{n}\", from: 5, to: 9}"),
			"f:8:12: fleet f{n} (line 7) has a connection f15 too; keep the names apart", "providers.s.fleets.f1{n}.name"},
		{"ids meet", fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:07}\", to: 1000000}\n" +
			"  - {name: \"g{n}\", socket_conn_id: \"c{n:03}\", from: 1000000, to: 1000001}"),
			`f:8:36: fleet f{n} (line 7) has the id "c1000000" too; keep the ids apart`,
			"providers.s.fleets.g{n}.socket_conn_id"},
		{"connection in a fleet", fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:04}\", to: 100}\n" +
			"  connections:\n  - {name: f7, socket_conn_id: c0008}"),
			"f:9:12: connection f7 is also number 7 of fleet f{n} (line 7); give it another name\n" +
				`f:9:32: socket_conn_id "c0008" is also that of number 8 of fleet f{n} (line 7); give it another`,
			"providers.s.connections.f7.name providers.s.connections.f7.socket_conn_id"},
	})
	mustParse(t, "project: p\n"+fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:04}\", to: 100}\n"+
		"  - {name: \"f{n:05}\", socket_conn_id: \"c{n:05}\", to: 100}\n"+
		"  connections: [{name: f101, socket_conn_id: c00008x}, {name: f007, socket_conn_id: c8}]\n"))
}
