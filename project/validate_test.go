package project

import (
	"fmt"
	"strings"
	"testing"
)

// refusals are files that are refused, with the whole text of the refusal. A case whose source does not begin with
// "project:" is put below `project: p`, so that its first line is line 2.
type refusal struct{ name, src, want string }

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
		})
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
		{"no project", "project:\nmodels: []\n", "f:1:1: the project has no name; write project: NAME"},
		{"empty name", "project: \"\"\n", "f:1:10: the project has no name; write project: NAME"},
		{"digit first", conns("{name: 1a, socket_conn_id: x}"), `f:3:67: name "1a" ` + notName},
		{"letter beyond ASCII", conns("{name: ä, socket_conn_id: x}"), `f:3:67: name "ä" ` + notName},
		{"long name", "project: " + strings.Repeat("a", 129) + "\n",
			`f:1:10: project "` + strings.Repeat("a", 40) + `"… is 129 bytes long; write at most 128`},
		{"no provider name", "providers: [{type: tcp-client}]\n", "f:2:13: the provider has no name; write name: NAME"},
		{"provider twice", "providers:\n- {name: s, type: tcp-client}\n- {name: s, type: tcp-client}\n",
			"f:4:10: there is a provider s already (line 3); give each its own name"},
		{"connection twice", conns("{name: c, socket_conn_id: x}, {name: c, socket_conn_id: y}"),
			"f:3:97: there is a connection c already (line 3); give each its own name"},
		{"model twice", "models:\n- {name: m, tags: [{name: t}]}\n- {name: m, tags: [{name: t}]}\n",
			"f:4:10: there is a model m already (line 3); give each its own name"},
		{"model without tags", "models: [{name: m}]\n", "f:2:10: model m has no tags; write at least one"},
		{"tag twice", "models: [{name: m, tags: [{name: t}, {name: t}]}]\n",
			"f:2:45: there is a tag t already (line 2); give each its own name"},
		{"tag scale", "models: [{name: m, tags: [{name: t, scale: 0}]}]\n",
			"f:2:44: scale is 0, which makes every value 0; write another number"},
		{"device twice", device("{name: d, model: m}, {name: d, model: m}"),
			"f:4:63: there is a device d already (line 4); give each its own name"},
		{"device tag in model", device("{name: d, model: m, tags: [{name: t}]}"),
			"f:4:69: model m has a tag t already; give each its own name"},
		{"device without tags", device("{name: d}"), "f:4:35: device d has no tags; write model: NAME, or tags"},
		{"device model", device("{name: d, model: n}"), `f:4:52: there is no model "n"; did you mean m?`},
		{"device unit", device("{name: d, model: m, unit: 256}"),
			"f:4:61: unit is 256; write a whole number from 0 to 255"},
		{"no models", "channels: [{name: c, driver: x, devices: [{name: d, model: n}]}]\n",
			`f:2:60: there is no model "n"; define a model of that name first`},
	})
}

func TestRefusesProviders(t *testing.T) {
	testRefusals(t, []refusal{
		{"no type", "providers: [{name: s}]\n", "f:2:13: provider s has no type; write tcp-server or tcp-client"},
		{"type", "providers: [{name: s, type: tcp}]\n", `f:2:29: type is "tcp"; write tcp-server or tcp-client`},
		{"no port", "providers: [{name: s, type: tcp-server}]\n",
			"f:2:13: provider s has no local_port; write the port that devices dial, or 0 for any free one"},
		{"port", "providers: [{name: s, type: tcp-server, local_port: 65536}]\n",
			"f:2:53: local_port is 65536; write a whole number from 0 to 65535"},
		{"local_ip", server(", local_ip: localhost"),
			`f:3:56: local_ip is "localhost"; write an IP address of this host, or "" for all`},
		{"conn_identity", server(", conn_identity: fixip"), `f:3:61: conn_identity is "fixip"; write common or fix-ip`},
		{"on_duplicate", server(", on_duplicate: both"), `f:3:60: on_duplicate is "both"; write newest or oldest`},
		{"accept_rate", server(", accept_rate: -1"),
			"f:3:59: accept_rate is -1; write links a second, from 0 to 1000000"},
		{"max_connections", server(", max_connections: -5"),
			"f:3:63: max_connections is -5; write a whole number from 0 to 10000000"},
		{"proxy_from", server(", proxy_from: [10.0.0.1/8]"),
			"f:3:59: proxy_from is 10.0.0.1/8, which has host bits set; write 10.0.0.0/8"},
		{"negative time", server(", keepalive: -1s"), "f:3:57: keepalive is -1s; write a duration from 0s to 8784h0m0s"},
		{"short time", server(", keepalive: 1ms"), "f:3:57: keepalive is 1ms; write 1s or more"},
		{"no unit of time", server(", idle_timeout: 10"), "f:3:60: idle_timeout is 10; " + duration},
		{"downlink", server(", downlink_keepalive: {every: 1ms}"),
			"f:3:66: downlink_keepalive has no data; write the bytes to send\n" +
				"f:3:74: downlink_keepalive every is 1ms; write how long a silence lasts, 1s or more"},
		{"redial on a server", server(", redial_min: 1s"), "f:3:58: redial_min means nothing to provider s " +
			"of type tcp-server; it belongs where linkd dials out: with type: tcp-client"},
		{"listener on a client", client(", local_port: 5, conn_identity: common, fleets: [{name: \"f{n}\"}]"),
			"f:3:43: local_port means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server\n" +
				"f:3:61: conn_identity means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server\n" +
				"f:3:77: fleets means nothing to provider s of type tcp-client; it belongs where devices dial in: " +
				"with type: tcp-server"},
		{"redial", client(", redial_min: 2m, redial_max: 1m"),
			"f:3:43: redial_min is 2m0s, more than redial_max, 1m0s; write the shorter one first"},
		{"fleet with fix-ip", server(`, conn_identity: fix-ip, fleets: [{name: "f{n}", socket_conn_id: "{n}", to: 1}]`),
			"f:3:77: fleets belong to conn_identity: common; write connections with remote_ip"},
	})
}

func TestRefusesConnections(t *testing.T) {
	testRefusals(t, []refusal{
		{"no id", conns("{name: c}"),
			"f:3:60: the connection has no socket_conn_id; a provider with conn_identity: common needs one"},
		{"address with common", conns("{name: c, socket_conn_id: x, remote_ip: 10.0.0.1}"),
			"f:3:100: remote_ip means nothing here; it belongs to a provider with conn_identity: fix-ip"},
		{"id twice", conns("{name: c, socket_conn_id: x}, {name: d, socket_conn_id: x}"),
			`f:3:116: socket_conn_id "x" is there already (line 3); give each connection its own`},
		{"id with CR", conns(`{name: c, socket_conn_id: "a\r"}`),
			`f:3:86: socket_conn_id "a\r" holds CR, LF or NUL, which end an id; leave it out`},
		{"long id", server(", identity: {max_bytes: 3}, connections: [{name: c, socket_conn_id: abcd}]"),
			`f:3:112: socket_conn_id "abcd" is 4 bytes long; write at most 3, or raise identity.max_bytes`},
		{"secret that cannot come", conns("{name: c, socket_conn_id: x, secret: y}"),
			"f:3:97: a secret cannot be sent with preset auto; use preset regex with a group named secret, or remove it"},
		{"no address", fixed("{name: c}"),
			"f:3:83: the connection has no remote_ip; a provider with conn_identity: fix-ip needs one"},
		{"id with fix-ip", fixed("{name: c, remote_ip: 10.0.0.1, socket_conn_id: x}"),
			"f:3:130: socket_conn_id means nothing here; it belongs to a provider with conn_identity: common"},
		{"address", fixed("{name: c, remote_ip: 10.0.0.256}"),
			`f:3:104: remote_ip is 10.0.0.256; write an IP address or a CIDR such as 10.1.2.0/24`},
		{"host bits", fixed("{name: c, remote_ip: 10.1.2.3/24}"),
			"f:3:104: remote_ip is 10.1.2.3/24, which has host bits set; write 10.1.2.0/24"},
		{"address twice", fixed(`{name: c, remote_ip: 10.0.0.1}, {name: d, remote_ip: "::ffff:10.0.0.1"}`),
			"f:3:136: remote_ip 10.0.0.1/32 is there already (line 3); give each connection its own"},
		{"no host", client(", connections: [{name: c}]"),
			"f:3:45: the connection has no host; a provider with type: tcp-client needs one\n" +
				"f:3:45: the connection has no port; a provider with type: tcp-client needs one"},
		{"host with port", client(`, connections: [{name: c, host: "[::1]", port: 1}]`),
			`f:3:61: host is "[::1]"; write a host name or an IP address alone`},
		{"port", client(`, connections: [{name: c, host: h, port: 0}]`),
			"f:3:70: port is 0; write a whole number from 1 to 65535"},
		{"enabled", conns(`{name: c, socket_conn_id: x, enabled: "no"}`),
			`f:3:98: enabled is the text "no"; write true or false`},
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
			`f:7:12: name: "f" has no {n}; ` + aWord},
		{"no id", fleets(`  - {name: "f{n}", from: 1, to: 2}`),
			`f:7:5: the fleet has no socket_conn_id pattern; write text with {n}, such as "c{n:07}"`},
		{"no end", fleets(`  - {name: "f{n}", socket_conn_id: "{n}"}`),
			"f:7:5: the fleet has no to; write the number of its last device"},
		{"from beyond to", fleets(`  - {name: "f{n}", socket_conn_id: "{n}", from: 5, to: 4}`),
			"f:7:49: the fleet goes from 5 to 4; write from: FIRST and to: LAST, 0 or more"},
		{"too many", fleets(`  - {name: "f{n}", socket_conn_id: "{n}", to: 10000000}`),
			"f:7:47: the fleet has 10000001 devices; a project holds at most 10000000"},
		{"too many together", fleets("  - {name: \"f{n}\", socket_conn_id: \"{n}\", from: 1, to: 10000000}\n" +
			"  - {name: \"g{n}\", socket_conn_id: \"x{n}\", from: 1, to: 1}"),
			"f:8:57: the fleets have 10000001 devices together; a project holds at most 10000000"},
		{"name", fleets(`  - {name: "{n}", socket_conn_id: "{n}", to: 1}`), `f:7:12: name "1" ` + notName},
		{"long id", fleets(`  - {name: "f{n}", socket_conn_id: "` + strings.Repeat("x", 128) + `{n}", to: 1}`),
			`f:7:36: socket_conn_id "` + strings.Repeat("x", 40) +
				`"… is 129 bytes long; write at most 128, or raise identity.max_bytes`},
		{"names meet", fleets("  - {name: \"f{n}\", socket_conn_id: \"a{n}\", to: 100}\n" +
			"  - {name: \"f1{n}\", socket_conn_id: \"b{n}\", from: 5, to: 9}"),
			"f:8:12: fleet f{n} (line 7) has a connection f15 too; keep the names apart"},
		{"ids meet", fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:07}\", to: 1000000}\n" +
			"  - {name: \"g{n}\", socket_conn_id: \"c{n:03}\", from: 1000000, to: 1000001}"),
			`f:8:36: fleet f{n} (line 7) has the id "c1000000" too; keep the ids apart`},
		{"connection in a fleet", fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:04}\", to: 100}\n" +
			"  connections:\n  - {name: f7, socket_conn_id: c0008}"),
			"f:9:12: connection f7 is also number 7 of fleet f{n} (line 7); give it another name\n" +
				`f:9:32: socket_conn_id "c0008" is also that of number 8 of fleet f{n} (line 7); give it another`},
	})
	mustParse(t, "project: p\n"+fleets("  - {name: \"f{n}\", socket_conn_id: \"c{n:04}\", to: 100}\n"+
		"  - {name: \"f{n:05}\", socket_conn_id: \"c{n:05}\", to: 100}\n"+
		"  connections: [{name: f101, socket_conn_id: c00008x}, {name: f007, socket_conn_id: c8}]\n"))
}

func TestRefusesIdentity(t *testing.T) {
	testRefusals(t, []refusal{
		{"preset", identity("preset: lines"), `f:3:65: there is no preset "lines"; did you mean line?`},
		{"strange preset", identity("preset: xyzzyxyzzy"), `f:3:65: there is no preset "xyzzyxyzzy"; write one of auto, ` +
			"usr, template, four-faith, ddp, inhand, imei, line, fixed, length-prefixed, hex, regex"},
		{"max_bytes", identity("max_bytes: 1025"), "f:3:68: max_bytes is 1025; write a whole number from 1 to 1024"},
		{"quiet", identity("quiet: 2s, timeout: 1s"),
			"f:3:64: quiet is 2s, not shorter than timeout, 1s; write a shorter one"},
		{"fixed", identity("preset: fixed"), "f:3:56: preset fixed has no length; write the bytes of an id"},
		{"fixed too long", identity("preset: fixed, length: 200"),
			"f:3:80: length is 200, more than max_bytes, 128; raise max_bytes"},
		{"length field", identity("preset: length-prefixed, length: 3"),
			"f:3:90: length is 3; write the bytes of the length field, 1, 2 or 4"},
		{"endian", identity("preset: length-prefixed, length: 2, endian: middle"),
			`f:3:101: endian is "middle"; write big or little`},
		{"mode", identity("preset: usr, mode: always"), `f:3:76: mode is "always"; write connect or packet or both`},
		{"mode of auto", identity("mode: packet"),
			"f:3:63: mode means nothing to preset auto; remove it, or use preset usr"},
		{"ack of its own", identity(`preset: ddp, ack: "hex:01"`),
			"f:3:75: preset ddp has an acknowledgement of its own; remove ack"},
		{"no pattern", identity("preset: regex"),
			`f:3:56: preset regex has no pattern; write one with a group named id, such as 'ID=(?P<id>\w+);'`},
		{"pattern", identity("preset: regex, pattern: '('"),
			"f:3:81: pattern: missing closing ): `(`; write a regular expression in RE2 syntax"},
		{"no group", identity("preset: regex, pattern: 'x(.*)'"),
			`f:3:81: pattern "x(.*)" has no group named id; write (?P<id>…) around the id`},
		{"hex without length", identity("preset: hex"), "f:3:56: preset hex has no length; write the bytes of an id"},
		{"line ends in prefix", identity(`preset: line, prefix: "a\n"`),
			"f:3:79: prefix holds CR, LF or NUL, which end a line; leave it out"},
		{"blank in suffix", identity(`preset: line, suffix: "a "`),
			"f:3:79: suffix begins or ends with a blank; leave the blank out"},
		{"long surroundings", identity("max_bytes: 3, preset: line, prefix: abcd"),
			"f:3:93: prefix and suffix have 4 bytes, more than max_bytes, 3; raise max_bytes"},
		{"long heartbeat", identity("heartbeat: " + strings.Repeat("x", 65)),
			"f:3:68: a heartbeat is 65 bytes long; write 1 to 64"},
		{"long ack", identity("ack: " + strings.Repeat("x", 257)), "f:3:62: ack is 257 bytes long; write at most 256"},
		{"id as heartbeat of hex", identity(`preset: hex, length: 2, heartbeat: "{id}"`),
			"f:3:92: heartbeat {id} means nothing to preset hex; write the bytes out"},
		{"long pattern", identity(`preset: regex, pattern: '(?P<id>[a-z]{300})'`),
			`f:3:81: pattern "(?P<id>[a-z]{300})" takes more than 256 steps; write a shorter one, with smaller repetitions`},
		{"ids of imei in a fleet", server(`, identity: {preset: imei}, ` +
			`fleets: [{name: "f{n}", socket_conn_id: "35583708951234{n}", from: 5, to: 10}]`),
			`f:3:112: socket_conn_id "3558370895123410" cannot come with preset imei; write 15 digits`},
		{"id of imei", server(", identity: {preset: imei}, connections: [{name: c, socket_conn_id: 12345}]"),
			`f:3:112: socket_conn_id "12345" cannot come with preset imei; write 15 digits`},
		{"id of hex", server(", identity: {preset: hex, length: 2}, connections: [{name: c, socket_conn_id: 0a0b}]"),
			`f:3:122: socket_conn_id "0a0b" cannot come with preset hex; write 4 hex digits in capitals`},
		{"id of fixed", server(", identity: {preset: fixed, length: 2}, connections: [{name: c, socket_conn_id: abc}]"),
			`f:3:124: socket_conn_id "abc" cannot come with preset fixed; write 2 bytes`},
		{"hex", identity(`heartbeat: "hex:0"`),
			`f:3:68: heartbeat is the text "hex:0"; write two hex digits a byte, as "hex:00 01 FE"`},
		{"empty bytes", identity(`heartbeat: ""`), "f:3:68: heartbeat is 0 bytes long; write 1 to 1024"},
		{"many heartbeats", identity("heartbeat: [" + strings.Repeat("a, ", 17) + "]"),
			"f:3:68: heartbeat has 17 items; write at most 16"},
	})
	mustParse(t, "project: p\n"+server(`, identity: {preset: regex, pattern: '(?P<id>\w+),(?P<secret>\w+);'}`+
		", connections: [{name: c, socket_conn_id: x, secret: y}]"))
}
