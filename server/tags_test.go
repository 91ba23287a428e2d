package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"linkd/drivers/modbus"
)

const polled = `
project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    connections:
      - {name: c1, socket_conn_id: c0001}
      - {name: c2, socket_conn_id: c0002}
    fleets: [{name: "f{n}", socket_conn_id: "d{n:04}", from: 1, to: 3}]
models:
  - name: th
    tags:
      - {name: temperature, address: "input:0", type: int16, scale: 0.1, unit: "°C"}
      - {name: setpoint, address: "holding:0", scale: 0.1, writable: true, clamp: [5, 40]}
channels:
  - {name: ch1, connection: s1/c1, driver: modbus-rtu, poll: 1s, devices: [{name: d1, unit: 1, model: th}],
     options: {timeout_max: 300ms, retries: 0}}
  - {name: ch2, connection: s1/c2, driver: raw}
  - {name: "ch_{connection}", connection: "s1/f*", driver: modbus-rtu, poll: 1s,
     devices: [{name: d1, unit: 1, model: th}]}
`

// rtuAnswer answers one request of a Modbus master: every register is 215, writes are echoed.
func rtuAnswer(q []byte) string {
	switch {
	case len(q) == 8 && q[1] <= 4:
		return crc(string([]byte{q[0], q[1], 2 * q[5]}) + strings.Repeat("\x00\xd7", int(q[5])))
	case len(q) == 8:
		return string(q)
	}
	return ""
}

func crc(b string) string {
	c := uint16(0xFFFF)
	for _, x := range []byte(b) {
		c ^= uint16(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
	}
	return b + string([]byte{byte(c), byte(c >> 8)})
}

// serveModbus answers all that linkd asks for d.
func (l *simLink) serveModbus(d time.Duration) {
	w := l.host.sim
	for range d / (5 * time.Millisecond) {
		w.pass(5 * time.Millisecond)
		if q := l.sent; len(q) > 0 {
			l.sent = nil
			l.send(rtuAnswer(q))
		}
	}
}

func newPolledSim(t *testing.T) *sim {
	return newSim(t, polled, modbus.RTU())
}

func (w *sim) wantTag(path, want string) {
	w.t.Helper()
	p := strings.Split(path, "/")
	v, err := w.tag(p[0], p[1], p[2])
	if got := strings.TrimSpace(fmt.Sprintf("%v %s %s", v.Value, v.Quality, v.Reason)); err != nil || got != want {
		w.t.Fatalf("%s is %q (%v), want %q", path, got, err, want)
	}
}

// tag reads a tag: the letter to its loop is delivered by hand.
func (w *sim) tag(channel, device, tag string) (v TagView, err error) {
	w.await(func() { v, err = w.srv.Tag(channel, device, tag) })
	return v, err
}

// write writes a tag and lets the link answer for a while.
func (w *sim) write(l *simLink, req WriteRequest) (r WriteResult, err error) {
	req.Who = "test"
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err = w.srv.Write(context.Background(), req)
	}()
	for range 400 {
		select {
		case <-done:
			return r, err
		case <-time.After(time.Millisecond):
		}
		w.drain()
		if l != nil && !l.closed {
			l.serveModbus(10 * time.Millisecond)
		} else {
			w.pass(10 * time.Millisecond)
		}
	}
	w.t.Fatal("a write is not answered")
	return r, err
}

// await runs f beside the simulated loops.
func (w *sim) await(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
			w.drain()
		}
	}
}

// TestTagLife: not polled, good, bad when the device or the link is gone, with its last value, good again.
func TestTagLife(t *testing.T) {
	w := newPolledSim(t)
	w.wantTag("ch1/d1/temperature", "<nil> bad offline")
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	w.wantTag("ch1/d1/temperature", "<nil> bad not polled yet")
	l.serveModbus(2 * time.Second)
	w.wantTag("ch1/d1/temperature", "21.5 good")
	w.pass(3 * time.Second)
	w.wantTag("ch1/d1/temperature", "21.5 bad timeout")
	l.sent = nil
	l.serveModbus(20 * time.Second)
	w.wantTag("ch1/d1/temperature", "21.5 good")
	l.hangUp(nil)
	w.wantTag("ch1/d1/temperature", "21.5 bad offline")
	next := w.dial(1, "10.0.0.2:1000").send("c0001\n")
	w.wantTag("ch1/d1/temperature", "21.5 bad not polled yet")
	next.serveModbus(2 * time.Second)
	w.wantTag("ch1/d1/temperature", "21.5 good")
}

// TestTakeoverInPoll: a link that is taken over while its poll is in flight leaves its connection point's tags alone.
func TestTakeoverInPoll(t *testing.T) {
	w := newPolledSim(t)
	old := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	for len(old.sent) == 0 {
		w.pass(time.Millisecond)
	}
	question := old.sent
	next := w.dial(1, "10.0.0.2:1000").send("c0001\n")
	w.wantClosed(old, ReasonTakeover)
	old.send(rtuAnswer(question)) // nobody is there to hear it
	w.wantTag("ch1/d1/temperature", "<nil> bad not polled yet")
	next.serveModbus(2 * time.Second)
	w.wantTag("ch1/d1/temperature", "21.5 good")
}

// TestWrites: what comes of writes in each state of the device.
func TestWrites(t *testing.T) {
	w := newPolledSim(t)
	set := func(v any, more ...func(*WriteRequest)) WriteRequest {
		req := WriteRequest{Channel: "ch1", Device: "d1", Values: []TagValue{{"setpoint", v}}}
		for _, f := range more {
			f(&req)
		}
		return req
	}
	want := func(name string, l *simLink, req WriteRequest, result, reason string) {
		t.Helper()
		r, err := w.write(l, req)
		if err != nil || r.Result != result || !strings.Contains(r.Reason, reason) {
			t.Errorf("%s: %+v, %v; want %s, %s", name, r, err, result, reason)
		}
	}
	want("away", nil, set(20), offline, "not connected")
	want("out of range", nil, set(90), rejected, "from 5 to 40")
	want("read-only", nil, WriteRequest{Channel: "ch1", Device: "d1", Values: []TagValue{{"temperature", 20}}},
		rejected, "read-only")
	ttl := func(d time.Duration) func(*WriteRequest) { return func(r *WriteRequest) { r.TTL = d } }
	want("kept", nil, set(20, ttl(time.Hour)), waits, "kept until")
	for _, bad := range []WriteRequest{{Channel: "nosuch", Device: "d1"}, {Channel: "ch1", Device: "d1"},
		{Channel: "ch2", Device: "d1", Values: []TagValue{{"t", 1}}}, set(20, ttl(48*time.Hour))} {
		if r, err := w.write(nil, bad); err == nil {
			t.Errorf("%+v: %+v, want an error", bad, r)
		}
	}
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	if got := hex.EncodeToString(l.sent); got != "0106000000c8885c" {
		t.Errorf("the write that waited was sent as %s", got)
	}
	l.serveModbus(2 * time.Second)
	want("confirmed", l, set(20), confirmed, "")
	want("read back: the device has 215", l, set(20, func(r *WriteRequest) { r.Readback = true }), rejected,
		"read back differs")
	want("read back", l, set(21.5, func(r *WriteRequest) { r.Readback = true }), confirmed, "")
	if n := w.srv.Stats().Drivers[1].Writes[confirmed]; n != 3 {
		t.Errorf("%d writes are counted as confirmed, want 3: the kept one too", n)
	}
}

// TestTagPages: pages cut anywhere hold every tag once, and a page of a channel holds its tags alone.
func TestTagPages(t *testing.T) {
	w := newPolledSim(t)
	for limit := 1; limit < 10; limit++ {
		var got []string
		for cursor := ""; ; {
			items, next, err := w.srv.Tags(TagQuery{Limit: limit, Cursor: cursor})
			if err != nil || len(items) > limit {
				t.Fatalf("%d items, %v", len(items), err)
			}
			for _, v := range items {
				got = append(got, v.Channel+"/"+v.Tag)
			}
			if cursor = next; next == "" {
				break
			}
		}
		want := "ch1/temperature ch1/setpoint ch_f1/temperature ch_f1/setpoint ch_f2/temperature ch_f2/setpoint " +
			"ch_f3/temperature ch_f3/setpoint"
		if strings.Join(got, " ") != want {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	items, _, err := w.srv.Tags(TagQuery{Channel: "ch_f2"})
	if err != nil || len(items) != 2 || items[0].Connection != "f2" {
		t.Errorf("channel ch_f2: %+v, %v", items, err)
	}
	for _, q := range []TagQuery{{Channel: "ch_f9"}, {Channel: "nosuch"}, {Provider: "s1", Connection: "c9"},
		{Cursor: "s1:x:1"}, {Cursor: "s1:1"}} {
		if items, _, err := w.srv.Tags(q); err == nil {
			t.Errorf("%+v: %+v, want an error", q, items)
		}
	}
}

// TestFollowValues: who follows a channel gets its values as they are read, and the news that they went bad.
func TestFollowValues(t *testing.T) {
	w := newPolledSim(t)
	values, stop, err := w.srv.SubscribeValues(TagQuery{Channel: "ch1"})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	w.dial(1, "10.0.0.1:1001").send("d0001\n").serveModbus(2 * time.Second) // of another channel
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	l.serveModbus(1100 * time.Millisecond)
	l.hangUp(nil)
	good, bad := 0, 0
	for len(values) > 0 {
		switch v := <-values; {
		case v.Channel != "ch1":
			t.Errorf("a value of %s", v.Channel)
		case v.Quality == "good" && v.Value == 21.5:
			good++
		case v.Reason == "offline":
			bad++
		}
	}
	if good < 2 || bad != 2 {
		t.Errorf("%d good values and %d that went bad, want 2 or more and 2", good, bad)
	}
}

// TestFollowStale: a poll that is not answered keeps back those of its shape for late_window. Who follows their tags is
// told once that they are stale, and once that they are good again; the device's other tags go on.
func TestFollowStale(t *testing.T) {
	src := strings.Replace(polled, "retries: 0", "retries: 1, late_window: 1m", 1)
	src = strings.Replace(src, "    tags:\n", "    tags:\n      - {name: far, address: \"input:500\"}\n", 1)
	w := newSim(t, src, modbus.RTU())
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	l.serveModbus(2 * time.Second)
	for lost := false; !lost; {
		w.pass(time.Millisecond)
		if q := l.sent; len(q) > 0 {
			l.sent = nil
			if lost = q[1] == 4; !lost {
				l.send(rtuAnswer(q))
			}
		}
	}
	l.serveModbus(400 * time.Millisecond)
	values, stop, err := w.srv.SubscribeValues(TagQuery{Channel: "ch1"})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	news := func(want string) {
		t.Helper()
		var got []string
		for len(values) > 0 {
			v := <-values
			if v.Tag == "setpoint" {
				continue
			}
			got = append(got, strings.TrimSpace(v.Tag+" "+v.Quality+" "+v.Reason))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("told %q, want %q", s, want)
		}
	}
	news("")
	l.serveModbus(20 * time.Second)
	news("far stale missed polls, temperature stale missed polls")
	w.wantTag("ch1/d1/temperature", "21.5 stale missed polls")
	w.wantTag("ch1/d1/setpoint", "21.5 good")
	l.serveModbus(10 * time.Second)
	news("")
	told := false
	for range 600 {
		l.serveModbus(100 * time.Millisecond)
		for len(values) > 0 {
			v := <-values
			told = told || v.Tag == "temperature" && v.Quality == "good"
		}
	}
	if !told {
		t.Error("nobody was told that the values are good again")
	}
	w.wantTag("ch1/d1/temperature", "21.5 good")
}
