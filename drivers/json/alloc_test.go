//go:build !race

// encoding/json keeps what it needs in pools, which the race detector empties at random.

package json

import "testing"

// TestAllocatesNothing: reading an object of 200 bytes, unasked and asked for, costs no memory.
func TestAllocatesNothing(t *testing.T) {
	ch, err := load(`poll: 1s, options: {device: /id, request: {send: READ, expect: {/type: v}}}, devices: [{name: d, ` +
		`unit: 7, tags: [{name: a, address: /v/a}, {name: b, address: /v/b, type: int64}, {name: c, address: /v/c/1}, ` +
		`{name: e, address: /on, type: bool}, {name: f, address: /v/f, type: uint8}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	object := []byte(`{"type": "v", "id": 7, "time": "2026-01-02T03:04:05Z", "v": {"a": 21.53, ` +
		`"b": -9223372036854775808, ` +
		`"c": [1, 2.5, 3], "f": 255, "other": {"x": [{"y": "z"}]}}, "on": true, "note": "as \"quoted\" as it can be....."}`)
	l, m := &link{}, ch.Machine()
	now := int64(1e18)
	m.Open(now, l)
	for name, run := range map[string]func(){
		"unasked": func() { m.Receive(now, object, l) },
		"poll": func() {
			now += 1e9
			m.Timer(now, l)
			m.Receive(now+1e6, object, l)
		},
	} {
		before := l.values
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
		if got := l.values - before; got != 101*5 {
			t.Errorf("%s: %d values of 101 objects, want 5 each", name, got)
		}
	}
}
