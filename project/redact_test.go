package project

import (
	"reflect"
	"strings"
	"testing"
)

const secretive = `project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    identity: {preset: regex, pattern: '(?P<id>\w+),(?P<secret>\w+);'}
    connections:
      - {name: c1, socket_conn_id: c0001, secret: PLANTED1}
      - {name: c2, socket_conn_id: c0002}
channels:
  - name: ch1
    connection: s1/c1
    driver: meter
    options: {password: PLANTED2, level: 2, nested: {list: [{auth: {any: [PLANTED3]}}], fine: seen1}}
    devices: [{name: d1, driver: meter, options: {Secret_Key: PLANTED4, pwd: 471147, baud: 9600}, tags: [{name: t}]}]
outputs:
  - name: a
    type: mqtt
    options: {server: "tls://me:PLANTED5@broker.example:8883", user: seen2, password: "env:SEEN3"}
  - name: b
    type: webhook
    options:
      url: "https://hooks.example/services/PLANTED6?key=PLANTED7"
      headers: {X-Api-Key: PLANTED8}
      token: "file:/etc/seen4"
  - name: c
    type: nats
    options: {server: ["nats://seen5.example", "nats://u:PLANTED9@b.example"], token: PLANTED10, secret: "secret://PLANTED11"}
`

// TestRedacted: every secret that is planted is gone, all else is there, and the project itself is as it was.
func TestRedacted(t *testing.T) {
	p, err := Parse("p.yaml", []byte(secretive), nil)
	if err != nil {
		t.Fatal(err)
	}
	before := string(p.YAML())
	text := string(p.Redacted().YAML())
	for _, gone := range []string{"PLANTED", "471147", "me:@", "//me", "//u"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is still there:\n%s", gone, text)
		}
	}
	for _, kept := range []string{"seen1", "seen2", "SEEN3", "seen4", "seen5", "c0001", "c0002", "9600", "broker.example",
		"hooks.example", "level: 2", Hidden} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is gone:\n%s", kept, text)
		}
	}
	if after := string(p.YAML()); after != before || !strings.Contains(after, "PLANTED11") {
		t.Error("the project itself was changed")
	}
	again, err := Parse("again.yaml", p.Redacted().YAML(), nil)
	if err != nil {
		t.Fatalf("what is written cannot be read: %v", err)
	}
	if again.Providers[0].Connections[1].Secret != "" || again.Providers[0].Connections[0].Secret != Hidden {
		t.Errorf("secrets %+v", again.Providers[0].Connections)
	}
}

func TestRedactedText(t *testing.T) {
	for s, want := range map[string]string{
		"":                        "",
		"plain":                   "plain",
		"https://a.example":       "https://a.example",
		"https://a.example/":      "https://a.example/",
		"https://a.example:1/x":   "https://a.example:1/***",
		"https://a.example?q=1":   "https://a.example/***",
		"https://u@a.example":     "https://a.example/***",
		"https://[::1]:80":        "https://[::1]:80",
		"://":                     Hidden,
		"file://u:p@a.example/x":  "file://a.example/***",
		"ht tp://u:p@a.example/x": Hidden,
	} {
		if got := redactedText(s, false); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	if got := RedactedOptions(nil); got != nil {
		t.Errorf("no options: %v", got)
	}
	v := map[string]any{"token": nil, "auth": true, "n": 1.5}
	if got := RedactedOptions(v); !reflect.DeepEqual(got, map[string]any{"token": nil, "auth": true, "n": 1.5}) {
		t.Errorf("got %v", got)
	}
}
