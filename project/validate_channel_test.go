package project

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRefusesChannels(t *testing.T) {
	testRefusals(t, []refusal{
		{"no driver", channels("- {name: a, connection: s/c1}"),
			"f:9:3: channel a has no driver; name the one that speaks the devices' protocol", "channels.a.driver"},
		{"provider", channels("- {name: a, connection: x/c1, driver: d}"),
			`f:9:25: there is no provider "x"; did you mean s?`, "channels.a.connection"},
		{"form", channels("- {name: a, connection: c1, driver: d}"),
			`f:9:25: connection is "c1"; write PROVIDER/NAME, PROVIDER/* or PROVIDER/PREFIX*`, "channels.a.connection"},
		{"connection", channels("- {name: a, connection: s/c3, driver: d}"),
			`f:9:25: provider s has no connection "c3"; did you mean c1?`, "channels.a.connection"},
		{"beyond the fleet", channels("- {name: a, connection: s/f21, driver: d}"),
			`f:9:25: provider s has no connection "f21"; did you mean c1?`, "channels.a.connection"},
		{"glob of nothing", channels(`- {name: "a_{connection}", connection: "s/f3*", driver: d}` + "\n" +
			`- {name: "b_{connection}", connection: "s/f21*", driver: d}`),
			`f:10:40: no connection of provider s begins with "f21"; write PROVIDER/* for all`,
			"channels.b_{connection}.connection"},
		{"glob with one name", channels(`- {name: a, connection: "s/*", driver: d}`),
			`f:9:10: name "a" is the same for all that s/* matches; write {connection} in it`, "channels.a.name"},
		{"name without connection", channels(`- {name: "a_{connection}", driver: d}`),
			`f:9:10: name "a_{connection}" holds {connection}, but the channel has none; write connection: PROVIDER/NAME`,
			"channels.a_{connection}.name"},
		{"name", channels(`- {name: "1_{connection}", connection: "s/*", driver: d}`),
			`f:9:10: name "1_{connection}" ` + notName + "; {connection} may stand in it once", "channels.0.name"},
		{"poll", channels("- {name: a, connection: s/c1, driver: d, poll: 1ms}"), "f:9:48: poll is 1ms; write 10ms or more",
			"channels.a.poll"},
		{"one connection", channels("- {name: a, connection: s/c1, driver: d}\n- {name: b, connection: s/c1, driver: d}"),
			"f:10:25: channel a (line 9) is on s/c1 already; a connection has one channel", "channels.b.connection"},
		{"glob, then one", channels("- {name: \"a_{connection}\", connection: s/f*, driver: d}\n" +
			"- {name: b, connection: s/f12, driver: d}"),
			"f:10:25: channel a_{connection} (line 9) is on s/f* already; a connection has one channel",
			"channels.b.connection"},
		{"one, then glob", channels("- {name: b, connection: s/f12, driver: d}\n" +
			"- {name: \"a_{connection}\", connection: s/f1*, driver: d}"),
			"f:10:40: channel b (line 9) is on s/f12 already; a connection has one channel",
			"channels.a_{connection}.connection"},
		{"glob in glob", channels("- {name: \"a_{connection}\", connection: s/f1*, driver: d}\n" +
			"- {name: \"b_{connection}\", connection: s/*, driver: d}"),
			"f:10:40: channel a_{connection} (line 9) is on s/f1* already; a connection has one channel",
			"channels.b_{connection}.connection"},
		{"name twice", channels("- {name: a, connection: s/c1, driver: d}\n- {name: a, connection: s/c2, driver: d}"),
			"f:10:10: there is a channel a already (line 9); give each its own name", "channels.a.name"},
		{"name made for a fleet", channels("- {name: a_f7, connection: s/c1, driver: d}\n" +
			"- {name: \"a_{connection}\", connection: s/f*, driver: d}"),
			"f:9:10: this channel and a_{connection} (line 10) both get the name a_f7; give each its own",
			"channels.a_f7.name"},
		{"name made for a connection", channels("- {name: a_c2, driver: d}\n" +
			"- {name: \"a_{connection}\", connection: s/c*, driver: d}"),
			"f:10:10: this channel and a_c2 (line 9) both get the name a_c2; give each its own",
			"channels.a_{connection}.name"},
		{"names made for two fleets", channels("- {name: \"a_f{connection}\", connection: s/f1*, driver: d}\n" +
			"- {name: \"a_{connection}\", connection: s2/*, driver: d}\n" + `providers2: []`),
			"f:10:40: there is no provider \"s2\"; did you mean s?\n" +
				"f:11:1: unknown key \"providers2\" in a project; did you mean providers?",
			"channels.a_{connection}.connection providers2"},
		{"options", channels("- {name: a, connection: s/c1, driver: d, options: fast}"),
			`f:9:51: options is "fast"; write the driver's options as key: value`, "channels.a.options"},
	})
}

func TestChannelNamesOfTwoFleets(t *testing.T) {
	src := `project: p
providers:
- {name: s, type: tcp-server, local_port: 0, fleets: [{name: "f{n}", socket_conn_id: "{n}", to: 99}]}
- {name: u, type: tcp-server, local_port: 0, fleets: [{name: "f{n:03}", socket_conn_id: "{n}", from: 90, to: 99}]}
channels:
- {name: "a_{connection}", connection: "s/f9*", driver: d}
- {name: "a_{connection}", connection: "u/f*", driver: d}
- {name: "a_f{connection}", connection: "s/f8*", driver: d}
`
	mustParse(t, src)
	_, err := Parse("f", []byte(strings.Replace(src, "f{n:03}", "f{n:02}", 1)), nil)
	want := "f:7:10: this channel and a_{connection} (line 6) both get the name a_f90; give each its own"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// oneDriver is a catalogue with one driver, d, for tcp-server links, which refuses some options.
type oneDriver struct{}

func (oneDriver) Check(ch *Channel, models []*Model, kind LinkKind) []error {
	switch {
	case ch.Driver != "d":
		return []error{&FieldError{"driver", fmt.Errorf("there is no driver %q; did you mean d?", ch.Driver)}}
	case kind != TCPServer:
		return []error{fmt.Errorf("wrapped: %w", &FieldError{"driver", fmt.Errorf("d runs not on %s", kind)})}
	case len(ch.Options) == 0:
		return nil
	}
	return []error{errors.New("the channel\nas a whole"), &FieldError{"options.mode", errors.New("mode")},
		&FieldError{"devices.d2.unit", errors.New("unit")}, &FieldError{"devices.0.tags.t.address", errors.New("address")},
		&FieldError{"nothing.here", errors.New("nowhere")}}
}

func TestCatalog(t *testing.T) {
	src := "project: p\n" + channels(`- {name: a, connection: s/c1, driver: e}
- {name: b, driver: d}
- {name: c, connection: s/f1, driver: d}
- name: d
  connection: s/f2
  driver: d
  options:
    mode: x
  devices:
    - {name: d1, tags: [{name: t}]}
    - {name: d2, unit: 3, tags: [{name: t}]}
`)
	want := `f:9:39: there is no driver "e"; did you mean d?
f:10:21: wrapped: d runs not on none
f:12:3: the channel as a whole
f:12:3: nowhere
f:16:11: mode
f:18:25: address
f:19:24: unit`
	_, err := Parse("f", []byte(src), oneDriver{})
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	fields := "channels.a.driver channels.b.driver channels.d channels.d.nothing.here channels.d.options.mode " +
		"channels.d.devices.d1.tags.t.address channels.d.devices.d2.unit"
	if got := fieldsOf(err); got != fields {
		t.Errorf("fields are %s", got)
	}
	sameWithoutFile(t, src, oneDriver{}, err)
}

func TestFieldPath(t *testing.T) {
	ch := &Channel{Devices: []*Device{{Name: "d1"}, {Name: "2", Tags: []*Tag{{Name: "t"}, {}}}}}
	for field, want := range map[string]string{"devices": "devices", "devices.0": "devices.d1", "devices.1": "devices.1",
		"devices.d1.unit": "devices.d1.unit", "devices.1.tags.0.x.y": "devices.1.tags.t.x.y",
		"devices.1.tags.1": "devices.1.tags.1", "devices.1.tags.2": "devices.1.tags.2", "devices.9.unit": "devices.9.unit",
		"options.0.name": "options.0.name", "": ""} {
		if got := ch.fieldPath(field); got != want {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
	}
}

func TestValidateWithoutFile(t *testing.T) {
	p := mustParse(t, greenhouse)
	if err := Validate(p, nil); err != nil {
		t.Fatal(err)
	}
	p.Providers[0].Connections = append(p.Providers[0].Connections, &ConnPt{Name: "f9", SocketConnID: "c0001"})
	want := `socket_conn_id "c0001" is there already; give each connection its own
connection f9 is also number 9 of fleet f{n}; give it another name`
	if err := Validate(p, nil); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	built := &Project{Name: "p", Providers: []*Provider{{Name: "s", Type: TCPServer,
		Connections: []*ConnPt{{Name: "c", SocketConnID: "x"}}}},
		Channels: []*Channel{{Name: "ch", Connection: "s/c", Driver: "d"}}}
	if err := Validate(built, oneDriver{}); err != nil || built.Providers[0].Identity.Preset != "auto" {
		t.Errorf("got %v, %+v", err, built.Providers[0])
	}
}
