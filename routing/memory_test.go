//go:build !race

package routing

import (
	"fmt"
	"runtime"
	"testing"
)

// TestShrink: most of the memory of deleted ids comes back without another insert.
func TestShrink(t *testing.T) {
	before := heap()
	table := NewTable(100_000)
	for i := range 100_000 {
		table.Insert(fmt.Appendf(nil, "c%07d", i), 0)
	}
	full := heap() - before
	for i := range 100_000 {
		table.Delete(fmt.Appendf(nil, "c%07d", i))
	}
	if empty := heap() - before; empty > full/20 {
		t.Errorf("an emptied table keeps %d of %d bytes, want at most a twentieth", empty, full)
	}
	runtime.KeepAlive(table)
}

// TestMemory holds the table to its promise: at most 32 bytes an entry beyond the id's own.
func TestMemory(t *testing.T) {
	const n, overhead = 1_000_000, 32
	for name, hint := range map[string]int{"with a hint": n, "without": 0} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			table := NewTable(hint)
			var id []byte
			for i := range n {
				id = fmt.Appendf(id[:0], "c%07d", i)
				table.Insert(id, uint32(i))
			}
			got := float64(heap()-before)/n - 8
			if got > overhead {
				t.Errorf("%.1f bytes an entry beyond the id's own, want at most %d", got, overhead)
			}
			t.Logf("%.1f bytes an entry beyond the id's own", got)
			runtime.KeepAlive(table)
		})
	}
}
