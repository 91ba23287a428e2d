package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// greenhouse uses every noun and most keys.
const greenhouse = `project: greenhouse
providers:
  - name: s1
    title: S1
    type: tcp-server
    local_ip: ""
    local_port: 30000
    conn_identity: common
    identity: {preset: auto, timeout: 5s, quiet: 100ms, max_bytes: 64, heartbeat: ["hex:FE", LOG], ack: OK}
    on_duplicate: oldest
    max_connections: 2000
    accept_rate: 2.5
    idle_timeout: 5m
    proxy_from: [10.0.0.0/8, "::1"]
    downlink_keepalive: {every: 4m, data: "hex:00 01 FE"}
    connections:
      - {name: c1, title: "1# dev", socket_conn_id: c0001}
      - {name: c2, title: "2# dev", socket_conn_id: 0002, enabled: false}
    fleets:
      - {name: "f{n}", title: "Device {n}", socket_conn_id: "c{n:07}", from: 1, to: 1000000}
  - name: plant
    type: tcp-server
    local_port: 30001
    conn_identity: fix-ip
    connections:
      - {name: boiler, remote_ip: 10.1.2.3}
      - {name: others, remote_ip: "fd00::/64"}
  - name: out
    type: tcp-client
    local_ip: 127.0.0.1
    redial_max: 5s
    connections:
      - {name: pump, host: pump.example.org, port: 502}
models:
  - name: th_sensor
    tags:
      - {name: temperature, address: "input:0", type: int16, scale: 0.1, unit: "°C"}
      - {name: humidity, address: "input:1", type: uint16, offset: -3}
channels:
  - {name: ch_dev1, connection: s1/c1, driver: modbus-rtu, poll: 10s, devices: [{name: d1, unit: 1, model: th_sensor}]}
  - name: "ch_{connection}"
    connection: "s1/f*"
    driver: modbus-rtu
    options: {mode: fast, retries: 3, ratio: 0.5, strict: true, list: [1, "2"], none:, deep: {a: b}}
  - {name: idle, driver: simulator}
outputs:
  - {name: cloud, title: Cloud, type: mqtt, format: json, options: {url: "mqtt://host"}}
  - {name: log, type: file}
`

func mustParse(t *testing.T, src string) *Project {
	t.Helper()
	p, err := Parse("test.yaml", []byte(src), nil)
	if err != nil {
		t.Fatalf("Parse:\n%v", err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := mustParse(t, greenhouse)
	s1, plant, out := p.Providers[0], p.Providers[1], p.Providers[2]
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"name", p.Name, "greenhouse"},
		{"type", s1.Type, TCPServer},
		{"local_ip", s1.LocalIP.IsValid(), false},
		{"local_port", s1.LocalPort, uint16(30000)},
		{"timeout", s1.Identity.Timeout, 5 * time.Second},
		{"heartbeat", s1.Identity.Heartbeats, [][]byte{{0xFE}, []byte("LOG")}},
		{"ack", string(s1.Identity.Ack), "OK"},
		{"on_duplicate", s1.OnDuplicate, Oldest},
		{"accept_rate", s1.AcceptRate, 2.5},
		{"proxy_from", fmt.Sprint(s1.ProxyFrom), "[10.0.0.0/8 ::1/128]"},
		{"downlink", *s1.Downlink, Downlink{4 * time.Minute, []byte{0, 1, 0xFE}}},
		{"an unquoted id keeps its zeros", s1.Connections[1].SocketConnID, "0002"},
		{"disabled", s1.Connections[1].Disabled, true},
		{"fleet", s1.Fleets[0].ConnPt(42), ConnPt{Name: "f42", Title: "Device 42", SocketConnID: "c0000042"}},
		{"len", s1.Len(), 1000002},
		{"address", plant.Connections[0].RemoteIP.String(), "10.1.2.3/32"},
		{"cidr", plant.Connections[1].RemoteIP.String(), "fd00::/64"},
		{"client", *out.Connections[0], ConnPt{Name: "pump", Host: "pump.example.org", Port: 502}},
		{"client dials from", out.LocalIP.String(), "127.0.0.1"},
		{"client has no identity", out.ConnIdentity, ConnIdentity("")},
		{"scale", p.Models[0].Tags[0].Scale, 0.1},
		{"scale not given", p.Models[0].Tags[1].Scale, 1.0},
		{"offset", p.Models[0].Tags[1].Offset, -3.0},
		{"device", *p.Channels[0].Devices[0], Device{Name: "d1", Unit: 1, Model: "th_sensor"}},
		{"options", p.Channels[1].Options, map[string]any{"mode": "fast", "retries": 3, "ratio": 0.5, "strict": true,
			"list": []any{1, "2"}, "none": nil, "deep": map[string]any{"a": "b"}}},
		{"output", *p.Outputs[0], Output{"cloud", "Cloud", "mqtt", "json", map[string]any{"url": "mqtt://host"}}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %#v, want %#v", check.what, check.got, check.want)
		}
	}
}

func TestDefaults(t *testing.T) {
	p := mustParse(t, "project: p\nproviders:\n"+
		"- {name: s, type: tcp-server, local_port: 1}\n- {name: c, type: tcp-client}\n")
	server := &Provider{Name: "s", Type: TCPServer, LocalPort: 1, ConnIdentity: Common, OnDuplicate: Newest,
		IdleTimeout: time.Hour, Keepalive: time.Minute, UserTimeout: 90 * time.Second,
		Identity: Identity{Preset: "auto", Timeout: 10 * time.Second, Quiet: 200 * time.Millisecond, MaxBytes: 128}}
	client := &Provider{Name: "c", Type: TCPClient,
		IdleTimeout: time.Hour, Keepalive: time.Minute, UserTimeout: 90 * time.Second,
		ConnectTimeout: 10 * time.Second, RedialMin: time.Second, RedialMax: time.Minute}
	if !reflect.DeepEqual(p.Providers, []*Provider{server, client}) {
		t.Errorf("got %+v and %+v", p.Providers[0], p.Providers[1])
	}
}

// TestNever: an idle limit of 0s is not the default but none.
func TestNever(t *testing.T) {
	p := mustParse(t, "project: p\nproviders:\n- {name: s, type: tcp-server, local_port: 1, idle_timeout: 0s}\n")
	if err := Validate(p, nil); err != nil || p.Providers[0].IdleTimeout != Never {
		t.Errorf("idle_timeout: 0s is %v, %v", p.Providers[0].IdleTimeout, err)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.yaml")
	if _, err := Load(file, nil); !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrInvalid) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(file, []byte("project: 1x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file, nil)
	want := file + `:1:10: project "1x" is not a name; start with a letter, go on with letters, digits and _`
	if err == nil || err.Error() != want || !errors.Is(err, ErrInvalid) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := os.WriteFile(file, []byte(greenhouse), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(file, nil); err != nil || p.Name != "greenhouse" {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse("big.yaml", make([]byte, MaxFileSize+1), nil)
	want := "big.yaml:1:1: the file is larger than 64 MiB; describe many connections as fleets"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// TestEveryFaultAtOnce has ten faults of ten kinds in one file.
func TestEveryFaultAtOnce(t *testing.T) {
	const src = `project: 9lives
providers:
  - name: s1
    type: tcp
    local_port: 70000
    lcoal_ip: 10.0.0.1
    connections: &all
      - {name: c1, socket_conn_id: a, name: c2}
      - {name: c-2, enabled: maybe}
models:
  - {name: m, tags: [{name: t, scale: big}]}
channels:
  - {name: ch, connection: s2/c1, driver: x, poll: fast, devices: [{name: d, model: n}]}
`
	want := `x.yaml:1:10: project "9lives" is not a name; start with a letter, go on with letters, digits and _
x.yaml:4:11: type is "tcp"; write tcp-server or tcp-client
x.yaml:5:17: local_port is 70000; write a whole number from 0 to 65535
x.yaml:6:5: unknown key "lcoal_ip" in a provider; did you mean local_ip?
x.yaml:7:18: anchors are refused (&all); write the value out where it is used
x.yaml:8:39: key "name" is already in line 8; keep one of the two
x.yaml:9:9: the connection has no socket_conn_id; a provider with conn_identity: common needs one
x.yaml:9:16: name "c-2" is not a name; start with a letter, go on with letters, digits and _
x.yaml:9:30: enabled is "maybe"; write true or false
x.yaml:11:39: scale is "big"; write a number such as 0.1
x.yaml:13:28: there is no provider "s2"; did you mean s1?
x.yaml:13:52: poll is "fast"; write a duration such as 200ms, 10s or 1m30s
x.yaml:13:85: there is no model "n"; did you mean m?`
	_, err := Parse("x.yaml", []byte(src), nil)
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	src := "project: p\nmodels:\n" + strings.Repeat("- {name: 1}\n", 3*maxFaults)
	_, err := Parse("x", []byte(src), nil)
	var list Errors
	if !errors.As(err, &list) || len(list) != maxFaults+1 ||
		list[maxFaults].Msg != "2000 more faults are not shown; correct these first" {
		t.Errorf("%d faults, last: %v", len(list), list[len(list)-1])
	}
}
