//go:build !race

// regexp keeps what it needs in pools, which the race detector empties at random.

package text_test

import "testing"

// TestAllocations: regexp makes one slice for the groups of each line that matches; nothing else is made.
func TestAllocations(t *testing.T) {
	ch, err := load(`poll: 1s, options: {patterns: {p: '^T=(?P<t>\S+) H=(?P<h>\d+)$'}, requests: {q: {send: "Q", ` +
		`expect: '^Q (?P<q>\d+)$'}}}, devices: [{name: d, tags: [{name: t, address: t}, {name: h, address: h, type: ` +
		`uint8}, {name: q, address: q, type: int64}]}]`)
	if err != nil {
		t.Fatal(err)
	}
	l, m := &link{}, ch.Machine()
	now := int64(1e18)
	m.Open(now, l)
	line, answer, rubbish := []byte("T=-21.5 H=45\r\n"), []byte("Q 4711\n"), []byte("hello hello\n")
	tests := []struct {
		name string
		want float64
		run  func()
	}{
		{"unasked", 1, func() { m.Receive(now, line, l) }},
		{"poll", 1, func() {
			now += 1e9
			m.Timer(now, l)
			m.Receive(now+1e6, answer, l)
		}},
		{"rubbish", 0, func() { m.Receive(now, rubbish, l) }},
	}
	for _, tt := range tests {
		before := l.values
		if n := testing.AllocsPerRun(100, tt.run); n != tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, n, tt.want)
		}
		if tt.want > 0 && l.values == before {
			t.Errorf("%s: nothing was read", tt.name)
		}
	}
}
