package project

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sameAfterYAML writes p as a file and reads that; both must be equal in every field.
func sameAfterYAML(t *testing.T, p *Project) {
	t.Helper()
	text := p.YAML()
	got, err := Parse("f", text, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if d := Diff(p, got); !d.Empty() {
		t.Fatalf("differs:\n%s\n%s", d, text)
	}
	want := *p
	want.index, got.index = nil, nil
	if !reflect.DeepEqual(got, &want) {
		t.Fatalf("not equal:\n%s\n%s", text, got.YAML())
	}
}

func TestYAML(t *testing.T) {
	p := mustParse(t, greenhouse)
	sameAfterYAML(t, p)
	const want = `project: greenhouse
providers:
  - name: s1
    title: S1
    type: tcp-server
    local_port: 30000
    identity: {timeout: 5s, quiet: 100ms, max_bytes: 64, heartbeat: ["hex:FE", LOG], ack: OK}
    on_duplicate: oldest
    max_connections: 2000
    accept_rate: 2.5
    idle_timeout: 5m
    proxy_from: [10.0.0.0/8, "::1"]
    downlink_keepalive: {every: 4m, data: "hex:00 01 FE"}
    connections:
      - {name: c1, title: "1# dev", socket_conn_id: c0001}
      - {name: c2, title: "2# dev", socket_conn_id: "0002", enabled: false}
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
    options: {deep: {a: b}, list: [1, "2"], mode: fast, none: null, ratio: 0.5, retries: 3, strict: true}
  - {name: idle, driver: simulator}
outputs:
  - {name: cloud, title: Cloud, type: mqtt, format: json, options: {url: "mqtt://host"}}
  - {name: log, type: file}
`
	if got := string(p.YAML()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := string((&Project{Name: "p"}).YAML()); got != "project: p\n" {
		t.Errorf("got\n%s", got)
	}
}

// TestYAMLOfExamples: what the examples say stays the same, and is written the same a second time.
func TestYAMLOfExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(file, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		sameAfterYAML(t, p)
		roundTrip(t, p)
		for i, line := range strings.Split(string(p.YAML()), "\n") {
			if len(line) > width {
				t.Errorf("%s: line %d has %d bytes: %s", file, i+1, len(line), line)
			}
		}
	}
}

// oddProject makes a valid project of random shape with texts that are hard to write.
func oddProject(rng *rand.Rand) *Project {
	o := odd{rng}
	p := &Project{Name: "p"}
	for i := range rng.IntN(3) {
		pr := &Provider{Name: fmt.Sprint("s", i), Title: o.text(), Type: TCPServer, LocalPort: uint16(i),
			MaxConnections: rng.IntN(3), AcceptRate: float64(rng.IntN(3)) / 3, Keepalive: o.time(), IdleTimeout: o.time()}
		pr.Identity.Ack, pr.Identity.Prefix = o.bytes(), nil
		if b := o.bytes(); b != nil {
			pr.Identity.Heartbeats = [][]byte{b, o.bytes()}[:1+rng.IntN(2)]
			pr.Downlink = &Downlink{time.Second + o.time(), b}
		}
		for j := range rng.IntN(4) {
			pr.Connections = append(pr.Connections, &ConnPt{Name: fmt.Sprint("c", j), Title: o.text(),
				SocketConnID: fmt.Sprint(j) + o.id(), Disabled: rng.IntN(2) == 0})
		}
		if rng.IntN(2) == 0 {
			pr.Fleets = []*Fleet{{Name: Pattern{"f", "", 1},
				SocketConnID: Pattern{strings.Trim(o.text(), "{}"), "x", 3}, To: rng.IntN(9)}}
		}
		p.Providers = append(p.Providers, pr)
	}
	for i := range rng.IntN(3) {
		p.Models = append(p.Models, &Model{Name: fmt.Sprint("m", i), Title: o.text(), Tags: o.tags(1)})
	}
	for i := range rng.IntN(4) {
		ch := &Channel{Name: fmt.Sprint("ch", i), Title: o.text(), Driver: "d", Poll: o.time(), Options: o.options()}
		for j := range rng.IntN(3) {
			ch.Devices = append(ch.Devices, &Device{Name: fmt.Sprint("d", j), Unit: rng.IntN(256), Address: o.text(),
				Driver: "d", Options: o.options(), Tags: o.tags(1)})
		}
		p.Channels = append(p.Channels, ch)
		p.Outputs = append(p.Outputs, &Output{Name: fmt.Sprint("o", i), Type: "t", Format: o.text(),
			Options: o.options()})
	}
	return p
}

type odd struct{ *rand.Rand }

func (o odd) pick(list ...string) string { return list[o.IntN(len(list))] }

func (o odd) text() string {
	return o.pick("", "", "a", "a b", " a", "a ", "- a", "a: b", "a #b", "#", "null", "Yes", "1", "0x1", "1e3", ".5", "~",
		"*a", "&a", "!a", "%a", "@a", "`a", "a,b", "[a", "{a}"[:2], "'a'", "\"", "\\", "é", "\u00a0", "日本", "😀", "?",
		"? a", "|",
		">", "a:", "=", "<<", "---", "...", "hex:00", "a  b", strings.Repeat("long ", 30)+"x", "\u2028", "\ufeff", "\u0085")
}

func (o odd) id() string {
	return o.pick("", o.text(), "\x01", "\t", "\x7f", "\xff\xfe", "\x1b[0m", "a\tb", "hex:zz")
}

func (o odd) bytes() []byte {
	if s := o.id(); s != "" && len(s) < 64 {
		return []byte(s)
	}
	return nil
}

func (o odd) time() time.Duration {
	return []time.Duration{0, 0, time.Second, time.Minute, 90 * time.Minute, 25 * time.Hour, 1500 * time.Millisecond,
		time.Second + 1, time.Hour + time.Second}[o.IntN(9)]
}

func (o odd) number() float64 {
	return []float64{0, 1, -1, 0.1, 1e300, -1e-300, 1e15, 123456789.125, 1e-7, 5e-324, 1e6}[o.IntN(11)]
}

func (o odd) tags(least int) []*Tag {
	var list []*Tag
	for i := range least + o.IntN(3) {
		t := &Tag{Name: fmt.Sprint("t", i), Title: o.text(), Address: o.text(), Scale: o.number(), Offset: o.number(),
			Unit: o.text(), Expr: o.text(), Writable: o.IntN(2) == 0, Length: o.IntN(3), Poll: o.time()}
		if t.Scale == 0 {
			t.Scale = 1
		}
		if o.IntN(2) == 0 {
			n := o.IntN(10)
			t.Decimals, t.Clamp = &n, &[2]float64{-1, 1 + float64(n)/3}
		}
		list = append(list, t)
	}
	return list
}

func (o odd) options() map[string]any {
	if m, ok := o.value(0).(map[string]any); ok && len(m) > 0 {
		return m
	}
	return nil
}

func (o odd) value(depth int) any {
	switch kind := o.IntN(9); {
	case kind < 3 && depth < 8:
		m := make(map[string]any)
		for range o.IntN(5) {
			if key := o.text() + o.pick("", "\n", "k"); len(key) <= maxKeyLength {
				m[key] = o.value(depth + 1)
			}
		}
		return m
	case kind == 3 && depth < 8:
		list := []any{}
		for range o.IntN(5) {
			list = append(list, o.value(depth+1))
		}
		return list
	case kind == 4:
		return o.IntN(1000) - 500
	case kind == 5:
		return o.number()
	case kind == 6:
		return o.IntN(2) == 0
	case kind == 7:
		return nil
	}
	return o.text() + o.pick("", "\n", "\ta\r\n  b", " ")
}

func TestYAMLOfOddProjects(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 2000 {
		p := oddProject(rng)
		if err := Validate(p, nil); err != nil {
			continue
		}
		valid++
		sameAfterYAML(t, p)
		roundTrip(t, p)
	}
	if valid < 500 {
		t.Errorf("only %d of 2000 projects are valid", valid)
	}
}

func BenchmarkYAML(b *testing.B) {
	p := &Project{Name: "p", Providers: []*Provider{{Name: "s", Type: TCPServer}}}
	for i := range 100_000 {
		p.Providers[0].Connections = append(p.Providers[0].Connections, &ConnPt{Name: fmt.Sprintf("c%d", i),
			Title: fmt.Sprintf("Pump %d", i), SocketConnID: fmt.Sprintf("%015d", i)})
	}
	for b.Loop() {
		b.SetBytes(int64(len(p.YAML())))
	}
}
