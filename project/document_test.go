package project

import (
	"reflect"
	"strings"
	"testing"
)

// roundTrip writes every noun of p as a document and reads it back.
func roundTrip(t *testing.T, p *Project) {
	t.Helper()
	for _, pr := range p.Providers {
		own := *pr
		own.Connections, own.Fleets = nil, nil
		sameDocument(t, &own, pr.Document(), ReadProvider)
		for _, c := range pr.Connections {
			sameDocument(t, c, c.Document(), ReadConnPt)
		}
		for _, f := range pr.Fleets {
			sameDocument(t, f, f.Document(), ReadFleet)
		}
	}
	for _, m := range p.Models {
		sameDocument(t, m, m.Document(), ReadModel)
	}
	for _, c := range p.Channels {
		sameDocument(t, c, c.Document(), ReadChannel)
	}
	for _, o := range p.Outputs {
		sameDocument(t, o, o.Document(), ReadOutput)
	}
}

func sameDocument[T any](t *testing.T, noun *T, doc []byte, read func([]byte) (*T, error)) {
	t.Helper()
	got, err := read(doc)
	if err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	if !reflect.DeepEqual(got, noun) {
		t.Fatalf("%s\ngot  %#v\nwant %#v", doc, got, noun)
	}
}

func TestDocuments(t *testing.T) {
	p := mustParse(t, greenhouse)
	roundTrip(t, p)
	for _, c := range []struct{ got, want string }{
		{string(p.Providers[0].Document()), `{"name":"s1","title":"S1","type":"tcp-server","local_port":30000,` +
			`"identity":{"timeout":"5s","quiet":"100ms","max_bytes":64,"heartbeat":["hex:FE","LOG"],"ack":"OK"},` +
			`"on_duplicate":"oldest","max_connections":2000,"accept_rate":2.5,"idle_timeout":"5m",` +
			`"proxy_from":["10.0.0.0/8","::1"],"downlink_keepalive":{"every":"4m","data":"hex:00 01 FE"}}`},
		{string(p.Providers[1].Document()),
			`{"name":"plant","type":"tcp-server","local_port":30001,"conn_identity":"fix-ip"}`},
		{string(p.Providers[2].Document()), `{"name":"out","type":"tcp-client","local_ip":"127.0.0.1","redial_max":"5s"}`},
		{string(p.Providers[0].Connections[1].Document()),
			`{"name":"c2","title":"2# dev","socket_conn_id":"0002","enabled":false}`},
		{string(p.Providers[0].Fleets[0].Document()),
			`{"name":"f{n}","title":"Device {n}","socket_conn_id":"c{n:07}","from":1,"to":1000000}`},
		{string(p.Models[0].Document()), `{"name":"th_sensor","tags":[` +
			`{"name":"temperature","address":"input:0","type":"int16","scale":0.1,"unit":"°C"},` +
			`{"name":"humidity","address":"input:1","type":"uint16","offset":-3}]}`},
		{string(p.Channels[1].Document()), `{"name":"ch_{connection}","connection":"s1/f*","driver":"modbus-rtu",` +
			`"options":{"deep":{"a":"b"},"list":[1,"2"],"mode":"fast","none":null,"ratio":0.5,"retries":3,"strict":true}}`},
		{string(p.Outputs[0].Document()),
			`{"name":"cloud","title":"Cloud","type":"mqtt","format":"json","options":{"url":"mqtt://host"}}`},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

// TestDocumentsOfOddText has what is hard to write: every byte in ids and byte strings, words that look like others.
func TestDocumentsOfOddText(t *testing.T) {
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	for _, id := range []string{"", "0002", "null", "hex:41", "hex:zz", "a\"b\\", "a\tb\x01\x7f",
		"\xff\xfe", "é\u0085\u2028\ufeff",
		" a ", all.String(), "😀", "a: b", "#", "- a"} {
		sameDocument(t, &ConnPt{Name: "c", SocketConnID: id, Secret: id}, (&ConnPt{Name: "c", SocketConnID: id,
			Secret: id}).Document(), ReadConnPt)
		options := map[string]any{"text": id}
		if strings.ToValidUTF8(id, "") == id {
			c := &Channel{Name: "c", Options: options}
			sameDocument(t, c, c.Document(), ReadChannel)
		}
		if id != "" {
			p := &Provider{Type: TCPServer, Identity: Identity{Prefix: []byte(id), Heartbeats: [][]byte{[]byte(id)}}}
			p.Defaults()
			sameDocument(t, p, p.Document(), ReadProvider)
		}
	}
}

func TestDocumentsOfIdentity(t *testing.T) {
	for _, keys := range []string{"preset: line", "preset: usr", "preset: usr, mode: packet", "timeout: 20s",
		"preset: length-prefixed, length: 2", "preset: length-prefixed, length: 4, endian: little",
		"preset: fixed, length: 5, prefix: \"hex:02\", suffix: \"hex:03\"", "preset: regex, pattern: '(?P<id>\\w+);'",
		"ack: A, nack: \"hex:00\"", "{}"} {
		roundTrip(t, mustParse(t, "project: p\n"+identity(strings.Trim(keys, "{}"))))
	}
	for _, keys := range []string{", idle_timeout: 0s", ", idle_timeout: 1.5s", ", local_ip: \"fe80::1%eth0\"",
		", redial_min: 2h", ", redial_min: 61s, redial_max: 90m", ", connect_timeout: 12345678ns"} {
		roundTrip(t, mustParse(t, "project: p\n"+client(keys)))
	}
	zero := &Provider{Name: "s", Type: TCPServer}
	if got := string(zero.Document()); got != `{"name":"s","type":"tcp-server","local_port":0}` {
		t.Errorf("before its defaults are filled in: %s", got)
	}
}

func TestReadRefuses(t *testing.T) {
	conn := func(doc []byte) error { _, err := ReadConnPt(doc); return err }
	for _, c := range []struct {
		name, doc, want string
		read            func([]byte) error
	}{
		{"nothing", "", "1:1: JSON: unexpected end of JSON input; check quotes, commas and brackets here", conn},
		{"no JSON", "{\"name\":\n c1}", "2:2: JSON: invalid character 'c' looking for beginning of value; " +
			"check quotes, commas and brackets here", conn},
		{"two values", "{} {}", "1:4: JSON: invalid character '{' after top-level value; " +
			"check quotes, commas and brackets here", conn},
		{"not UTF-8", "{\"name\":\"\xff\"}", "1:1: the document is not UTF-8; write it as plain UTF-8 text", conn},
		{"a list", "[1]", "1:1: a connection is a list; write its keys as key: value", conn},
		{"unknown key", "{\"name\": \"é\",\n\"titel\": 1}", `2:1: unknown key "titel" in a connection; did you mean title?`,
			conn},
		{"twice", `{"é": 1, "name": "a", "name": "b"}`, `1:2: unknown key "é" in a connection; write one of name, title, ` +
			"socket_conn_id, secret, remote_ip, host, port, enabled\n" +
			`1:23: key "name" is already in line 1; keep one of the two`, conn},
		{"types", `{"port": "502", "enabled": 1, "remote_ip": {}, "title": "a\nb", "socket_conn_id": "hex:0"}`,
			"1:10: port is the text \"502\"; write a whole number from 1 to 65535\n" +
				"1:28: enabled is 1; write true or false\n" +
				"1:44: remote_ip is a mapping; write an IP address or a CIDR such as 10.1.2.0/24\n" +
				"1:57: title holds the control character U+000A; write plain text in one line\n" +
				`1:83: socket_conn_id is the text "hex:0"; write two hex digits a byte, as "hex:00 01 FE"`, conn},
		{"deep", strings.Repeat(`{"name":`, 30) + "1" + strings.Repeat("}", 30),
			"1:201: nested more than 24 deep; a project needs fewer than 24 levels", conn},
		{"long key", `{"` + strings.Repeat("a", 65) + `": 1}`,
			`1:2: the key "` + strings.Repeat("a", 40) + `"… is longer than 64 bytes`, conn},
		{"provider with connections", `{"name": "s", "type": "tcp-server", "connections": []}`,
			"1:1: provider s has no local_port; write the port that devices dial, or 0 for any free one\n" +
				`1:37: unknown key "connections" in a provider; did you mean max_connections?`,
			func(doc []byte) error { _, err := ReadProvider(doc); return err }},
		{"fleet", `{"name": "f", "from": 1}`, "1:1: the fleet has no to; write the number of its last device\n" +
			`1:10: name: "f" has no {n}; ` + aWord, func(doc []byte) error { _, err := ReadFleet(doc); return err }},
		{"model", `{"tags": [{"scale": 0}]}`, "1:21: scale is 0, which makes every value 0; write another number",
			func(doc []byte) error { _, err := ReadModel(doc); return err }},
		{"channel", `{"options": [1]}`, "1:13: options is a list; write the driver's options as key: value",
			func(doc []byte) error { _, err := ReadChannel(doc); return err }},
		{"deep options", `{"options": ` + strings.Repeat(`{"a":`, 13) + "1" + strings.Repeat("}", 14),
			"1:13: options is nested more than 12 deep; write the driver's options flatter",
			func(doc []byte) error { _, err := ReadChannel(doc); return err }},
	} {
		if err := c.read([]byte(c.doc)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got\n%v\nwant\n%s", c.name, err, c.want)
		}
	}
	_, err := ReadChannel([]byte(`{"poll": 1, "devices": [{"name": "d", "tags": [{"scale": 0}]}, {"unit": -1}],
		"options": {"a": 1, "a": 2}}`))
	if got := fieldsOf(err); got != "poll devices.d.tags.0.scale devices.1.unit options.a" {
		t.Errorf("fields are %s", got)
	}
}

// FuzzRead: whatever the bytes, a reader gives a noun that its document gives again, or faults.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"name":"c","socket_conn_id":"hex:00 FF","options":{"a":[1,2.0,"x",null,{}]},"tags":[{"scale":1e3}]}`))
	f.Add([]byte(`{"type":"tcp-client","identity":{"heartbeat":["a"]},"proxy_from":["::/0"]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if o, err := ReadOutput(doc); err == nil {
			sameDocument(t, o, o.Document(), ReadOutput)
		}
		if p, err := ReadProvider(doc); err == nil {
			sameDocument(t, p, p.Document(), ReadProvider)
		}
		if c, err := ReadConnPt(doc); err == nil {
			sameDocument(t, c, c.Document(), ReadConnPt)
		}
		if fl, err := ReadFleet(doc); err == nil {
			sameDocument(t, fl, fl.Document(), ReadFleet)
		}
		if m, err := ReadModel(doc); err == nil {
			sameDocument(t, m, m.Document(), ReadModel)
		}
		if c, err := ReadChannel(doc); err == nil {
			sameDocument(t, c, c.Document(), ReadChannel)
		}
	})
}

func BenchmarkConnPtDocument(b *testing.B) {
	c := &ConnPt{Name: "c1234567", Title: "Pump 1234567", SocketConnID: "358370891234567"}
	doc := c.Document()
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			c.Document()
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := ReadConnPt(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
