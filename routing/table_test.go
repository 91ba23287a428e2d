package routing

import (
	"bytes"
	"fmt"
	"testing"
)

func TestTableBounds(t *testing.T) {
	table := NewTable(0)
	tests := map[string]struct {
		id   []byte
		want bool
	}{
		"nil":              {nil, false},
		"empty":            {[]byte{}, false},
		"one byte":         {[]byte{0}, true},
		"the same":         {[]byte{0}, false},
		"two zero bytes":   {[]byte{0, 0}, true},
		"eight zero bytes": {make([]byte, 8), true},
		"longest":          {bytes.Repeat([]byte("x"), MaxID), true},
		"too long":         {bytes.Repeat([]byte("x"), MaxID+1), false},
	}
	for _, name := range []string{"nil", "empty", "one byte", "the same", "two zero bytes", "eight zero bytes",
		"longest", "too long"} {
		tt := tests[name]
		if got := table.Insert(tt.id, 7); got != tt.want {
			t.Errorf("%s: Insert is %t, want %t", name, got, tt.want)
		}
		wantFound := tt.want || name == "the same"
		if _, ok := table.Lookup(tt.id); ok != wantFound {
			t.Errorf("%s: Lookup finds it: %t, want %t", name, ok, wantFound)
		}
		if _, ok := table.Replace(tt.id, 8); ok != wantFound {
			t.Errorf("%s: Replace is %t, want %t", name, ok, wantFound)
		}
	}
	if n := table.Longest(bytes.Repeat([]byte("x"), 3*MaxID)); n != MaxID {
		t.Errorf("Longest of more than MaxID bytes is %d, want %d", n, MaxID)
	}
	if table.Extends(bytes.Repeat([]byte("x"), MaxID)) {
		t.Error("Extends is true of MaxID bytes")
	}
	if pt, ok := table.Delete(bytes.Repeat([]byte("x"), MaxID)); pt != 8 || !ok {
		t.Errorf("Delete = %d, %t, want 8, true", pt, ok)
	}
}

func TestIDIsCopied(t *testing.T) {
	table, id := NewTable(0), []byte("c0001")
	table.Insert(id, 1)
	id[4] = '2'
	if _, ok := table.Lookup(id); ok {
		t.Error("the table has kept the caller's slice")
	}
}

func TestValues(t *testing.T) {
	table, id := NewTable(0), []byte("c0001")
	table.Insert(id, ^uint32(0))
	if pt, _ := table.Lookup(id); pt != ^uint32(0) {
		t.Errorf("Lookup = %d, want the greatest number", pt)
	}
	table.Replace(id, 0)
	if pt, ok := table.Lookup(id); pt != 0 || !ok {
		t.Errorf("Lookup = %d, %t, want 0, true", pt, ok)
	}
}

func TestRangeStops(t *testing.T) {
	table := NewTable(0)
	for i := range 100 {
		table.Insert(fmt.Appendf(nil, "c%02d", i), 0)
	}
	calls := 0
	table.Range(func([]byte, uint32) bool { calls++; return calls < 10 })
	if calls != 10 {
		t.Errorf("Range calls %d times, want 10", calls)
	}
}

// TestChurn: ids that come and go for ever do not make the table grow.
func TestChurn(t *testing.T) {
	table := NewTable(0)
	for i := range 200_000 {
		table.Insert(fmt.Appendf(nil, "c%07d", i), 0)
		table.Delete(fmt.Appendf(nil, "c%07d", i-100))
	}
	if table.Len() != 100 {
		t.Errorf("Len() = %d, want 100", table.Len())
	}
	words := 0
	for i := range table.ids.shards {
		g := table.ids.shards[i].gen.Load()
		words += len(g.slots) + len(g.words)
	}
	if limit := minShards * 100; words > limit {
		t.Errorf("the table takes %d words for 100 ids, want at most %d", words, limit)
	}
}

func TestNoAllocation(t *testing.T) {
	table := NewTable(0)
	for i := range 1000 {
		table.Insert(fmt.Appendf(nil, "c%d", i), uint32(i))
	}
	id, glued, long := []byte("c17"), []byte("c17\x01\x03\x00\x00\x00\x01"), make([]byte, 2*MaxID)
	for name, f := range map[string]func(){
		"Lookup":          func() { table.Lookup(id) },
		"Lookup, absent":  func() { table.Lookup(glued) },
		"Lookup, long":    func() { table.Lookup(long) },
		"Longest":         func() { table.Longest(glued) },
		"Longest, absent": func() { table.Longest(long) },
		"Extends":         func() { table.Extends(id) },
		"Replace":         func() { table.Replace(id, 1) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
