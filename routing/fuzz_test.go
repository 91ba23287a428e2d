package routing

import "testing"

// FuzzTable reads its input as at most 100 operations: a byte whose low 3 bits choose the operation, the next 3 how
// often the id is repeated; a byte for the length of what is repeated (0..15); that many bytes. The table must agree
// with a map after each of them.
func FuzzTable(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newPair(t, 0)
		for i := uint32(0); len(b) >= 2 && i < 100; i++ {
			op, repeat, n := b[0]&7, int(b[0]>>3&7), int(b[1]&15)
			b = b[2:]
			part := b[:min(n, len(b))]
			b = b[len(part):]
			var id []byte
			for range 1 + repeat {
				id = append(id, part...)
			}
			p.step(op, string(id), i)
			for j := range id {
				p.probe(string(id[:j]))
			}
		}
		p.compare()
		p.checkIndex()
	})
}
