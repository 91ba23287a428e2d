package tags

import (
	"testing"
	"unsafe"
)

// plainCell is what a cell would be without packing.
type plainCell struct {
	bits          uint64
	read, changed int64
	kind          Kind
	quality       Quality
	reason        Reason
}

func (c *plainCell) renew(now int64) { c.read, c.quality, c.reason = now, Good, Fine }
func (c *plainCell) setValue(k Kind, bits uint64, now int64) {
	c.kind, c.bits, c.changed = k, bits, now
}

// BenchmarkCells puts ten values of each of 20,000 links, one link after the other, which is what polls do to memory:
// into packed cells, and into cells of plain fields. Packing pays in room, B/tag, and must not cost time.
func BenchmarkCells(b *testing.B) {
	b.Run("packed", putCells[cell])
	b.Run("plain", putCells[plainCell])
}

func putCells[C any, P interface {
	*C
	renew(now int64)
	setValue(k Kind, bits uint64, now int64)
}](b *testing.B) {
	const links, tags = 20_000, 10
	fleet := make([][]C, links)
	for i := range fleet {
		fleet[i*7919%links] = make([]C, tags)
	}
	b.ReportAllocs()
	i, now := 0, int64(1)
	for b.Loop() {
		for t := range fleet[i] {
			c := P(&fleet[i][t])
			c.renew(now)
			c.setValue(KindInt, uint64(now), now)
		}
		now += 1e6
		if i++; i == links {
			i = 0
		}
	}
	b.ReportMetric(float64(unsafe.Sizeof(*new(C))), "B/tag")
}
