package main_test

import (
	"maps"
	"testing"
)

// mixedOptions has a connection without a channel, a channel with nested options, a device with a driver of its own.
const mixedOptions = `
project: plant
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    connections:
      - {name: c1, socket_conn_id: c0001}
      - {name: c2, socket_conn_id: c0002}
      - {name: c3, socket_conn_id: c0003}
channels:
  - name: ch_text
    connection: s1/c2
    driver: text
    poll: 10s
    options:
      terminator: "\r\n"
      patterns: {weather: '^WX T=(?P<temperature>\d+)$', rain: '^RA (?P<rain>\d+)$'}
      requests: {level: {send: "LEVEL?", expect: '^LEVEL (?P<level>\d+)$', error: '^ERR'}}
    devices:
      - {name: d1, tags: [{name: temperature, address: temperature}, {name: level, address: level}]}
  - name: ch_mixed
    connection: s1/c3
    driver: modbus-rtu
    poll: 10s
    devices:
      - {name: d1, unit: 1, tags: [{name: t, address: "input:0"}]}
      - {name: m1, address: "123456789012", driver: dlt645, options: {version: 1997, wake_up: 2},
         tags: [{name: energy, address: "9010"}]}
`

// options are those of a channel, or of a device of it, as linkd has them.
func (in *instance) options(t *testing.T, channel, device string) map[string]any {
	t.Helper()
	var c struct {
		Options map[string]any
		Devices []struct {
			Name    string
			Options map[string]any
		}
	}
	in.read(t, "/channels/"+channel, &c)
	for _, d := range c.Devices {
		if d.Name == device {
			return d.Options
		}
	}
	return c.Options
}

// wantOptions compares flat options.
func wantOptions(t *testing.T, got, want map[string]any) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("the options are %v, want %v", got, want)
	}
}

// shows scrolls to a field.
func (b *tab) shows(field string) {
	b.t.Helper()
	b.have(b.find("textbox", field), `function() { this.scrollIntoView({block: "end"}); }`)
}

// TestConsoleOptions: the options of a driver are fields with their defaults, faults stand at theirs, and what is
// emptied has its default again.
func TestConsoleOptions(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, mixedOptions, anyPorts...)
	b := in.console(t)
	b.open("/#/project/connection/s1/c1")
	b.click("button", "Add Channel")
	b.enter("Name", "ch_new")
	b.enter("Poll every", "10s")
	b.click("radio", "modbus-rtu")
	b.enter("Tag name", "t")
	b.enter("Tag address", "input:0")
	b.click("DisclosureTriangle", "Options of modbus-rtu")
	b.holds("a default is shown", `[...document.querySelectorAll("dialog .field")].some((f) =>
		f.innerText.startsWith("timeout_max") && f.querySelector("input").placeholder === "3s")`)
	b.seesIn("dialog .field", "max_gap", "registers between tags that are read along, 0 to 125")
	b.seesIn("dialog .field", "write_multiple", "FC 15 and 16 even for one coil or register")
	b.enter("timeout_max", "soon")
	b.enter("max_gap", "2.5")
	b.click("checkbox", "write_multiple")
	b.look("wide", axe)
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", "timeout_max", "is soon; write a duration such as 500ms, to 1h0m0s")
	b.seesIn("dialog .field.wrong", "max_gap", "is 2.5; write a whole number from 0 to 125")
	b.look("faults-wide", axe)
	b.colours("dark")
	b.size(390, 844)
	b.shows("timeout_max")
	b.look("faults-narrow", axe)
	b.enter("timeout_max", "5s")
	b.enter("max_gap", "2")
	b.click("button", "Save")
	b.closed()
	wantOptions(t, in.options(t, "ch_new", ""),
		map[string]any{"timeout_max": "5s", "max_gap": 2.0, "write_multiple": true})

	b.open("/#/project/channel/ch_new")
	b.seesIn("main .facts", "Options of modbus-rtu", "timeout_max")
	b.click("button", "Edit")
	b.enter("max_gap", "")
	b.click("checkbox", "write_multiple")
	b.click("button", "Save")
	b.closed()
	wantOptions(t, in.options(t, "ch_new", ""), map[string]any{"timeout_max": "5s"})

	b.click("button", "Edit")
	b.click("radio", "raw")
	b.seesIn("dialog .field", "timeout_max", "The driver has no such option")
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", `raw has no option "timeout_max"; it has echo`)
	b.look("unknown-narrow", axe)
	b.keys("\x1b")
	b.closed()
}

// TestConsoleNestedOptions: what is nested has an editor of its own; what is not touched is saved as it was; a device
// with a driver of its own has its options.
func TestConsoleNestedOptions(t *testing.T) {
	t.Parallel()
	axe := axeCore(t)
	in := serve(t, mixedOptions, anyPorts...)
	b := in.console(t)
	b.open("/#/project/channel/ch_text")
	b.click("button", "Edit")
	b.holds("bytes are shown in hex",
		`[...document.querySelectorAll("dialog input")].some((i) => i.value === "hex:0d 0a")`)
	b.enter("patterns", `weather: ^WX T=(?P<temperature>\d+)$`)
	b.enter("requests", `{"level": {"send": "LEVEL?",`)
	b.seesIn("dialog .field.wrong", "requests", "This is no JSON")
	b.look("broken-wide", axe)
	b.enter("requests", `{"level": {"expect": "^LEVEL (?P<level>\\d+)$"}}`)
	b.click("button", "Save")
	b.seesIn("dialog .field.wrong", "requests.level.send is 0 bytes long; write 1 to 1024")
	b.enter("requests", `{"level": {"send": "L?", "expect": "^LEVEL (?P<level>\\d+)$"}}`)
	b.look("nested-wide", axe)
	b.click("button", "Save")
	b.closed()
	got := in.options(t, "ch_text", "")
	patterns, _ := got["patterns"].(map[string]any)
	wantOptions(t, patterns, map[string]any{"weather": `^WX T=(?P<temperature>\d+)$`})
	requests, _ := got["requests"].(map[string]any)
	level, _ := requests["level"].(map[string]any)
	wantOptions(t, level, map[string]any{"send": "L?", "expect": `^LEVEL (?P<level>\d+)$`})
	if got["terminator"] != "\r\n" || len(got) != 3 {
		t.Errorf("what was not touched has changed: %v", got)
	}

	b.colours("dark")
	b.click("button", "中文")
	b.open("/#/project/device/ch_mixed/m1")
	b.click("button", "编辑")
	b.seesIn("dialog", "dlt645 的选项")
	b.choose("version", "2007")
	b.enter("broadcast_time", "daily")
	b.click("button", "保存")
	b.seesIn("dialog .field.wrong", `broadcast_time is "daily"; write a duration such as 24h`)
	b.look("device-zh-wide", axe)
	b.size(390, 844)
	b.shows("broadcast_time")
	b.look("device-zh-narrow", axe)
	b.choose("version", "1997")
	b.enter("broadcast_time", "24h")
	b.enter("password", "471147")
	b.click("button", "保存")
	b.closed()
	wantOptions(t, in.options(t, "ch_mixed", "m1"), map[string]any{"version": "1997", "wake_up": 2.0,
		"broadcast_time": "24h", "password": "471147"})
}
